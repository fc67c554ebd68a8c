#include "switch/ecn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace sluice::switching {
namespace {

constexpr EcnProfile kRamp{EcnProfile::Mode::kDequeue, Bytes(400'000), Bytes(1'600'000), 0.2};

TEST(EcnProfile, ProbabilityIsARampBetweenTwoSteps) {
  EXPECT_EQ(kRamp.Probability(Bytes(0)), 0);
  EXPECT_EQ(kRamp.Probability(Bytes(400'000)), 0);
  EXPECT_DOUBLE_EQ(kRamp.Probability(Bytes(700'000)), 0.05);
  EXPECT_DOUBLE_EQ(kRamp.Probability(Bytes(1'000'000)), 0.1);
  EXPECT_DOUBLE_EQ(kRamp.Probability(Bytes(1'600'000)), 0.2);
  EXPECT_EQ(kRamp.Probability(Bytes(1'600'001)), 1);
}

TEST(EcnProfile, EqualThresholdsAreAStep) {
  const EcnProfile step{EcnProfile::Mode::kDequeue, Bytes(300), Bytes(300), 1};
  EXPECT_EQ(step.Probability(Bytes(300)), 0);
  EXPECT_EQ(step.Probability(Bytes(301)), 1);
}

// The share of marks lies within five standard deviations of the binomial: a right marker fails one
// seed in a million, and the seed is fixed.
TEST(EcnProfile, DecideMarksWithTheProbability) {
  Rng rng(7);
  for (const int64_t waiting : {500'000, 700'000, 1'000'000, 1'300'000, 1'600'000}) {
    constexpr int kDraws = 200'000;
    const double p = 0.2 * static_cast<double>(waiting - 400'000) / 1'200'000;
    int marks = 0;
    for (int i = 0; i < kDraws; ++i) marks += kRamp.Decide(Bytes(waiting), rng);
    EXPECT_NEAR(marks, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << waiting;
  }
}

TEST(EcnProfile, CertainDecisionsDoNotDraw) {
  Rng rng(7);
  Rng untouched(7);
  EXPECT_FALSE(kRamp.Decide(Bytes(400'000), rng));
  EXPECT_TRUE(kRamp.Decide(Bytes(1'600'001), rng));
  EXPECT_EQ(rng.Next(), untouched.Next());
}

TEST(EcnProfile, ValidateNamesTheField) {
  EXPECT_TRUE(kRamp.Validate().ok());
  EXPECT_TRUE(EcnProfile().Validate().ok());
  EcnProfile bad = kRamp;
  bad.kmin = Bytes(-1);
  EXPECT_NE(bad.Validate().message().find("kmin"), std::string::npos);
  bad = kRamp;
  bad.kmax = Bytes(399'999);
  EXPECT_NE(bad.Validate().message().find("kmax"), std::string::npos);
  for (const double pmax : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    bad = kRamp;
    bad.pmax = pmax;
    EXPECT_NE(bad.Validate().message().find("pmax"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::switching
