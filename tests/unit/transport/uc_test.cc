// Unreliable connections (IBTA 1.4, 9.8.2): what is sent, what is received, and what becomes of a
// message with a packet missing. The test is the peer.
#include <gtest/gtest.h>

#include <cstring>

#include "support/peer_request.h"
#include "support/unacked_end.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using verbs::QueuePairState;
using Wire = wire::Opcode;

constexpr uint32_t kMtu = UnackedEnd::kMtu;

class Uc : public testing::Test {
 protected:
  Uc() { end_.GoTo(QueuePairState::kReadyToSend); }

  PostResult Send(Opcode opcode, uint32_t length, uint64_t wr_id = 1, bool signalled = true) {
    verbs::SendRequest r;
    r.wr_id = wr_id;
    r.opcode = opcode;
    r.signalled = signalled;
    r.imm = 0xabcd0001;
    r.remote_address = 0x7000'0000'1000;
    r.rkey = 0x11223344;
    return end_.Post(r, length);
  }
  // A WRITE packet of the peer into the region.
  void ReceiveWrite(Wire opcode, uint32_t psn, std::vector<uint8_t> payload, uint32_t length,
                    size_t offset = 0, uint32_t rkey_change = 0) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(opcode), psn, std::move(payload));
    if (f.reth) {
      f.reth->va += offset;
      f.reth->length = length;
      f.reth->rkey ^= rkey_change;
    }
    end_.Inject(std::move(f));
  }
  bool Holds(size_t offset, const std::vector<uint8_t>& bytes) const {
    return std::memcmp(end_.memory.data() + offset, bytes.data(), bytes.size()) == 0;
  }

  UnackedEnd end_;
};

TEST_F(Uc, SegmentsASendAndCompletesWhenTheLastPacketLeft) {
  ASSERT_EQ(Send(Opcode::kSendWithImm, 2 * kMtu + 5), PostResult::kOk);
  ASSERT_EQ(Send(Opcode::kSend, 0, 2), PostResult::kOk);
  end_.Poll();
  const auto sent = end_.Sent();
  ASSERT_EQ(sent.size(), 4u);
  const Wire opcodes[] = {Wire::kUcSendFirst, Wire::kUcSendMiddle, Wire::kUcSendLastImm,
                          Wire::kUcSendOnly};
  const size_t lengths[] = {kMtu, kMtu, 5, 0};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(sent[i].bth.opcode, opcodes[i]);
    EXPECT_EQ(sent[i].payload.size(), lengths[i]);
    EXPECT_EQ(sent[i].bth.psn.value(), 1000 + i);
    EXPECT_EQ(sent[i].bth.dest_qpn, UnackedEnd::kPeerQpn);
    EXPECT_FALSE(sent[i].bth.ack_request);
  }
  ASSERT_TRUE(sent[2].imm.has_value());
  EXPECT_EQ(sent[2].imm->value, 0xabcd0001u);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].wr_id, 1u);
  EXPECT_EQ(done[1].wr_id, 2u);
  for (const auto& c : done) EXPECT_EQ(c.status, CompletionStatus::kSuccess);
}

TEST_F(Uc, AWriteCarriesItsRethOnceAndItsImmediateAtTheEnd) {
  ASSERT_EQ(Send(Opcode::kRdmaWriteWithImm, kMtu + 1), PostResult::kOk);
  ASSERT_EQ(Send(Opcode::kRdmaWrite, 8, 2, false), PostResult::kOk);
  end_.Poll();
  const auto sent = end_.Sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kUcWriteFirst);
  ASSERT_TRUE(sent[0].reth.has_value());
  EXPECT_EQ(sent[0].reth->length, kMtu + 1);
  EXPECT_EQ(sent[0].reth->rkey, 0x11223344u);
  EXPECT_EQ(sent[1].bth.opcode, Wire::kUcWriteLastImm);
  EXPECT_FALSE(sent[1].reth.has_value());
  EXPECT_EQ(sent[2].bth.opcode, Wire::kUcWriteOnly);
  EXPECT_EQ(end_.Completions().size(), 1u) << "the second one is not signalled";
}

TEST_F(Uc, WhatIsNotOfThisServiceIsRefused) {
  for (Opcode o : {Opcode::kRdmaRead, Opcode::kAtomicFetchAdd, Opcode::kAtomicCompareSwap,
                   Opcode::kSendWithInvalidate, Opcode::kLocalInvalidate}) {
    EXPECT_EQ(Send(o, 8), PostResult::kInvalidRequest);
  }
  end_.Poll();
  EXPECT_TRUE(end_.Sent().empty());
}

