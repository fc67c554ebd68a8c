#include "lab/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"

namespace sluice::lab {
namespace {

// Two-sided 95 % and 99 % points of Student's t, as every table prints them (for instance
// Abramowitz and Stegun, table 26.10, or Fisher and Yates, table III).
TEST(StudentT, AgreesWithTheTables) {
  const struct {
    int degrees;
    double t95, t99;
  } table[] = {{1, 12.706, 63.657}, {2, 4.303, 9.925},  {3, 3.182, 5.841},  {4, 2.776, 4.604},
               {5, 2.571, 4.032},   {6, 2.447, 3.707},  {7, 2.365, 3.499},  {8, 2.306, 3.355},
               {9, 2.262, 3.250},   {10, 2.228, 3.169}, {12, 2.179, 3.055}, {15, 2.131, 2.947},
               {19, 2.093, 2.861},  {20, 2.086, 2.845}, {25, 2.060, 2.787}, {29, 2.045, 2.756},
               {30, 2.042, 2.750},  {40, 2.021, 2.704}, {60, 2.000, 2.660}, {120, 1.980, 2.617}};
  for (const auto& row : table) {
    EXPECT_NEAR(StudentT(row.degrees, 0.95), row.t95, 0.0006) << row.degrees;
    EXPECT_NEAR(StudentT(row.degrees, 0.99), row.t99, 0.0006) << row.degrees;
  }
  // Large degrees approach the normal distribution.
  EXPECT_NEAR(StudentT(100000, 0.95), 1.95996, 1e-3);
}

// One degree is Cauchy's distribution: P(|T| <= t) = 2/pi atan t. Two: t / sqrt(2 + t^2).
TEST(StudentProbability, HasTheClosedFormsOfOneAndTwoDegrees) {
  for (double t = 0; t < 50; t += 0.37) {
    EXPECT_NEAR(StudentProbability(1, t), 2 / M_PI * std::atan(t), 1e-14);
    EXPECT_NEAR(StudentProbability(2, t), t / std::sqrt(2 + t * t), 1e-14);
  }
}

TEST(StudentT, InvertsTheProbability) {
  for (int degrees = 1; degrees <= 200; ++degrees) {
    EXPECT_NEAR(StudentProbability(degrees, StudentT(degrees, 0.95)), 0.95, 1e-12);
  }
}

using Values = std::vector<double>;

TEST(Compare, EqualPairsAreIdentical) {
  const Comparison c = Compare(Values{1, 2, 0}, Values{1, 2, 0}, true);
  EXPECT_EQ(c.verdict, Verdict::kIdentical);
  EXPECT_EQ(c.ratio, 1);
  EXPECT_FALSE(c.low || c.high || c.bootstrap || c.p);  // no variance, no interval
  const Comparison zeros = Compare(Values{0, 0}, Values{0, 0}, true);
  EXPECT_EQ(zeros.verdict, Verdict::kIdentical);
}

// ln ratios 0.1, 0.2, 0.3: mean 0.2, s = 0.1, t(2) = 4.303, half = 4.303 * 0.1 / sqrt 3 = 0.2484.
TEST(Compare, GivesTheIntervalOfTheLogRatios) {
  const Values b = {10, 20, 30};
  const Values a = {10 * std::exp(0.1), 20 * std::exp(0.2), 30 * std::exp(0.3)};
  const Comparison c = Compare(a, b, true);
  EXPECT_NEAR(*c.ratio, std::exp(0.2), 1e-12);
  EXPECT_NEAR(*c.low, std::exp(0.2 - 0.24843), 1e-4);
  EXPECT_NEAR(*c.high, std::exp(0.2 + 0.24843), 1e-4);
  EXPECT_EQ(c.verdict, Verdict::kInconclusive);
}

TEST(Compare, TheDirectionTurnsTheVerdict) {
  const Values low = {10, 11, 10.5, 10.2};
  const Values high = {20, 22, 21.5, 20.1};
  EXPECT_EQ(Compare(low, high, true).verdict, Verdict::kBetter);
  EXPECT_EQ(Compare(high, low, true).verdict, Verdict::kWorse);
  EXPECT_EQ(Compare(low, high, false).verdict, Verdict::kWorse);
  EXPECT_EQ(Compare(high, low, false).verdict, Verdict::kBetter);
}

TEST(Compare, ASmallDifferenceIsEquivalentEvenIfCertain) {
  const Values b = {100, 200, 300};
  const Values a = {101, 202, 303};  // 1 % everywhere, interval of no width
  EXPECT_EQ(Compare(a, b, true).verdict, Verdict::kEquivalent);
  const Values at_margin = {105, 210, 315};
  EXPECT_EQ(Compare(at_margin, b, true).verdict, Verdict::kEquivalent);
  const Values more = {106, 212, 318};
  EXPECT_EQ(Compare(more, b, true).verdict, Verdict::kWorse);
  EXPECT_EQ(Compare(more, b, false).verdict, Verdict::kBetter);
}

TEST(Compare, OneSeedDecidesNothing) {
  const Comparison c = Compare(Values{10}, Values{20}, true);
  EXPECT_EQ(c.verdict, Verdict::kInconclusive);
  EXPECT_NEAR(*c.ratio, 0.5, 1e-12);
  EXPECT_FALSE(c.low.has_value());
  EXPECT_EQ(Compare(Values{10}, Values{10}, true).verdict, Verdict::kIdentical);
}

// Where a value is zero the difference decides and the ratio has no bounds.
TEST(Compare, ZerosAreJudgedByTheDifference) {
  const Comparison none = Compare(Values{0, 0, 0}, Values{90, 100, 110}, true);
  EXPECT_EQ(none.verdict, Verdict::kBetter);
  EXPECT_EQ(none.ratio, 0);
  EXPECT_FALSE(none.low.has_value());
  const Comparison infinite = Compare(Values{90, 100, 110}, Values{0, 0, 0}, true);
  EXPECT_EQ(infinite.verdict, Verdict::kWorse);
  EXPECT_FALSE(infinite.ratio.has_value());
  EXPECT_EQ(Compare(Values{0, 9, 1}, Values{3, 0, 5}, true).verdict, Verdict::kInconclusive);
}

// The same ratio in every seed has no variance to take an interval from.
TEST(Compare, NoVarianceHasNoInterval) {
  const Comparison c = Compare(Values{20, 40, 60}, Values{10, 20, 30}, true);
  EXPECT_NEAR(*c.ratio, 2, 1e-12);
  EXPECT_FALSE(c.low || c.high || c.bootstrap || c.p || c.noninferior);
  EXPECT_EQ(c.verdict, Verdict::kWorse);
}

// d = 0.1, 0.2, 0.3: t = 0.2 / (0.1 / sqrt 3) = 3.4641 with 2 degrees, whose two-sided
// p = 1 - t / sqrt(2 + t^2) = 0.0742.
TEST(Compare, GivesTheP) {
  const Values b = {10, 20, 30};
  const Values a = {10 * std::exp(0.1), 20 * std::exp(0.2), 30 * std::exp(0.3)};
  const double t = 0.2 / (0.1 / std::sqrt(3.0));
  EXPECT_NEAR(*Compare(a, b, true).p, 1 - t / std::sqrt(2 + t * t), 1e-9);
}

TEST(Compare, NonInferiorityLooksAtOneSide) {
  const Values b = {100, 100, 100, 100};
  const Values better = {80, 82, 79, 81};
  EXPECT_EQ(Compare(better, b, true).noninferior, true);
  EXPECT_EQ(Compare(better, b, false).noninferior, false);
  const Values slightly = {102, 103, 101, 102};  // 2 % worse, within 1 %
  EXPECT_EQ(Compare(slightly, b, true).noninferior, true);
}

TEST(Compare, AnInfiniteValueDecidesNothing) {
  const double infinite = std::numeric_limits<double>::infinity();
  const Comparison c = Compare(Values{1, infinite, 2}, Values{1, 1, 1}, true);
  EXPECT_EQ(c.verdict, Verdict::kInconclusive);
  EXPECT_FALSE(c.ratio || c.low || c.p);
  EXPECT_EQ(Compare(Values{infinite}, Values{infinite}, true).verdict, Verdict::kIdentical);
}

TEST(Normal, AgreesWithTheErrorFunction) {
  for (double x = -6; x <= 6; x += 0.25) {
    const double p = 0.5 * std::erfc(-x / std::sqrt(2.0));
    EXPECT_NEAR(NormalProbability(x), p, 1e-13) << x;
    EXPECT_NEAR(NormalQuantile(p), x, 1e-6) << x;
  }
  EXPECT_NEAR(NormalQuantile(0.975), 1.959964, 1e-6);  // every table
}

// The example of Holm's paper's kind: 0.01, 0.04, 0.03 become 3 x 0.01, then 2 x 0.03, then the
// same again, because a larger p cannot be rejected before a smaller one.
TEST(Holm, StepsDown) {
  const std::vector<double> adjusted = HolmAdjusted(Values{0.01, 0.04, 0.03});
  EXPECT_NEAR(adjusted[0], 0.03, 1e-15);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-15);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-15);
  EXPECT_EQ(HolmAdjusted(Values{0.7, 0.9})[1], 1);
  EXPECT_TRUE(HolmAdjusted(Values{}).empty());
}

