// The profile hpcc-ns3 against arithmetic, and against runs of the ns-3 simulator to the nanosecond
// where nothing in them is left to chance. The whole comparison is scripts/validate.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cc/registry.h"
#include "lab/profile.h"
#include "lab/runner.h"
#include "sim/ns3_wire.h"
#include "sim/topologies.h"
#include "validation/reference_files.h"

namespace sluice::test {
namespace {

constexpr char kData[] = SLUICE_HPCC_DATA;

lab::RunResult MustRun(const lab::Scenario& scenario, const std::string& algorithm) {
  lab::RunOptions options;
  options.algorithm = algorithm;
  absl::StatusOr<lab::RunResult> run = lab::Run(scenario, options);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *std::move(run) : lab::RunResult();
}

lab::Scenario Lone(Bytes size, bool ack_priority) {
  lab::Scenario s;
  s.topology = sim::LeafSpine(2, 2, 2, {}, {});
  s.flows = {{0, 2, size, Time::Zero()}};
  s.watched_node = 4;
  s.limit = Duration::Milliseconds(10);
  lab::UseHpccNs3(s, ack_priority);
  return s;
}

// Over four links of 1 us at 100 Gb/s. Three packets of 1048, 1048 and 947 B take 83, 83 and 75 ns.
// The third finds each line free 0, 8, 8, 8 ns before it, so its last bit arrives after 166 + 75 +
// 8 ns and three times 75 + 1000 more than the first link's 1000 ... in all 4490; four links back
// with 60 B take 4 ns each: 4016 more.
TEST(HpccNs3ProfileTest, ALoneFlowTakesItsNanoseconds) {
  for (const bool ack_priority : {false, true}) {
    for (const char* algorithm : {"dcqcn:preset=ns3-cx4,notice=ack", "dctcp:preset=ns3"}) {
      const lab::RunResult run = MustRun(Lone(Bytes(2899), ack_priority), algorithm);
      ASSERT_TRUE(run.flows[0].finished);
      EXPECT_EQ(run.flows[0].fct, Duration::Nanoseconds(8506)) << algorithm;
      // 8 us of propagation, four times 80 ns, and 2899 + 3 x 48 bytes at 100 Gb/s: 243.44.
      EXPECT_EQ(run.flows[0].ideal, Duration::Nanoseconds(8320 + 243)) << algorithm;
    }
  }
}

// One packet: of 1056 B with a time stamp (84 ns), of 1090 B with telemetry (87 ns); back 60 B (4
// ns), or 88 B (7 ns).
TEST(HpccNs3ProfileTest, HeadersFollowFromTheSignals) {
  EXPECT_EQ(MustRun(Lone(Bytes(1000), false), "timely:preset=ns3").flows[0].fct,
            Duration::Nanoseconds(8000 + 4 * (84 + 4)));
  EXPECT_EQ(MustRun(Lone(Bytes(1000), false), "hpcc:preset=ns3").flows[0].fct,
            Duration::Nanoseconds(8000 + 4 * (87 + 7)));
}

// A star: data one way take 2 us + 2 x 83 ns, their answers back 2 us + 2 x 4 ns.
constexpr int64_t kStarRtt = 4174;

// Host 0 sends over 1 us to host 1 and over 100 us to host 2; host 3 is near, too.
lab::Scenario Star() {
  lab::Scenario s;
  s.topology.nodes = {sim::NodeKind::kHost, sim::NodeKind::kHost, sim::NodeKind::kHost,
                      sim::NodeKind::kHost, sim::NodeKind::kSwitch};
  for (const int64_t us : {1, 1, 100, 1}) {
    sim::LinkConfig link;
    link.rate = Bandwidth::GigabitsPerSecond(100);
    link.delay = Duration::Microseconds(us);
    s.topology.AddLink(static_cast<sim::NodeId>(s.topology.links.size()), 4, link);
  }
  s.watched_node = 4;
  s.watched_port = 1;
  s.limit = Duration::Milliseconds(1);
  lab::UseHpccNs3(s, false);
  return s;
}

Time Ns(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

// 10 Gb/s: 838.4 ns between packets, rounded down. The flow has two of them.
constexpr char kPaced[] = "fixed:rate=10Gbps,window=1500B";

TEST(HpccNs3ProfileTest, AFlowGoesByItsPace) {
  lab::Scenario s = Star();
  s.flows = {{0, 1, Bytes(2000), Ns(20'000)}};
  EXPECT_EQ(MustRun(s, kPaced).flows[0].fct, Duration::Nanoseconds(838 + kStarRtt));
}

// The same while another flow of the host has filled its window, which opens after 200 us: that
// flow's next packet could have gone long ago but for the window, and the host's one timer is not
// set. So the second packet goes when the first one's answer has the host look again.
TEST(HpccNs3ProfileTest, AFullWindowHoldsTheTimerOfTheHost) {
  lab::Scenario s = Star();
  s.flows = {{0, 2, Bytes(3000), Ns(0)}, {0, 1, Bytes(2000), Ns(20'000)}};
  EXPECT_EQ(MustRun(s, kPaced).flows[1].fct, Duration::Nanoseconds(2 * kStarRtt));
}

// At 1 Gb/s the far flow's second packet is due at 8384 ns, for which the timer runs when the near
// flow's first one leaves at 4000: that one's second, due after 838 ns, has to wait for its answer.
TEST(HpccNs3ProfileTest, ARunningTimerDoesNotComeForward) {
  lab::Scenario s = Star();
  s.flows = {{0, 2, Bytes(3000), Ns(0)}, {0, 1, Bytes(2000), Ns(4000)}};
  lab::RunOptions options;
  options.algorithm = "fixed:rate=1Gbps";
  int ends = 0;  // two of the far flow, then those of the near one
  options.decorate = [&ends](const std::shared_ptr<const cc::Algorithm>& slow) {
    return ++ends <= 2 ? slow : *cc::MakeAlgorithm(kPaced);
  };
  const absl::StatusOr<lab::RunResult> run = lab::Run(s, options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->flows[1].fct, Duration::Nanoseconds(2 * kStarRtt));
}

// Packets of 83 ns and answers of 4 ns share the line of a host that sends and receives: 87 ns for
// each pair while packets come in every 83 ns, so answers wait. None stands for two packets.
TEST(HpccNs3ProfileTest, EachPacketHasItsAnswer) {
  lab::Scenario s = Star();
  s.flows = {{0, 1, Bytes(1'000'000), Ns(0)}, {1, 0, Bytes(1'000'000), Ns(0)}};
  const lab::RunResult run = MustRun(s, "fixed");
  // Two links each, for 2000 packets and as many answers.
  EXPECT_EQ(run.packet_hops, 8000u);
}

// The first packet of host 0 leaves the switch from 1083 to 1166 ns. At 1166 its second one
// arrives, and one of host 3 that began 83 ns later: both are there when the first of them leaves,
// which leaves the other behind and is marked. The last one leaves nothing.
TEST(HpccNs3ProfileTest, WhatArrivesAsTheLineBecomesFreeIsInTheQueue) {
  lab::Scenario s = Star();
  s.flows = {{0, 1, Bytes(2000), Ns(0)}, {3, 1, Bytes(1000), Ns(83)}};
  s.switches.ecn.mode = switching::EcnProfile::Mode::kDequeue;
  s.switches.ecn.kmin = s.switches.ecn.kmax = Bytes(1);
  s.switches.ecn.pmax = 1;
  EXPECT_EQ(MustRun(s, "fixed").ecn_marks, 1u);
}

// Rounds and single events see the same order of what happens in one nanosecond.
TEST(HpccNs3ProfileTest, RoundsChangeNothing) {
  lab::Scenario s = Star();
  for (int64_t i = 0; i < 6; ++i) {
    s.flows.push_back(
        {static_cast<sim::NodeId>(i % 3 == 0 ? 0 : 3), 1, Bytes(200'000), Ns(83 * i)});
  }
  lab::RunOptions options;
  options.algorithm = "timely:preset=ns3";
  const absl::StatusOr<lab::RunResult> rounds = lab::Run(s, options);
  options.in_order = true;
  const absl::StatusOr<lab::RunResult> single = lab::Run(s, options);
  ASSERT_TRUE(rounds.ok() && single.ok());
  EXPECT_EQ(rounds->trace_hash, single->trace_hash);
  for (size_t i = 0; i < s.flows.size(); ++i) {
    EXPECT_EQ(rounds->flows[i].fct, single->flows[i].fct) << i;
  }
}

// MurmurHash3_x86_32, byte by byte as its author wrote it.
uint32_t Murmur3OfBytes(const std::vector<uint8_t>& bytes, uint32_t h) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    uint32_t k = bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 |
                 static_cast<uint32_t>(bytes[i + 3]) << 24;
    k *= 0xcc9e2d51;
    k = (k << 15) | (k >> 17);
    k *= 0x1b873593;
    h ^= k;
    h = (h << 13) | (h >> 19);
    h = h * 5 + 0xe6546b64;
  }
  h ^= static_cast<uint32_t>(bytes.size());
  h ^= h >> 16;
  h *= 0x85ebca6b;
  h ^= h >> 13;
  h *= 0xc2b2ae35;
  h ^= h >> 16;
  return h;
}

TEST(HpccNs3ProfileTest, Murmur3) {
  // A known value: the four bytes "test" with this seed.
  EXPECT_EQ(Murmur3OfBytes({'t', 'e', 's', 't'}, 0x9747b28c), 0x704b81dcu);
  EXPECT_EQ(sim::Murmur3(0x04030201, 0x08070605, 0x0c0b0a09, 77),
            Murmur3OfBytes({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 77));
}

// Eight flows of 1 MB into one port, with a window of a base round trip of the rate: nothing is
// marked, so the rates stay, and the ns-3 runs are known in full: 667,510 ns for the first flow to
// end, 83 more for each of the others (tests/data/hpcc/incast8_dctcp.fct.txt.gz).
TEST(HpccNs3ReferenceTest, AWindowedIncastIsExact) {
  for (const char* variant : {"dctcp", "dcqcnwin"}) {
    absl::StatusOr<Reference> reference = ReadReference(kData, "incast8", variant);
    ASSERT_TRUE(reference.ok()) << reference.status();
    reference->scenario.watched_node = 9;
    reference->scenario.watched_port = 8;
    const lab::RunResult run = MustRun(reference->scenario, reference->algorithm);
    ASSERT_EQ(run.finished.size(), 8u) << variant;
    for (size_t i = 0; i < run.finished.size(); ++i) {
      EXPECT_EQ(run.flows[run.finished[i]].fct,
                Duration::Nanoseconds(667'510 + 83 * static_cast<int64_t>(i)))
          << variant << " " << i;
    }
    EXPECT_EQ(run.drops + run.retransmissions + run.timeouts, 0u);
  }
}

}  // namespace
}  // namespace sluice::test
