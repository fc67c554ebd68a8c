#include "sim/topology.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace sluice::sim {
namespace {

// 8e12 / rate is the time of a byte in ps, rounded up for the whole frame.
TEST(FrameTime, IsExact) {
  LinkConfig link;
  EXPECT_EQ(FrameTime(link).Of(1058), Duration::Picoseconds(1082 * 80));
  link.rate = Bandwidth::GigabitsPerSecond(400);
  EXPECT_EQ(FrameTime(link).Of(1058), Duration::Picoseconds(1082 * 20));
  link.rate = Bandwidth::GigabitsPerSecond(3);  // 2666.66 ps per byte
  EXPECT_EQ(FrameTime(link).Of(1058), Duration::Picoseconds(2'885'334));
  link.overhead = Bytes(0);
  link.rate = Bandwidth::GigabitsPerSecond(100);
  EXPECT_EQ(FrameTime(link).Of(1048), Duration::Picoseconds(83'840));
}

TEST(Topology, StarPutsHostsBeforeTheirPorts) {
  const Topology star = Star(3, {});
  ASSERT_TRUE(star.Validate().ok());
  ASSERT_EQ(star.nodes.size(), 4u);
  EXPECT_EQ(star.nodes[3], NodeKind::kSwitch);
  const auto ports = PortsOf(star);
  ASSERT_EQ(ports[3].size(), 3u);
  for (NodeId host = 0; host < 3; ++host) {
    ASSERT_EQ(ports[host].size(), 1u);
    EXPECT_EQ(ports[host][0].peer, 3u);
    EXPECT_EQ(ports[host][0].peer_port, host);
    EXPECT_EQ(ports[3][host].peer, host);
    EXPECT_EQ(ports[3][host].peer_port, 0);
  }
}

TEST(Topology, DirectionsKeepTheirOwnParameters) {
  Topology topology = Star(1, {});
  topology.links[0].forward.loss = 0.25;
  topology.links[0].backward.delay = Duration::Nanoseconds(7);
  const auto ports = PortsOf(topology);
  EXPECT_EQ(ports[0][0].out.loss, 0.25);
  EXPECT_EQ(ports[1][0].out.loss, 0);
  EXPECT_EQ(ports[1][0].out.delay, Duration::Nanoseconds(7));
}

TEST(Topology, ValidateRefusesWhatCannotBe) {
  const auto broken = [](auto&& change) {
    Topology topology = Star(2, {});
    change(topology);
    return topology.Validate();
  };
  EXPECT_FALSE(broken([](Topology& t) { t.links[1].a = 9; }).ok());
  EXPECT_FALSE(broken([](Topology& t) { t.links[1].a = 2; }).ok());
  EXPECT_FALSE(broken([](Topology& t) { t.AddHost(); }).ok());
  EXPECT_FALSE(broken([](Topology& t) { t.links[0].forward.rate = Bandwidth(); }).ok());
  EXPECT_FALSE(
      broken([](Topology& t) { t.links[0].backward.delay = Duration::Picoseconds(-1); }).ok());
  EXPECT_FALSE(broken([](Topology& t) { t.links[0].forward.overhead = Bytes(-1); }).ok());
  for (const double loss : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_FALSE(broken([&](Topology& t) { t.links[0].forward.loss = loss; }).ok());
  }
  const absl::Status status = broken([](Topology& t) { t.links[1].forward.loss = 2; });
  EXPECT_NE(status.message().find("link 1"), std::string::npos);
}

// The scheme of the HPCC simulator: id = (address >> 8) & 0xffff.
TEST(AddressOf, NamesEachHostOnce) {
  EXPECT_EQ(AddressOf(0).ipv4, 0x0b000001u);
  EXPECT_EQ(AddressOf(319).ipv4, 0x0b013f01u);
  std::set<uint32_t> ipv4;
  std::set<std::array<uint8_t, 6>> mac;
  for (NodeId id = 0; id < 70'000; ++id) {
    ipv4.insert(AddressOf(id).ipv4);
    mac.insert(AddressOf(id).mac);
    if (id < 65'536) {
      ASSERT_EQ((AddressOf(id).ipv4 >> 8) & 0xffff, id);
    }
  }
  EXPECT_EQ(ipv4.size(), 70'000u);
  EXPECT_EQ(mac.size(), 70'000u);
}

}  // namespace
}  // namespace sluice::sim
