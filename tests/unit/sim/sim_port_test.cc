#include "sim/sim_port.h"

#include <gtest/gtest.h>

#include <numeric>

#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

Time At(Duration since_start) { return Time::Zero() + since_start; }

TEST(SimPort, SaysWhatItCan) {
  Lab lab(Star(2, {}), {});
  const port::Capabilities& can = lab.sim->port(0).capabilities();
  EXPECT_TRUE(can.elides_payload);
  EXPECT_FALSE(can.segments);
  EXPECT_FALSE(can.shared_memory);
  EXPECT_TRUE(can.hardware_stamps);
  EXPECT_EQ(can.line_rate, Bandwidth::GigabitsPerSecond(100));
  EXPECT_EQ(can.linear_room, 384u);
  EXPECT_EQ(can.max_frame, 9216u);
}

// One on the line, `transmit_queue` waiting: the rest is refused, and the host is polled at each
// moment when a waiting frame starts. Stamps are the starts of serialisation.
TEST(SimPort, TakesWhatItHasRoomForAndAsksAgain) {
  for (const uint32_t depth : {1u, 2u, 5u}) {
    SimulationConfig config;
    config.ports.transmit_queue = depth;
    Lab lab(Star(2, {}), config);
    lab.host(0).SendAt(At(Duration::Zero()), 1, 9);
    lab.RunFor(Duration::Milliseconds(1));
    ASSERT_EQ(lab.host(0).sent.size(), 9u);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(lab.host(0).sent[i], At(kDataTime * i));
    // At 0 it takes 1 + depth, then one at each start until all nine are taken.
    ASSERT_EQ(lab.host(0).polls.size(), 9 - depth);
    for (size_t i = 0; i < lab.host(0).polls.size(); ++i) {
      EXPECT_EQ(lab.host(0).polls[i], At(kDataTime * static_cast<int64_t>(i)));
    }
  }
}

// Takes one frame and keeps it.
struct Reader : Pollable {
  explicit Reader(port::Port& p) : port(p) {}
  size_t Poll(Time) override { return count == 0 ? count = port.Receive({&packet, 1}) : 0; }
  OptionalTime NextDeadline() const override { return std::nullopt; }
  port::Port& port;
  port::Packet packet;
  size_t count = 0;
};

struct Pair {
  explicit Pair(const SimulationConfig& config)
      : sim(*Simulation::Create(Star(2, {}), config)), reader(sim->port(1)) {
    sim->Attach(1, &reader);
  }
  // A packet with a RoCEv2 header to host 1 and no length yet.
  port::Packet Allocate(uint32_t frame_length) {
    port::Packet packet;
    EXPECT_EQ(sim->port(0).Allocate({&packet, 1}), 1u);
    EXPECT_EQ(packet.header_length, 0);
    EXPECT_EQ(packet.frame_length, 0u);
    support::WriteRoceHeader(
        {.destination = AddressOf(1).ipv4, .psn = 7, .frame_length = frame_length}, packet.header);
    packet.header_length = support::kRoceHeaderBytes;
    packet.frame_length = frame_length;
    return packet;
  }
  void Send(const port::Packet& lent) {
    port::Packet packet = lent;
    EXPECT_EQ(sim->port(0).Transmit({&packet, 1}), 1u);
    sim->Run(At(Duration::Milliseconds(1)));
  }
  std::unique_ptr<Simulation> sim;
  Reader reader;
};

TEST(SimPort, HeadersTravelAndTheRestIsAccountedFor) {
  Pair pair({});
  port::Packet sent = pair.Allocate(kDataBytes);
  sent.elided_length = kDataBytes - support::kRoceHeaderBytes;
  pair.Send(sent);
  ASSERT_EQ(pair.reader.count, 1u);
  port::Packet& got = pair.reader.packet;
  EXPECT_EQ(got.header_length, support::kRoceHeaderBytes);
  EXPECT_EQ(got.elided_length, kDataBytes - support::kRoceHeaderBytes);
  EXPECT_EQ(got.frame_length, kDataBytes);
  EXPECT_EQ(got.payload_length, 0u);
  EXPECT_EQ(got.rx.icrc, port::IcrcState::kGood);
  EXPECT_EQ(support::PsnOf(got.header), 7u);
  EXPECT_EQ(pair.sim->packets_in_use(), 1u);
  pair.sim->port(1).Release({&got, 1});
  EXPECT_EQ(pair.sim->packets_in_use(), 0u);
}

