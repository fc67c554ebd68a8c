// Which experiments the wire world carries, and by how much it stretches them.
#include "bridge/plan.h"

#include <gtest/gtest.h>

#include <string>

#include "lab/experiment.h"
#include "lab/ideal.h"

namespace sluice::bridge {
namespace {

absl::StatusOr<WirePlan> PlanOf(std::string_view experiment, const WireLimits& limits = {}) {
  const auto chosen = lab::Choose(experiment);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(1);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return PlanWire(*scenario, limits);
}

void ExpectRefused(std::string_view experiment, std::string_view why,
                   const WireLimits& limits = {}) {
  const auto plan = PlanOf(experiment, limits);
  ASSERT_FALSE(plan.ok()) << experiment;
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(plan.status().message());
  EXPECT_NE(message.find(why), std::string::npos) << message;
  EXPECT_NE(message.find(';'), std::string::npos) << "no cure: " << message;
}

TEST(PlanWire, StretchesByOneWholeNumber) {
  const auto chosen = lab::Choose("incast:senders=4,size=100KB,mtu=1024");
  ASSERT_TRUE(chosen.ok());
  const lab::Scenario asked = *chosen->Build(1);
  const auto plan = PlanWire(asked);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const lab::Scenario& s = plan->scenario;
  EXPECT_GT(plan->scale, 1);
  const int64_t scale = plan->scale;
  EXPECT_EQ(s.topology.links[0].forward.rate.bps(), 100'000'000'000 / scale);
  EXPECT_EQ(s.topology.links[0].forward.delay, Duration::Microseconds(1) * scale);
  for (size_t i = 0; i < s.flows.size(); ++i) {
    EXPECT_EQ(s.flows[i].start.ps(), asked.flows[i].start.ps() * static_cast<uint64_t>(scale));
    EXPECT_EQ(s.flows[i].size, asked.flows[i].size);
  }
  EXPECT_EQ(s.switches.buffer, asked.switches.buffer);
  EXPECT_EQ(s.switches.ecn.kmin, asked.switches.ecn.kmin);
  EXPECT_EQ(s.mtu, kWireMtu);
  // 4.096 us * 2^code is stretched as much at least, and less than twice as much.
  EXPECT_GE(int64_t{1} << (s.timeout - asked.timeout), scale);
  EXPECT_LT(int64_t{1} << (s.timeout - asked.timeout), 2 * scale);
}

TEST(PlanWire, TheRoundTripIsAMillisecondAtLeastAndTheLinesAreCarried) {
  for (const char* e : {"incast:senders=1,size=10KB", "incast:senders=16,size=10KB",
                        "incast:senders=31,size=10KB", "permutation:topology=star,hosts=8"}) {
    const auto plan = PlanOf(e);
    ASSERT_TRUE(plan.ok()) << e << plan.status();
    EXPECT_GE(plan->base_rtt, Duration::Milliseconds(1)) << e;
    int64_t lines = 0;
    for (const WireHost& host : plan->hosts) lines += host.up.rate.bps();
    EXPECT_LE(lines, WireLimits().carried.bps()) << e;
    const lab::Paths paths(plan->scenario.topology);
    for (const lab::FlowSpec& f : plan->scenario.flows) {
      EXPECT_GE(paths.BaseRtt(f.source, f.destination, kWireMtu), plan->base_rtt);
    }
  }
}

TEST(PlanWire, WhatIsSlowEnoughStaysAsItIs) {
  const auto plan = PlanOf("incast:senders=1,size=10KB,rate=1Gbps,delay=1ms");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->scale, 1);
  EXPECT_EQ(plan->rate, Bandwidth::GigabitsPerSecond(1));
}

TEST(PlanWire, SaysWhatItCannotCarryAndTheCure) {
  ExpectRefused("incast:senders=32", "33 hosts");
  ExpectRefused("incast:senders=31,size=100MB", "MB of messages");
  WireLimits quick;
  quick.time = Duration::Seconds(1);
  ExpectRefused("incast:senders=9,size=100MB", "it would take", quick);
  ExpectRefused("permutation:topology=leaf-spine,hosts=16", "switches");
  ExpectRefused("permutation:topology=star,hosts=8,pfc=on", "pause");
  ExpectRefused("loss:p=0.001", "los");
}

}  // namespace
}  // namespace sluice::bridge
