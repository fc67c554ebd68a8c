// PFC, priorities and deadlocks in time: every moment follows from arithmetic.
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

// 60 B and 24 B of preamble, FCS and gap at 100 Gb/s.
constexpr Duration kPfcTime = Duration::Picoseconds(6'720);
constexpr uint8_t kExpedited = 46 << 2 | 2;  // DSCP 46, ECT(0)

Bytes Frames(int64_t n) { return Bytes(n * int64_t{kDataBytes}); }

// Host 0 sends at 100 Gb/s to host 1, whose link has half of that. The pool holds 20.5 frames, and
// alpha is 1: an ingress that has 10 in the pool takes no more. Frame k arrives at A + k T, A = T +
// 1 us; frame j leaves at A + 2 j T. At the arrival of frame i there are ceil(i / 2) frames in the
// switch: the 11th at i = 21, when the pause is decided.
struct HalfRate : Lab {
  static Topology Fabric() {
    Topology t = Star(2, {});
    t.links[1].backward.rate = Bandwidth::GigabitsPerSecond(50);
    return t;
  }
  static SimulationConfig Config(int64_t headroom) {
    SimulationConfig config;
    config.switches.buffer = Frames(20 + 2 * headroom) + Bytes(kDataBytes / 2);
    config.switches.sharing = {.lossless = 1,
                               .pfc_alpha = 1,
                               .reserve = Bytes(0),
                               .resume_offset = Frames(2),
                               .headroom = Frames(headroom)};
    return config;
  }
  explicit HalfRate(int64_t headroom) : Lab(Fabric(), Config(headroom)) {
    host(0).SendAt(Time::Zero(), 1, 50);
    RunFor(Duration::Milliseconds(1));
  }
};

// The PFC frame reaches the sender at A + 21 T + 6.72 ns + 1 us = 45.2 T, so that frames 0..45 have
// started. The headroom holds 23 - 10 of them at most. It is empty, and the pool at 9, two
// below the threshold, when frame 36 leaves at A + 72 T; the sender goes on 6.72 ns + 1 us later
// with frame 46.
TEST(Pfc, StopsAndGoesOnAtTheMomentThatFollowsFromTheRates) {
  HalfRate lab(13);
  EXPECT_EQ(lab.sim->drops(), 0u);
  EXPECT_EQ(lab.sim->pfc_pauses(), 1u);
  ASSERT_EQ(lab.host(1).seen.size(), 50u);
  const Time a = Time::Zero() + kDataTime + kDelay;
  for (int j = 0; j < 46; ++j) {
    EXPECT_EQ(lab.host(1).seen[j].stamp, a + kDataTime * (2 * j + 2) + kDelay) << j;
  }
  const Time resumed = a + kDataTime * 72 + kPfcTime + kDelay;
  for (int j = 46; j < 50; ++j) {
    EXPECT_EQ(lab.host(1).seen[j].stamp,
              resumed + kDataTime + kDelay + kDataTime * (2 * (j - 46) + 2) + kDelay)
        << j;
  }
}

// With headroom for one frame less exactly one frame is lost, the last before the sender stops.
TEST(Pfc, TooLittleHeadroomLoses) {
  HalfRate lab(12);
  EXPECT_EQ(lab.sim->drops(), 1u);
  EXPECT_EQ(lab.host(1).seen.size(), 49u);
}

// What the simulation computes for itself is enough: eight senders at line rate, nothing is lost.
TEST(Pfc, TheHeadroomByDefaultLosesNothing) {
  SimulationConfig config;
  config.switches.buffer = Bytes(700'000);
  config.switches.sharing.lossless = 1;
  Lab lab(Star(9, {}), config);
  for (NodeId i = 0; i < 8; ++i) lab.host(i).SendAt(Time::Zero(), 8, 500);
  lab.RunFor(Duration::Milliseconds(5));
  EXPECT_EQ(lab.sim->drops(), 0u);
  EXPECT_GE(lab.sim->pfc_pauses(), 8u);
  EXPECT_EQ(lab.host(8).seen.size(), size_t{8} * 500);
  EXPECT_EQ(lab.sim->packets_in_use(), 0u);
  // The line to the sink is never idle once it has begun: A + 4000 T.
  EXPECT_EQ(lab.host(8).seen.back().stamp,
            Time::Zero() + kDataTime + kDelay + kDataTime * 4000 + kDelay);
}

SimulationConfig TwoQueues() {
  SimulationConfig config;
  config.switches.scheduler.queues = 2;
  config.switches.priorities[46] = 1;
  return config;
}

// The strict queue waits for no more than the frame on the line, though 40 others are ahead.
TEST(Priorities, TheStrictQueueWaitsForOneFrame) {
  Lab lab(Star(4, {}), TwoQueues());
  for (NodeId i = 0; i < 2; ++i) lab.host(i).SendAt(Time::Zero(), 3, 40);
  const Time sent = Time::Zero() + kDataTime * 30;
  lab.host(2).SendAt(sent, 3, 1, kDataBytes, support::kSendOnly, kExpedited);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(3).seen.size(), 81u);
  const auto urgent = std::find_if(lab.host(3).seen.begin(), lab.host(3).seen.end(),
                                   [](const auto& s) { return s.source == AddressOf(2).ipv4; });
  // It arrives at the moment when one of the others starts, and follows it.
  EXPECT_EQ(urgent->stamp, sent + (kDataTime + kDelay) + kDataTime + (kDataTime + kDelay));
}

// 1 : 3 while both wait: of the first 40 that leave after both have a backlog, 10 and 30.
TEST(Priorities, WeightsShareTheLine) {
  SimulationConfig config = TwoQueues();
  config.switches.scheduler.weight = {1, 3};
  Lab lab(Star(3, {}), config);
  lab.host(0).SendAt(Time::Zero(), 2, 100);
  lab.host(1).SendAt(Time::Zero(), 2, 100, kDataBytes, support::kSendOnly, kExpedited);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(2).seen.size(), 200u);
  int first = 0;
  for (size_t i = 20; i < 60; ++i) first += lab.host(2).seen[i].source == AddressOf(0).ipv4;
  EXPECT_NEAR(first, 10, 1);
}

