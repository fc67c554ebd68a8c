#include "cc/dcqcn.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace sluice::cc {
namespace {

constexpr Time At(int64_t us) { return Time::Zero() + Duration::Microseconds(us); }
constexpr Duration kAfterAlpha = Duration::Nanoseconds(1);  // law=timed: cuts come so much later
constexpr Bandwidth Gbps(int64_t v) { return Bandwidth::GigabitsPerSecond(v); }

FlowContext Context() {
  FlowContext context;
  context.line_rate = Gbps(100);
  context.mtu = Bytes(4096);
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
void CnpAt(Controller& cc, int64_t us) { cc.OnCnp(Cnp{.now = At(us), .in_flight = {}, .path = 0}); }
void SendBytes(Controller& cc, int64_t us, int64_t bytes) {
  Sent sent;
  sent.now = At(us);
  sent.payload = Bytes(bytes);
  cc.OnSent(sent);
}

TEST(DcqcnPaperTest, StartsAtLineRateWithoutTimers) {
  const DcqcnParams params;
  const Dcqcn cc(params, Context());
  EXPECT_EQ(cc.control().rate, Gbps(100));
  EXPECT_EQ(cc.control().window, kNoWindow);
  EXPECT_FALSE(cc.control().has_deadline);
}

// Equation 1 with alpha = 1: RT = RC, RC = RC / 2.
TEST(DcqcnPaperTest, FirstCnpHalvesTheRateAndRemembersTheTarget) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 100);
  EXPECT_EQ(cc.control().rate, Gbps(50));
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 100e9);
  EXPECT_DOUBLE_EQ(Of(cc, "alpha"), 1.0);
  EXPECT_TRUE(cc.control().has_deadline);
  EXPECT_EQ(cc.control().deadline, At(155));
}

// Fast recovery: RC = (RT + RC) / 2, so each step halves the gap of 50 Gb/s; five steps.
TEST(DcqcnPaperTest, FastRecoveryHalvesTheGapFiveTimes) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  const double expected[] = {75e9, 87.5e9, 93.75e9, 96.875e9, 98.4375e9};
  for (int i = 0; i < 5; ++i) {
    cc.OnDeadline(At(55 * (i + 1)));
    EXPECT_DOUBLE_EQ(Of(cc, "current_rate"), expected[i]);
    EXPECT_EQ(cc.control().cause, Dcqcn::kFastRecovery);
  }
  cc.OnDeadline(At(55 * 6));
  EXPECT_EQ(cc.control().cause, Dcqcn::kAdditive);
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 100e9);  // not above the line
}

// The target rises by 40 Mb/s a step once F steps of one counter are done, by more when both have
// passed F.
TEST(DcqcnPaperTest, AdditiveThenHyperIncrease) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  CnpAt(cc, 0);  // target 50, current 25
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50e9);
  for (int i = 1; i <= 5; ++i) cc.OnDeadline(At(55 * i));
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50e9);
  cc.OnDeadline(At(55 * 6));
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50.04e9);
  cc.OnDeadline(At(55 * 7));
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50.08e9);
  // Seven steps of the byte counter: while it is at most F the steps are additive, then hyper.
  for (int i = 0; i < 6; ++i) SendBytes(cc, 400, 10'000'000);
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50.32e9);
  SendBytes(cc, 400, 10'000'000);
  EXPECT_EQ(cc.control().cause, Dcqcn::kHyper);
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 50.72e9);
}

TEST(DcqcnPaperTest, ByteCounterFiresEveryTenMegabytes) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  SendBytes(cc, 1, 9'999'999);
  EXPECT_EQ(cc.control().rate, Gbps(50));
  SendBytes(cc, 2, 1);
  EXPECT_EQ(cc.control().rate, Gbps(75));
}

// Equation 2: without a CNP alpha decays by (1 - g) per 55 us; here 100 periods.
TEST(DcqcnPaperTest, AlphaDecaysWhileQuiet) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  CnpAt(cc, 5500);
  double alpha = 1;
  for (int i = 0; i < 100; ++i) alpha *= 1 - 1.0 / 256;
  EXPECT_NEAR(Of(cc, "alpha"), (1 - 1.0 / 256) * alpha + 1.0 / 256, 1e-12);
  // Nobody fired the increase timer here, so the cut is from 50 Gb/s, by the decayed alpha.
  EXPECT_NEAR(Of(cc, "current_rate"), 50e9 * (1 - alpha / 2), 1);
}

TEST(DcqcnPaperTest, NeverBelowTheMinimum) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  for (int i = 0; i < 100; ++i) CnpAt(cc, 50 * i);
  EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(40));
}

TEST(DcqcnPaperTest, ReturnsToTheLineAndThenNeedsNoTimer) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  int steps = 0;
  for (; cc.control().has_deadline && steps < 1000; ++steps) cc.OnDeadline(cc.control().deadline);
  EXPECT_EQ(cc.control().rate, Gbps(100));
  EXPECT_EQ(steps, 36);  // the gap of 50e9 bit/s is 1 bit/s at most after 36 halvings
}

