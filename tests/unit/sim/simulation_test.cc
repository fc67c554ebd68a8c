#include "sim/simulation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

Time At(Duration since_start) { return Time::Zero() + since_start; }

// Store and forward over two links: the frame is serialised twice.
TEST(Simulation, ArrivalIsExact) {
  Lab lab(Star(2, {}), {});
  lab.host(0).SendAt(At(Duration::Nanoseconds(5)), 1, 1);
  EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kIdle);
  ASSERT_EQ(lab.host(1).seen.size(), 1u);
  const Time expected = At(Duration::Nanoseconds(5) + (kDelay + kDataTime) * 2);
  EXPECT_EQ(lab.host(1).seen[0].polled, expected);
  EXPECT_EQ(lab.host(1).seen[0].stamp, expected);
  EXPECT_EQ(lab.host(0).sent[0], At(Duration::Nanoseconds(5)));
}

// The reference simulator says 4.16 us for this fabric: 4 x 1000 ns of propagation and 2 x 80 ns
// for the payload alone. Ours counts the headers, the overhead of the line and the way of the ACK:
// 4000 + 2 x 86.56 + 2 x 6.88 ns.
TEST(Simulation, BaseRoundTrip) {
  Lab lab(Star(2, {}), {});
  lab.host(1).set_acknowledge();
  lab.host(0).SendAt(At(Duration::Zero()), 1, 1);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(0).seen.size(), 1u);
  EXPECT_EQ(lab.host(0).seen[0].stamp, At(Duration::Picoseconds(4'186'880)));
  EXPECT_EQ(lab.sim->packet_hops(), 4u);
}

TEST(Simulation, UnequalLinksQueueAtTheSlowerOne) {
  Topology star = Star(2, {});
  star.links[1].backward.rate = Bandwidth::GigabitsPerSecond(3);  // the switch to host 1
  Lab lab(star, {});
  lab.host(0).SendAt(At(Duration::Zero()), 1, 3);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(1).seen.size(), 3u);
  const Duration slow = Duration::Picoseconds(2'885'334);  // 1082 B at 3 Gb/s, rounded up
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(lab.host(1).seen[i].stamp, At(kDataTime + kDelay + slow * (i + 1) + kDelay));
  }
}

TEST(Simulation, TimeMayWrap) {
  SimulationConfig config;
  config.start = Time::FromPs(0 - uint64_t{1'500'000});
  Lab lab(Star(2, {}), config);
  lab.host(1).set_acknowledge();
  lab.host(0).SendAt(config.start, 1, 40);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(0).seen.size(), 40u);
  EXPECT_EQ(lab.host(0).seen[0].stamp - config.start, Duration::Picoseconds(4'186'880));
  EXPECT_EQ(lab.host(0).seen[39].stamp - lab.host(0).seen[0].stamp, kDataTime * 39);
}

TEST(Simulation, CountsDataAndAcksButNoCnpAsPacketHops) {
  Lab lab(Star(2, {}), {});
  lab.host(0).SendAt(At(Duration::Zero()), 1, 3);
  lab.host(0).SendAt(At(Duration::Zero()), 1, 2, kAckBytes, support::kAcknowledge);
  lab.host(0).SendAt(At(Duration::Zero()), 1, 5, 74, support::kCnp);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.host(1).seen.size(), 10u);
  EXPECT_EQ(lab.sim->packet_hops(), 2u * (3 + 2));
  EXPECT_EQ(lab.sim->counters().hops[static_cast<size_t>(Traffic::kCnp)], 2u * 5);
}

TEST(Simulation, AnUnknownDestinationIsDroppedAndCounted) {
  Lab lab(Star(2, {}), {});
  lab.host(0).SendAt(At(Duration::Zero()), 77, 4);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.sim->counters().no_route, 4u);
  EXPECT_EQ(lab.sim->packets_in_use(), 0u);
}

