#include "base/rng.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice {
namespace {

TEST(Rng, SplitMixMatchesThePublishedFirstOutputs) {
  // SplitMix64 from state 0 gives these words (Vigna's reference program).
  EXPECT_EQ(Mix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(Mix64(0x9e3779b97f4a7c15ULL), 0x6e789e6aa1b965f4ULL);
}

TEST(Rng, StreamsAreIndependentOfEachOther) {
  Rng a(1, 2, 3), b(1, 2, 4), c(1, 3, 3), again(1, 2, 3);
  const uint64_t x = a.Next();
  EXPECT_NE(x, b.Next());
  EXPECT_NE(x, c.Next());
  EXPECT_EQ(x, again.Next());
}

TEST(Rng, BelowIsUniform) {
  Rng rng(7);
  int count[10] = {};
  for (int i = 0; i < 100000; ++i) ++count[rng.Below(10)];
  // Chi-squared with 9 degrees of freedom: 99.9 % lie below 27.9.
  double chi = 0;
  for (int c : count) chi += (c - 10000.0) * (c - 10000.0) / 10000.0;
  EXPECT_LT(chi, 27.9);
}

TEST(Rng, BernoulliAtItsEnds) {
  Rng rng(8);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(rng.Bernoulli(0));
    EXPECT_TRUE(rng.Bernoulli(1));
  }
}

TEST(Rng, ExponentialHasItsMean) {
  Rng rng(9);
  double sum = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) sum += rng.Exponential(5.0);
  // Standard error of the mean: 5 / sqrt(1e5) = 0.0158; five of them.
  EXPECT_NEAR(sum / kDraws, 5.0, 0.079);
}

}  // namespace
}  // namespace sluice
