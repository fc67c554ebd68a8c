// What a host adds and costs. A frame of 1058 B takes 86.56 ns on each of two links of 1 us: it is
// with the receiver after 2173.12 ns.
#include "sim/host_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "sim/topologies.h"
#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

constexpr Duration kWay = (kDataTime + kDelay) * 2;

SimulationConfig With(const HostModel& model, uint64_t seed = 1) {
  SimulationConfig config;
  config.hosts = model;
  config.host_seed = seed;
  return config;
}

Time At(Duration d) { return Time() + d; }

TEST(HostModel, AnIdealHostSeesAFrameWhenItArrives) {
  Lab lab(Star(3, {}), {});
  lab.hosts[0]->SendAt(Time(), 2, 1);
  lab.RunFor(Duration::Milliseconds(5));
  ASSERT_EQ(lab.hosts[2]->seen.size(), 1u);
  EXPECT_EQ(lab.hosts[2]->seen[0].polled, At(kWay));
  EXPECT_EQ(lab.hosts[2]->seen[0].stamp, At(kWay));
}

TEST(HostModel, PolledAtMultiplesOfItsPeriodOnly) {
  HostModel model;
  model.poll_period = Duration::Microseconds(1);
  Lab lab(Star(3, {}), With(model));
  lab.hosts[0]->SendAt(Time(), 2, 1);
  lab.RunFor(Duration::Milliseconds(5));
  ASSERT_EQ(lab.hosts[2]->seen.size(), 1u);
  EXPECT_EQ(lab.hosts[2]->seen[0].polled, At(Duration::Microseconds(3)));
  EXPECT_EQ(lab.hosts[2]->seen[0].stamp, At(kWay));
}

TEST(HostModel, DelaysOnBothSides) {
  HostModel model;
  model.receive_delay = Duration::Nanoseconds(300);
  model.transmit_delay = Duration::Nanoseconds(200);
  Lab lab(Star(3, {}), With(model));
  lab.hosts[0]->SendAt(Time(), 2, 1);
  lab.RunFor(Duration::Milliseconds(5));
  ASSERT_EQ(lab.hosts[2]->seen.size(), 1u);
  EXPECT_EQ(lab.hosts[2]->seen[0].polled, At(kWay + Duration::Nanoseconds(500)));
  EXPECT_EQ(lab.hosts[2]->seen[0].stamp, At(kWay + Duration::Nanoseconds(200)));
}

// The second frame comes 100 ns after the first, whose handling takes 500 ns.
TEST(HostModel, APacketKeepsTheCoreBusy) {
  HostModel model;
  model.packet_cost = Duration::Nanoseconds(500);
  Lab lab(Star(3, {}), With(model));
  lab.hosts[0]->SendAt(Time(), 2, 1);
  lab.hosts[1]->SendAt(At(Duration::Nanoseconds(100)), 2, 1);
  lab.RunFor(Duration::Milliseconds(5));
  const auto& seen = lab.hosts[2]->seen;
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].polled, At(kWay));
  EXPECT_EQ(seen[1].polled, At(kWay + Duration::Nanoseconds(500)));
  EXPECT_EQ(seen[1].stamp, At(kWay + Duration::Nanoseconds(100)));
}

// A sender pays too: its second frame is due after 100 ns, and leaves after 500.
TEST(HostModel, SendingCostsAsMuch) {
  HostModel model;
  model.packet_cost = Duration::Nanoseconds(500);
  Lab lab(Star(3, {}), With(model));
  lab.hosts[0]->SendAt(Time(), 2, 1);
  lab.hosts[0]->SendAt(At(Duration::Nanoseconds(100)), 2, 1);
  lab.RunFor(Duration::Milliseconds(5));
  ASSERT_EQ(lab.hosts[0]->sent.size(), 2u);
  EXPECT_EQ(lab.hosts[0]->sent[1], At(Duration::Nanoseconds(500)));
}

