// READs and atomics as the requester sends them, and what it makes of the answers: the test is the
// responder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

constexpr uint64_t kVa = 0x7000'0000'1000;  // where LoneEnd::Post aims
constexpr uint32_t kRkey = 0x11223344;

std::vector<uint8_t> Part(const std::vector<uint8_t>& whole, size_t packet, size_t mtu = 1024) {
  const size_t begin = packet * mtu;
  const size_t end = std::min(whole.size(), begin + mtu);
  return {whole.begin() + static_cast<ptrdiff_t>(begin),
          whole.begin() + static_cast<ptrdiff_t>(end)};
}

void ExpectRead(const wire::DecodedFrame& f, uint32_t psn, uint64_t va, uint32_t length) {
  EXPECT_EQ(f.bth.opcode, Wire::kRcReadRequest);
  EXPECT_EQ(f.bth.psn, Psn(psn));
  EXPECT_TRUE(f.bth.ack_request);
  ASSERT_TRUE(f.reth.has_value());
  EXPECT_EQ(*f.reth, (wire::Reth{va, kRkey, length}));
  EXPECT_TRUE(f.payload.empty());
}

LoneEndOptions Window(const char* algorithm) {
  LoneEndOptions o;
  o.connect.algorithm = algorithm;
  return o;
}

TEST(ReadRequest, OneRequestTakesAPsnForEachResponse) {
  for (const uint32_t length : {0u, 1u, 1023u, 1024u, 1025u, 10240u}) {
    LoneEnd end;
    ASSERT_EQ(end.Post(Opcode::kRdmaRead, length), PostResult::kOk);
    ASSERT_EQ(end.Post(Opcode::kSend, 4), PostResult::kOk);
    end.Poll();
    const Frames sent = end.Sent();
    ASSERT_EQ(sent.size(), 2u);
    ExpectRead(sent[0], 1000, kVa, length);
    const uint32_t packets = length == 0 ? 1 : (length + 1023) / 1024;
    EXPECT_EQ(sent[1].bth.psn, Psn(1000 + packets));
  }
}

TEST(ReadRequest, ResponsesArePlacedAndCompleteInOrder) {
  LoneEnd end;
  const auto data = Pattern(2500, 77);
  ASSERT_EQ(end.Post(Opcode::kSend, 4, 1), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 2500, 2), PostResult::kOk);
  end.Poll();
  ExpectRead(end.Sent().back(), 1001, kVa + 2, 2500);
  end.Inject(end.ReadResponse(Wire::kRcReadResponseFirst, 1001, Part(data, 0)));
  end.Poll();
  // The response acknowledges the SEND before it.
  auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 1u);
  end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1002, Part(data, 1)));
  end.Inject(end.ReadResponse(Wire::kRcReadResponseLast, 1003, Part(data, 2)));
  end.Poll();
  done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 2u);
  EXPECT_EQ(done[0].opcode, Opcode::kRdmaRead);
  EXPECT_EQ(done[0].byte_length, 2500u);
  EXPECT_EQ(std::memcmp(end.memory.data(), data.data(), 2500), 0);
  EXPECT_TRUE(end.Sent().empty()) << "responses are not acknowledged";
}

TEST(ReadRequest, ScattersOverSegments) {
  LoneEnd end;
  const auto data = Pattern(1500, 3);
  uint8_t* m = end.memory.data();
  const uint32_t key = end.region->lkey();
  const verbs::Segment parts[] = {
      {m + 100, 7, key}, {m + 5000, 1100, key}, {m, 0, key}, {m + 300, 393, key}};
  verbs::SendRequest r;
  r.segments = parts;
  r.opcode = Opcode::kRdmaRead;
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  end.Poll();
  end.Inject(end.ReadResponse(Wire::kRcReadResponseFirst, 1000, Part(data, 0)));
  end.Inject(end.ReadResponse(Wire::kRcReadResponseLast, 1001, Part(data, 1)));
  end.Poll();
  ASSERT_EQ(end.Completions().size(), 1u);
  EXPECT_EQ(std::memcmp(m + 100, data.data(), 7), 0);
  EXPECT_EQ(std::memcmp(m + 5000, data.data() + 7, 1100), 0);
  EXPECT_EQ(std::memcmp(m + 300, data.data() + 1107, 393), 0);
}

TEST(ReadRequest, TheDepthBoundsHowManyAreOut) {
  // As rc_read_q8_rd4: four requests out, the fifth after the first is answered.
  LoneEndOptions o;
  o.connect.max_rd_atomic = 4;
  LoneEnd end(o);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(end.Post(Opcode::kRdmaRead, 8), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 4u);
  end.Inject(end.ReadResponse(Wire::kRcReadResponseOnly, 1000, Pattern(8)));
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1004, kVa, 8);
}

