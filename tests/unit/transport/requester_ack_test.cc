// What answers do to the requester: completions in order, go-back-N, timers, retry budgets.
#include <gtest/gtest.h>

#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

// 4.096 us * 2^8 (IBTA 1.4, 9.7.6.1.3).
constexpr Duration kTimeout = Duration::Nanoseconds(4096 * 256);

std::vector<uint32_t> PsnsOf(const Frames& frames) {
  std::vector<uint32_t> v;
  for (const auto& f : frames) v.push_back(f.bth.psn.value());
  return v;
}

void PostWrites(LoneEnd& end, int n, uint32_t length = 100) {
  for (int i = 0; i < n; ++i) {
    ASSERT_EQ(end.Post(Opcode::kRdmaWrite, length, static_cast<uint64_t>(i)), PostResult::kOk);
  }
  end.Poll();
}

TEST(RequesterAck, CumulativeAckCompletesAllBeforeItInOrder) {
  LoneEnd end;
  PostWrites(end, 5);
  end.Ack(1002, 3);
  end.Poll();
  auto done = end.Completions();
  ASSERT_EQ(done.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].wr_id, i);
    EXPECT_EQ(done[i].status, CompletionStatus::kSuccess);
    EXPECT_EQ(done[i].qpn, end.qp->qpn());
    EXPECT_FALSE(done[i].receive);
  }
  end.Ack(1004, 5);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 2u);
}

TEST(RequesterAck, GhostsChangeNothing) {
  LoneEnd end;
  PostWrites(end, 3);
  end.Sent();
  end.Ack(1003, 9);      // not yet sent
  end.Ack(1000 + 5000);  // far ahead
  end.Ack(1000 - 2);     // long acknowledged
  end.Nak(1003);         // expects what was never sent
  end.Poll();
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(end.Count("ghost_acks_total"), 4u);
  EXPECT_EQ(end.Count("drop_psn"), 4u);
  end.Ack(1002, 3);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 3u);
}

TEST(RequesterAck, BadIcrcChangesNothing) {
  LoneEnd end;
  PostWrites(end, 1);
  wire::DecodedFrame f = end.Frame(Wire::kRcAcknowledge, 1000);
  f.aeth = wire::Aeth{31, 1};
  LoneEnd::Finish(&f);
  f.icrc ^= 0x100;
  end.Inject(f);
  end.Poll();
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_EQ(end.Count("drop_icrc"), 1u);
}

TEST(RequesterAck, ReservedSyndromesAreNoAnswer) {
  // Top three bits 010, and everything with bit 7 (IBTA 1.4, table 44).
  for (const uint8_t syndrome : {0x40, 0x5f, 0x80, 0x9f, 0xa0, 0xc0, 0xe0, 0xff}) {
    LoneEnd end;
    PostWrites(end, 2);
    end.Sent();
    end.Aeth(1001, syndrome);
    end.Poll();
    EXPECT_FALSE(end.qp->in_error()) << int{syndrome};
    EXPECT_TRUE(end.Completions().empty()) << int{syndrome};
    EXPECT_TRUE(end.Sent().empty()) << int{syndrome};
  }
}

TEST(RequesterNak, GoesBackToExactlyThePsnNamed) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 8 * 1024, 1), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 2), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.Nak(1003);
  end.Poll();
  Frames again = end.Sent();
  EXPECT_EQ(PsnsOf(again), (std::vector<uint32_t>{1003, 1004, 1005, 1006, 1007, 1008}));
  EXPECT_EQ(again[0].bth.opcode, Wire::kRcWriteMiddle);
  EXPECT_FALSE(again[0].reth.has_value());
  EXPECT_TRUE(
      std::equal(again[0].payload.begin(), again[0].payload.end(), end.memory.begin() + 3 * 1024));
  EXPECT_EQ(again[5].bth.opcode, Wire::kRcSendOnly);
  EXPECT_EQ(end.Count("rewinds_total"), 1u);
  EXPECT_EQ(end.Count("retransmitted_packets_total"), 6u);
}

TEST(RequesterNak, AcknowledgesWhatLiesBefore) {
  LoneEnd end;
  PostWrites(end, 4);
  end.Sent();
  end.Nak(1002);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 2u);
  EXPECT_EQ(PsnsOf(end.Sent()), (std::vector<uint32_t>{1002, 1003}));
}

TEST(RequesterNak, CopiesWithinARoundTripRewindOnce) {
  LoneEndOptions o;
  o.connect.base_rtt_ns = 10'000;
  o.connect.retry_count = 3;
  LoneEnd end(o);
  PostWrites(end, 6);
  end.Sent();
  // A reordering network makes the responder see the gap again and again.
  for (int i = 0; i < 20; ++i) {
    end.Nak(1001);
    end.Poll();
    end.Wait(Duration::Nanoseconds(100));
  }
  EXPECT_FALSE(end.qp->in_error());
  EXPECT_EQ(PsnsOf(end.Sent()), (std::vector<uint32_t>{1001, 1002, 1003, 1004, 1005}));
  // A round trip later it is news: what was sent again is lost again.
  end.Wait(Duration::Microseconds(10));
  end.Nak(1001);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 5u);
}

