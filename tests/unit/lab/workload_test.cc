#include "lab/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "lab/collective.h"
#include "lab/experiment.h"
#include "lab/ideal.h"
#include "lab/metrics.h"
#include "lab/offered_load.h"
#include "lab/runner.h"
#include "sim/topologies.h"

namespace sluice::lab {
namespace {

Scenario Build(const char* text, uint64_t seed) {
  const auto chosen = Choose(text);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  auto scenario = chosen->Build(seed);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return *std::move(scenario);
}

// A star: the host's own link. A leaf-spine of 4 x 4 hosts: 12 of 15 messages leave the leaf, over
// as many links as there are hosts if there are four spines, over one if there is one: 4 x 12 / 15
// host rates on it. A dumbbell of 2 + 2: two hosts send 2/3 each over the link between.
TEST(OfferedLoad, OfRegularFabrics) {
  const sim::LinkConfig link;
  EXPECT_NEAR(HostRateAtFullLoad(sim::Star(8, link), 1), 100e9, 1);
  EXPECT_NEAR(HostRateAtFullLoad(sim::LeafSpine(4, 4, 4, link, link), 1), 100e9, 1);
  EXPECT_NEAR(HostRateAtFullLoad(sim::LeafSpine(4, 4, 1, link, link), 1), 100e9 / 3.2, 1);
  EXPECT_NEAR(HostRateAtFullLoad(sim::Dumbbell(2, 2, link, link), 1), 75e9, 1);
}

TEST(Poisson, OffersTheLoadInTheWindow) {
  const Scenario s = Build("websearch:hosts=16,load=0.4,warmup=20ms,window=100ms", 3);
  double bytes = 0;
  Time before;
  for (const FlowSpec& f : s.flows) {
    EXPECT_NE(f.source, f.destination);
    EXPECT_GE(f.start, before);  // in the order of starts
    before = f.start;
    const bool inside = f.start >= Time::Zero() + Duration::Milliseconds(20) &&
                        f.start < Time::Zero() + Duration::Milliseconds(120);
    EXPECT_EQ(f.measured, inside);
    if (f.measured) bytes += static_cast<double>(f.size.count());
  }
  EXPECT_LT(s.flows.back().start, Time::Zero() + Duration::Milliseconds(420));
  EXPECT_EQ(s.limit, Duration::Milliseconds(420));
  // 16 hosts x 100 Gb/s x 0.4 x 100 ms = 8 GB in about 4700 flows whose sizes have a coefficient of
  // variation of 2.3: 3.4 % standard deviation.
  EXPECT_NEAR(bytes / 8e9, 1, 0.12);
}

// A stream for each entity and purpose: another distribution of sizes moves no arrival's stream,
// and a seed changes all.
TEST(Poisson, StreamsArePaired) {
  const Scenario one = Build("websearch:hosts=4,warmup=1ms,window=1ms", 1);
  const Scenario again = Build("websearch:hosts=4,warmup=1ms,window=1ms", 1);
  const Scenario other = Build("websearch:hosts=4,warmup=1ms,window=1ms", 2);
  ASSERT_EQ(one.flows.size(), again.flows.size());
  for (size_t i = 0; i < one.flows.size(); ++i) {
    EXPECT_EQ(one.flows[i].start, again.flows[i].start);
    EXPECT_EQ(one.flows[i].size, again.flows[i].size);
  }
  EXPECT_NE(one.flows[0].start, other.flows[0].start);
}

std::vector<sim::NodeId> Ranks(size_t n) {
  std::vector<sim::NodeId> ranks(n);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// Bytes that each rank sends: 2 (n - 1) / n of the vector for ring and halving-doubling, the least
// that all-reduce can do; twice the vector at most per tree edge.
TEST(AllReduce, SendsWhatTheAlgorithmSends) {
  constexpr int64_t kBytes = 1'000'003;
  for (const bool ring : {true, false}) {
    Scenario s;
    Messages messages(s);
    const auto done =
        ring ? RingAllReduce(messages, Ranks(8), kBytes, std::vector<Ready>(8))
             : HalvingDoublingAllReduce(messages, Ranks(8), kBytes, std::vector<Ready>(8));
    std::map<sim::NodeId, int64_t> sent;
    for (const FlowSpec& f : s.flows) sent[f.source] += f.size.count();
    ASSERT_EQ(sent.size(), 8u);
    for (const auto& [host, bytes] : sent) {
      EXPECT_NEAR(static_cast<double>(bytes), kBytes * 14.0 / 8, 20) << ring;
    }
    EXPECT_EQ(s.flows.size(), ring ? 8u * 14 : 8u * 6);
    EXPECT_EQ(done.size(), 8u);
  }
  Scenario s;
  Messages messages(s);
  TreeAllReduce(messages, Ranks(7), kBytes, 4, std::vector<Ready>(7));
  int64_t bytes = 0;
  for (const FlowSpec& f : s.flows) bytes += f.size.count();
  EXPECT_EQ(s.flows.size(), 2u * 6 * 4);
  EXPECT_EQ(bytes, 2 * 6 * kBytes);
}

// On a star without contention every step of a ring takes its lone flow's way to the receiver, and
// the next begins at that moment: 2 (n - 1) steps.
TEST(AllReduce, ARingTakesItsSteps) {
  const auto chosen = Choose("allreduce:hosts=4,topology=star,size=400KB,spread=0");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(1);
  ASSERT_TRUE(scenario.ok());
  RunOptions options;
  options.algorithm = "fixed";
  const auto run = lab::Run(*scenario, options);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->finished.size(), 24u);
  // Steps begin at equal distances, in all ranks at once; from the second on, the acknowledgement
  // of what was received (86 B at 80 ps) leaves before the data.
  const Duration step = run->flows[4].spec.start - run->flows[0].spec.start;
  EXPECT_GT(step, Duration::Zero());
  for (size_t i = 0; i < 24; ++i) {
    const auto k = static_cast<int64_t>(i / 4);
    const Duration acks = Duration::Picoseconds(86 * 80 * std::max<int64_t>(k - 1, 0));
    EXPECT_EQ(run->flows[i].spec.start - Time::Zero(), step * k + acks) << i;
  }
  // 100 packets of 1000 B over two links of 100 Gb/s and 1 us, the last one 4 B longer than the
  // others and the first 16 B: see lab/ideal.h. 82 B of headers, iCRC, preamble and gap a packet,
  // 80 ps a byte. The second link begins when it has the first packet and never waits, as that one
  // is the longest; the acknowledgement's way back is not part of a step. But each host receives,
  // too, and one packet in 16 is acknowledged: those of packets 16, 32, 48 and 64 go out between
  // its data (packet 80 arrives after 80 * 86.6 ns + 2.1 us, when the last one has left after 8.7
  // us).
  const int64_t first = (1082 + 16) * 80;
  const int64_t serial = (100 * 1082 + 16 + 4) * 80;
  EXPECT_EQ(step.ps(), first + serial + 4 * 86 * 80 + 2 * 1'000'000);
}

TEST(Workloads, EveryOneRunsToItsEnd) {
  for (const char* text :
       {"incast-poisson:hosts=8,fanin=4,size=20KB,warmup=50us,window=100us",
        "mixed:hosts=8,warmup=50us,window=100us", "alltoall:hosts=6,size=20KB",
        "alltoall:hosts=16,topology=rail,size=20KB", "allreduce:hosts=8,size=200KB,algorithm=tree",
        "allreduce:hosts=8,size=200KB,algorithm=halving-doubling,order=random",
        "moe:hosts=4,tokens=16,layers=2", "training:hosts=4,size=100KB,steps=2,compute=20us"}) {
    const Scenario s = Build(text, 1);
    RunOptions options;
    options.algorithm = "tita";
    const auto run = lab::Run(s, options);
    ASSERT_TRUE(run.ok()) << text << ": " << run.status();
    const Metrics m = Measure(*run);
    EXPECT_GT(m.flows, 0u) << text;
    EXPECT_LE(m.unfinished * 20, m.flows) << text;
  }
}

TEST(Moe, SkewMakesHotExperts) {
  const auto hottest = [](const char* text) {
    std::map<sim::NodeId, int64_t> in;
    for (const FlowSpec& f : Build(text, 1).flows) {
      // Only what goes out: it starts without waiting for the experts.
      if (f.trigger == kNoTrigger) in[f.destination] += f.size.count();
    }
    int64_t most = 0;
    int64_t sum = 0;
    for (const auto& [host, bytes] : in) {
      most = std::max(most, bytes);
      sum += bytes;
    }
    return static_cast<double>(most) * static_cast<double>(in.size()) / static_cast<double>(sum);
  };
  EXPECT_LT(hottest("moe:hosts=16,top=1,skew=0,tokens=512"), 1.3);
  EXPECT_GT(hottest("moe:hosts=16,top=1,skew=1.2,tokens=512"), 4);
}

TEST(Workloads, RefuseWhatDoesNotGoTogether) {
  for (const char* text :
       {"allreduce:hosts=6,algorithm=halving-doubling", "incast-poisson:hosts=4,fanin=4",
        "moe:hosts=4,top=5", "mixed:rpc-load=0.5,bulk-load=0.6", "websearch:cdf=websurch",
        "googlerpc:load=0.9,window=10s", "websearch:hosts=9,topology=fat-tree"}) {
    const auto chosen = Choose(text);
    EXPECT_FALSE(chosen.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(chosen.status())) << text;
  }
}

}  // namespace
}  // namespace sluice::lab
