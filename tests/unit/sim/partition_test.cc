// A fabric cut into partitions: the same run to the bit, whoever handles which part of it.
#include "sim/partition.h"

#include <gtest/gtest.h>

#include "sim/topologies.h"
#include "support/thread_executor.h"
#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

using test::ThreadExecutor;

struct Outcome {
  Simulation::End end = Simulation::End::kIdle;
  Time now;
  uint64_t hash = 0;
  uint64_t events = 0;
  uint64_t marks = 0;
  uint64_t drops = 0;
  uint64_t lost = 0;
  uint64_t pauses = 0;
  uint64_t hops = 0;
  double queue = 0;
  uint64_t seen = 0;  // a hash of what every host got, and when
  bool operator==(const Outcome&) const = default;
};

enum class Way : uint8_t { kInOrder, kTogether, kOnThreads };

Outcome OutcomeOf(Lab& lab, Simulation::End end, const QueueProbe& probe) {
  Outcome o{end,
            lab.sim->now(),
            lab.sim->trace_hash(),
            lab.sim->events(),
            lab.sim->ecn_marks(),
            lab.sim->drops(),
            lab.sim->lost(),
            lab.sim->pfc_pauses(),
            lab.sim->packet_hops(),
            probe.mean_bytes(),
            0};
  for (const auto& host : lab.hosts) {
    for (const TestHost::Seen& s : host->seen) {
      o.seen = Mix64(o.seen ^ s.stamp.ps()) ^ (uint64_t{s.source} << 32 | s.psn << 8 | s.ecn);
    }
  }
  return o;
}

// Two leaves' worth of incast and a few others' traffic, with acknowledgements.
struct Load {
  int bursts = 1;
  Duration every;
  uint64_t progress = 0;  // events between two reports
};

