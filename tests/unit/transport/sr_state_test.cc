// The states of a queue pair with the extension, and what changes without a change of state: as of
// base RC (state_change_test.cc). The test is the peer.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "support/extended_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using verbs::QueuePairAttributes;
using verbs::QueuePairState;
using Wire = wire::Opcode;

LoneEndOptions Timed() {
  LoneEndOptions o = Extended();
  o.connect.timeout = 8;  // 1.05 ms
  return o;
}

void GoTo(XtEnd& end, QueuePairState state, const QueuePairAttributes& a = {}) {
  const absl::Status s = end.qp->Modify(state, a);
  ASSERT_TRUE(s.ok()) << s;
}

void Respond(XtEnd& end, uint32_t psn, uint32_t number, uint32_t length) {
  wire::DecodedFrame f = end.Frame(Wire::kXtReadResponse, psn);
  f.extended_data.emplace();
  f.extended_data->message = number;
  f.extended_data->length = length;
  f.payload = Pattern(length);
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
}

TEST(ExtendedDrain, FinishesWhatWasBegunAndSendsItAgainIfItIsLost) {
  XtEnd end(Timed());
  ASSERT_EQ(end.Post(Opcode::kSend, kMtu + 1, 1), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  GoTo(end, QueuePairState::kSendDrain);
  ASSERT_EQ(end.Post(Opcode::kSend, 8, 2), PostResult::kOk);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_FALSE(end.qp->send_queue_drained());
  end.Wait(Duration::Milliseconds(2));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u) << "again";
  end.Acknowledge(kFirst + 1, Ack());
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 1u);
  EXPECT_TRUE(end.qp->send_queue_drained());
  EXPECT_TRUE(end.Sent().empty()) << "the second one does not begin";
  GoTo(end, QueuePairState::kReadyToSend);
  EXPECT_FALSE(end.qp->send_queue_drained()) << "it is not in SQD";
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.psn.value(), kFirst + 2);
}

TEST(ExtendedDrain, FinishesTheMessageUnderWay) {
  LoneEndOptions o = Extended();
  o.connect.algorithm = "fixed:rate=1Gbps";
  o.engine.pacing_credit = Bytes(0);
  XtEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kSend, 3 * kMtu, 1), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 8, 2), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u) << "the rate lets one packet go";
  GoTo(end, QueuePairState::kSendDrain);
  for (int i = 0; i < 10; ++i) {
    end.Wait(Duration::Microseconds(10));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 2u);
  EXPECT_FALSE(end.qp->send_queue_drained());
  end.Acknowledge(kFirst + 2, Ack());
  EXPECT_TRUE(end.qp->send_queue_drained());
}

// The request is acknowledged, but its response may still come.
TEST(ExtendedDrain, AReadIsFinishedByItsResponse) {
  XtEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 64, 1), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  GoTo(end, QueuePairState::kSendDrain);
  end.Acknowledge(kFirst, Ack());
  EXPECT_FALSE(end.qp->send_queue_drained());
  Respond(end, kFirst, 0, 64);
  EXPECT_TRUE(end.qp->send_queue_drained());
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
}

TEST(ExtendedDrain, ReceivingAndAnsweringGoOn) {
  XtEnd end;
  GoTo(end, QueuePairState::kSendDrain);
  EXPECT_TRUE(end.qp->send_queue_drained());
  ASSERT_EQ(end.PostReceive(64, 3), PostResult::kOk);
  end.Take({.opcode = Wire::kXtSend});
  EXPECT_EQ(end.Completions().size(), 1u);
  (void)end.Sent();
  end.Ask({.psn = kExpected + 1, .message = 1});
  bool responded = false;
  for (const auto& f : end.Sent()) responded |= f.bth.opcode == Wire::kXtReadResponse;
  EXPECT_TRUE(responded);
}

TEST(ExtendedDrain, AnotherPathAndOtherTimersMayBeSet) {
  XtEnd end(Timed());
  GoTo(end, QueuePairState::kSendDrain);
  QueuePairAttributes a;
  a.path = {"02:00:00:00:00:07", "198.51.100.7"};
  a.timeout = 4;  // 65.5 us
  a.retry_count = 0;
  GoTo(end, QueuePairState::kSendDrain, a);
  GoTo(end, QueuePairState::kReadyToSend);
  ASSERT_EQ(end.Post(Opcode::kSend, 8), PostResult::kOk);
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].destination.ToString(), "02:00:00:00:00:07");
  EXPECT_EQ(std::get<wire::Ipv4Header>(sent[0].ip).destination.ToString(), "198.51.100.7");
  end.Take({});  // from the old address
  EXPECT_EQ(end.Count("drop_source_address"), 1u);
  end.Wait(Duration::Microseconds(66));
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRetryExceeded);
}

TEST(ExtendedDrain, OtherDepthsOfReadsMayBeSet) {
  XtEnd end;
  GoTo(end, QueuePairState::kSendDrain);
  QueuePairAttributes a;
  a.max_rd_atomic = 1;
  a.responder_resources = 2;
  GoTo(end, QueuePairState::kSendDrain, a);
  GoTo(end, QueuePairState::kReadyToSend);
  for (uint64_t i = 0; i < 2; ++i) ASSERT_EQ(end.Post(Opcode::kRdmaRead, 64, i), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  Respond(end, kFirst, 0, 64);
  size_t reads = 0;
  for (const auto& f : end.Sent()) reads += f.bth.opcode == Wire::kXtRead ? 1 : 0;
  EXPECT_EQ(reads, 1u) << "the first one is answered";
  for (uint32_t i = 0; i < 3; ++i) {
    end.Ask({.psn = kExpected + i, .message = i, .number = i});
  }
  EXPECT_EQ(end.Count("rx_read_requests_total"), 2u);
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
}

// The rights of a queue pair, taken away and given back while it is connected.
TEST(ExtendedAccess, WhatTheQueuePairDoesNotGrantIsRefused) {
  const std::pair<Wire, int> cases[] = {{Wire::kXtWrite, verbs::kRemoteWrite},
                                        {Wire::kXtRead, verbs::kRemoteRead},
                                        {Wire::kXtFetchAdd, verbs::kRemoteAtomic}};
  const int all = verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
  for (const auto& [opcode, right] : cases) {
    for (const bool granted : {false, true}) {
      LoneEndOptions o = Extended();
      o.connect.access = static_cast<uint8_t>(granted ? all & ~right : all);
      XtEnd end(o);
      QueuePairAttributes a;
      a.access = granted ? right : all & ~right;
      GoTo(end, QueuePairState::kReadyToSend, a);
      if (opcode == Wire::kXtWrite) {
        end.Take({.opcode = opcode});
      } else {
        end.Ask({.opcode = opcode, .length = 8});
      }
      EXPECT_EQ(end.qp->in_error(), !granted) << NameOf(opcode);
      EXPECT_EQ(end.Count("drop_invalid_request"), granted ? 0u : 1u) << NameOf(opcode);
      EXPECT_EQ(end.Count("messages_received_total"), granted ? 1u : 0u) << NameOf(opcode);
    }
  }
}

// How long a peer is asked to wait, likewise.
TEST(ExtendedAccess, TheTimerOfRefusalsMayChange) {
  XtEnd end;
  QueuePairAttributes a;
  a.min_rnr_timer = 5;
  GoTo(end, QueuePairState::kReadyToSend, a);
  end.Take({.opcode = Wire::kXtSend});
  EXPECT_EQ(end.Answer().syndrome, kRnr | 5);
}

}  // namespace
}  // namespace sluice::test