// Normal-like values: the bootstrap agrees with z s / sqrt n, its own large-sample limit.
TEST(Bootstrap, AgreesWithTheNormalIntervalOfManyValues) {
  Rng rng(7);
  Values x(400);
  double mean = 0, squares = 0;
  for (double& v : x) {
    for (int i = 0; i < 12; ++i) v += rng.Uniform();
    mean += v / 400;
  }
  for (const double v : x) squares += (v - mean) * (v - mean);
  const double error = std::sqrt(squares / 399 / 400);
  const auto bounds = BootstrapOfMean(x);
  ASSERT_TRUE(bounds);
  EXPECT_NEAR(bounds->low, mean - 1.96 * error, 0.15 * error);
  EXPECT_NEAR(bounds->high, mean + 1.96 * error, 0.15 * error);
  EXPECT_EQ(BootstrapOfMean(x)->low, bounds->low);  // its own stream
}

// Skewed to the right: the interval of the mean reaches farther up than down.
TEST(Bootstrap, FollowsTheSkew) {
  Rng rng(3);
  Values x(30);
  double mean = 0;
  for (double& v : x) {
    v = rng.Exponential(1);
    mean += v / 30;
  }
  const auto bounds = BootstrapOfMean(x);
  ASSERT_TRUE(bounds);
  EXPECT_GT(bounds->high - mean, mean - bounds->low);
}

