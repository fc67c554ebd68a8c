#include "lab/bound.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "lab/metrics.h"
#include "lab/result.h"
#include "lab/scenario.h"

namespace sluice::lab {
namespace {

std::vector<double> Rates(const std::vector<double>& capacity,
                          const std::vector<std::vector<size_t>>& links) {
  std::vector<const std::vector<size_t>*> pointers;
  for (const std::vector<size_t>& l : links) pointers.push_back(&l);
  return MaxMinRates(capacity, pointers);
}

// The example of Bertsekas and Gallager, section 6.5.2: a chain of links of capacity 1; sessions 2,
// 3 and 5 share one link and get 1/3, session 1 shares the next with one of them and gets 2/3, and
// session 4 has a link of its own to the full.
TEST(MaxMinRates, SharesAsTheTextbook) {
  const std::vector<double> r = Rates({1, 1, 1}, {{1}, {0}, {0, 1}, {2}, {0}});
  EXPECT_NEAR(r[1], 1.0 / 3, 1e-15);
  EXPECT_NEAR(r[2], 1.0 / 3, 1e-15);
  EXPECT_NEAR(r[4], 1.0 / 3, 1e-15);
  EXPECT_NEAR(r[0], 2.0 / 3, 1e-15);
  EXPECT_NEAR(r[3], 1, 1e-15);
}

// A flow over two links against one on each: the long one gets half of the narrower link, and who
// shares the wider link with it gets the rest.
TEST(MaxMinRates, GivesWhatOthersCannotUse) {
  const std::vector<double> r = Rates({10, 4}, {{0, 1}, {0}, {1}});
  EXPECT_DOUBLE_EQ(r[0], 2);
  EXPECT_DOUBLE_EQ(r[1], 8);
  EXPECT_DOUBLE_EQ(r[2], 2);
}

RunOrder OrderFor(const Chosen& experiment, uint64_t seed = 1) {
  RunOrder order;
  order.experiment = &experiment;
  order.algorithm = "fixed";
  order.seed = seed;
  return order;
}

TEST(FluidRun, ALoneFlowTakesItsIdealTime) {
  for (const char* text :
       {"incast:senders=1,size=1MB", "incast:senders=1,size=1", "loss:messages=1,size=1MB"}) {
    const auto experiment = Choose(text);
    const auto run = FluidRun(OrderFor(*experiment));
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->flows[0].fct.ps(), run->flows[0].ideal.ps()) << text;
  }
}

// n flows that start together into one link: each has 1/n of it all the time, so that each takes n
// times its wire time, and the way beside it once.
TEST(FluidRun, AnIncastSharesTheLastLink) {
  const auto experiment = Choose("incast:senders=16,size=1MB,spread=0");
  const auto run = FluidRun(OrderFor(*experiment));
  ASSERT_TRUE(run.ok());
  // 1000 packets of 1058 B, 24 B of overhead each, 16 B of RETH, at 80 ps per byte.
  const int64_t wire = (1000 * 1082 + 16) * 80;
  for (const FlowResult& f : run->flows) {
    EXPECT_NEAR(static_cast<double>((f.fct - f.ideal).ps()), static_cast<double>(15 * wire), 2);
  }
}

TEST(FluidRun, RatesChangeWhenFlowsComeAndGo) {
  const auto experiment = Choose("joinleave:flows=2,jitter=0");
  const auto run = FluidRun(OrderFor(*experiment));
  ASSERT_TRUE(run.ok());
  const auto scenario = experiment->Build(1);
  // joinleave sends what fair shares carry while flow 0 has the line, both have it, and flow 0 has
  // it again: flow 0 takes three steps, flow 1 one.
  const double step = static_cast<double>((scenario->flows[1].start - Time::Zero()).ps());
  EXPECT_NEAR(static_cast<double>(run->flows[0].fct.ps()) / step, 3, 0.01);
  EXPECT_NEAR(static_cast<double>(run->flows[1].fct.ps()) / step, 1, 0.01);
}

// No run beats the fluid at one bottleneck, whatever the algorithm.
TEST(FluidRun, IsALowerBoundOfTheLastFinish) {
  for (const char* text : {"incast:senders=8,size=200KB", "incast-shallow:senders=8,size=200KB"}) {
    const auto experiment = Choose(text);
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const auto bound = BoundResult(OrderFor(*experiment, seed));
      ASSERT_TRUE(bound.ok());
      for (const char* algorithm : {"tita", "dcqcn", "fixed"}) {
        RunOrder order = OrderFor(*experiment, seed);
        order.algorithm = algorithm;
        const auto run = RunOne(order, {}, {});
        ASSERT_TRUE(run.ok());
        EXPECT_GE((*run).result["last_finish_ns"].get<double>(),
                  (*bound)["last_finish_ns"].get<double>())
            << text << " " << algorithm;
      }
    }
  }
}

