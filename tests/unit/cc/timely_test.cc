#include "cc/timely.h"

#include <gtest/gtest.h>

namespace sluice::cc {
namespace {

constexpr int64_t kMtu = 1000;

FlowContext Context() {
  FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(kMtu);
  context.base_rtt = Duration::Nanoseconds(8320);
  return context;
}

// An acknowledgement that ends a round trip and a segment: nothing stays in flight.
void Ack(Controller& cc, Duration rtt, Duration host = Duration::Zero(), bool stamped = true) {
  Sample sample;
  sample.acked = Bytes(16'000);
  sample.rtt = rtt;
  sample.host_delay = host;
  sample.stamp = StampSource::kPoll;
  Feedback f;
  f.acked = sample.acked;
  f.in_flight = Bytes(0);
  f.samples = {&sample, 1};
  if (stamped) f.present.Add(Signal::kHostDelay);
  cc.OnFeedback(f);
}
constexpr Duration Us(int64_t v) { return Duration::Microseconds(v); }

TEST(TimelyTest, StartsAtLineRateAndTheFirstRoundTripOnlyCounts) {
  const TimelyParams params;
  Timely cc(params, Context());
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(100));
  EXPECT_EQ(cc.control().window, kNoWindow);
  Ack(cc, Us(1000));
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(100));
}

// Algorithm 1, line 8: rate (1 - beta (1 - Thigh / rtt)) = 100 (1 - 0.8 (1 - 500 / 1000)) = 60.
TEST(TimelyTest, AboveTHighTheRateIsCutByHowFar) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(1000));
  Ack(cc, Us(1000));
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(60));
  EXPECT_EQ(cc.control().cause, Timely::kAbove);
}

// From 100 to 110 us: difference 0.875 x 10 us, gradient 8.75 / 20, rate 100 (1 - 0.8 x 0.4375).
TEST(TimelyTest, BetweenThemARisingRoundTripCuts) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(100));
  Ack(cc, Us(110));
  EXPECT_NEAR(static_cast<double>(cc.control().rate.bps()), 65e9, 1);
  EXPECT_EQ(cc.control().cause, Timely::kGradient);
}

// The same of 100 and 110 us in the fabric, while our host's share grows from 20 to 900 us: raw
// they would be above Thigh. Without the signal host_delay means nothing: 100 (1 - 0.8 (1 - 500 /
// 1000)).
TEST(TimelyTest, OurHostsDelayIsNoQueue) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(120), Us(20));
  Ack(cc, Us(1010), Us(900));
  EXPECT_NEAR(static_cast<double>(cc.control().rate.bps()), 65e9, 1);
  EXPECT_EQ(cc.control().cause, Timely::kGradient);
  Timely raw(params, Context());
  Ack(raw, Us(1000), Us(900), false);
  Ack(raw, Us(1000), Us(900), false);
  EXPECT_EQ(raw.control().rate, Bandwidth::GigabitsPerSecond(60));
}

// Nothing is left for the fabric: no round trip, not one of zero, which would let the rate grow.
TEST(TimelyTest, ARoundTripThatIsAllOursSaysNothing) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(1000));
  Ack(cc, Us(1000));
  Ack(cc, Us(40), Us(40));
  Ack(cc, Us(40), Us(50));
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(60));
}

// A gradient that is not above zero: delta five times, then 5 delta.
TEST(TimelyTest, AFallingRoundTripRaisesAndThenFaster) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(1000));
  Ack(cc, Us(1000));  // 60 Gb/s, gradient 0
  int64_t expected = 60'000;
  for (int i = 1; i <= 7; ++i) {
    Ack(cc, Us(400 - i));
    expected += i <= 5 ? 10 : 50;
    EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(expected)) << i;
  }
}

// Below Tlow the paper adds delta, whatever the steps before.
TEST(TimelyTest, BelowTLowItGrows) {
  const TimelyParams params;
  Timely cc(params, Context());
  Ack(cc, Us(1000));
  Ack(cc, Us(1000));
  for (int i = 1; i <= 8; ++i) Ack(cc, Us(10));
  EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(60'080));
}

// The ns-3 model: 100 Mb/s five times, then 500, also below Tlow; a window of 8.32 us of the rate.
TEST(TimelyTest, TheNs3ModelCountsEveryStepUp) {
  TimelyParams params = TimelyParams::Of(TimelyParams::Preset::kNs3);
  params.window = WindowKind::kRtt;
  Timely cc(params, Context());
  EXPECT_EQ(cc.control().window, Bytes(104'000));
  Ack(cc, Us(1000));
  Ack(cc, Us(1000));
  EXPECT_EQ(cc.control().window, Bytes(62'400));
  for (int i = 1; i <= 6; ++i) Ack(cc, Us(10));
  EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(61'000));
}

TEST(TimelyTest, ATimeoutHalves) {
  const TimelyParams params;
  Timely cc(params, Context());
  Loss loss;
  loss.kind = LossKind::kTimeout;
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(50));
  loss.kind = LossKind::kSackGap;
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(50));
}

}  // namespace
}  // namespace sluice::cc