TEST(Bootstrap, NeedsThreeValuesThatDiffer) {
  EXPECT_FALSE(BootstrapOfMean(Values{1, 2}));
  EXPECT_FALSE(BootstrapOfMean(Values{2, 2, 2, 2}));
}

// Pairs whose log ratios are -s, 0, 0, 0, s have the standard deviation s / sqrt 2, and its upper
// bound is 1.5575 times that. With n seeds the reach is (t + t') times it over sqrt n.
TEST(PlannedSeeds, FollowsTheSpread) {
  const auto pilot = [](double s) {
    return PlannedSeeds(Values{std::exp(-s), 1, 1, 1, std::exp(s)}, Values{1, 1, 1, 1, 1});
  };
  EXPECT_EQ(pilot(0.001), kPilotSeeds);
  EXPECT_EQ(pilot(1), kMostSeeds);
  // sigma = 1.5575 x 0.05 / 1.41421 = 0.05507. n = 11: (2.228 + 0.879) x 0.05507 / 3.3166 = 0.0516;
  // n = 12: (2.201 + 0.876) x 0.05507 / 3.4641 = 0.0489; ln 1.05 = 0.04879; n = 13: (2.179 + 0.873)
  // x 0.05507 / 3.6056 = 0.0466.
  EXPECT_EQ(pilot(0.05), 13);
  EXPECT_EQ(PlannedSeeds(Values{1, 2, 3, 4, 5}, Values{1, 2, 3, 4, 5}), kPilotSeeds);
}

TEST(Verdict, HasTheNamesOfTheContract) {
  EXPECT_STREQ(NameOf(Verdict::kBetter), "better");
  EXPECT_STREQ(NameOf(Verdict::kWorse), "worse");
  EXPECT_STREQ(NameOf(Verdict::kEquivalent), "equivalent");
  EXPECT_STREQ(NameOf(Verdict::kInconclusive), "inconclusive");
  EXPECT_STREQ(NameOf(Verdict::kIdentical), "identical");
}

}  // namespace
}  // namespace sluice::lab
