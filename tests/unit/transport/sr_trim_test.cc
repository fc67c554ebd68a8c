// Packets that a switch has cut: what the receiver tells of them, and what the sender believes. The
// test is the peer and the switch.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/be.h"
#include "support/cut_frame.h"
#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using wire::DecodedFrame;
using Wire = wire::Opcode;

constexpr uint32_t kWindow = 256;
constexpr uint32_t kExpected = 5000;
constexpr uint32_t kFirst = 1000;
constexpr size_t kCutTo = 100;

LoneEndOptions Extended() {
  LoneEndOptions o;
  o.connect.reliability = verbs::Reliability::kExtended;
  o.connect.tracking_window = kWindow;
  o.connect.timeout = 0;
  return o;
}

class TrimEnd : public LoneEnd {
 public:
  explicit TrimEnd(const LoneEndOptions& options = Extended()) : LoneEnd(options) {}

  // A WRITE of the peer, one packet.
  DecodedFrame Write(uint32_t psn, uint32_t message, Wire opcode = Wire::kXtWrite) const {
    DecodedFrame f = Frame(opcode, psn);
    f.extended_data.emplace();
    f.extended_data->message = message;
    f.extended_data->length = 256;
    f.extended_data->sent = wire::Stamp(0x12345678);
    f.extended_data->attempt = 3;
    if (opcode == Wire::kXtWrite) {
      f.extended_target = {reinterpret_cast<uintptr_t>(memory.data()) + 4096, region->rkey()};
    }
    f.payload.assign(256, 0xa5);
    f.bth.ack_request = true;
    Finish(&f);
    return f;
  }
  void InjectCut(const DecodedFrame& f) {
    fake.Inject(CutFrame(f.Encode(), kCutTo));
    Poll();
  }
  // The peer says that a packet came without payload.
  void Tell(const wire::ExtendedAck& ack, Wire opcode = Wire::kXtTrimmed) {
    DecodedFrame f = Frame(opcode, ack.psn.value());
    f.extended_ack = ack;
    Finish(&f);
    Inject(f);
    Poll();
  }
  // `n` WRITEs of one packet each, as they were sent.
  std::vector<DecodedFrame> SendWrites(int n) {
    for (int i = 0; i < n; ++i) {
      EXPECT_EQ(Post(verbs::Opcode::kRdmaWrite, 64, static_cast<uint64_t>(i) * 4096),
                PostResult::kOk);
    }
    Poll();
    return Sent();
  }
  static wire::ExtendedAck NameOf(const DecodedFrame& f) {
    wire::ExtendedAck a;
    a.psn = f.bth.psn;
    a.sent = f.extended_data->sent;
    a.attempt = f.extended_data->attempt;
    return a;
  }
};

// ---- The receiver.

TEST(XtTrim, ACutPacketIsToldByNameAndNothingElseHappens) {
  TrimEnd end;
  const std::vector<uint8_t> before = end.memory;
  end.InjectCut(end.Write(kExpected, 0));
  EXPECT_EQ(end.Count("drop_trimmed"), 1u);
  EXPECT_EQ(end.Count("drop_length"), 0u);
  EXPECT_EQ(end.memory, before);
  auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kXtTrimmed);
  EXPECT_EQ(sent[0].bth.psn, Psn(kExpected));
  ASSERT_TRUE(sent[0].extended_ack.has_value());
  wire::ExtendedAck name;
  name.psn = Psn(kExpected);
  name.sent = wire::Stamp(0x12345678);
  name.attempt = 3;
  EXPECT_EQ(*sent[0].extended_ack, name) << "everything else is zero";
  EXPECT_EQ(end.Count("trims_reported_total"), 1u);
  // The whole packet is taken as ever.
  end.Inject(end.Write(kExpected, 0));
  end.Poll();
  EXPECT_NE(end.memory, before);
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kXtAck);
  EXPECT_EQ(sent[0].bth.psn, Psn(kExpected));
}

// It neither fills the scoreboard nor is it marked congestion that was received.
TEST(XtTrim, ACutPacketIsMissingStill) {
  TrimEnd end;
  DecodedFrame cut = end.Write(kExpected + 1, 1);
  end.InjectCut(cut);
  end.InjectCut(end.Write(kExpected, 0));
  (void)end.Sent();
  end.Inject(end.Write(kExpected + 2, 2));
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kXtSack);
  EXPECT_EQ(sent[0].bth.psn, Psn(kExpected - 1));
  ASSERT_TRUE(sent[0].sack_block.has_value());
  wire::SackBlock only;
  only.first = Psn(kExpected);
  only.Set(2);
  EXPECT_EQ(*sent[0].sack_block, only);
  EXPECT_EQ(sent[0].extended_ack->psn, Psn(kExpected + 2)) << "the echo is of what arrived";
}