TEST(ReadRequest, WithoutDepthItIsRefused) {
  LoneEndOptions o;
  o.connect.max_rd_atomic = 0;
  LoneEnd end(o);
  EXPECT_EQ(end.Post(Opcode::kRdmaRead, 8), PostResult::kInvalidRequest);
  EXPECT_EQ(end.Post(Opcode::kSend, 8), PostResult::kOk);
}

TEST(ReadRequest, ALongOneIsSplitByTheWindow) {
  LoneEnd end(Window("fixed:window=4KiB"));
  const auto data = Pattern(10240);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 10240), PostResult::kOk);
  end.Poll();
  Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1000, kVa, 4096);
  for (uint32_t i = 0; i < 10; ++i) {
    end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1000 + i, Part(data, i)));
    end.Poll();
    sent = end.Sent();
    uint32_t asked = 0;
    for (const auto& f : sent) asked += f.reth->length;
    EXPECT_EQ(asked, i < 6 ? 1024u : 0u) << "never more than the window is out";
  }
  EXPECT_EQ(end.Completions().size(), 1u);
  EXPECT_EQ(std::memcmp(end.memory.data(), data.data(), 10240), 0);
}

TEST(ReadRequest, SmallOpeningsOfTheWindowDoNotUseUpTheDepth) {
  // A window of 64 packets and a depth of 4: pieces of half the depth, 32 packets.
  LoneEndOptions o = Window("fixed:window=64KiB");
  o.connect.max_rd_atomic = 4;
  o.memory = 1 << 20;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 200 * 1024), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  for (uint32_t i = 0; i < 31; ++i) {
    end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1000 + i, Pattern(1024)));
    end.Poll();
    ASSERT_TRUE(end.Sent().empty()) << i;
  }
  end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1031, Pattern(1024)));
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1064, kVa + 64 * 1024, 32 * 1024);
}

TEST(ReadLoss, AGapIsAskedForAtOnceAndOnce) {
  LoneEnd end;
  const auto data = Pattern(10240, 9);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 10240), PostResult::kOk);
  end.Poll();
  end.Sent();
  for (const uint32_t i : {0u, 1u, 2u, 4u, 5u}) {
    end.Inject(end.ReadResponse(i == 0 ? Wire::kRcReadResponseFirst : Wire::kRcReadResponseMiddle,
                                1000 + i, Part(data, i)));
    end.Poll();
  }
  Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1003, kVa + 3 * 1024, 7 * 1024);
  EXPECT_EQ(end.Count("implied_nak_seq_errors_total"), 1u);
  // The rest of the old stream, and then the new one with the opcodes of Linux rxe.
  for (const uint32_t i : {6u, 7u, 8u, 9u}) {
    end.Inject(end.ReadResponse(i == 9 ? Wire::kRcReadResponseLast : Wire::kRcReadResponseMiddle,
                                1000 + i, Part(data, i)));
  }
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  for (uint32_t i = 3; i < 10; ++i) {
    end.Inject(end.ReadResponse(i == 9 ? Wire::kRcReadResponseLast : Wire::kRcReadResponseMiddle,
                                1000 + i, Part(data, i)));
  }
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
  EXPECT_EQ(std::memcmp(end.memory.data(), data.data(), 10240), 0);
}

TEST(ReadLoss, AResumedReadMayBeginWithAnyOpcode) {
  for (const Wire opcode : {Wire::kRcReadResponseFirst, Wire::kRcReadResponseMiddle,
                            Wire::kRcReadResponseLast, Wire::kRcReadResponseOnly}) {
    LoneEnd end;
    const auto data = Pattern(3072, 5);
    ASSERT_EQ(end.Post(Opcode::kRdmaRead, 3072), PostResult::kOk);
    end.Poll();
    end.Inject(end.ReadResponse(Wire::kRcReadResponseFirst, 1000, Part(data, 0)));
    end.Poll();
    end.Wait(Duration::Milliseconds(2));  // timeout 8 is 1.05 ms
    end.Poll();
    ExpectRead(end.Sent().back(), 1001, kVa + 1024, 2048);
    for (uint32_t i = 1; i < 3; ++i) end.Inject(end.ReadResponse(opcode, 1000 + i, Part(data, i)));
    end.Poll();
    EXPECT_EQ(end.Completions().size(), 1u);
    EXPECT_EQ(std::memcmp(end.memory.data(), data.data(), 3072), 0);
  }
}

