// Ns3Wire::exact: events of one moment in the order in which they were planned, and the coins of
// that simulator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "sim/ns3_coins.h"
#include "test_host.h"

namespace sluice::sim {
namespace {

using ::testing::HasSubstr;

// Frames of 62 B count 60 B there: 5 ns at 96 Gb/s.
constexpr Duration kAnswerTime = Duration::Nanoseconds(5);
constexpr Time kStart = Time::Zero() + Duration::Microseconds(10);

SimulationConfig Exact() {
  SimulationConfig config;
  config.ns3.on = config.ns3.exact = true;
  return config;
}

// Hosts 0 and 1 send to 2 through a switch; their links have these delays.
Topology Meeting(Duration delay0, Duration delay1) {
  LinkConfig link{.rate = Bandwidth::GigabitsPerSecond(96)};
  link.overhead = Bytes(0);
  Topology t = Star(3, link);
  for (size_t i = 0; i < 3; ++i) {
    const Duration delay = i == 0 ? delay0 : i == 1 ? delay1 : kDelay;
    t.links[i].forward.delay = t.links[i].backward.delay = delay;
  }
  return t;
}

// Two frames that reach the switch at one moment: whose leaves it first, by source.
uint32_t FirstOf(const SimulationConfig& config, Duration delay0, Duration delay1) {
  Lab lab(Meeting(delay0, delay1), config);
  const Time meet = kStart + Duration::Microseconds(5);
  lab.host(0).SendAt(meet - delay0, 2, 1, kAckBytes, support::kAcknowledge);
  lab.host(1).SendAt(meet - delay1, 2, 1, kAckBytes, support::kAcknowledge);
  EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kIdle);
  const auto& seen = lab.host(2).seen;
  if (seen.size() != 2) return 0;
  EXPECT_EQ(seen[0].stamp, meet + kAnswerTime * 2 + kDelay);
  EXPECT_EQ(seen[1].stamp, seen[0].stamp + kAnswerTime);
  return seen[0].source;
}

TEST(ExactOrder, WhatWasPlannedFirstComesFirst) {
  constexpr Duration kFar = Duration::Microseconds(2);
  EXPECT_EQ(FirstOf(Exact(), kFar, kDelay), AddressOf(0).ipv4);
  EXPECT_EQ(FirstOf(Exact(), kDelay, kFar), AddressOf(1).ipv4);
}

// Without the option the port decides.
TEST(ExactOrder, OtherwiseThePlaceDecides) {
  SimulationConfig config = Exact();
  config.ns3.exact = false;
  constexpr Duration kFar = Duration::Microseconds(2);
  EXPECT_EQ(FirstOf(config, kFar, kDelay), AddressOf(0).ipv4);
  EXPECT_EQ(FirstOf(config, kDelay, kFar), AddressOf(0).ipv4);
}

// One behind the other, each when the line is free, and none at any other time.
TEST(ExactOrder, TheLineIsNeverIdleAndNeverShared) {
  Lab lab(Meeting(kDelay, kDelay), Exact());
  lab.host(0).SendAt(kStart, 2, 50, kAckBytes, support::kAcknowledge);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(2).seen.size(), 50u);
  for (int64_t i = 0; i < 50; ++i) {
    const TestHost::Seen& seen = lab.host(2).seen[static_cast<size_t>(i)];
    EXPECT_EQ(seen.psn, i);
    EXPECT_EQ(seen.stamp, kStart + kAnswerTime * (i + 2) + kDelay * 2);
    EXPECT_EQ(lab.host(0).sent[static_cast<size_t>(i)], kStart + kAnswerTime * i);
  }
}

// The moment's last, and in the order of their ranks whatever that of the calls.
TEST(ExactOrder, LastIsLast) {
  class Noted : public Pollable {
   public:
    Noted(std::vector<int>& order, int name) : order_(order), name_(name) {}
    size_t Poll(Time now) override {
      if (now == kStart) order_.push_back(name_);
      return 0;
    }
    OptionalTime NextDeadline() const override { return std::nullopt; }

   private:
    std::vector<int>& order_;
    int name_;
  };
  auto sim = *Simulation::Create(Meeting(kDelay, kDelay), Exact());
  std::vector<int> order;
  Noted last0(order, 10), last1(order, 11), usual(order, 2);
  sim->AttachLast(0, &last0);
  sim->AttachLast(1, &last1);
  sim->Attach(2, &usual);
  sim->PlanLast(0, kStart, 7);
  sim->PlanLast(1, kStart, 3);
  sim->Run(kStart - Duration::Nanoseconds(1));
  EXPECT_TRUE(order.empty());
  sim->Run(kStart);
  EXPECT_EQ(order, (std::vector<int>{11, 10}));
}

TEST(ExactOrder, IsOfOneCoreOnTheNs3Wire) {
  const auto error = [](const SimulationConfig& config) {
    return Simulation::Create(Meeting(kDelay, kDelay), config).status().ToString();
  };
  EXPECT_EQ(error(Exact()), "OK");
  SimulationConfig config = Exact();
  config.ns3.on = false;
  EXPECT_THAT(error(config), HasSubstr("exact order"));
  config = Exact();
  config.partitions = 2;
  EXPECT_THAT(error(config), HasSubstr("exact order"));
  config = Exact();
  config.rounds = true;
  EXPECT_THAT(error(config), HasSubstr("exact order"));
  config = Exact();
  config.link_events = {{.when = kStart, .link = 0, .kind = LinkEvent::Kind::kDown}};
  EXPECT_THAT(error(config), HasSubstr("exact order"));
}

// By powers of the matrices of L'Ecuyer et al. in whole numbers of any length (Python): the coins
// 0, 1, 2 and 999 of a run of a fabric of so many nodes.
TEST(Ns3Coins, AreFirstNumbersOfStreams) {
  const struct {
    uint64_t run;
    uint32_t nodes;
    double coins[4];
  } table[] = {
      {1, 9, {0.005490265819704, 0.004357484380332, 0.981002649303654, 0.754119986867755}},
      {2, 9, {0.182693092851006, 0.280873058694786, 0.997439724036367, 0.239552144852198}},
      {1, 98, {0.112830559366559, 0.649138743761196, 0.926984777397670, 0.744950092618731}}};
  constexpr double kNear = 1e-12;
  for (const auto& row : table) {
    for (const double side : {-kNear, kNear}) {
      Ns3Coins coins(row.run, row.nodes);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(coins.Bernoulli(row.coins[i] + side), side > 0) << i;
      for (int i = 3; i < 999; ++i) coins.Skip();
      EXPECT_EQ(coins.Bernoulli(row.coins[3] + side), side > 0);
    }
  }
}

}  // namespace
}  // namespace sluice::sim