// Several in one poll, each told.
TEST(XtTrim, AllOfOnePollAreTold) {
  TrimEnd end;
  for (uint32_t i = 0; i < 10; ++i) {
    end.fake.Inject(CutFrame(end.Write(kExpected + i, i).Encode(), kCutTo));
  }
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(sent[i].bth.opcode, Wire::kXtTrimmed);
    EXPECT_EQ(sent[i].bth.psn, Psn(kExpected + i));
  }
}

TEST(HostileXtTrim, OutsideTheWindowOrThereAlreadyItIsOnlyCounted) {
  TrimEnd end;
  end.Inject(end.Write(kExpected, 0));
  end.Inject(end.Write(kExpected + 2, 2));
  end.Poll();
  (void)end.Sent();
  for (const uint32_t psn : {kExpected, kExpected + 2, kExpected - 1, kExpected + 1 + kWindow,
                             kExpected + (1u << 20), kExpected - (1u << 20)}) {
    end.InjectCut(end.Write(psn & Psn::kMask, 0));
  }
  EXPECT_EQ(end.Count("drop_trimmed"), 6u);
  EXPECT_TRUE(end.Sent().empty());
  // A response that nobody asked for.
  end.InjectCut(end.Write(kFirst, 0, Wire::kXtReadResponse));
  EXPECT_EQ(end.Count("drop_trimmed"), 7u);
  EXPECT_TRUE(end.Sent().empty());
}

TEST(HostileXtTrim, ReportsHaveARate) {
  TrimEnd end;
  const DecodedFrame f = end.Write(kExpected, 0);
  for (int i = 0; i < 10'000; ++i) {
    end.InjectCut(f);
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: 256 at once and one per microsecond.
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 1257u);
  EXPECT_GE(sent, 1250u);
  EXPECT_EQ(end.Count("trims_withheld_total"), 10'000 - sent);
  EXPECT_EQ(end.Count("drop_trimmed"), 10'000u);
}

// Who it says to be from, and for whom, is checked as of any other packet.
TEST(HostileXtTrim, AStrangersIsNotHeard) {
  struct Case {
    const char* counter;
    std::function<void(DecodedFrame*)> spoil;
  };
  const Case cases[] = {
      {"drop_unknown_qp", [](DecodedFrame* f) { f->bth.dest_qpn ^= 1; }},
      {"drop_pkey", [](DecodedFrame* f) { f->bth.pkey = 0x7ffe; }},
  };
  for (const Case& c : cases) {
    TrimEnd end;
    DecodedFrame f = end.Write(kExpected, 0);
    c.spoil(&f);
    TrimEnd::Finish(&f);
    end.InjectCut(f);
    EXPECT_EQ(end.Count(c.counter), 1u) << c.counter;
    EXPECT_EQ(end.Count("drop_trimmed"), 0u);
    EXPECT_TRUE(end.Sent().empty());
  }
  // The last byte of the source's and of the destination's IPv4 address.
  for (const size_t at : {size_t{14 + 15}, size_t{14 + 19}}) {
    TrimEnd end;
    std::vector<uint8_t> bytes = end.Write(kExpected, 0).Encode();
    bytes[at] ^= 0x40;
    end.fake.Inject(CutFrame(bytes, kCutTo));
    end.Poll();
    EXPECT_EQ(end.Count(at == 14 + 15 ? "drop_source_address" : "drop_destination_address"), 1u);
    EXPECT_TRUE(end.Sent().empty());
  }
  TrimEnd failed;
  failed.qp->Fail();
  failed.Poll();
  failed.InjectCut(failed.Write(kExpected, 0));
  EXPECT_EQ(failed.Count("drop_qp_state"), 1u);
  EXPECT_TRUE(failed.Sent().empty());
}

TEST(HostileXtTrim, WithoutTheExtensionItIsNoPacket) {
  LoneEndOptions o;
  TrimEnd base(o);
  base.InjectCut(base.Write(kExpected, 0));
  EXPECT_EQ(base.Count("drop_service"), 1u);
  EXPECT_TRUE(base.Sent().empty());
}

// ---- The sender.

TEST(XtTrim, TheVeryCopyIsSentAgainAtOnce) {
  TrimEnd end;
  const auto first = end.SendWrites(3);
  ASSERT_EQ(first.size(), 3u);
  end.Wait(Duration::Microseconds(10));
  end.Tell(TrimEnd::NameOf(first[1]));
  auto again = end.Sent();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].bth.psn, Psn(kFirst + 1));
  EXPECT_EQ(again[0].extended_data->attempt, 1);
  EXPECT_EQ(again[0].payload, first[1].payload);
  EXPECT_EQ(end.Count("trimmed_losses_total"), 1u);
  EXPECT_EQ(end.Count("retransmitted_packets_total"), 1u);
  EXPECT_TRUE(end.Completions().empty()) << "nothing is acknowledged by it";
  // The same report once more is about a copy that is none any more.
  end.Tell(TrimEnd::NameOf(first[1]));
  EXPECT_TRUE(end.Sent().empty());
  // And the copy may be cut as well.
  end.Wait(Duration::Microseconds(10));
  end.Tell(TrimEnd::NameOf(again[0]));
  again = end.Sent();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].extended_data->attempt, 2);
}