std::vector<Time> PolledWithStalls(uint64_t seed) {
  HostModel model;
  model.stall = Duration::Microseconds(10);
  model.stall_every = Duration::Microseconds(20);
  Lab lab(Star(2, {}), With(model, seed));
  for (int i = 0; i < 1000; ++i) lab.hosts[0]->SendAt(At(Duration::Microseconds(i)), 1, 1);
  lab.RunFor(Duration::Milliseconds(5));
  std::vector<Time> polled;
  int at_once = 0;
  int late = 0;
  for (const TestHost::Seen& s : lab.hosts[1]->seen) {
    EXPECT_LE(s.polled - s.stamp, model.stall);
    at_once += s.polled == s.stamp ? 1 : 0;
    late += s.polled - s.stamp > model.stall / 2 ? 1 : 0;
    polled.push_back(s.polled);
  }
  EXPECT_EQ(polled.size(), 1000u);
  EXPECT_GT(at_once, 0);
  EXPECT_GT(late, 0);
  return polled;
}

TEST(HostModel, StandsStillNowAndThenAsTheSeedSays) {
  const std::vector<Time> once = PolledWithStalls(1);
  EXPECT_EQ(PolledWithStalls(1), once);
  EXPECT_NE(PolledWithStalls(2), once);
}

TEST(HostModel, NoiseOfStampsIsWithinItsWidth) {
  HostModel model;
  model.stamp_noise = Duration::Nanoseconds(100);
  Lab lab(Star(2, {}), With(model));
  for (int i = 0; i < 400; ++i) lab.hosts[0]->SendAt(At(Duration::Microseconds(i)), 1, 1);
  lab.RunFor(Duration::Milliseconds(5));
  int64_t sum = 0;
  int64_t least = 0;
  int64_t most = 0;
  for (const TestHost::Seen& s : lab.hosts[1]->seen) {
    const int64_t off = (s.stamp - s.polled).ps();
    sum += off;
    least = std::min(least, off);
    most = std::max(most, off);
  }
  EXPECT_GE(least, -50'000);
  EXPECT_LE(most, 50'000);
  EXPECT_LT(least, -40'000);
  EXPECT_GT(most, 40'000);
  // The mean of 400 draws: 28.9 ns / 20 of standard error, four of them.
  EXPECT_LT(std::abs(sum / 400), 5'800);
}

TEST(HostModel, WithoutANicThatStampsThePollDoes) {
  HostModel model;
  model.nic_stamps = false;
  Lab lab(Star(2, {}), With(model));
  EXPECT_FALSE(lab.sim->port(0).capabilities().hardware_stamps);
  EXPECT_TRUE(lab.sim->port(0).capabilities().burst_stamps);
  EXPECT_EQ(lab.sim->port(0).TransmitStamp(At(kDelay)), At(kDelay));
}

TEST(HostModel, RefusesWhatNoHostIs) {
  const auto valid = [](auto change) {
    HostModel model;
    change(model);
    return model.Validate().ok();
  };
  EXPECT_TRUE(valid([](HostModel&) {}));
  EXPECT_TRUE(HostModel::Dpdk().Validate().ok());
  EXPECT_FALSE(HostModel::Dpdk().ideal());
  EXPECT_TRUE(HostModel().ideal());
  EXPECT_FALSE(valid([](HostModel& m) { m.packet_cost = Duration::Picoseconds(-1); }));
  EXPECT_FALSE(valid([](HostModel& m) { m.receive_delay = Duration::Seconds(2); }));
  EXPECT_FALSE(valid([](HostModel& m) { m.stall = Duration::Microseconds(1); }));
  EXPECT_FALSE(valid([](HostModel& m) { m.burst = 0; }));
  EXPECT_FALSE(valid([](HostModel& m) { m.burst = 65; }));
  EXPECT_FALSE(valid([](HostModel& m) { m.ask_every = 0; }));
}

}  // namespace
}  // namespace sluice::sim
