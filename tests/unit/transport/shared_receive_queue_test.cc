// Shared receive queues (IBTA 1.4, 10.2.9): who takes which receive, when, and what is left when a
// queue pair fails. The test is the peers.
#include <gtest/gtest.h>

#include "support/peer_request.h"
#include "support/unacked_end.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::PostResult;
using verbs::QueuePairState;
using verbs::QueuePairType;
using Wire = wire::Opcode;

constexpr uint32_t kMtu = UnackedEnd::kMtu;

// A second queue pair of the same device, with the same shared receives.
std::unique_ptr<verbs::QueuePair> Another(UnackedEnd& end, QueuePairType type) {
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  qo.type = type;
  qo.shared_receives = end.srq.get();
  auto qp = *end.device->CreateQueuePair(end.pd.get(), qo);
  verbs::ConnectOptions co;
  co.peer_mac = "02:00:00:00:00:02";
  co.peer_address = end.PeerAddress();
  co.peer_qpn = 0x77;
  co.receive_psn = 5000;
  co.mtu = kMtu;
  co.qkey = UnackedEnd::kQkey;
  co.algorithm = "fixed";
  EXPECT_TRUE(qp->Connect(co).ok());
  return qp;
}

class Shared : public testing::TestWithParam<QueuePairType> {
 protected:
  Shared() : end_(Options()) {
    end_.GoTo(QueuePairState::kReadyToSend);
    other_ = Another(end_, GetParam());
  }
  static UnackedEndOptions Options() {
    UnackedEndOptions o;
    o.type = GetParam();
    o.shared = true;
    return o;
  }
  static Wire Of(Wire rc) {
    if (GetParam() == QueuePairType::kUd) return Wire::kUdSendOnly;
    const unsigned uc = GetParam() == QueuePairType::kUc ? 0x20 : 0;
    return static_cast<Wire>(static_cast<unsigned>(rc) | uc);
  }
  void Receive(verbs::QueuePair& qp, Wire rc, uint32_t psn, size_t length) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Of(rc)), psn, Pattern(length));
    f.bth.dest_qpn = qp.qpn();
    end_.Inject(f);
    end_.Poll();
  }

  UnackedEnd end_;
  std::unique_ptr<verbs::QueuePair> other_;
};

TEST_P(Shared, MessagesTakeThemInTheOrderInWhichTheyBegin) {
  for (uint64_t i = 0; i < 4; ++i) ASSERT_EQ(end_.PostReceive(4096, i, i * 8192), PostResult::kOk);
  for (uint32_t i = 0; i < 4; ++i) {
    Receive(i % 2 == 0 ? *end_.qp : *other_, Wire::kRcSendOnly, 5000 + i / 2, 16);
  }
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 4u);
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(done[i].wr_id, i);
    EXPECT_EQ(done[i].qpn, i % 2 == 0 ? end_.qp->qpn() : other_->qpn());
  }
}

TEST_P(Shared, ReceivesAreNotPostedToTheQueuePair) {
  EXPECT_EQ(end_.qp->PostReceive({}), PostResult::kInvalidRequest);
}

TEST_P(Shared, AnEventComesOnceWhenFewerThanTheLimitAreLeft) {
  EXPECT_FALSE(end_.srq->PollLimitEvent());
  for (uint64_t i = 0; i < 4; ++i) ASSERT_EQ(end_.PostReceive(4096, i), PostResult::kOk);
  end_.srq->ArmLimit(3);
  EXPECT_FALSE(end_.srq->PollLimitEvent());
  Receive(*end_.qp, Wire::kRcSendOnly, 5000, 16);
  EXPECT_FALSE(end_.srq->PollLimitEvent()) << "three are left";
  Receive(*end_.qp, Wire::kRcSendOnly, 5001, 16);
  EXPECT_TRUE(end_.srq->PollLimitEvent());
  Receive(*end_.qp, Wire::kRcSendOnly, 5002, 16);
  EXPECT_FALSE(end_.srq->PollLimitEvent()) << "not armed any more";
  end_.srq->ArmLimit(2);
  EXPECT_TRUE(end_.srq->PollLimitEvent()) << "one is left already";
  end_.srq->ArmLimit(1);
  end_.srq->ArmLimit(0);
  Receive(*end_.qp, Wire::kRcSendOnly, 5003, 16);
  EXPECT_FALSE(end_.srq->PollLimitEvent());
}

TEST_P(Shared, FullAndBad) {
  for (uint64_t i = 0; i < 16; ++i) ASSERT_EQ(end_.PostReceive(64, i), PostResult::kOk);
  EXPECT_EQ(end_.PostReceive(64), PostResult::kQueueFull);
  Receive(*end_.qp, Wire::kRcSendOnly, 5000, 16);
  const verbs::Segment bad{end_.memory.data(), 8, 1};
  EXPECT_EQ(end_.srq->PostReceive({1, {&bad, 1}}), PostResult::kBadKey);
  const verbs::Segment two[2] = {{end_.memory.data(), 8, end_.region->lkey()},
                                 {end_.memory.data(), 8, end_.region->lkey()}};
  EXPECT_EQ(end_.srq->PostReceive({1, two}), PostResult::kTooManySegments);
  EXPECT_EQ(end_.PostReceive(64), PostResult::kOk);
}