TEST(SimPort, CarriesPayloadWhenAskedTo) {
  SimulationConfig config;
  config.ports.carry_payload = true;
  Pair pair(config);
  EXPECT_FALSE(pair.sim->port(0).capabilities().elides_payload);
  EXPECT_TRUE(pair.sim->port(0).capabilities().segments);
  std::vector<uint8_t> payload(1004);
  std::iota(payload.begin(), payload.end(), uint8_t{1});
  const port::Segment more[2] = {{&payload[300], 500}, {&payload[800], 204}};
  port::Packet sent = pair.Allocate(kDataBytes);
  sent.payload = payload.data();
  sent.payload_length = 300;
  sent.more = more;
  sent.more_count = 2;
  pair.Send(sent);
  ASSERT_EQ(pair.reader.count, 1u);
  const port::Packet& got = pair.reader.packet;
  ASSERT_EQ(got.header_length, kDataBytes);
  EXPECT_EQ(got.elided_length, 0u);
  EXPECT_EQ(got.rx.icrc, port::IcrcState::kUnknown);
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), got.header + support::kRoceHeaderBytes));
}

TEST(SimPort, DropsAndCountsWhatCannotBeAFrame) {
  Pair pair({});
  port::Packet too_long = pair.Allocate(9217);
  port::Packet short_frame = pair.Allocate(kDataBytes);
  short_frame.frame_length = support::kRoceHeaderBytes - 1;
  port::Packet beyond = pair.Allocate(kDataBytes);
  beyond.header_length = 385;
  port::Packet foreign = pair.Allocate(kDataBytes);
  uint8_t elsewhere[64] = {};
  foreign.header = elsewhere;
  for (const port::Packet& packet : {too_long, short_frame, beyond, foreign}) pair.Send(packet);
  EXPECT_EQ(pair.sim->counters().malformed, 4u);
  EXPECT_EQ(pair.reader.count, 0u);
  EXPECT_EQ(pair.sim->packets_in_use(), 0u);
}

// On the ns-3 wire one packet is out at a time: not one that the pool could not give, nor one that
// was no frame.
TEST(SimPort, TheNs3WireLendsAgainAfterAnEmptyPoolAndAMalformedFrame) {
  SimulationConfig config;
  config.ns3.on = true;
  config.max_packets = 1;
  Pair pair(config);
  port::Packet packet;
  port::Packet first = pair.Allocate(kDataBytes);
  EXPECT_EQ(pair.sim->port(1).Allocate({&packet, 1}), 0u) << "the pool is empty";
  first.frame_length = support::kRoceHeaderBytes - 1;
  pair.Send(first);
  EXPECT_EQ(pair.sim->counters().malformed, 1u);
  pair.Send(pair.Allocate(kDataBytes));
  ASSERT_EQ(pair.reader.count, 1u);
  pair.sim->port(1).Release({&pair.reader.packet, 1});
  EXPECT_EQ(pair.sim->port(1).Allocate({&packet, 1}), 1u);
  EXPECT_EQ(pair.sim->port(1).Allocate({&packet, 1}), 0u) << "one is out";
}

