// What a queue pair does in each state (IBTA 1.4, 10.3.1): posting, draining, failing, flushing,
// and a second life after RESET.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/peer_request.h"
#include "support/unacked_end.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using verbs::QueuePairState;
using verbs::QueuePairType;
using Wire = wire::Opcode;

constexpr uint32_t kMtu = UnackedEnd::kMtu;
constexpr QueuePairState kStates[] = {QueuePairState::kReset,          QueuePairState::kInit,
                                      QueuePairState::kReadyToReceive, QueuePairState::kReadyToSend,
                                      QueuePairState::kSendDrain,      QueuePairState::kSendError,
                                      QueuePairState::kError};

UnackedEndOptions OfType(QueuePairType type) {
  UnackedEndOptions o;
  o.type = type;
  return o;
}

void Answer(UnackedEnd& end, uint32_t psn) {
  wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kRcAcknowledge), psn);
  f.aeth = wire::Aeth{wire::Aeth::AckSyndrome(31), 1};
  end.Inject(f);
  end.Poll();
}

class EveryType : public testing::TestWithParam<QueuePairType> {
 protected:
  static Wire Send() {
    if (GetParam() == QueuePairType::kUd) return Wire::kUdSendOnly;
    return GetParam() == QueuePairType::kUc ? Wire::kUcSendOnly : Wire::kRcSendOnly;
  }
  static bool Reaches(QueuePairState s) {
    return s != QueuePairState::kSendError || GetParam() == QueuePairType::kUd;
  }
  static verbs::SendRequest Request(UnackedEnd& end, uint64_t wr_id = 0) {
    verbs::SendRequest r;
    r.wr_id = wr_id;
    r.address_handle = end.peer.get();
    r.remote_qkey = 0x80000000;
    return r;
  }
};

TEST_P(EveryType, PostingSends) {
  for (QueuePairState s : kStates) {
    if (!Reaches(s)) continue;
    UnackedEnd end(OfType(GetParam()));
    end.GoTo(s);
    const PostResult got = end.Post(Request(end), 8);
    (void)end.Sent();
    end.Poll();
    const auto done = end.Completions();
    const size_t sent = end.Sent().size();
    switch (s) {
      case QueuePairState::kReset:
      case QueuePairState::kInit:
      case QueuePairState::kReadyToReceive:
        EXPECT_EQ(got, PostResult::kNotConnected) << NameOf(s);
        EXPECT_EQ(sent + done.size(), 0u);
        break;
      case QueuePairState::kReadyToSend:
        EXPECT_EQ(got, PostResult::kOk);
        EXPECT_EQ(sent, 1u);
        break;
      case QueuePairState::kSendDrain:
        EXPECT_EQ(got, PostResult::kOk) << "it waits";
        EXPECT_EQ(sent + done.size(), 0u);
        break;
      case QueuePairState::kSendError:
      case QueuePairState::kError:
        EXPECT_EQ(got, PostResult::kOk);
        EXPECT_EQ(sent, 0u);
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(done[0].status, CompletionStatus::kFlushed);
        break;
    }
  }
}

TEST_P(EveryType, AReceivePostedInInitServesTheFirstMessage) {
  UnackedEnd end(OfType(GetParam()));
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kInit, end.Needed(QueuePairState::kInit)).ok());
  ASSERT_EQ(end.PostReceive(100, 4), PostResult::kOk);
  end.Receive(Send(), 5000, Pattern(8));
  end.Poll();
  EXPECT_TRUE(end.Completions().empty());
  ASSERT_TRUE(
      end.qp->Modify(QueuePairState::kReadyToReceive, end.Needed(QueuePairState::kReadyToReceive))
          .ok());
  end.Receive(Send(), 5000, Pattern(8));
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u) << "received before it may send";
  EXPECT_EQ(done[0].wr_id, 4u);
}

TEST_P(EveryType, ErrorFlushesEverythingInOrder) {
  UnackedEnd end(OfType(GetParam()));
  end.GoTo(QueuePairState::kSendDrain);
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(end.Post(Request(end, i), 8), PostResult::kOk);
    ASSERT_EQ(end.PostReceive(8, 10 + i), PostResult::kOk);
  }
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kError, {}).ok());
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].wr_id, i);
    EXPECT_EQ(done[3 + i].wr_id, 10 + i);
    EXPECT_EQ(done[i].status, CompletionStatus::kFlushed);
    EXPECT_EQ(done[3 + i].status, CompletionStatus::kFlushed);
    EXPECT_FALSE(done[i].receive);
    EXPECT_TRUE(done[3 + i].receive);
  }
}

