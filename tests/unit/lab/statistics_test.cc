#include "lab/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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
  const Values more = {103, 206, 309};
  EXPECT_EQ(Compare(more, b, true).verdict, Verdict::kWorse);
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

TEST(Verdict, HasTheNamesOfTheContract) {
  EXPECT_STREQ(NameOf(Verdict::kBetter), "better");
  EXPECT_STREQ(NameOf(Verdict::kWorse), "worse");
  EXPECT_STREQ(NameOf(Verdict::kEquivalent), "equivalent");
  EXPECT_STREQ(NameOf(Verdict::kInconclusive), "inconclusive");
  EXPECT_STREQ(NameOf(Verdict::kIdentical), "identical");
}

}  // namespace
}  // namespace sluice::lab