TEST(RequesterNak, FatalCodesFailTheOldestAndFlushTheRest) {
  const struct {
    wire::NakCode code;
    CompletionStatus status;
  } cases[] = {
      {wire::NakCode::kInvalidRequest, CompletionStatus::kRemoteInvalidRequestError},
      {wire::NakCode::kRemoteAccessError, CompletionStatus::kRemoteAccessError},
      {wire::NakCode::kRemoteOperationalError, CompletionStatus::kRemoteOperationError},
  };
  for (const auto& c : cases) {
    LoneEnd end;
    ASSERT_EQ(end.PostReceive(100, 50), PostResult::kOk);
    PostWrites(end, 4);
    end.Sent();
    end.Nak(1001, c.code);
    end.Poll();
    const auto done = end.Completions();
    ASSERT_EQ(done.size(), 5u);
    EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
    EXPECT_EQ(done[1].status, c.status);
    EXPECT_EQ(done[2].status, CompletionStatus::kFlushed);
    EXPECT_EQ(done[3].status, CompletionStatus::kFlushed);
    for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(done[i].wr_id, i);
    EXPECT_EQ(done[4].wr_id, 50u);
    EXPECT_TRUE(done[4].receive);
    EXPECT_EQ(done[4].status, CompletionStatus::kFlushed);
    EXPECT_TRUE(end.qp->in_error());
    EXPECT_TRUE(end.Sent().empty());
    // Later posts flush too.
    ASSERT_EQ(end.Post(Opcode::kSend, 10, 60), PostResult::kOk);
    ASSERT_EQ(end.PostReceive(10, 61), PostResult::kOk);
    end.Poll();
    const auto late = end.Completions();
    ASSERT_EQ(late.size(), 2u);
    for (const auto& w : late) EXPECT_EQ(w.status, CompletionStatus::kFlushed);
  }
}

TEST(RequesterTimeout, RewindsToTheFirstUnacknowledgedAtTheExactTime) {
  LoneEnd end;
  PostWrites(end, 4);
  end.Sent();
  end.Wait(Duration::Microseconds(10));
  end.Ack(1000, 1);
  end.Poll();
  // The timer runs from the last progress.
  ASSERT_TRUE(end.Deadline().has_value());
  const Time due = end.now() + kTimeout;
  end.SetNow(due - Duration::Picoseconds(1));
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(end.Deadline(), due);
  end.SetNow(due);
  end.Poll();
  EXPECT_EQ(PsnsOf(end.Sent()), (std::vector<uint32_t>{1001, 1002, 1003}));
  EXPECT_EQ(end.Count("local_ack_timeout_errors_total"), 1u);
}

TEST(RequesterTimeout, EveryCodeIsFourMicrosecondsTimesAPowerOfTwo) {
  for (uint8_t code = 1; code < 32; ++code) {
    LoneEndOptions o;
    o.connect.timeout = code;
    LoneEnd end(o);
    PostWrites(end, 1);
    EXPECT_EQ(end.Deadline(), end.now() + Duration::Nanoseconds(4096) * (int64_t{1} << code));
  }
  LoneEndOptions never;
  never.connect.timeout = 0;
  LoneEnd end(never);
  PostWrites(end, 1);
  EXPECT_FALSE(end.Deadline().has_value());
}

TEST(RequesterTimeout, RetriesRunOutAndEverythingCompletesInOrder) {
  for (const uint8_t retries : {0, 1, 3, 7}) {
    LoneEndOptions o;
    o.connect.retry_count = retries;
    LoneEnd end(o);
    PostWrites(end, 3);
    for (int i = 0; i < retries; ++i) {
      end.Wait(kTimeout);
      end.Poll();
      EXPECT_FALSE(end.qp->in_error());
    }
    end.Wait(kTimeout);
    end.Poll();
    EXPECT_TRUE(end.qp->in_error());
    // First transmission and one more per retry (NOTES.md: 3 -> 4 transmissions).
    EXPECT_EQ(end.Sent().size(), 3u * (1u + retries));
    const auto done = end.Completions();
    ASSERT_EQ(done.size(), 3u);
    EXPECT_EQ(done[0].status, CompletionStatus::kRetryExceeded);
    EXPECT_EQ(done[1].status, CompletionStatus::kFlushed);
    EXPECT_EQ(done[2].status, CompletionStatus::kFlushed);
    for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(done[i].wr_id, i);
    EXPECT_FALSE(end.Deadline().has_value());
    EXPECT_EQ(end.Count("retries_exhausted_total"), 1u);
  }
}