TEST_P(Shared, ARegionThatTheyNameStays) {
  ASSERT_EQ(end_.PostReceive(64), PostResult::kOk);
  EXPECT_EQ(end_.region->Deregister().code(), absl::StatusCode::kFailedPrecondition);
  Receive(*end_.qp, Wire::kRcSendOnly, 5000, 16);
  (void)end_.Completions();
  EXPECT_TRUE(end_.region->Deregister().ok());
}

TEST_P(Shared, AForgedPacketTakesNone) {
  ASSERT_EQ(end_.PostReceive(4096, 1), PostResult::kOk);
  wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Of(Wire::kRcSendOnly)), 5000, Pattern(8));
  LoneEnd::Finish(&f);
  std::vector<uint8_t> bytes = f.Encode();
  bytes.back() ^= 1;
  end_.fake.Inject(std::move(bytes));
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_icrc"), 1u);
  // The other queue pair gets it.
  Receive(*other_, Wire::kRcSendOnly, 5000, 16);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].qpn, other_->qpn());
}

INSTANTIATE_TEST_SUITE_P(Types, Shared,
                         testing::Values(QueuePairType::kRc, QueuePairType::kUc,
                                         QueuePairType::kUd));

class SharedOfConnected : public Shared {};

TEST_P(SharedOfConnected, MessagesOfSeveralQueuePairsEndInAnyOrder) {
  for (uint64_t i = 0; i < 2; ++i) ASSERT_EQ(end_.PostReceive(4096, i), PostResult::kOk);
  Receive(*end_.qp, Wire::kRcSendFirst, 5000, kMtu);
  Receive(*other_, Wire::kRcSendOnly, 5000, 8);
  Receive(*end_.qp, Wire::kRcSendLast, 5001, 8);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].wr_id, 1u);
  EXPECT_EQ(done[1].wr_id, 0u);
}

TEST_P(SharedOfConnected, WhatWasBoundIsFlushedAndTheOthersStay) {
  for (uint64_t i = 0; i < 3; ++i) ASSERT_EQ(end_.PostReceive(4096, i), PostResult::kOk);
  Receive(*end_.qp, Wire::kRcSendFirst, 5000, kMtu);
  end_.qp->Fail();
  end_.Poll();
  auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 0u);
  EXPECT_EQ(done[0].status, CompletionStatus::kFlushed);
  for (uint32_t i = 0; i < 2; ++i) Receive(*other_, Wire::kRcSendOnly, 5000 + i, 8);
  done = end_.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].wr_id, 1u);
  EXPECT_EQ(done[1].wr_id, 2u);
  // A queue pair in error takes no more of them.
  ASSERT_EQ(end_.PostReceive(4096, 9), PostResult::kOk);
  end_.Poll();
  EXPECT_TRUE(end_.Completions().empty());
}

TEST_P(SharedOfConnected, AQueuePairThatIsDestroyedLeavesThem) {
  for (uint64_t i = 0; i < 2; ++i) ASSERT_EQ(end_.PostReceive(4096, i), PostResult::kOk);
  Receive(*other_, Wire::kRcSendFirst, 5000, kMtu);
  other_.reset();
  EXPECT_EQ(end_.Completions().size(), 1u);
  Receive(*end_.qp, Wire::kRcSendOnly, 5000, 8);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 1u);
}

INSTANTIATE_TEST_SUITE_P(Types, SharedOfConnected,
                         testing::Values(QueuePairType::kRc, QueuePairType::kUc));

TEST(SharedOfRc, WithoutOneThePeerIsAskedToWaitAndNoCreditIsPromised) {
  UnackedEndOptions o;
  o.type = QueuePairType::kRc;
  o.shared = true;
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kRcSendOnly), 5000, Pattern(8));
  f.bth.ack_request = true;
  end.Inject(f);
  end.Poll();
  auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].aeth->syndrome, kRnr | 12);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  end.Inject(f);
  end.Poll();
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].aeth->syndrome, 31) << "IBTA 1.4, 9.7.7.2: the invalid credit count";
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(SharedOfRc, AWriteTakesOneOnlyForItsImmediate) {
  UnackedEndOptions o;
  o.type = QueuePairType::kRc;
  o.shared = true;
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  ASSERT_EQ(end.PostReceive(100, 1), PostResult::kOk);
  end.srq->ArmLimit(1);
  end.Receive(Wire::kRcWriteOnly, 5000, Pattern(8));
  end.Poll();
  EXPECT_FALSE(end.srq->PollLimitEvent());
  end.Receive(Wire::kRcWriteOnlyImm, 5001, Pattern(8));
  end.Poll();
  EXPECT_TRUE(end.srq->PollLimitEvent());
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(SharedQueue, BadSetUpIsRefused) {
  UnackedEnd a, b;
  EXPECT_FALSE(a.device->CreateSharedReceiveQueue(a.pd.get(), {0, 1}).ok());
  EXPECT_FALSE(a.device->CreateSharedReceiveQueue(a.pd.get(), {65537, 1}).ok());
  EXPECT_FALSE(a.device->CreateSharedReceiveQueue(a.pd.get(), {1, 17}).ok());
  auto foreign = *b.device->CreateSharedReceiveQueue(b.pd.get(), {1, 1});
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = a.cq.get();
  qo.shared_receives = foreign.get();
  EXPECT_FALSE(a.device->CreateQueuePair(a.pd.get(), qo).ok());
}

}  // namespace
}  // namespace sluice::test