TEST_F(Uc, ReceivesASendAndAnswersNothing) {
  ASSERT_EQ(end_.PostReceive(4096, 7, 100), PostResult::kOk);
  const auto a = Pattern(kMtu), b = Pattern(33, 9);
  end_.Receive(Wire::kUcSendFirst, 5000, a);
  end_.Receive(Wire::kUcSendLastImm, 5001, b);
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 7u);
  EXPECT_EQ(done[0].byte_length, kMtu + 33);
  EXPECT_TRUE(done[0].has_imm);
  EXPECT_EQ(done[0].imm, 0x01020304u);
  EXPECT_TRUE(Holds(100, a));
  EXPECT_TRUE(Holds(100 + kMtu, b));
  EXPECT_TRUE(end_.Sent().empty());
}

TEST_F(Uc, AGapDropsTheMessageAndTheNextBeginningResynchronises) {
  ASSERT_EQ(end_.PostReceive(4096, 7), PostResult::kOk);
  end_.Receive(Wire::kUcSendFirst, 5000, Pattern(kMtu));
  end_.Receive(Wire::kUcSendMiddle, 5002, Pattern(kMtu));  // 5001 is lost
  end_.Receive(Wire::kUcSendLast, 5003, Pattern(10));
  end_.Poll();
  EXPECT_TRUE(end_.Completions().empty());
  EXPECT_EQ(end_.Count("uc_sequence_gaps_total"), 1u);
  EXPECT_EQ(end_.Count("uc_messages_dropped_total"), 1u);
  EXPECT_EQ(end_.Count("drop_out_of_sequence"), 2u);
  // The same receive serves the next message, wherever its PSN is.
  const auto next = Pattern(50, 77);
  end_.Receive(Wire::kUcSendOnly, 6000, next);
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 7u);
  EXPECT_EQ(done[0].byte_length, 50u);
  EXPECT_TRUE(Holds(0, next));
  EXPECT_EQ(end_.qp->state(), QueuePairState::kReadyToSend);
}

TEST_F(Uc, ALostLastPacketIsNoticedAtTheNextMessage) {
  ASSERT_EQ(end_.PostReceive(4096, 7), PostResult::kOk);
  end_.Receive(Wire::kUcSendFirst, 5000, Pattern(kMtu));
  end_.Receive(Wire::kUcSendFirst, 5002, Pattern(kMtu, 2));
  end_.Receive(Wire::kUcSendLast, 5003, Pattern(3));
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].byte_length, kMtu + 3);
  EXPECT_TRUE(Holds(0, Pattern(kMtu, 2)));
  EXPECT_EQ(end_.Count("uc_messages_dropped_total"), 1u);
}

TEST_F(Uc, ABeginningWithinAMessageDropsWhatWasBegun) {
  ASSERT_EQ(end_.PostReceive(4096, 7), PostResult::kOk);
  end_.Receive(Wire::kUcSendFirst, 5000, Pattern(kMtu));
  end_.Receive(Wire::kUcSendOnly, 5001, Pattern(4));
  end_.Poll();
  EXPECT_EQ(end_.Completions().size(), 1u);
  EXPECT_EQ(end_.Count("uc_messages_dropped_total"), 1u);
  EXPECT_EQ(end_.Count("uc_sequence_gaps_total"), 0u);
}

TEST_F(Uc, ThePsnWraps) {
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  end_.Receive(Wire::kUcSendOnly, 0xffffff);
  end_.Receive(Wire::kUcSendOnly, 0);
  end_.Poll();
  EXPECT_EQ(end_.Completions().size(), 2u);
  EXPECT_EQ(end_.Count("uc_sequence_gaps_total"), 1u) << "only that from 5000";
}

struct Misfit {
  const char* counter;
  Wire opcode;
  size_t length;
};

