#include "lab/permutation.h"

#include <gtest/gtest.h>

#include <set>

#include "lab/fabric.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

Scenario Make(const std::string& text, uint64_t seed = 1) {
  const auto chosen = Choose(text);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  auto scenario = chosen->Build(seed);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return *std::move(scenario);
}

TEST(Permutation, EverybodySendsAndReceivesOnce) {
  for (const char* text :
       {"permutation:hosts=9,topology=star", "permutation",
        "permutation:hosts=16,topology=fat-tree", "permutation:hosts=32,topology=rail-planes"}) {
    const Scenario s = Make(text);
    std::set<sim::NodeId> from;
    std::set<sim::NodeId> to;
    for (const FlowSpec& f : s.flows) {
      EXPECT_NE(f.source, f.destination);
      from.insert(f.source);
      to.insert(f.destination);
    }
    EXPECT_EQ(from.size(), s.flows.size());
    EXPECT_EQ(to.size(), s.flows.size());
  }
}

TEST(Permutation, RailsKeepToThemselves) {
  for (const FlowSpec& f : Make("permutation:hosts=64,topology=rail").flows) {
    EXPECT_EQ(f.source % 8, f.destination % 8);
  }
}

TEST(Permutation, SaysWhichNumbersOfHostsThereAre) {
  const auto chosen = Choose("permutation:hosts=60,topology=fat-tree");
  ASSERT_FALSE(chosen.ok());
  EXPECT_NE(chosen.status().message().find("choose 54 or 128"), std::string::npos);
  EXPECT_FALSE(Choose("permutation:hosts=12,topology=rail").ok());
  EXPECT_FALSE(Choose("permutation:topology=leafspine").ok());
}

// A star has no shared path: every flow takes its ideal time but for the waits of ACKs behind data.
TEST(Permutation, NobodyIsInTheWayOnAStar) {
  RunOptions options;
  options.algorithm = "fixed";
  const auto run = lab::Run(Make("permutation:hosts=8,topology=star,size=100KB"), options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->finished.size(), 8u);
  EXPECT_EQ(run->drops, 0u);
  for (const FlowResult& f : run->flows) {
    EXPECT_GE(f.fct, f.ideal);
    EXPECT_LT(f.fct.us(), f.ideal.us() * 1.1);
  }
}

// Without control and with small buffers ECMP's collisions lose packets; with PFC they pause.
TEST(Permutation, PfcPausesInsteadOfLosing) {
  RunOptions options;
  options.algorithm = "fixed";
  const std::string base = "permutation:hosts=16,size=300KB,buffer=500KB";
  const auto lossy = lab::Run(Make(base), options);
  const auto lossless = lab::Run(Make(base + ",pfc=on"), options);
  ASSERT_TRUE(lossy.ok() && lossless.ok());
  EXPECT_EQ(lossy->pfc_pauses, 0u);
  EXPECT_GT(lossy->drops, 0u);
  EXPECT_GT(lossless->pfc_pauses, 0u);
  EXPECT_EQ(lossless->drops, 0u);
  EXPECT_EQ(lossless->retransmissions, 0u);
  EXPECT_EQ(lossless->finished.size(), 16u);
}

// 1 + 1/2 + 1 and 1/2 steps of the line: the sizes of a staircase of two.
TEST(JoinLeave, SizesFollowFromFairShares) {
  const Scenario s = Make("joinleave:flows=2,jitter=0,step=1ms");
  const double line = 1e9 / 86'560 * 1000;  // payload bytes per step: 1 ms in frames of 86.56 ns
  EXPECT_NEAR(static_cast<double>(s.flows[0].size.count()), 2.5 * line, 2);
  EXPECT_NEAR(static_cast<double>(s.flows[1].size.count()), 0.5 * line, 2);
  EXPECT_EQ(s.flows[1].start, Time::Zero() + Duration::Milliseconds(1));
}

// Whatever the shares, the line is busy until all is sent: 2N - 1 steps and less than 1 % more.
TEST(JoinLeave, TheLineIsBusyAllTheTime) {
  RunOptions options;
  options.algorithm = "fixed";
  const auto run = lab::Run(Make("joinleave:flows=3,step=100us,buffer=1GB"), options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->finished.size(), 3u);
  EXPECT_NEAR(run->end.us(), 500, 12);
}

}  // namespace
}  // namespace sluice::lab
