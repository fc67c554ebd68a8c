#include "sim/link_faults.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

using Fate = LinkFaultState::Fate;

// to_bad 1 %, to_good 20 %: 1/21 of the frames are lost, in runs of 5 on average.
TEST(LinkFaults, BurstsHaveTheLengthAndRateOfTheChain) {
  LinkFaultState state({.to_bad = 0.01, .to_good = 0.2}, Rng(1), 0);
  constexpr int kFrames = 1'000'000;
  int lost = 0;
  int runs = 0;
  bool before = false;
  for (int i = 0; i < kFrames; ++i) {
    const bool now = state.Decide(0) == Fate::kLost;
    lost += now;
    runs += now && !before;
    before = now;
  }
  EXPECT_NEAR(lost, kFrames / 21.0, 0.03 * kFrames / 21.0);
  EXPECT_NEAR(static_cast<double>(lost) / runs, 5, 0.1);
}

TEST(LinkFaults, CorruptionIsIndependent) {
  LinkFaultState state({.corrupt = 0.1}, Rng(2), 0);
  int corrupt = 0;
  for (int i = 0; i < 100'000; ++i) corrupt += state.Decide(0) == Fate::kCorrupt;
  EXPECT_NEAR(corrupt, 10'000, 5 * std::sqrt(9000.0));
}

// A 5-tuple is gone for good or never; a tenth of them is; another link has others.
TEST(LinkFaults, BlackholesTakeWholeFlows) {
  LinkFaultState state({.blackhole = 0.1}, Rng(3), 77);
  LinkFaultState other({.blackhole = 0.1}, Rng(3), 78);
  int gone = 0;
  int both = 0;
  for (uint32_t key = 0; key < 100'000; ++key) {
    const Fate fate = state.Decide(key);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(state.Decide(key), fate);
    gone += fate == Fate::kBlackhole;
    both += fate == Fate::kBlackhole && other.Decide(key) == Fate::kBlackhole;
  }
  EXPECT_NEAR(gone, 10'000, 5 * std::sqrt(9000.0));
  EXPECT_NEAR(both, 1'000, 5 * std::sqrt(990.0));
}

TEST(LinkFaults, ValidateRefusesWhatIsNoProbability) {
  EXPECT_TRUE(LinkFaults{}.Validate().ok());
  EXPECT_FALSE(LinkFaults{.to_bad = 1.5}.Validate().ok());
  EXPECT_FALSE(LinkFaults{.corrupt = -0.1}.Validate().ok());
  EXPECT_FALSE(LinkFaults{.blackhole = std::nan("")}.Validate().ok());
}