TEST_F(Uc, MisfitsAreDroppedWithTheirMessageAndNothingFails) {
  const Misfit cases[] = {
      {"drop_invalid_request", Wire::kUcSendFirst, kMtu - 4},  // FIRST is full
      {"drop_invalid_request", Wire::kUcSendOnly, kMtu + 4},
      {"drop_invalid_request", Wire::kUcSendMiddle, kMtu},  // of no message
      {"drop_invalid_request", Wire::kUcSendLast, 4},
      {"drop_invalid_request", Wire::kUcWriteMiddle, kMtu},
      {"drop_receive_too_short", Wire::kUcSendOnly, 201},
  };
  uint32_t psn = 5000;
  for (const Misfit& c : cases) {
    UnackedEnd end;
    end.GoTo(QueuePairState::kReadyToSend);
    ASSERT_EQ(end.PostReceive(200, 1), PostResult::kOk);
    end.Receive(c.opcode, psn, Pattern(c.length));
    end.Receive(Wire::kUcSendOnly, psn + 1, Pattern(200));
    end.Poll();
    EXPECT_EQ(end.Count(c.counter), 1u) << c.counter;
    EXPECT_EQ(end.Drops(), 1u);
    EXPECT_EQ(end.Completions().size(), 1u) << "the receive serves the next message";
    EXPECT_EQ(end.qp->state(), QueuePairState::kReadyToSend);
    EXPECT_TRUE(end.Sent().empty());
  }
}

TEST_F(Uc, WithoutAReceiveTheWholeMessageIsDropped) {
  end_.Receive(Wire::kUcSendFirst, 5000, Pattern(kMtu));
  end_.Poll();
  ASSERT_EQ(end_.PostReceive(4096, 3), PostResult::kOk);
  end_.Receive(Wire::kUcSendLast, 5001, Pattern(4));
  end_.Poll();
  EXPECT_TRUE(end_.Completions().empty()) << "a message is never received in part";
  EXPECT_EQ(end_.Count("drop_receiver_not_ready"), 1u);
  EXPECT_EQ(end_.Count("uc_messages_dropped_total"), 1u);
  end_.Receive(Wire::kUcSendOnly, 5002, Pattern(4));
  end_.Poll();
  EXPECT_EQ(end_.Completions().size(), 1u);
}

TEST_F(Uc, WritesArePlacedAndJudged) {
  const auto a = Pattern(kMtu, 3), b = Pattern(8, 5);
  ReceiveWrite(Wire::kUcWriteFirst, 5000, a, kMtu + 8, 512);
  ReceiveWrite(Wire::kUcWriteLast, 5001, b, 0);
  end_.Poll();
  EXPECT_TRUE(Holds(512, a));
  EXPECT_TRUE(Holds(512 + kMtu, b));
  EXPECT_TRUE(end_.Completions().empty());
  const std::vector<uint8_t> before = end_.memory;
  ReceiveWrite(Wire::kUcWriteOnly, 5002, Pattern(8), 8, 0, 1);                    // another key
  ReceiveWrite(Wire::kUcWriteOnly, 5003, Pattern(8), 8, end_.memory.size() - 7);  // beyond
  ReceiveWrite(Wire::kUcWriteOnly, 5004, Pattern(8), 9);                          // short
  ReceiveWrite(Wire::kUcWriteOnly, 5005, Pattern(8), 7);                          // long
  ReceiveWrite(Wire::kUcWriteFirst, 5006, a, kMtu);          // nothing would be left for the LAST
  ReceiveWrite(Wire::kUcWriteOnlyImm, 5007, Pattern(8), 8);  // no receive
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_remote_access"), 2u);
  EXPECT_EQ(end_.Count("drop_invalid_request"), 3u);
  EXPECT_EQ(end_.Count("drop_receiver_not_ready"), 1u);
  EXPECT_EQ(end_.memory, before);
  EXPECT_EQ(end_.qp->state(), QueuePairState::kReadyToSend);
  ASSERT_EQ(end_.PostReceive(0, 9), PostResult::kOk);
  ReceiveWrite(Wire::kUcWriteOnlyImm, 5008, Pattern(8, 1), 8);
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].opcode, Opcode::kRdmaWriteWithImm);
  EXPECT_EQ(done[0].byte_length, 8u);
}

TEST_F(Uc, WithoutTheRightOfTheQueuePairNoWriteIsTaken) {
  verbs::QueuePairAttributes a;
  a.access = verbs::kRemoteRead;
  ASSERT_TRUE(end_.qp->Modify(QueuePairState::kReadyToSend, a).ok());
  const std::vector<uint8_t> before = end_.memory;
  ReceiveWrite(Wire::kUcWriteOnly, 5000, Pattern(8), 8);
  end_.Poll();
  EXPECT_EQ(end_.memory, before);
  EXPECT_EQ(end_.Count("drop_invalid_request"), 1u);
}

