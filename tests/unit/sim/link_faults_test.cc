#include "sim/link_faults.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/topologies.h"
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

// Host 0 sends 40 frames from t = 0; its link is cut from 10.5 T on and repaired 10 T later. Frame
// k starts at k T and has arrived at (k + 1) T + 1 us = (k + 12.55) T: all that starts before the
// repair and has not arrived before the cut is lost.
TEST(LinkEvents, ACutLosesWhatIsOnTheLinkUntilTheRepair) {
  SimulationConfig config;
  const Time cut = Time::Zero() + kDataTime * 21 / 2;
  config.link_events = Flap(0, cut, kDataTime * 10, Duration::Milliseconds(1), 1);
  Lab lab(Star(2, {}), config);
  lab.host(0).SendAt(Time::Zero(), 1, 40);
  lab.RunFor(Duration::Milliseconds(1));
  // Frames 0..20 start before 20.5 T, and none of them arrives before 10.5 T.
  ASSERT_EQ(lab.host(1).seen.size(), 19u);
  EXPECT_EQ(lab.host(1).seen[0].psn, 21u);
  EXPECT_EQ(lab.sim->lost(), 21u);
  EXPECT_EQ(lab.sim->packets_in_use(), 0u);
}

// Half the rate from 10 T on: frame 10 starts then and takes 2 T, as do all after it.
TEST(LinkEvents, DegradationStretchesWhatStartsLater) {
  SimulationConfig config;
  LinkConfig half;
  half.rate = Bandwidth::GigabitsPerSecond(50);
  config.link_events = {
      {Time::Zero() + kDataTime * 9 + Duration::Picoseconds(1), 0, LinkEvent::Kind::kChange, half}};
  Lab lab(Star(2, {}), config);
  lab.host(0).SendAt(Time::Zero(), 1, 20);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(1).seen.size(), 20u);
  for (int k = 0; k < 20; ++k) {
    const int64_t end = k < 10 ? k + 1 : 10 + 2 * (k - 9);
    EXPECT_EQ(lab.host(1).seen[k].stamp, Time::Zero() + kDataTime * (end + 1) + kDelay * 2) << k;
  }
}

// Two spines; the one that the flow uses is cut and routes follow 5 us later: what was sent between
// is lost, the rest comes over the other spine.
TEST(LinkEvents, RoutesFollowACut) {
  const Topology t =
      LeafSpine(2, 1, 2, {}, {});  // links: 2 of hosts, leaf 2 - spines, leaf 3 - spines
  const auto run = [&](const std::vector<LinkEvent>& events) {
    SimulationConfig config;
    config.link_events = events;
    config.reroute_delay = Duration::Microseconds(5);
    Lab lab(t, config);
    lab.host(0).SendAt(Time::Zero(), 1, 400);
    lab.RunFor(Duration::Milliseconds(1));
    return std::pair(lab.host(1).seen.size(), lab.sim->lost());
  };
  const Time cut = Time::Zero() + Duration::Microseconds(10);
  const auto first = run({{cut, 2, LinkEvent::Kind::kDown, {}}});
  const auto second = run({{cut, 3, LinkEvent::Kind::kDown, {}}});
  // One of the two is the flow's way. It loses what reaches leaf 2 from 1 us (in flight) before the
  // cut until the routes change: 6 us of frames and one or two at the edges.
  EXPECT_EQ(std::min(first.second, second.second), 0u);
  const uint64_t lost = std::max(first.second, second.second);
  EXPECT_NEAR(static_cast<double>(lost), 6'000 / 86.56, 2);
  EXPECT_EQ(first.first + first.second, 400u);
  EXPECT_EQ(second.first + second.second, 400u);
}

TEST(LinkEvents, RefusesALinkThatIsNotThere) {
  SimulationConfig config;
  config.link_events = {{Time::Zero(), 2, LinkEvent::Kind::kDown, {}}};
  EXPECT_FALSE(Simulation::Create(Star(2, {}), config).ok());
}

}  // namespace
}  // namespace sluice::sim