// ECN by priority: only the queue that has a profile marks.
TEST(Priorities, EachQueueHasItsOwnEcn) {
  SimulationConfig config = TwoQueues();
  config.switches.scheduler.weight = {1, 1};
  Lab lab(Star(3, {}), config);
  const switching::EcnProfile step = {switching::EcnProfile::Mode::kDequeue, Bytes(0), Bytes(0), 1};
  ASSERT_TRUE(lab.sim->SetEcn(3, 2, 1, step).ok());
  EXPECT_FALSE(lab.sim->SetEcn(3, 2, 2, step).ok());
  lab.host(0).SendAt(Time::Zero(), 2, 50);
  lab.host(1).SendAt(Time::Zero(), 2, 50, kDataBytes, support::kSendOnly, kExpedited);
  lab.RunFor(Duration::Milliseconds(1));
  int marks = 0;
  for (const auto& seen : lab.host(2).seen) {
    if (seen.ecn != 3) continue;
    ++marks;
    EXPECT_EQ(seen.source, AddressOf(1).ipv4);
  }
  EXPECT_GT(marks, 40);
}

// The bulk of queue 0 is paused again and again; queue 1, from the same host, is not.
TEST(Pfc, PausesOnePriorityOnly) {
  SimulationConfig config = TwoQueues();
  config.switches.buffer = Bytes(400'000);
  config.switches.sharing.lossless = 1;
  Lab lab(Star(5, {}), config);
  for (NodeId i = 0; i < 3; ++i) lab.host(i).SendAt(Time::Zero(), 4, 400);
  // Host 3 fills queue 0 of its own port too; what it sends at once comes first in its burst.
  for (int n = 0; n < 20; ++n) {
    lab.host(3).SendAt(Time::Zero() + Duration::Microseconds(3 * n), 4, 1, kDataBytes,
                       support::kSendOnly, kExpedited);
  }
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_GT(lab.sim->pfc_pauses(), 3u);
  EXPECT_EQ(lab.sim->drops(), 0u);
  int urgent = 0;
  for (const auto& seen : lab.host(4).seen) {
    if (seen.source != AddressOf(3).ipv4) continue;
    const Time sent = Time::Zero() + Duration::Microseconds(3 * urgent++);
    EXPECT_LE((seen.stamp - sent).ps(), (kDataTime * 3 + kDelay * 2).ps());
  }
  EXPECT_EQ(urgent, 20);
}

// Five switches in a ring, each with a host that sends to the one two further on. Every ring link
// carries two flows of line rate, buffers are small, and each switch waits for the next.
TEST(Deadlock, IsReportedWithItsCycle) {
  Topology ring;
  for (int i = 0; i < 5; ++i) ring.AddHost();
  for (int i = 0; i < 5; ++i) ring.AddSwitch();
  for (NodeId i = 0; i < 5; ++i) ring.AddLink(i, 5 + i, {});  // port 0 of each switch
  for (NodeId i = 0; i < 5; ++i) ring.AddLink(5 + i, 5 + (i + 1) % 5, {});
  SimulationConfig config;
  config.switches.buffer = Bytes(250'000);
  config.switches.sharing.lossless = 1;
  Lab lab(ring, config);
  for (NodeId i = 0; i < 5; ++i) lab.host(i).SendAt(Time::Zero(), (i + 2) % 5, 5000);
  EXPECT_EQ(lab.RunFor(Duration::Seconds(1)), Simulation::End::kDeadlock);
  EXPECT_LT(lab.sim->now() - Time::Zero(), Duration::Milliseconds(5));
  EXPECT_EQ(lab.sim->drops(), 0u);
  const std::vector<PausedHop>& cycle = lab.sim->deadlock();
  ASSERT_EQ(cycle.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(cycle[(i + 1) % 5].node, 5 + (cycle[i].node - 5 + 1) % 5);
  }
}

TEST(Deadlock, FindsTheCycleBehindATail) {
  const auto hop = [](NodeId node) { return PausedHop{node, 0, 0}; };
  // 1 -> 2 -> 3 -> 4 -> 2, and 3 -> 5 that leads nowhere.
  const WaitsFor waits = [&](const PausedHop& h) -> std::vector<PausedHop> {
    switch (h.node) {
      case 1:
        return {hop(2)};
      case 2:
        return {hop(3)};
      case 3:
        return {hop(5), hop(4)};
      case 4:
        return {hop(2)};
      default:
        return {};
    }
  };
  EXPECT_EQ(FindPauseCycle({hop(1)}, waits), (std::vector<PausedHop>{hop(2), hop(3), hop(4)}));
  EXPECT_TRUE(FindPauseCycle({hop(5)}, waits).empty());
}

TEST(Pfc, RefusesABufferThatItsHeadroomFills) {
  SimulationConfig config;
  config.switches.buffer = Bytes(100'000);
  config.switches.sharing.lossless = 1;
  EXPECT_FALSE(Simulation::Create(Star(8, {}), config).ok());
  config.switches.sharing.lossless = 2;  // has no queue
  config.switches.buffer = Bytes(10'000'000);
  EXPECT_FALSE(Simulation::Create(Star(8, {}), config).ok());
}

}  // namespace
}  // namespace sluice::sim