// Flows that wait for others, and the ways of another simulator's hash, are none of the fluid's: a
// comparison then goes without a bound.
TEST(CheckBound, RefusesWhatTheFluidDoesNotKnow) {
  const auto ring = Choose("allreduce");
  const auto refused = BoundJson(OrderFor(*ring));
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_NE(refused.status().ToString().find("start when others end"), std::string::npos);
  RunOrder order = OrderFor(*ring);
  order.bound = true;
  const auto run = RunOne(order, {}, {});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->bound.is_null());

  const auto incast = Choose("incast:senders=2,size=3KB");
  auto scenario = incast->Build(1);
  ASSERT_TRUE(scenario.ok());
  EXPECT_TRUE(CheckBound(*scenario).ok());
  scenario->profile = WireProfile::kHpccNs3;
  EXPECT_NE(CheckBound(*scenario).ToString().find("hpcc-ns3"), std::string::npos);
  scenario->profile = WireProfile::kRoce;
  scenario->link_events.push_back({Time::FromPs(5'000'000), 0});
  EXPECT_NE(CheckBound(*scenario).ToString().find("links of this experiment fail"),
            std::string::npos);
  order = OrderFor(*incast);
  order.bound = true;
  const auto bounded = RunOne(order, {}, {});
  ASSERT_TRUE(bounded.ok()) << bounded.status();
  EXPECT_TRUE(bounded->bound.is_object());
}

// The ways are those that the packets of a run take: what each port of a switch has sent is what
// the flows that cross it have, and acknowledgements, fewer than a flow's bytes.
TEST(CrossingsOf, AreTheWaysOfThePackets) {
  const auto experiment = Choose("permutation:hosts=16,size=20KB,topology=leaf-spine,spread=0");
  RunOptions options;
  options.algorithm = "fixed";
  options.seed = 5;
  auto scenario = experiment->Build(5);
  const auto crossings = CrossingsOf(*scenario, options);
  ASSERT_TRUE(crossings.ok()) << crossings.status();
  std::map<std::pair<sim::NodeId, sim::PortIndex>, int64_t> flows;
  for (size_t i = 0; i < crossings->size(); ++i) {
    EXPECT_EQ((*crossings)[i].front().node, scenario->flows[i].source);
    for (const Crossing& c : (*crossings)[i]) ++flows[{c.node, c.port}];
  }
  const auto ports = sim::PortsOf(scenario->topology);
  int shared = 0;
  for (sim::NodeId node = 16; node < ports.size(); ++node) {
    for (sim::PortIndex port = 0; port < ports[node].size(); ++port) {
      scenario->watched_node = node;
      scenario->watched_port = port;
      const auto run = lab::Run(*scenario, options);
      ASSERT_TRUE(run.ok());
      // 20 packets of 1082 B on the line, the first with 16 B of RETH; 80 ps per byte.
      const int64_t carried = run->busy.ps() / 80 / (20 * 1082 + 16);
      EXPECT_EQ(carried, (flows[{node, port}])) << node << " " << port;
      shared += carried > 1 ? 1 : 0;
    }
  }
  EXPECT_GT(shared, 0);  // ECMP has put several on one link, so there was something to see
}

TEST(BoundJson, HasTheMetricsOfAResult) {
  const auto experiment = Choose("incast:senders=4,size=30KB");
  const auto one = BoundJson(OrderFor(*experiment));
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(cli::JsonText(*one), cli::JsonText(*BoundJson(OrderFor(*experiment))));
  for (const char* name : {"experiment", "params", "seed", "flows", "slowdown", "buckets",
                           "goodput_gbps", "jain", "last_finish_ns"}) {
    EXPECT_TRUE(one->contains(name)) << name;
  }
  EXPECT_FALSE((*one)["params"].contains("cc"));
}

}  // namespace
}  // namespace sluice::lab