// 0 partitions: one, event by event.
Outcome RunFabric(SimulationConfig config, const Topology& topology, size_t partitions, Way way,
                  const Load& load = {}) {
  config.partitions = std::max<size_t>(partitions, 1);
  config.rounds = partitions > 0;
  Lab lab(topology, config);
  const auto hosts = static_cast<NodeId>(lab.hosts.size());
  const QueueProbe& probe = lab.sim->AddProbe(hosts, 0, Duration::Nanoseconds(100));
  for (int burst = 0; burst < load.bursts; ++burst) {
    for (NodeId i = 0; i < hosts; ++i) {
      lab.host(i).set_acknowledge();
      lab.host(i).SendAt(Time::Zero() + Duration::Nanoseconds(i) + load.every * burst,
                         i % 3 == 0 ? (i + 1) % hosts : hosts / 2 + (i == hosts / 2), 60);
    }
  }
  uint64_t reports = 0;
  if (load.progress > 0) {
    lab.sim->SetProgress([&reports](Time, uint64_t) { ++reports; }, load.progress);
  }
  if (way != Way::kInOrder) lab.sim->SetStopGuard([](Time, Time) { return false; });
  ThreadExecutor executor;
  Executor* const threads = way == Way::kOnThreads ? &executor : nullptr;
  // In two stretches, of which the first ends in the middle of it all.
  lab.sim->Run(Time::Zero() + Duration::Nanoseconds(12'345), threads);
  const Simulation::End end = lab.sim->Run(Time::Zero() + Duration::Milliseconds(9), threads);
  EXPECT_EQ(reports > 0, load.progress > 0);
  if (end == Simulation::End::kIdle) {
    EXPECT_EQ(lab.sim->packets_in_use(), 0u);
  }
  return OutcomeOf(lab, end, probe);
}

void ExpectOneRun(const SimulationConfig& config, const Topology& topology, const Load& load = {}) {
  const Outcome one = RunFabric(config, topology, 0, Way::kInOrder, load);
  EXPECT_GT(one.hops, 1000u);
  SimulationConfig changed = config;
  for (const size_t partitions : {size_t{1}, size_t{2}, size_t{3}, size_t{4}}) {
    for (const Way way : {Way::kInOrder, Way::kTogether, Way::kOnThreads}) {
      // In rounds always, sometimes (of one partition), and hardly ever.
      for (const uint64_t few : {0, 20, 10'000}) {
        changed.few_events = few;
        EXPECT_EQ(one, RunFabric(changed, topology, partitions, way, load))
            << partitions << " partitions, way " << static_cast<int>(way) << ", few " << few;
      }
    }
  }
}

SimulationConfig Marking() {
  SimulationConfig config;
  config.switches.ecn = {switching::EcnProfile::Mode::kDequeue, Bytes(10'000), Bytes(60'000), 0.5};
  return config;
}

TEST(Partition, ChangesNothingOnALeafSpine) { ExpectOneRun(Marking(), LeafSpine(4, 4, 2, {}, {})); }

TEST(Partition, ChangesNothingOnAFatTree) { ExpectOneRun(Marking(), FatTree(4, {}, {})); }

TEST(Partition, ChangesNothingAroundOneSwitch) { ExpectOneRun(Marking(), Star(12, {})); }

SimulationConfig Pausing() {
  SimulationConfig config = Marking();
  config.switches.buffer = Bytes(400'000);
  config.switches.sharing.lossless = 1;
  config.switches.sharing.headroom = Bytes(40'000);
  return config;
}

TEST(Partition, ChangesNothingUnderPauses) {
  const Topology topology = LeafSpine(4, 4, 2, {}, {});
  EXPECT_GT(RunFabric(Pausing(), topology, 0, Way::kInOrder).pauses, 0u);
  ExpectOneRun(Pausing(), topology);
}

// Pauses again and again, while looks for deadlocks go on every millisecond: the last ones shortly
// before such a look.
TEST(Partition, ChangesNothingUnderPausesForMilliseconds) {
  const Topology topology = LeafSpine(4, 4, 2, {}, {});
  for (const int64_t us : {97, 331, 499}) {
    ExpectOneRun(Pausing(), topology, {.bursts = 6, .every = Duration::Microseconds(us)});
  }
}

TEST(Partition, ReportsOfProgressChangeNothing) {
  const Topology topology = LeafSpine(4, 4, 2, {}, {});
  const Outcome one = RunFabric(Pausing(), topology, 0, Way::kInOrder);
  EXPECT_GT(one.pauses, 0u);
  for (const uint64_t events : {1, 2, 7, 1000}) {
    const Load load{.progress = events};
    EXPECT_EQ(one, RunFabric(Pausing(), topology, 0, Way::kInOrder, load)) << events;
    ExpectOneRun(Pausing(), topology, load);
  }
}

TEST(Partition, ChangesNothingWithLossFaultsAndCuts) {
  SimulationConfig config = Marking();
  config.switches.buffer = Bytes(100'000);
  LinkConfig core;
  core.loss = 0.01;
  core.faults.to_bad = 0.01;
  core.faults.to_good = 0.2;
  const Topology topology = LeafSpine(4, 4, 2, {}, core);
  config.link_events = Flap(topology.links.size() - 1, Time::Zero() + Duration::Nanoseconds(5'432),
                            Duration::Microseconds(4), Duration::Microseconds(10), 2);
  config.reroute_delay = Duration::Microseconds(1);
  const Outcome one = RunFabric(config, topology, 0, Way::kInOrder);
  EXPECT_GT(one.lost, 0u);
  EXPECT_GT(one.drops, 0u);
  ExpectOneRun(config, topology);
}

TEST(Partition, FindsTheSameDeadlockOrNone) {
  SimulationConfig config;
  config.switches.buffer = Bytes(60'000);
  config.switches.sharing.lossless = 1;
  config.switches.sharing.headroom = Bytes(2'000);
  ExpectOneRun(config, LeafSpine(3, 4, 2, {}, {}));
}

// Ends the run at a moment.
struct Stopper : Pollable {
  Stopper(Simulation& s, Time t) : sim(s), when(t) {}
  size_t Poll(Time now) override {
    if (now >= when) sim.Stop();
    return 0;
  }
  OptionalTime NextDeadline() const override {
    return sim.clock(0).Now() < when ? OptionalTime(when) : std::nullopt;
  }
  Simulation& sim;
  Time when;
};

// From a moment on it does not let time go on.
struct Stuck : Pollable {
  explicit Stuck(Time when) : at(when) {}
  size_t Poll(Time now) override {
    last = now;
    return 0;
  }
  OptionalTime NextDeadline() const override { return Later(at, last); }
  Time at;
  Time last;
};

TEST(Partition, AStopThatNobodyForesawIsTold) {
  SimulationConfig config;
  config.partitions = 2;
  Lab lab(Star(4, {}), config);
  Stopper stopper(*lab.sim, Time::Zero() + Duration::Nanoseconds(4500));
  lab.sim->Attach(0, &stopper);
  lab.sim->SetStopGuard([](Time, Time) { return false; });
  EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kOverrun);
}

// Links of another delay each: a round ends before the shortest is over.
TEST(Partition, ChangesNothingWithUnequalDelays) {
  LinkConfig core;
  core.delay = Duration::Nanoseconds(77);
  Topology topology = LeafSpine(4, 4, 2, {}, core);
  for (size_t i = 0; i < topology.links.size(); i += 3) {
    topology.links[i].forward.delay += Duration::Microseconds(20);
    topology.links[i].backward.delay = Duration::Nanoseconds(300);
  }
  ExpectOneRun(Marking(), topology);
}

// Hosts that come by every few hundred nanoseconds, and stand still now and then.
TEST(Partition, ChangesNothingWithSlowHosts) {
  SimulationConfig config = Marking();
  config.hosts.poll_period = Duration::Nanoseconds(300);
  config.hosts.packet_cost = Duration::Nanoseconds(90);
  config.hosts.stall = Duration::Microseconds(3);
  config.hosts.stall_every = Duration::Microseconds(20);
  config.hosts.stamp_noise = Duration::Nanoseconds(20);
  ExpectOneRun(config, FatTree(4, {}, {}));
}

// The first of two hosts that let time stand still ends the run, whoever's turn was first.
TEST(Partition, FindsTheFirstStuckHost) {
  for (const bool rounds : {false, true}) {
    SimulationConfig config;
    config.rounds = rounds;
    config.few_events = 0;
    Lab lab(Star(4, {}), config);
    Stuck late(Time::Zero() + Duration::Nanoseconds(1900));
    Stuck early(Time::Zero() + Duration::Nanoseconds(1800));
    lab.sim->Attach(0, &late);
    lab.sim->Attach(2, &early);
    lab.sim->SetStopGuard([](Time, Time) { return false; });
    EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kStuck);
    EXPECT_EQ(lab.sim->stuck_host(), 2u);
    EXPECT_EQ(lab.sim->now(), early.at);
  }
}

// Somebody stops the run, and later in the same round a host does not let time go on.
TEST(Partition, AStopComesBeforeAStuckHost) {
  SimulationConfig config;
  config.rounds = true;
  config.few_events = 0;
  Lab lab(Star(4, {}), config);
  Stuck stuck(Time::Zero() + Duration::Nanoseconds(1900));
  Stopper stopper(*lab.sim, Time::Zero() + Duration::Nanoseconds(1800));
  lab.sim->Attach(0, &stuck);
  lab.sim->Attach(2, &stopper);
  lab.sim->SetStopGuard([](Time, Time) { return false; });
  EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kOverrun);
}

TEST(Partition, NeedsDelayBetweenThem) {
  SimulationConfig config;
  LinkConfig link;
  link.delay = Duration::Zero();
  EXPECT_TRUE(Simulation::Create(Star(4, link), config).ok());
  config.partitions = 2;
  EXPECT_FALSE(Simulation::Create(Star(4, link), config).ok());
  config.partitions = 1;
  config.rounds = true;
  EXPECT_FALSE(Simulation::Create(Star(4, link), config).ok());
  config.partitions = 0;
  EXPECT_FALSE(Simulation::Create(Star(4, {}), config).ok());
}

TEST(Divide, CutsHostsEvenlyAndKeepsLeavesWithThem) {
  const Topology topology = LeafSpine(4, 4, 2, {}, {});
  const std::vector<uint32_t> place = Divide(topology, PortsOf(topology), 2);
  for (NodeId host = 0; host < 16; ++host) EXPECT_EQ(place[host], host / 8);
  for (NodeId leaf = 0; leaf < 4; ++leaf) EXPECT_EQ(place[16 + leaf], leaf / 2);
  EXPECT_NE(place[20], place[21]) << "the spines are shared out";
}

}  // namespace
}  // namespace sluice::sim