TEST(DcqcnPaperTest, OneLateCallFiresAllTimersThatWereMissed) {
  const DcqcnParams params;
  Dcqcn often(params, Context()), late(params, Context());
  CnpAt(often, 0);
  CnpAt(late, 0);
  for (int i = 1; i <= 8; ++i) often.OnDeadline(At(55 * i));
  late.OnDeadline(At(55 * 8 + 20));
  EXPECT_EQ(often.control().rate, late.control().rate);
  EXPECT_EQ(often.control().deadline, late.control().deadline);
}

TEST(DcqcnPaperTest, ATimeoutCountsAsACnpOncePer50us) {
  const DcqcnParams params;
  Dcqcn cc(params, Context());
  Loss loss;
  loss.kind = LossKind::kTimeout;
  loss.now = At(10);
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Gbps(50));
  loss.now = At(59);
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Gbps(50));
  loss.now = At(60);
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Gbps(25));
  for (LossKind kind : {LossKind::kRnr, LossKind::kCorruption, LossKind::kSackGap}) {
    loss.now = At(500);
    loss.kind = kind;
    cc.OnLoss(loss);
    EXPECT_EQ(cc.control().rate, Gbps(25));
  }
}

// Without CNPs the sender keeps N = 50 us itself; zero, as in the ns-3 presets, counts every mark.
TEST(DcqcnPaperTest, MarksOfAcknowledgementsCountOncePerInterval) {
  for (const bool each : {false, true}) {
    DcqcnParams params;
    params.notice = DcqcnParams::Notice::kAck;
    if (each) params.cnp_interval = Duration::Zero();
    Dcqcn cc(params, Context());
    Feedback feedback;
    feedback.acked_packets = 1;
    feedback.now = At(10);
    cc.OnFeedback(feedback);
    EXPECT_EQ(cc.control().rate, Gbps(100));
    feedback.ce_packets = 1;
    cc.OnFeedback(feedback);
    EXPECT_EQ(cc.control().rate, Gbps(50));
    feedback.now = At(60) - Duration::Picoseconds(1);
    cc.OnFeedback(feedback);
    EXPECT_EQ(cc.control().rate, Gbps(each ? 25 : 50));
    if (each) continue;
    feedback.now = At(60);
    cc.OnFeedback(feedback);
    EXPECT_EQ(cc.control().rate, Gbps(25));
  }
}

TEST(DcqcnNotifierTest, OneCnpPerIntervalAndOnlyForMarks) {
  const DcqcnParams params;
  DcqcnNotifier np(params, Context());
  DataEvent data;
  data.now = At(0);
  EXPECT_FALSE(np.OnData(data).cnp);
  data.ce = true;
  EXPECT_TRUE(np.OnData(data).cnp);
  data.now = At(50) - Duration::Picoseconds(1);
  EXPECT_FALSE(np.OnData(data).cnp);
  data.now = At(50);
  EXPECT_TRUE(np.OnData(data).cnp);
}

TEST(DcqcnNotifierTest, IntervalZeroIsOnePerMarkedPacket) {
  DcqcnParams params;
  params.cnp_interval = Duration::Zero();
  DcqcnNotifier np(params, Context());
  DataEvent data;
  data.ce = true;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(np.OnData(data).cnp);
}

// The ns-3 model: nothing at the CNP itself, the timer of 50 us cuts; both timers start with the
// first CNP, which alpha = 1 stands for, so the first cut is by (1 - 1/256) / 2.
TEST(DcqcnNs3Test, TheTimerCuts) {
  const DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
  Dcqcn cc(params, Context());
  CnpAt(cc, 10);
  EXPECT_EQ(cc.control().rate, Gbps(100));
  const Time cut = At(60) + kAfterAlpha;
  EXPECT_EQ(cc.control().deadline, cut);
  cc.OnDeadline(At(60));
  EXPECT_EQ(cc.control().rate, Gbps(100));
  cc.OnDeadline(cut);
  const double alpha = 1 - 1.0 / 256;
  EXPECT_DOUBLE_EQ(Of(cc, "current_rate"), 100e9 * (1 - alpha / 2));
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 100e9);
  // No cut without a CNP; the increase timer of 55 us.
  EXPECT_EQ(cc.control().deadline, At(115) + kAfterAlpha);
}

TEST(DcqcnNs3Test, CnpsOfOnePeriodCountOnceAndTheGridStays) {
  const DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
  Dcqcn cc(params, Context());
  for (int us : {0, 1, 2, 30}) CnpAt(cc, us);
  cc.OnDeadline(At(50) + kAfterAlpha);
  EXPECT_DOUBLE_EQ(Of(cc, "alpha"), 1.0);  // marked in its first period: (1 - g) + g
  EXPECT_EQ(cc.control().rate, Gbps(50));
  CnpAt(cc, 51);
  EXPECT_EQ(cc.control().deadline, At(100) + kAfterAlpha);
  cc.OnDeadline(At(100) + kAfterAlpha);
  EXPECT_EQ(cc.control().rate, Gbps(25));
  // CLAMP_TARGET_RATE 0: no step came between the cuts, so the target is still the line.
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 100e9);
}