TEST(ReadLoss, ALostResponseOfTheRepetitionIsSeenWhenTheStreamBeginsAnew) {
  LoneEnd end;
  const auto data = Pattern(5120, 5);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 5120), PostResult::kOk);
  end.Poll();
  for (const uint32_t i : {0u, 2u, 3u, 4u}) {
    end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1000 + i, Part(data, i)));
  }
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  // Within the patience of a flow without a measured round trip it could be the old stream still.
  end.Wait(Duration::Microseconds(200));
  end.Inject(end.ReadResponse(Wire::kRcReadResponseMiddle, 1002, Part(data, 2)));
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1001, kVa + 1024, 4096);
}

TEST(ReadLoss, AnAcknowledgementBeyondAReadCompletesOnlyWhatIsBeforeIt) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kSend, 4, 1), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 2048, 2), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 4, 3), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.Ack(1003, 3);  // of the SEND behind: both responses of the READ are lost
  end.Poll();
  auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 1u);
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 2u);
  ExpectRead(sent[0], 1001, kVa + 2, 2048);
  EXPECT_EQ(sent[1].bth.psn, Psn(1003));
  end.Inject(end.ReadResponse(Wire::kRcReadResponseFirst, 1001, Pattern(1024)));
  end.Inject(end.ReadResponse(Wire::kRcReadResponseLast, 1002, Pattern(1024)));
  end.Ack(1003, 3);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 2u);
}

TEST(ReadLoss, AFatalNakBeyondAReadFailsTheRead) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 2048, 2), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 4, 3), PostResult::kOk);
  end.Poll();
  end.Nak(1002, wire::NakCode::kRemoteAccessError);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(done[1].status, CompletionStatus::kFlushed);
  EXPECT_TRUE(end.qp->in_error());
}

TEST(ReadLoss, ASequenceNakForTheRequestBringsItAgain) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 3000), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.Nak(1000);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1000, kVa, 3000);
}

TEST(ReadLoss, EachPieceOfASplitReadEndsWhereItEnded) {
  LoneEnd end(Window("fixed:window=2KiB"));
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 8192), PostResult::kOk);
  end.Poll();
  ExpectRead(end.Sent()[0], 1000, kVa, 2048);
  end.Wait(Duration::Milliseconds(2));
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectRead(sent[0], 1000, kVa, 2048);
}

TEST(ReadResponseChecks, WhatDoesNotFitIsDroppedAndCounted) {
  LoneEnd end;
  const auto before = end.memory;
  ASSERT_EQ(end.Post(Opcode::kSend, 4), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 2000), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kAtomicFetchAdd, 8), PostResult::kOk);
  end.Poll();
  const auto only = Wire::kRcReadResponseOnly;
  // Not outstanding: before, behind; of the SEND.
  for (const uint32_t psn : {999u, 1000u, 1004u, 5000u}) {
    end.Inject(end.ReadResponse(only, psn, Pattern(1024)));
  }
  end.Poll();
  EXPECT_EQ(end.Count("drop_psn"), 4u);
  // Too short, too long for its place, with a NAK inside.
  end.Inject(end.ReadResponse(only, 1001, Pattern(1023)));
  end.Inject(end.ReadResponse(only, 1001, Pattern(1028)));
  end.Inject(end.ReadResponse(only, 1001, Pattern(1024), kAccess));
  end.AtomicResponse(1001, 7);
  end.Poll();
  EXPECT_EQ(end.Count("drop_bad_response"), 4u);
  wire::DecodedFrame bad = end.ReadResponse(only, 1001, Pattern(1023));
  bad.icrc ^= 1;
  end.Inject(bad);
  end.Poll();
  EXPECT_EQ(end.Count("drop_icrc"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_FALSE(end.qp->in_error());
}

TEST(ReadResponseChecks, ACorruptedOneIsNotAcknowledged) {
  LoneEnd end;
  const auto data = Pattern(1024, 4);
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 1024), PostResult::kOk);
  end.Poll();
  wire::DecodedFrame bad = end.ReadResponse(Wire::kRcReadResponseOnly, 1000, data);
  bad.payload[3] ^= 1;
  end.Inject(bad);
  end.Poll();
  EXPECT_TRUE(end.Completions().empty());
  end.Inject(end.ReadResponse(Wire::kRcReadResponseOnly, 1000, data));
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
  EXPECT_EQ(std::memcmp(end.memory.data(), data.data(), 1024), 0);
}

TEST(ReadResponseChecks, AMarkedOneIsReportedToThePeersSecondFlow) {
  LoneEnd end(Window("dcqcn"));
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 1024), PostResult::kOk);
  end.Poll();
  end.Sent();
  wire::DecodedFrame f = end.ReadResponse(Wire::kRcReadResponseOnly, 1000, Pattern(1024));
  std::get<wire::Ipv4Header>(f.ip).ecn = 3;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kCnp);
  EXPECT_EQ(end.Completions().size(), 1u);
}

}  // namespace
}  // namespace sluice::test
