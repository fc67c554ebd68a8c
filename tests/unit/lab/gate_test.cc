#include "lab/gate.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::lab {
namespace {

// New over old of one metric, per seed.
GateState DecideRatios(std::string_view gate, std::string_view metric,
                       const std::vector<double>& ratios) {
  Contest contest;
  for (const double ratio : ratios) {
    RunValues run;
    run.values.assign(MetricKinds().size(), 10);
    run.flows = 10;
    contest.b.push_back(run);
    run.values[*FindMetric(metric)] *= ratio;
    contest.a.push_back(run);
  }
  return Decide(*ParseGate(gate), JudgeAll({&contest, 1}, 0)[0]);
}

TEST(ParseGate, TakesMetricAndMargin) {
  const auto gate = ParseGate("worse:p99_slowdown>2%");
  ASSERT_TRUE(gate.ok()) << gate.status();
  EXPECT_EQ(gate->metric, *FindMetric("slowdown_p99"));
  EXPECT_DOUBLE_EQ(gate->margin, 0.02);
  EXPECT_EQ(ParseGate("worse:goodput_gbps")->margin, 0);
  EXPECT_DOUBLE_EQ(ParseGate("worse:jain>0.5%")->margin, 0.005);
}

TEST(ParseGate, RefusesTheRest) {
  for (const char* text :
       {"", "worse", "better:jain>1%", "worse:jian>1%", "worse:jain>", "worse:>2%", "worse:jain>2",
        "worse:jain>-2%", "worse:jain>x%", "worse:jain<2%"}) {
    EXPECT_EQ(ParseGate(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_NE(ParseGate("worse:jian>1%").status().ToString().find("did you mean 'jain'"),
            std::string::npos);
}

TEST(Decide, LooksAtTheWholeInterval) {
  const char* const gate = "worse:p99_slowdown>2%";
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.10, 1.11, 1.12}), GateState::kNotMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.009, 1.010, 1.011}), GateState::kMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {0.8, 0.81, 0.82}), GateState::kMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.0, 1.02, 1.05}), GateState::kUndecided);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1, 1, 1}), GateState::kMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1}), GateState::kMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.5}), GateState::kUndecided);
  // The same in every seed: no interval, and no doubt.
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.5, 1.5, 1.5}), GateState::kNotMet);
  EXPECT_EQ(DecideRatios(gate, "slowdown_p99", {1.01, 1.01, 1.01}), GateState::kMet);
}

TEST(Decide, WorseIsLessWhereMoreIsBetter) {
  const char* const gate = "worse:goodput>2%";
  EXPECT_EQ(DecideRatios(gate, "goodput_gbps", {0.90, 0.91, 0.92}), GateState::kNotMet);
  EXPECT_EQ(DecideRatios(gate, "goodput_gbps", {1.10, 1.11, 1.12}), GateState::kMet);
}

TEST(Decide, CountsThatAreZeroAreJudgedByTheirDifference) {
  Contest contest;
  for (int i = 0; i < 4; ++i) {
    RunValues run;
    run.values.assign(MetricKinds().size(), 0);
    contest.b.push_back(run);
    run.values[*FindMetric("drops")] = 100 + i;
    contest.a.push_back(run);
  }
  const Gate gate = *ParseGate("worse:drops>2%");
  EXPECT_EQ(Decide(gate, JudgeAll({&contest, 1}, 0)[0]), GateState::kNotMet);
  std::swap(contest.a, contest.b);
  EXPECT_EQ(Decide(gate, JudgeAll({&contest, 1}, 0)[0]), GateState::kMet);
}

TEST(Decide, UnfinishedFlowsAreWorse) {
  Contest contest;
  for (int i = 0; i < 3; ++i) {
    RunValues run;
    run.values.assign(MetricKinds().size(), 10);
    run.flows = 10;
    contest.b.push_back(run);
    run.values[0] = 9 + 0.1 * i;
    run.unfinished = 1;
    contest.a.push_back(run);
  }
  EXPECT_EQ(Decide(*ParseGate("worse:p99_slowdown>2%"), JudgeAll({&contest, 1}, 0)[0]),
            GateState::kNotMet);
}

}  // namespace
}  // namespace sluice::lab