TEST(DcqcnNs3Test, OneFastStepThenOneAdditiveThenHyper) {
  const DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
  Dcqcn cc(params, Context());
  CnpAt(cc, 0);
  cc.OnDeadline(At(50) + kAfterAlpha);
  cc.OnDeadline(At(105) + kAfterAlpha);
  EXPECT_EQ(cc.control().cause, Dcqcn::kFastRecovery);
  cc.OnDeadline(At(160) + kAfterAlpha);
  EXPECT_EQ(cc.control().cause, Dcqcn::kAdditive);
  cc.OnDeadline(At(215) + kAfterAlpha);
  EXPECT_EQ(cc.control().cause, Dcqcn::kHyper);
}

// 50 us after the cut of 50 us the timers of a step and of the next cut are due together.
TEST(DcqcnNs3Test, AtOneMomentAStepComesBeforeACut) {
  DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
  params.rate_timer = Duration::Microseconds(50);
  Dcqcn cc(params, Context());
  for (int us : {0, 1}) CnpAt(cc, us);
  cc.OnDeadline(At(50) + kAfterAlpha);
  CnpAt(cc, 60);
  cc.OnDeadline(At(100) + kAfterAlpha);
  // 50 Gb/s, half way up to the line, and a cut of that, which the target remembers.
  EXPECT_DOUBLE_EQ(Of(cc, "target_rate"), 75e9);
  EXPECT_EQ(cc.control().cause, Dcqcn::kCut);
}

// A CNP that comes with the tick of the timer that cuts is seen by the next tick.
TEST(DcqcnNs3Test, ACnpAtTheTickWaitsForTheNext) {
  const DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
  Dcqcn cc(params, Context());
  for (int us : {0, 1}) CnpAt(cc, us);
  Cnp late;
  late.now = At(50) + kAfterAlpha;
  cc.OnCnp(late);
  EXPECT_EQ(cc.control().rate, Gbps(50));
  EXPECT_EQ(cc.control().deadline, At(100) + kAfterAlpha);
}

// With a gain of 1/2 alpha goes from 1 to 1/2 in a period without a CNP, and stays 1 in one with.
TEST(DcqcnNs3Test, TheTieSaysToWhichPeriodOfAlphaACnpAtItsEndBelongs) {
  using Tie = DcqcnParams::Tie;
  for (const auto& [tie, rate] : {std::pair{Tie::kTimer, Gbps(75)}, {Tie::kCnp, Gbps(50)}}) {
    DcqcnParams params = DcqcnParams::Of(DcqcnParams::Preset::kNs3);
    params.g = 0.5;
    params.tie = tie;
    Dcqcn cc(params, Context());
    for (int us : {0, 50}) CnpAt(cc, us);
    cc.OnDeadline(At(50) + kAfterAlpha);
    EXPECT_EQ(cc.control().rate, rate);
  }
}

TEST(DcqcnParamsTest, PresetsCanBeOverridden) {
  const auto made = MakeAlgorithm("dcqcn:preset=ns3-50us,ai=40Mbps,byte_counter=1MB");
  ASSERT_TRUE(made.ok()) << made.status();
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : (*made)->params()) values[key] = value;
  const std::map<std::string, std::string> expected = {{"preset", "ns3-50us"},
                                                       {"law", "timed"},
                                                       {"g", "0.00390625"},
                                                       {"ai", "40Mbps"},
                                                       {"hai", "200Mbps"},
                                                       {"min_rate", "1Gbps"},
                                                       {"fast_recovery", "1"},
                                                       {"byte_counter", "1MB"},
                                                       {"rate_timer", "55us"},
                                                       {"alpha_timer", "50us"},
                                                       {"decrease_interval", "50us"},
                                                       {"target", "kept"},
                                                       {"cnp_interval", "0ps"},
                                                       {"loss", "ignore"},
                                                       {"notice", "cnp"},
                                                       {"tie", "timer"},
                                                       {"window", "none"}};
  EXPECT_EQ(values, expected);
}

TEST(DcqcnParamsTest, WhatMakesNoSenseIsRefusedWithTheCure) {
  for (const auto& [text, says] : std::initializer_list<std::pair<const char*, const char*>>{
           {"dcqcn:law=timed", "decrease_interval above zero"},
           {"dcqcn:hai=1Mbps", "hai is below ai"},
           {"dcqcn:preset=papr", "did you mean 'paper'"},
           {"dcqcn:g=2", "out of range"},
           {"dcqcn:ai=40MB", "unknown unit"}}) {
    const auto made = MakeAlgorithm(text);
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_NE(std::string(made.status().message()).find(says), std::string::npos) << made.status();
  }
}

}  // namespace
}  // namespace sluice::cc
