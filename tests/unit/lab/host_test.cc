// Hosts of an experiment: the model of a file, the preset, and what it does to a flow.
#include <gtest/gtest.h>

#include <string>

#include "lab/experiment_file.h"
#include "lab/runner.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

using cli::Json;

// 100 packets of 1000 B from host 0 to host 1.
Json OneFlow(const Json& host) {
  Json j = {{"format", "sluice-experiment/1"},
            {"name", "one-flow"},
            {"topology", {{"kind", "star"}, {"hosts", 2}, {"rate", "100Gbps"}, {"delay", "1us"}}},
            {"flows", {{0, 1, 100'000, "0us"}}}};
  if (!host.is_null()) j["host"] = host;
  return j;
}

RunResult RunOf(const Json& json, uint64_t seed = 1) {
  const auto chosen = ParseExperimentFile("x.json", json.dump());
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  RunOptions options;
  options.algorithm = "fixed";
  options.seed = seed;
  auto run = lab::Run(*chosen->Build(seed), options);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *std::move(run) : RunResult();
}

TEST(Hosts, AreIdealUnlessSaid) {
  const RunResult run = RunOf(OneFlow(nullptr));
  EXPECT_EQ(run.flows[0].fct, run.flows[0].ideal);
  EXPECT_EQ(RunOf(OneFlow({{"preset", "ideal"}})).trace_hash, run.trace_hash);
}

// Both directions of the way: 300 + 200 ns for the data, as much for the last acknowledgement.
TEST(Hosts, DelaysCountOncePerDirection) {
  const RunResult ideal = RunOf(OneFlow(nullptr));
  const RunResult run = RunOf(OneFlow({{"receive_delay", "300ns"}, {"transmit_delay", "200ns"}}));
  EXPECT_EQ(run.flows[0].fct - ideal.flows[0].fct, Duration::Microseconds(1));
}

// A core that takes 200 ns for a packet sends 5 million of them in a second, less than the line
// does: 100 packets take 20 us, of which the last one's 0.2 us and a few acknowledgements are not
// all in the way.
TEST(Hosts, ACoreThatIsSlowerThanTheLineBoundsTheRate) {
  const RunResult run = RunOf(OneFlow({{"packet_cost", "200ns"}, {"burst", 1}}));
  EXPECT_GT(run.flows[0].fct, Duration::Microseconds(20));
  EXPECT_LT(run.flows[0].fct, Duration::Microseconds(28));
}

// One acknowledgement for each packet, or for each 16th (or 25th) and the last: each crosses two
// links. 25 packets take 2.2 us; after a round trip, 4.2 us, a packet asks in any case.
TEST(Hosts, AskForAcknowledgementsAsOftenAsSaid) {
  EXPECT_EQ(RunOf(OneFlow({{"ack_every", 1}})).packet_hops, 2u * (100 + 100));
  EXPECT_EQ(RunOf(OneFlow(nullptr)).packet_hops, 2u * (100 + 7));
  EXPECT_EQ(RunOf(OneFlow({{"ack_every", 25}})).packet_hops, 2u * (100 + 4));
}

TEST(Hosts, StallAsTheSeedSays) {
  const Json json = OneFlow({{"stall", "5us"}, {"stall_every", "5us"}});
  EXPECT_EQ(RunOf(json, 1).trace_hash, RunOf(json, 1).trace_hash);
  EXPECT_NE(RunOf(json, 1).trace_hash, RunOf(json, 2).trace_hash);
  Json fixed = json;
  fixed["random"] = {"arrivals"};
  EXPECT_EQ(RunOf(fixed, 1).flows[0].fct, RunOf(fixed, 2).flows[0].fct);
}

TEST(Hosts, ThePresetCanBeAltered) {
  const auto host_of = [](const Json& host) {
    const auto chosen = ParseExperimentFile("x.json", OneFlow(host).dump());
    EXPECT_TRUE(chosen.ok()) << chosen.status();
    return chosen->Build(1)->hosts;
  };
  const sim::HostModel dpdk = sim::HostModel::Dpdk();
  EXPECT_EQ(host_of({{"preset", "dpdk"}}).packet_cost, dpdk.packet_cost);
  const sim::HostModel mine = host_of({{"preset", "dpdk"}, {"poll_period", "1us"}});
  EXPECT_EQ(mine.packet_cost, dpdk.packet_cost);
  EXPECT_EQ(mine.poll_period, Duration::Microseconds(1));
  EXPECT_FALSE(mine.nic_stamps);
  EXPECT_TRUE(host_of({{"preset", "dpdk"}, {"stamps", "nic"}}).nic_stamps);
}

TEST(Hosts, WhatCannotBeIsRefusedByName) {
  const auto error = [](const Json& json) {
    const auto chosen = ParseExperimentFile("x.json", json.dump());
    return chosen.ok() ? std::string("taken") : std::string(MessageOf(chosen.status()));
  };
  EXPECT_NE(error(OneFlow({{"pol_period", "1us"}})).find("poll_period"), std::string::npos);
  EXPECT_NE(error(OneFlow({{"stall", "1us"}})).find("stall_every"), std::string::npos);
  EXPECT_NE(error(OneFlow({{"burst", 65}})).find("host.burst"), std::string::npos);
  EXPECT_NE(error(OneFlow({{"packet_cost", "2s"}})).find("host: a time"), std::string::npos);
  EXPECT_NE(error(OneFlow({{"preset", "xdp"}})).find("host.preset"), std::string::npos);
  Json ns3 = OneFlow({{"preset", "dpdk"}});
  ns3["profile"] = "hpcc-ns3";
  EXPECT_NE(error(ns3).find("hosts of its own"), std::string::npos);
}

// The same for experiments by name.
TEST(Hosts, AreAParameterOfEveryExperiment) {
  for (const Experiment& e : Experiments()) {
    const auto chosen = Choose(std::string(e.name) + ":host=dpdk");
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    EXPECT_FALSE(chosen->Build(1)->hosts.ideal()) << e.name;
  }
  EXPECT_FALSE(Choose("incast:host=fast").ok());
}

}  // namespace
}  // namespace sluice::lab