// One direction loses a tenth of its frames, the other none.
TEST(Simulation, LossIsBinomialAndPerDirection) {
  Topology star = Star(2, {});
  star.links[0].forward.loss = 0.1;
  Lab lab(star, {});
  lab.host(1).set_acknowledge();
  constexpr int kFrames = 20'000;
  lab.host(0).SendAt(At(Duration::Zero()), 1, kFrames);
  lab.RunFor(Duration::Milliseconds(10));
  const auto lost = static_cast<double>(lab.sim->lost());
  EXPECT_NEAR(lost, kFrames * 0.1, 5 * std::sqrt(kFrames * 0.1 * 0.9));
  EXPECT_EQ(lab.host(1).seen.size(), kFrames - lab.sim->lost());
  EXPECT_EQ(lab.host(0).seen.size(), lab.host(1).seen.size());
  EXPECT_EQ(lab.sim->packets_in_use(), 0u);
}

TEST(Simulation, CertainLossLosesAll) {
  LinkConfig link;
  link.loss = 1;
  Lab lab(Star(2, link), {});
  lab.host(0).SendAt(At(Duration::Zero()), 1, 10);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.sim->lost(), 10u);
  EXPECT_EQ(lab.host(1).seen.size(), 0u);
}

TEST(Simulation, EndsForItsReason) {
  Lab lab(Star(2, {}), {});
  EXPECT_EQ(lab.RunFor(Duration::Microseconds(1)), Simulation::End::kIdle);
  lab.host(0).SendAt(At(Duration::Microseconds(3)), 1, 1);
  lab.sim->Wake(0);
  EXPECT_EQ(lab.sim->Run(At(Duration::Microseconds(4))), Simulation::End::kUntil);
  EXPECT_EQ(lab.sim->now(), At(Duration::Microseconds(4)));
  EXPECT_EQ(lab.sim->clock().Now(), At(Duration::Microseconds(4)));

  struct Stopper : Pollable {
    explicit Stopper(Simulation& s) : sim(s) {}
    size_t Poll(Time now) override {
      if (now >= when) sim.Stop();
      return 0;
    }
    OptionalTime NextDeadline() const override {
      return sim.now() < when ? OptionalTime(when) : std::nullopt;
    }
    Simulation& sim;
    Time when = Time::Zero() + Duration::Nanoseconds(4500);
  } stopper(*lab.sim);
  lab.sim->Attach(1, &stopper);
  EXPECT_EQ(lab.sim->Run(At(Duration::Milliseconds(1))), Simulation::End::kStopped);
  EXPECT_EQ(lab.sim->now(), stopper.when);
  EXPECT_EQ(lab.sim->Run(At(Duration::Milliseconds(1))), Simulation::End::kStopped);
  EXPECT_EQ(lab.sim->now(), At(Duration::Microseconds(3) + (kDelay + kDataTime) * 2));
  EXPECT_EQ(lab.sim->Run(At(Duration::Milliseconds(1))), Simulation::End::kIdle);
}

TEST(Simulation, NamesAHostThatHoldsTimeUp) {
  Lab lab(Star(3, {}), {});
  struct Eager : Pollable {
    size_t Poll(Time) override { return 0; }
    OptionalTime NextDeadline() const override { return Time::Zero(); }
  } eager;
  lab.sim->Attach(2, &eager);
  EXPECT_EQ(lab.RunFor(Duration::Milliseconds(1)), Simulation::End::kStuck);
  EXPECT_EQ(lab.sim->stuck_host(), 2u);
}

TEST(Simulation, ReportsProgress) {
  Lab lab(Star(2, {}), {});
  std::vector<uint64_t> calls;
  lab.sim->SetProgress([&](Time, uint64_t events) { calls.push_back(events); }, 10);
  // Two wake-ups at the start; 16 frames cross two links; 13 wait for room, beyond the first three.
  lab.host(0).SendAt(At(Duration::Zero()), 1, 16);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.sim->events(), 2u + 32 + 13);
  EXPECT_EQ(calls, (std::vector<uint64_t>{10, 20, 30, 40}));
}