TEST_P(EveryType, ResetFromAnyStateGivesASecondLife) {
  for (QueuePairState s : kStates) {
    if (!Reaches(s)) continue;
    UnackedEnd end(OfType(GetParam()));
    end.GoTo(s);
    if (s >= QueuePairState::kReadyToSend && s != QueuePairState::kError) {
      ASSERT_EQ(end.Post(Request(end, 1), 8), PostResult::kOk);
    }
    if (s != QueuePairState::kError) {
      ASSERT_EQ(end.PostReceive(100, 2), PostResult::kOk);
    }
    ASSERT_TRUE(end.qp->Modify(QueuePairState::kReset, {}).ok()) << NameOf(s);
    end.Poll();
    EXPECT_TRUE(end.Completions().empty()) << "RESET forgets in silence: " << NameOf(s);
    (void)end.Sent();
    end.Receive(Send(), 5000, Pattern(8));
    end.Poll();
    EXPECT_TRUE(end.Sent().empty());

    end.GoTo(QueuePairState::kReadyToSend);
    ASSERT_EQ(end.PostReceive(100, 7), PostResult::kOk);
    ASSERT_EQ(end.Post(Request(end, 8), 8), PostResult::kOk);
    end.Receive(Send(), 5000, Pattern(8));
    end.Poll();
    const auto sent = end.Sent();
    ASSERT_GE(sent.size(), 1u) << NameOf(s);
    EXPECT_EQ(sent.back().bth.psn.value(), 1000u);
    if (GetParam() == QueuePairType::kRc) Answer(end, 1000);
    std::vector<uint64_t> ids;
    for (const auto& c : end.Completions()) {
      EXPECT_EQ(c.status, CompletionStatus::kSuccess);
      ids.push_back(c.wr_id);
    }
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (std::vector<uint64_t>{7, 8})) << NameOf(s);
  }
}

TEST_P(EveryType, ConnectTakesAllStepsAtOnceFromResetAndInit) {
  for (bool init : {false, true}) {
    UnackedEnd end(OfType(GetParam()));
    if (init) {
      ASSERT_TRUE(end.qp->Modify(QueuePairState::kInit, end.Needed(QueuePairState::kInit)).ok());
    }
    verbs::ConnectOptions o;
    o.peer_mac = "02:00:00:00:00:02";
    o.peer_address = end.PeerAddress();
    o.mtu = kMtu;
    ASSERT_TRUE(end.qp->Connect(o).ok());
    EXPECT_EQ(end.qp->state(), QueuePairState::kReadyToSend);
    EXPECT_EQ(end.qp->Connect(o).code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_P(EveryType, PartitionsMayChangeWhileItDrains) {
  UnackedEnd end(OfType(GetParam()));
  end.GoTo(QueuePairState::kSendDrain);
  verbs::QueuePairAttributes a;
  a.pkey = 0x8123;
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kSendDrain, a).ok());
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, {}).ok());
  ASSERT_EQ(end.Post(Request(end), 8), PostResult::kOk);
  end.Receive(Send(), 5000, Pattern(8));
  end.Poll();
  EXPECT_EQ(end.Count("drop_pkey"), 1u);
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.pkey, 0x8123);
}

INSTANTIATE_TEST_SUITE_P(Types, EveryType,
                         testing::Values(QueuePairType::kRc, QueuePairType::kUc,
                                         QueuePairType::kUd));

TEST(Drain, OfRcFinishesWhatWasBegunAndSendsItAgainIfItIsLost) {
  UnackedEnd end(OfType(QueuePairType::kRc));
  end.GoTo(QueuePairState::kReadyToSend);
  verbs::SendRequest r;
  r.wr_id = 1;
  ASSERT_EQ(end.Post(r, kMtu + 1), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  r.wr_id = 2;
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kSendDrain, {}).ok());
  ASSERT_EQ(end.Post(r, 8), PostResult::kOk);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_FALSE(end.qp->send_queue_drained());
  end.Wait(Duration::Milliseconds(2));  // timeout 8: 1.05 ms
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u) << "again";
  Answer(end, 1001);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 1u);
  EXPECT_TRUE(end.qp->send_queue_drained());
  EXPECT_TRUE(end.Sent().empty()) << "the second one does not begin";
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, {}).ok());
  EXPECT_FALSE(end.qp->send_queue_drained()) << "it is not in SQD";
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.psn.value(), 1002u);
}