TEST_F(Uc, AWrongIcrcTouchesNothing) {
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  const std::vector<uint8_t> before = end_.memory;
  for (Wire o : {Wire::kUcSendOnly, Wire::kUcWriteOnly}) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(o), 5000, Pattern(64));
    LoneEnd::Finish(&f);
    std::vector<uint8_t> bytes = f.Encode();
    bytes.back() ^= 1;
    end_.fake.Inject(std::move(bytes));
  }
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_icrc"), 2u);
  EXPECT_EQ(end_.memory, before);
  EXPECT_EQ(end_.Count("uc_sequence_gaps_total"), 0u);
  end_.Receive(Wire::kUcSendOnly, 5000, Pattern(64));
  end_.Poll();
  EXPECT_EQ(end_.Completions().size(), 1u);
}

TEST_F(Uc, OnlyThePeerAndThePartitionAreHeard) {
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUcSendOnly), 5000);
  std::get<wire::Ipv4Header>(f.ip).source = *wire::IpAddress::Parse("198.51.100.9");
  end_.Inject(f);
  f = end_.Frame(static_cast<uint8_t>(Wire::kUcSendOnly), 5000);
  f.bth.pkey = 0x1234;
  end_.Inject(f);
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_source_address"), 1u);
  EXPECT_EQ(end_.Count("drop_pkey"), 1u);
  EXPECT_TRUE(end_.Completions().empty());
}

TEST(UcRate, TheRateHoldsAndTheWindowDoesNot) {
  UnackedEndOptions o;
  o.algorithm = "fixed:rate=1Gbps,window=1KB";
  o.pacing_credit = Bytes(0);
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  verbs::SendRequest r;
  for (int i = 0; i < 8; ++i) ASSERT_EQ(end.Post(r, 1000), PostResult::kOk);
  // All are sent in the end without any acknowledgement, at 1 Gb/s: each takes 1000 bytes, 14 + 20
  // + 8 + 12 + 4 of headers, and 24 of Ethernet: 8.656 us. Polls come every 500 ns.
  std::vector<Time> stamps;
  for (int i = 0; i < 200 && stamps.size() < 8; ++i) {
    end.Poll();
    for (const FakeFrame& f : end.fake.sent()) stamps.push_back(f.sent);
    end.fake.ClearSent();
    end.Wait(Duration::Nanoseconds(500));
  }
  ASSERT_EQ(stamps.size(), 8u);
  EXPECT_GE(stamps[7] - stamps[0], Duration::Nanoseconds(7 * 8656));
  EXPECT_LE(stamps[7] - stamps[0], Duration::Nanoseconds(7 * (8656 + 500)));
  EXPECT_EQ(end.Completions().size(), 8u);
}

TEST(UcCompletions, AFullQueueHoldsThemBackAndLosesNone) {
  UnackedEndOptions o;
  o.completions = 2;
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  for (uint64_t i = 0; i < 5; ++i) {
    verbs::SendRequest r;
    r.wr_id = i;
    ASSERT_EQ(end.Post(r, 10), PostResult::kOk);
  }
  std::vector<uint64_t> seen;
  for (int i = 0; i < 10; ++i) {
    end.Poll();
    for (const auto& c : end.Completions()) seen.push_back(c.wr_id);
  }
  EXPECT_EQ(seen, (std::vector<uint64_t>{0, 1, 2, 3, 4}));
}

TEST(UcCnp, CountsOnlyShortlyAfterSomethingWasSent) {
  UnackedEndOptions o;
  o.algorithm = "dcqcn";
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  const auto notify = [&] {
    wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kCnp), 0);
    f.bth.becn = true;
    end.Inject(f);
    end.Poll();
  };
  notify();
  EXPECT_EQ(end.Count("rp_cnp_ignored_packets_received_total"), 1u);
  ASSERT_EQ(end.Post({}, 10), PostResult::kOk);
  end.Poll();
  notify();
  EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), 1u);
  end.Wait(Duration::Milliseconds(2));
  notify();
  EXPECT_EQ(end.Count("rp_cnp_ignored_packets_received_total"), 2u);
}

TEST(UcCnp, AMarkedPacketIsNotified) {
  UnackedEndOptions o;
  o.algorithm = "dcqcn";
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kUcSendOnly), 5000);
  std::get<wire::Ipv4Header>(f.ip).ecn = 3;
  end.Inject(f);
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kCnp);
  EXPECT_EQ(sent[0].bth.dest_qpn, UnackedEnd::kPeerQpn);
}

TEST(UcConnect, AnAlgorithmThatNeedsRoundTripsIsRefused) {
  UnackedEnd end;
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kInit, end.Needed(QueuePairState::kInit)).ok());
  verbs::QueuePairAttributes a = end.Needed(QueuePairState::kReadyToReceive);
  a.algorithm = "tita";
  EXPECT_EQ(end.qp->Modify(QueuePairState::kReadyToReceive, a).code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::test