TEST(RequesterTimeout, ProgressRefillsTheBudget) {
  LoneEndOptions o;
  o.connect.retry_count = 1;
  LoneEnd end(o);
  PostWrites(end, 5);
  for (uint32_t i = 0; i < 5; ++i) {
    end.Wait(kTimeout);
    end.Poll();
    ASSERT_FALSE(end.qp->in_error()) << i;
    end.Ack(1000 + i, i + 1);
    end.Poll();
  }
  EXPECT_EQ(end.Completions().size(), 5u);
}

TEST(RequesterRnr, WaitsTheTimerAndSendsAgain) {
  for (const uint8_t code : {1, 12, 31, 0}) {
    LoneEndOptions o;
    o.connect.timeout = 20;
    LoneEnd end(o);
    ASSERT_EQ(end.Post(Opcode::kSend, 3 * 1024, 1), PostResult::kOk);
    end.Poll();
    end.Sent();
    end.Rnr(1000, code);
    end.Poll();
    const Time due = end.now() + wire::RnrTimer(code);
    EXPECT_EQ(end.Deadline(), due);
    end.SetNow(due - Duration::Picoseconds(1));
    end.Poll();
    EXPECT_TRUE(end.Sent().empty());
    end.SetNow(due);
    end.Poll();
    EXPECT_EQ(PsnsOf(end.Sent()), (std::vector<uint32_t>{1000, 1001, 1002}));
  }
}

TEST(RequesterRnr, RetriesRunOut) {
  LoneEndOptions o;
  o.connect.rnr_retry = 2;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 1), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 2), PostResult::kOk);
  end.Poll();
  size_t sends = 0;
  for (int i = 0; i < 10 && !end.qp->in_error(); ++i) {
    for (const auto& f : end.Sent()) sends += f.bth.psn == Psn(1000);
    end.Rnr(1000, 1);
    end.Poll();
    end.Wait(wire::RnrTimer(1));
    end.Poll();
  }
  EXPECT_EQ(sends, 3u) << "NOTES.md: rnr_retry 2 -> 3 sends";
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRnrRetryExceeded);
  EXPECT_EQ(done[1].status, CompletionStatus::kFlushed);
}

TEST(RequesterRnr, SevenIsForEver) {
  LoneEndOptions o;
  o.connect.rnr_retry = 7;
  o.connect.retry_count = 1;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 1), PostResult::kOk);
  end.Poll();
  for (int i = 0; i < 100; ++i) {
    end.Rnr(1000, 1);
    end.Poll();
    end.Wait(wire::RnrTimer(1));
    end.Poll();
  }
  EXPECT_FALSE(end.qp->in_error());
  EXPECT_EQ(end.Sent().size(), 101u);
}

TEST(RequesterCompletions, AFullQueueHoldsThemBackAndLosesNone) {
  LoneEndOptions o;
  o.completions = 2;
  LoneEnd end(o);
  PostWrites(end, 7);
  end.Ack(1006, 7);
  end.Poll();
  std::vector<uint64_t> ids;
  for (int i = 0; i < 10; ++i) {
    const auto done = end.Completions();
    EXPECT_LE(done.size(), 2u);
    for (const auto& c : done) ids.push_back(c.wr_id);
    end.Poll();
  }
  EXPECT_EQ(ids, (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_GT(end.Count("completion_stalls_total"), 0u);
}

TEST(RequesterCompletions, AFailureKeepsItsStatusThroughAFullQueue) {
  LoneEndOptions o;
  o.completions = 2;
  LoneEnd end(o);
  PostWrites(end, 5);
  end.Nak(1003, wire::NakCode::kRemoteAccessError);
  end.Poll();
  std::vector<CompletionStatus> statuses;
  for (int i = 0; i < 10; ++i) {
    for (const auto& c : end.Completions()) statuses.push_back(c.status);
    end.Poll();
  }
  using S = CompletionStatus;
  EXPECT_EQ(statuses, (std::vector<S>{S::kSuccess, S::kSuccess, S::kSuccess, S::kRemoteAccessError,
                                      S::kFlushed}));
}

TEST(RequesterTime, TimersWorkAcrossTheWrapOfTime) {
  LoneEndOptions o;
  o.start = Time::FromPs(0) - kTimeout / 2;
  LoneEnd end(o);
  PostWrites(end, 2);
  end.Sent();
  end.Wait(kTimeout - Duration::Picoseconds(1));
  EXPECT_LT(end.now().ps(), uint64_t{1} << 40) << "wrapped";
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  end.Wait(Duration::Picoseconds(1));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
}

}  // namespace
}  // namespace sluice::test