TEST(Drain, OfUcFinishesTheMessageUnderWay) {
  UnackedEndOptions o = OfType(QueuePairType::kUc);
  o.algorithm = "fixed:rate=1Gbps";
  o.pacing_credit = Bytes(0);
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  verbs::SendRequest r;
  ASSERT_EQ(end.Post(r, 3 * kMtu), PostResult::kOk);
  ASSERT_EQ(end.Post(r, 8), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u) << "the rate lets one packet go";
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kSendDrain, {}).ok());
  EXPECT_FALSE(end.qp->send_queue_drained());
  for (int i = 0; i < 10; ++i) {
    end.Wait(Duration::Microseconds(10));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 2u);
  EXPECT_TRUE(end.qp->send_queue_drained());
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(Drain, ReceivingAndAnsweringGoOn) {
  UnackedEnd end(OfType(QueuePairType::kRc));
  end.GoTo(QueuePairState::kSendDrain);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kRcSendOnly), 5000, Pattern(8));
  f.bth.ack_request = true;
  end.Inject(f);
  f = end.Frame(static_cast<uint8_t>(Wire::kRcReadRequest), 5001);
  f.reth->length = 8;
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
  const auto sent = end.Sent();
  ASSERT_GE(sent.size(), 1u);
  EXPECT_EQ(sent.back().bth.opcode, Wire::kRcReadResponseOnly);
}

TEST(Drain, AnotherPathAndOtherTimersOfRcMayBeSet) {
  UnackedEnd end(OfType(QueuePairType::kRc));
  end.GoTo(QueuePairState::kSendDrain);
  verbs::QueuePairAttributes a;
  a.path = {"02:00:00:00:00:07", "198.51.100.7"};
  a.timeout = 4;  // 65.5 us
  a.retry_count = 0;
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kSendDrain, a).ok());
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, {}).ok());
  ASSERT_EQ(end.Post({}, 8), PostResult::kOk);
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].destination.ToString(), "02:00:00:00:00:07");
  EXPECT_EQ(std::get<wire::Ipv4Header>(sent[0].ip).destination.ToString(), "198.51.100.7");
  end.Receive(Wire::kRcSendOnly, 5000, Pattern(8));  // from the old address
  end.Poll();
  EXPECT_EQ(end.Count("drop_source_address"), 1u);
  end.Wait(Duration::Microseconds(66));
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRetryExceeded);
}

TEST(SendError, OfDatagramsReceivesOnAndResumes) {
  UnackedEnd end(OfType(QueuePairType::kUd));
  end.GoTo(QueuePairState::kSendError);
  ASSERT_EQ(end.PostReceive(100, 3), PostResult::kOk);
  end.Receive(Wire::kUdSendOnly, 1, Pattern(8));
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
  ASSERT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, {}).ok());
  ASSERT_EQ(end.PostDatagram(8, UnackedEnd::kQkey, 5), PostResult::kOk);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(end.Sent().size(), 1u);
}

TEST(Reset, WithResponsesOwedAndRequestsUnansweredNothingIsLeft) {
  UnackedEnd end(OfType(QueuePairType::kRc));
  for (int life = 0; life < 3; ++life) {
    end.GoTo(QueuePairState::kReadyToSend);
    verbs::SendRequest r;
    r.opcode = Opcode::kRdmaRead;
    ASSERT_EQ(end.Post(r, 64), PostResult::kOk);
    wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kRcReadRequest), 5000);
    f.reth->length = 60000;
    end.Inject(f);
    (void)end.device->Poll();
    ASSERT_TRUE(end.qp->Modify(QueuePairState::kReset, {}).ok());
    (void)end.Sent();
    end.Poll();
    end.Wait(Duration::Milliseconds(50));
    end.Poll();
    EXPECT_TRUE(end.Sent().empty()) << life;
    EXPECT_TRUE(end.Completions().empty());
  }
}

TEST(Access, RcRefusesWhatTheQueuePairDoesNotGrant) {
  const std::pair<Wire, int> cases[] = {{Wire::kRcWriteOnly, verbs::kRemoteWrite},
                                        {Wire::kRcReadRequest, verbs::kRemoteRead},
                                        {Wire::kRcFetchAdd, verbs::kRemoteAtomic}};
  for (const auto& [opcode, right] : cases) {
    for (bool granted : {false, true}) {
      UnackedEnd end(OfType(QueuePairType::kRc));
      end.GoTo(QueuePairState::kReadyToSend);
      verbs::QueuePairAttributes a;
      a.access = granted ? right : 14 & ~right;
      ASSERT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, a).ok());
      const bool carries = opcode == Wire::kRcWriteOnly;
      wire::DecodedFrame f =
          end.Frame(static_cast<uint8_t>(opcode), 5000, carries ? Pattern(8) : Pattern(0));
      if (f.reth) f.reth->length = 8;
      f.bth.ack_request = true;
      end.Inject(f);
      end.Poll();
      const auto sent = end.Sent();
      ASSERT_EQ(sent.size(), 1u);
      ASSERT_TRUE(sent[0].aeth.has_value());
      EXPECT_EQ(sent[0].aeth->syndrome == kInvalid, !granted) << NameOf(opcode);
      EXPECT_EQ(end.qp->in_error(), !granted);
    }
  }
}

}  // namespace
}  // namespace sluice::test