TEST(XtTrim, WhatHasArrivedIsNotSentAgain) {
  TrimEnd end;
  const auto first = end.SendWrites(3);
  ASSERT_EQ(first.size(), 3u);
  DecodedFrame f = end.Frame(Wire::kXtSack, kFirst);
  f.extended_ack.emplace();
  f.sack_block.emplace();
  f.sack_block->first = Psn(kFirst + 1);
  f.sack_block->Set(1);
  TrimEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  (void)end.Sent();
  end.Tell(TrimEnd::NameOf(first[0]));
  end.Tell(TrimEnd::NameOf(first[2]));
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(end.Count("trimmed_losses_total"), 0u);
}

TEST(HostileXtTrim, OfWhatWasNotSentIsAGhost) {
  TrimEnd end;
  ASSERT_EQ(end.SendWrites(3).size(), 3u);
  wire::ExtendedAck ack;
  ack.psn = Psn(kFirst + 3);
  end.Tell(ack);
  EXPECT_EQ(end.Count("ghost_echoes_total"), 1u);
  EXPECT_TRUE(end.Sent().empty());
}

// Who did not see the packet does not know when it was sent.
TEST(HostileXtTrim, AnotherStampOrAttemptIsNotBelieved) {
  TrimEnd end;
  const auto first = end.SendWrites(3);
  ASSERT_EQ(first.size(), 3u);
  // Before it was written, and more than 1 ms behind that: 976,563 units of 1,024 ps.
  wire::ExtendedAck ack = TrimEnd::NameOf(first[1]);
  for (const int32_t off : {-1, 976'564, 1 << 30, -(1 << 30)}) {
    ack.sent = wire::Stamp(first[1].extended_data->sent.value() + static_cast<uint32_t>(off));
    end.Tell(ack);
  }
  ack = TrimEnd::NameOf(first[1]);
  ++ack.attempt;
  end.Tell(ack);
  EXPECT_EQ(end.Count("ghost_echoes_total"), 5u);
  EXPECT_EQ(end.Count("trimmed_losses_total"), 0u);
  EXPECT_TRUE(end.Sent().empty());
}

// ---- Responses, the other stream.

TEST(XtTrim, ACutResponseIsToldAndSentAgain) {
  LoneEndOptions o = Extended();
  o.connect.max_rd_atomic = 1;
  o.connect.responder_resources = 1;
  TrimEnd end(o);
  // We ask, and the response is cut.
  ASSERT_EQ(end.Post(verbs::Opcode::kRdmaRead, 256), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 1u);
  end.InjectCut(end.Write(kFirst, 0, Wire::kXtReadResponse));
  auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kXtResponseTrimmed);
  EXPECT_EQ(sent[0].extended_ack->psn, Psn(kFirst));
  // The peer asks, and our response is cut.
  DecodedFrame read = end.Frame(Wire::kXtRead, kExpected);
  read.extended_data.emplace();
  read.extended_data->length = 256;
  read.extended_target = {reinterpret_cast<uintptr_t>(end.memory.data()), end.region->rkey()};
  read.extended_request.emplace();
  TrimEnd::Finish(&read);
  end.Inject(read);
  end.Poll();
  std::vector<DecodedFrame> responses;
  for (const DecodedFrame& f : end.Sent()) {
    if (f.bth.opcode == Wire::kXtReadResponse) responses.push_back(f);
  }
  ASSERT_EQ(responses.size(), 1u);
  end.Wait(Duration::Microseconds(10));
  end.Tell(TrimEnd::NameOf(responses[0]), Wire::kXtResponseTrimmed);
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kXtReadResponse);
  EXPECT_EQ(sent[0].extended_data->attempt, 1);
}

}  // namespace
}  // namespace sluice::test
