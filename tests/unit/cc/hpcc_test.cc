#include "cc/hpcc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"

namespace sluice::cc {
namespace {

constexpr int64_t kMtu = 1000;
constexpr Bandwidth kLine = Bandwidth::GigabitsPerSecond(100);

FlowContext Context() {
  FlowContext context;
  context.line_rate = kLine;
  context.mtu = Bytes(kMtu);
  context.base_rtt = Duration::Microseconds(10);  // 125,000 B
  return context;
}

struct Fields : FieldSink {
  void Field(const char* name, const char*, double value) override { values[name] = value; }
  std::map<std::string, double> values;
};
double Of(const Controller& cc, const char* name) {
  Fields fields;
  cc.Describe(fields);
  return fields.values.at(name);
}

// One acknowledged packet with these reports; nothing stays in flight, so each ends a round.
void Ack(Controller& cc, const std::vector<IntHop>& hops, int64_t in_flight = 0) {
  Sample sample;
  sample.acked = Bytes(kMtu);
  sample.hops = hops;
  Feedback f;
  f.acked = sample.acked;
  f.in_flight = Bytes(in_flight);
  f.samples = {&sample, 1};
  cc.OnFeedback(f);
}

TEST(HpccTest, StartsAtLineRateWithAWindowOfABaseRoundTrip) {
  const HpccParams params;
  const Hpcc cc(params, Context());
  EXPECT_EQ(cc.control().rate, kLine);
  EXPECT_EQ(cc.control().window, Bytes(125'000));
}

// Equation 2: 125,056 B in 10 us are 1.000448 of 100 Gb/s, a queue of 25,000 B is 0.2 of B T; all
// of a base round trip has passed, so U is that, and the rate 100 / (1.200448 / 0.95) + 0.05.
TEST(HpccTest, AFullLinkSetsTheRateAtOnce) {
  const HpccParams params;
  Hpcc cc(params, Context());
  Ack(cc, {{0, 0, 25'000, kLine}});
  EXPECT_EQ(cc.control().rate, kLine) << "the first reports are only stored";
  Ack(cc, {{1954, 10'000, 30'000, kLine}});
  EXPECT_DOUBLE_EQ(Of(cc, "utilisation"), 1.200448);
  EXPECT_NEAR(static_cast<double>(cc.control().rate.bps()), 100e9 / (1.200448 / 0.95) + 50e6, 1);
  EXPECT_EQ(cc.control().cause, Hpcc::kFull);
}

// Half of a base round trip moves U by half: from 1 to (1 + 0.5) / 2.
TEST(HpccTest, UtilisationIsSmoothedOverABaseRoundTrip) {
  const HpccParams params;
  Hpcc cc(params, Context());
  Ack(cc, {{0, 0, 0, kLine}});
  Ack(cc, {{488, 5'000, 0, kLine}});  // 31,232 B in 5 us
  EXPECT_NEAR(Of(cc, "utilisation"), (1 + 31'232 * 8 / 5e-6 / 100e9) / 2, 1e-12);
}

// The hop that is fullest counts, and the smaller of two queues.
TEST(HpccTest, TheFullestHopCounts) {
  const HpccParams params;
  Hpcc cc(params, Context());
  const Bandwidth fast = Bandwidth::GigabitsPerSecond(400);
  Ack(cc, {{0, 0, 12'500, fast}, {0, 0, 12'500, kLine}});
  Ack(cc, {{1953, 10'000, 125'000, fast}, {977, 10'000, 50'000, kLine}});
  // First: 0.25 + 12,500 / 500,000; second: 0.500224 + 0.1.
  EXPECT_NEAR(Of(cc, "utilisation"), 0.600224, 1e-9);
}

// Within a round trip every acknowledgement reacts against the same reference.
TEST(HpccTest, ReactsWithinARoundTripWithoutCountingTwice) {
  HpccParams params;
  params.max_stage = 0;
  Hpcc cc(params, Context());
  Ack(cc, {{0, 0, 0, kLine}}, 100'000);
  for (uint32_t i = 1; i <= 5; ++i) {
    // Exactly twice what the link can do, a base round trip each.
    Ack(cc, {{i * 3906 + i / 4, i * 10'000, 0, kLine}}, 100'000);
    EXPECT_NEAR(static_cast<double>(cc.control().rate.bps()), 47.55e9, 0.05e9) << i;
  }
}

// The round ends with an acknowledgement whose report is the one before again; the next one that
// tells something moves the reference too: to 100 / (2 / 0.95) + 0.05 Gb/s.
TEST(HpccTest, ARoundThatEndsWithoutNewsCountsWithTheNextReport) {
  HpccParams params;
  params.max_stage = 0;
  Hpcc cc(params, Context());
  Ack(cc, {{0, 0, 0, kLine}}, 1000);             // acknowledged 1000, sent 2000
  Ack(cc, {{0, 0, 0, kLine}}, 100'000);          // 2000: not behind it yet
  Ack(cc, {{0, 0, 0, kLine}}, 100'000);          // 3000 ends the round
  Ack(cc, {{3906, 10'000, 0, kLine}}, 100'000);  // twice what the link can do
  EXPECT_NEAR(Of(cc, "rate"), 47.55e9, 0.05e9);
  EXPECT_EQ(Of(cc, "reference_rate"), Of(cc, "rate"));
}

// Stages: max_stage additive steps, then the link's room is taken at once.
TEST(HpccTest, TakesTheRoomAfterMaxStageSteps) {
  HpccParams params;
  params.max_stage = 3;
  Hpcc cc(params, Context());
  cc.Restore({Bytes(0), Bandwidth::GigabitsPerSecond(10), Duration::Zero()});
  uint32_t sent = 0, stamp = 0;
  Ack(cc, {{sent, stamp, 0, kLine}});
  for (int i = 1; i <= 3; ++i) {
    Ack(cc, {{sent += 195, stamp += 10'000, 0, kLine}});  // about 10 %
    EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(10'000 + 50 * i));
  }
  Ack(cc, {{sent += 195, stamp += 10'000, 0, kLine}});
  EXPECT_GT(cc.control().rate, Bandwidth::GigabitsPerSecond(90));
}

// Counters and clocks wrap; another way is only stored; the same report twice tells nothing.
TEST(HpccTest, WrapsAndNewWaysAreNoNews) {
  const HpccParams params;
  Hpcc cc(params, Context());
  Ack(cc, {{0xffffff00u, 0xfffff000u, 0, kLine}});
  Ack(cc, {{0xffffff00u + 977, 0xfffff000u + 10'000, 0, kLine}});
  EXPECT_NEAR(Of(cc, "utilisation"), 0.500224, 1e-9);
  const Bandwidth rate = cc.control().rate;
  Ack(cc, {{0xffffff00u + 977, 0xfffff000u + 10'000, 0, kLine}});
  Ack(cc, {{5, 5, 0, kLine}, {5, 5, 0, kLine}});
  EXPECT_EQ(Of(cc, "hops"), 2);
  EXPECT_EQ(cc.control().rate, rate);
}

// Another way of as many hops: its port has sent 64 MB more, or less, than the one before in the 10
// us, of which a link of 100 Gb/s carries 125 KB. It is stored, and the reports after it count.
TEST(HpccTest, CountersThatCannotBeAreAnotherWay) {
  for (const uint32_t other : {2'000'000u, 1u}) {
    const HpccParams params;
    Hpcc cc(params, Context());
    Ack(cc, {{1'000'000, 0, 0, kLine}});
    Ack(cc, {{other, 10'000, 50'000, kLine}});
    EXPECT_EQ(cc.control().rate, kLine);
    EXPECT_EQ(Of(cc, "utilisation"), 1);
    Ack(cc, {{other + 977, 20'000, 0, kLine}});
    EXPECT_NEAR(Of(cc, "utilisation"), 0.500224, 1e-9);
  }
}

// A report that was overtaken: its clock and its counter lie before those of the last one.
TEST(HpccTest, AReportThatWasOvertakenIsNoNews) {
  const HpccParams params;
  Hpcc cc(params, Context());
  const Bandwidth fast = Bandwidth::GigabitsPerSecond(800);
  Ack(cc, {{10'000, 100'000, 0, fast}});
  Ack(cc, {{9'900, 99'000, 50'000, fast}});
  EXPECT_EQ(cc.control().rate, kLine);
  EXPECT_EQ(Of(cc, "utilisation"), 1);
}

// A queue of 4 MB in front of 1 Gb/s is 3350 base round trips, and no reason to doubt the reports:
// the rate becomes 100 / (1000 / 0.95) + 0.05 Gb/s, as far down as one step goes.
TEST(HpccTest, ALongQueueOfASlowLinkCuts) {
  const HpccParams params;
  Hpcc cc(params, Context());
  const Bandwidth slow = Bandwidth::GigabitsPerSecond(1);
  Ack(cc, {{0, 0, 4'194'240, slow}});
  Ack(cc, {{20, 10'000, 4'194'240, slow}});
  EXPECT_NEAR(Of(cc, "rate"), 145e6, 1);
}

// Any reports at all leave legal answers.
TEST(HpccTest, SurvivesWildReports) {
  const HpccParams params;
  Hpcc cc(params, Context());
  Rng rng(1, 0, 0);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<IntHop> hops(rng.Below(9));
    for (IntHop& hop : hops) {
      hop = {static_cast<uint32_t>(rng.Next()), static_cast<uint32_t>(rng.Below(3) * rng.Next()),
             static_cast<uint32_t>(rng.Next()),
             Bandwidth::BitsPerSecond(static_cast<int64_t>(rng.Below(3) * rng.Below(1u << 31)))};
    }
    Ack(cc, hops, static_cast<int64_t>(rng.Below(200'000)));
    ASSERT_GE(cc.control().rate, params.min_rate);
    ASSERT_LE(cc.control().rate, kLine);
    ASSERT_GT(cc.control().window, Bytes(0));
    ASSERT_TRUE(std::isfinite(Of(cc, "utilisation")));
  }
}

}  // namespace
}  // namespace sluice::cc