// A received packet may be sent on as it is.
TEST(SimPort, BouncesAReceivedPacket) {
  Pair pair({});
  TestHost sender(*pair.sim, 0);
  pair.Send(pair.Allocate(kDataBytes));
  ASSERT_EQ(pair.reader.count, 1u);
  port::Packet& got = pair.reader.packet;
  support::WriteRoceHeader({.source = AddressOf(1).ipv4,
                            .destination = AddressOf(0).ipv4,
                            .opcode = support::kAcknowledge,
                            .frame_length = kAckBytes},
                           got.header);
  got.frame_length = kAckBytes;
  EXPECT_EQ(pair.sim->port(1).Transmit({&got, 1}), 1u);
  pair.sim->Run(pair.sim->now() + Duration::Milliseconds(1));
  ASSERT_EQ(sender.seen.size(), 1u);
  EXPECT_EQ(sender.seen[0].opcode, support::kAcknowledge);
  EXPECT_EQ(pair.sim->packets_in_use(), 0u);
}

TEST(SimPort, AllocateGivesNoMoreThanThereIs) {
  SimulationConfig config;
  config.max_packets = 5;
  auto sim = *Simulation::Create(Star(2, {}), config);
  port::Packet packets[8];
  EXPECT_EQ(sim->port(0).Allocate(packets), 5u);
  EXPECT_EQ(sim->port(1).Allocate(packets), 0u);
  sim->port(0).Release({packets, 5});
  EXPECT_EQ(sim->port(1).Allocate(packets), 5u);
}

TEST(SimPort, AHostThatReadsNothingFillsItsReceiveQueue) {
  SimulationConfig config;
  config.ports.receive_queue = 4;
  auto sim = *Simulation::Create(Star(2, {}), config);
  TestHost sender(*sim, 0);
  sender.SendAt(Time::Zero(), 1, 10);
  EXPECT_EQ(sim->Run(At(Duration::Milliseconds(1))), Simulation::End::kIdle);
  EXPECT_EQ(sim->counters().receive_drops, 6u);
  EXPECT_EQ(sim->packets_in_use(), 4u);
  port::Packet packets[8];
  EXPECT_EQ(sim->port(1).Receive(packets), 4u);
}

// Delays of the host shift what it sees; the stamps stay those of the line.
TEST(SimPort, HostDelaysShiftWhatTheHostSees) {
  SimulationConfig config;
  config.hosts.receive_delay = Duration::Nanoseconds(300);
  config.hosts.transmit_delay = Duration::Nanoseconds(50);
  Lab lab(Star(2, {}), config);
  lab.host(0).SendAt(Time::Zero(), 1, 2);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(1).seen.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    const Duration started = Duration::Nanoseconds(50) + kDataTime * i;
    EXPECT_EQ(lab.host(0).sent[i], At(started));
    const Time arrived = At(started + (kDataTime + kDelay) * 2);
    EXPECT_EQ(lab.host(1).seen[i].stamp, arrived);
    EXPECT_EQ(lab.host(1).seen[i].polled, arrived + Duration::Nanoseconds(300));
  }
}

// Polled at multiples of 10 us only: the frame of 2.17312 us is seen at 10 us, its stamp tells.
TEST(SimPort, APollingHostSeesFramesAtItsNextPoll) {
  SimulationConfig config;
  config.hosts.poll_period = Duration::Microseconds(10);
  Lab lab(Star(2, {}), config);
  lab.host(0).SendAt(Time::Zero(), 1, 2);
  lab.host(0).SendAt(At(Duration::Microseconds(12)), 1, 1);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(1).seen.size(), 3u);
  EXPECT_EQ(lab.host(1).seen[0].stamp, At((kDataTime + kDelay) * 2));
  EXPECT_EQ(lab.host(1).seen[0].polled, At(Duration::Microseconds(10)));
  EXPECT_EQ(lab.host(1).seen[1].polled, At(Duration::Microseconds(10)));
  // Due at 12 us, sent at 20 us, seen at 30 us.
  EXPECT_EQ(lab.host(0).sent[2], At(Duration::Microseconds(20)));
  EXPECT_EQ(lab.host(1).seen[2].polled, At(Duration::Microseconds(30)));
}

}  // namespace
}  // namespace sluice::sim
