// The old stream of READ responses, which a responder may go on with after the READ was asked for
// again: Linux rxe sends every response of a request before it looks at the next one, 16 MB for all
// it knows. Meanwhile nothing must be asked for again, nor a retry be spent.
#include <gtest/gtest.h>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

constexpr uint32_t kFirstPsn = 1000;
constexpr uint32_t kPackets = 64;

// A READ of 64 packets of which the response `kMissing` was lost and the next one seen, so that the
// rest has been asked for again.
constexpr uint32_t kMissing = 3;

class OldStream : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(end_.Post(verbs::Opcode::kRdmaRead, kPackets * 1024), verbs::PostResult::kOk);
    end_.Poll();
    for (const uint32_t i : {0u, 1u, 2u, 4u}) Arrives(i);
    ASSERT_EQ(Requests(), 2u);
  }
  void Arrives(uint32_t packet) {
    end_.Inject(
        end_.ReadResponse(wire::Opcode::kRcReadResponseMiddle, kFirstPsn + packet, Pattern(1024)));
    end_.Poll();
  }
  // READ requests sent since the last call, all of them for the rest.
  size_t Requests() { return end_.Sent().size(); }
  uint64_t Timeouts() { return end_.Count("local_ack_timeout_errors_total"); }

  LoneEnd end_;  // its timeout is 1.05 ms, the patience of a flow without a round trip below 0.2 ms
};

TEST_F(OldStream, TheTimerWaitsForItsEnd) {
  for (uint32_t i = 5; i < kPackets; ++i) {
    end_.Wait(Duration::Microseconds(700));
    Arrives(i);
  }
  EXPECT_EQ(Requests(), 0u);
  EXPECT_EQ(Timeouts(), 0u);
  end_.Wait(Duration::Microseconds(1100));
  end_.Poll();
  EXPECT_EQ(Requests(), 1u);
  EXPECT_EQ(Timeouts(), 1u);
}

TEST_F(OldStream, ALatePacketIsNoNewStream) {
  for (uint32_t i = 5; i < 48; ++i) Arrives(i);
  for (const uint32_t late : {40u, 44u, 47u}) {
    end_.Wait(Duration::Microseconds(300));
    Arrives(late);
    EXPECT_EQ(Requests(), 0u) << late;
    Arrives(48 + late - 40);
  }
  end_.Wait(Duration::Microseconds(300));
  Arrives(kMissing + 1);
  EXPECT_EQ(Requests(), 1u);
}

TEST_F(OldStream, ATimeoutDoesNotForgetHowFarItHasRun) {
  for (uint32_t i = 5; i < 20; ++i) Arrives(i);
  end_.Wait(Duration::Microseconds(1100));
  end_.Poll();
  ASSERT_EQ(Requests(), 1u);
  end_.Wait(Duration::Microseconds(300));
  Arrives(20);
  EXPECT_EQ(Requests(), 0u);
}

// A peer that streams responses behind the gap for ever, each in time, and never sends the one that
// is missing: 64 timers after each rewind the timer runs out all the same, and the retries with it.
TEST_F(OldStream, WithoutEndItSpendsTheRetries) {
  // 4.096 us * 2^8 = 1.049 ms; seven retries, of which the implied NAK has spent one.
  constexpr int64_t kTimeoutNs = 4096 << 8;
  const Time begin = end_.now();
  uint32_t packet = 5;
  while (!end_.qp->in_error() && end_.now() - begin < Duration::Seconds(10)) {
    end_.Wait(Duration::Microseconds(500));
    Arrives(packet);
    // Up again from the middle, which is no new stream.
    if (++packet == kPackets) packet = 40;
  }
  ASSERT_TRUE(end_.qp->in_error());
  EXPECT_EQ(Timeouts(), 7u);
  EXPECT_EQ(end_.Count("retries_exhausted_total"), 1u);
  // Seven times 64 timers and one more, and up to two packets each.
  const Duration taken = end_.now() - begin;
  EXPECT_GE(taken, Duration::Nanoseconds(7 * 64 * kTimeoutNs));
  EXPECT_LE(taken, Duration::Nanoseconds(7 * (65 * kTimeoutNs + 1'000'000)));
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, verbs::CompletionStatus::kRetryExceeded);
}

}  // namespace
}  // namespace sluice::test