struct Outcome {
  uint64_t hash;
  uint64_t events;
  uint64_t marks;
  uint64_t drops;
  std::vector<uint32_t> marked;
  bool operator==(const Outcome&) const = default;
};

// A burst into a ramp of marking and a buffer that is too small, run in slices.
Outcome RunBurst(uint64_t marking_seed, Duration slice) {
  SimulationConfig config;
  config.marking_seed = marking_seed;
  config.switches.buffer = Bytes(200'000);
  config.switches.ecn = {switching::EcnProfile::Mode::kDequeue, Bytes(1000), Bytes(400'000), 0.5};
  Lab lab(Star(5, {}), config);
  lab.host(4).set_acknowledge();
  for (NodeId i = 0; i < 4; ++i) lab.host(i).SendAt(At(Duration::Nanoseconds(i * 7)), 4, 100);
  while (lab.RunFor(slice) == Simulation::End::kUntil) {
  }
  Outcome outcome{
      lab.sim->trace_hash(), lab.sim->events(), lab.sim->ecn_marks(), lab.sim->drops(), {}};
  for (const auto& seen : lab.host(4).seen) {
    if (seen.ecn == 3) outcome.marked.push_back(seen.source ^ seen.psn);
  }
  return outcome;
}

TEST(Simulation, SameSeedSameTrace) {
  const Outcome once = RunBurst(1, Duration::Milliseconds(1));
  EXPECT_GT(once.marks, 0u);
  EXPECT_GT(once.drops, 0u);
  EXPECT_EQ(once.marks, once.marked.size());
  EXPECT_EQ(once, RunBurst(1, Duration::Milliseconds(1)));
  const Outcome other = RunBurst(2, Duration::Milliseconds(1));
  EXPECT_NE(once.marked, other.marked);
  EXPECT_EQ(once.hash, other.hash) << "marks alone move no packet here";
}

TEST(Simulation, HowARunIsCutChangesNothing) {
  const Outcome whole = RunBurst(1, Duration::Milliseconds(1));
  EXPECT_EQ(whole, RunBurst(1, Duration::Nanoseconds(10)));
  EXPECT_EQ(whole, RunBurst(1, Duration::Picoseconds(86'560)));
}

TEST(Simulation, CreateRefusesWhatCannotBe) {
  const auto status = [](auto&& change) {
    SimulationConfig config;
    change(config);
    return Simulation::Create(Star(2, {}), config).status();
  };
  EXPECT_TRUE(status([](SimulationConfig&) {}).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.switches.buffer = Bytes(0); }).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.switches.ecn.pmax = 2; }).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.ports.transmit_queue = 0; }).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.ports.receive_queue = 0; }).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.ports.max_frame = 65'536; }).ok());
  EXPECT_FALSE(status([](SimulationConfig& c) { c.ports.linear_room = 0; }).ok());
  EXPECT_FALSE(
      status([](SimulationConfig& c) { c.hosts.poll_period = Duration::Picoseconds(-1); }).ok());
  Topology broken = Star(2, {});
  broken.AddHost();
  EXPECT_FALSE(Simulation::Create(broken, {}).ok());
}

TEST(Simulation, SetEcnRefusesWhatIsNoSwitchPort) {
  Lab lab(Star(2, {}), {});
  EXPECT_TRUE(lab.sim->SetEcn(2, 1, {}).ok());
  EXPECT_FALSE(lab.sim->SetEcn(2, 2, {}).ok());
  EXPECT_FALSE(lab.sim->SetEcn(0, 0, {}).ok());
  EXPECT_FALSE(lab.sim->SetEcn(9, 0, {}).ok());
  EXPECT_FALSE(
      lab.sim->SetEcn(2, 1, {switching::EcnProfile::Mode::kOff, Bytes(2), Bytes(1), 0}).ok());
}

}  // namespace
}  // namespace sluice::sim
