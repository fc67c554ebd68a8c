#include "sim/routes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sim/topologies.h"

namespace sluice::sim {
namespace {

using Ports = std::vector<PortIndex>;

// Host 0 - switch 2 - switch 3 - host 1, a longer way 2 - 4 - 3, and a host 5 on switches 4 and 2
// that must not be a way through.
TEST(Routes, TakesTheFewestHopsAndNoHost) {
  Topology t;
  t.AddHost();
  t.AddHost();
  t.AddSwitch();
  t.AddSwitch();
  t.AddSwitch();
  t.AddHost();
  t.AddLink(2, 4, {});
  t.AddLink(2, 3, {});
  t.AddLink(4, 3, {});
  t.AddLink(0, 2, {});
  t.AddLink(1, 3, {});
  t.AddLink(5, 4, {});
  t.AddLink(5, 2, {});
  ASSERT_TRUE(t.Validate().ok());
  const auto ports = PortsOf(t);
  Routes routes(t, ports, 1);
  // Ports of 2: 4, 3, host 0, host 5. Of 3: 2, 4, host 1. Of 4: 2, 3, host 5.
  EXPECT_EQ(routes.PortsTo(2, 0), Ports{2});
  EXPECT_EQ(routes.PortsTo(2, 1), Ports{1});
  EXPECT_EQ(routes.PortsTo(2, 5), Ports{3});
  EXPECT_EQ(routes.PortsTo(3, 0), Ports{0});
  EXPECT_EQ(routes.PortsTo(3, 1), Ports{2});
  EXPECT_EQ(routes.PortsTo(3, 5), (Ports{0, 1}));  // two ways of two hops
  EXPECT_EQ(routes.PortsTo(4, 0), Ports{0});
  EXPECT_EQ(routes.PortsTo(4, 1), Ports{1});
  EXPECT_EQ(routes.Find(2, 99, 0), switching::kNoPort);
  EXPECT_EQ(routes.Find(2, 3, 0), switching::kNoPort);  // a switch is no destination
}

TEST(Routes, KnowsWhenThereIsNoWay) {
  Topology t = Star(2, {});
  const NodeId island = t.AddSwitch();
  t.AddLink(t.AddHost(), island, {});
  const auto ports = PortsOf(t);
  Routes routes(t, ports, 1);
  EXPECT_EQ(routes.Find(island, 0, 0), switching::kNoPort);
  EXPECT_EQ(routes.Find(2, 4, 0), switching::kNoPort);
  EXPECT_EQ(routes.Find(2, 1, 0), 1);
}

TEST(Routes, FailedLinksAreNoWay) {
  const Topology t = LeafSpine(2, 2, 2, {}, {});  // leaves 4, 5; spines 6, 7
  const auto ports = PortsOf(t);
  Routes routes(t, ports, 1);
  EXPECT_EQ(routes.PortsTo(4, 2), (Ports{2, 3}));
  routes.SetLinkUp(6, 1, false);  // spine 6 to leaf 5
  EXPECT_EQ(routes.PortsTo(4, 2), Ports{3});
  EXPECT_EQ(routes.PortsTo(6, 2), Ports{0});  // back over leaf 4
  routes.SetLinkUp(4, 3, false);
  routes.SetLinkUp(4, 2, false);
  EXPECT_EQ(routes.PortsTo(4, 2), Ports{});
  EXPECT_EQ(routes.PortsTo(4, 0), Ports{0});
  routes.SetLinkUp(6, 1, true);
  routes.SetLinkUp(4, 2, true);
  EXPECT_EQ(routes.PortsTo(4, 2), Ports{2});
}

// Each of 16 ports gets 1/16 of many keys within five standard deviations, and switches and seeds
// choose independently: a pair agrees for 1/16 of the keys.
TEST(Routes, SpreadsKeysEvenlyAndAnewAtEachSwitch) {
  constexpr int kKeys = 64'000;
  const Topology t = LeafSpine(3, 1, 16, {}, {});
  const auto ports = PortsOf(t);
  Routes routes(t, ports, 1);
  Routes other(t, ports, 2);
  std::map<PortIndex, int> load;
  int same_switch = 0;
  int same_seed = 0;
  for (uint32_t key = 0; key < kKeys; ++key) {
    const PortIndex port = routes.Find(3, 2, key);
    EXPECT_EQ(routes.Find(3, 2, key), port);
    ++load[port];
    same_switch += routes.Find(4, 2, key) == port;
    same_seed += other.Find(3, 2, key) == port;
  }
  ASSERT_EQ(load.size(), 16u);
  for (const auto& [port, n] : load) EXPECT_NEAR(n, kKeys / 16, 5 * 61) << port;
  EXPECT_NEAR(same_switch, kKeys / 16, 5 * 61);
  EXPECT_NEAR(same_seed, kKeys / 16, 5 * 61);
}

// Hosts of a leaf are one group: k^2/2 groups in a fat tree of k^3/4 hosts.
TEST(Routes, HostsOfALeafAreOneGroup) {
  const Topology t = FatTree(8, {}, {});
  const auto ports = PortsOf(t);
  EXPECT_EQ(Routes(t, ports, 1).groups(), 32u);
}

// Follows the choice of every switch from each host to each other: how many links it takes.
std::set<int> Lengths(const Topology& t, NodeId hosts) {
  const auto ports = PortsOf(t);
  Routes routes(t, ports, 7);
  std::set<int> lengths;
  for (NodeId from = 0; from < hosts; ++from) {
    for (NodeId to = 0; to < hosts; ++to) {
      if (from == to) continue;
      int links = 1;
      NodeId node = ports[from][0].peer;
      while (node != to) {
        const PortIndex port = routes.Find(node, to, from * 31 + to);
        if (port == switching::kNoPort) {
          links = -1;
          break;
        }
        node = ports[node][port].peer;
        if (++links > 20) return {};
      }
      lengths.insert(links);
    }
  }
  return lengths;
}

TEST(Topologies, HaveTheNodesLinksAndPathsOfTheirParameters) {
  const struct {
    Topology topology;
    size_t hosts, switches, links;
    std::set<int> lengths;
  } cases[] = {
      {Dumbbell(3, 2, {}, {}), 5, 2, 6, {2, 3}},
      {ParkingLot(4, 2, {}, {}), 8, 4, 11, {2, 3, 4, 5}},
      {LeafSpine(4, 3, 2, {}, {}), 12, 6, 20, {2, 4}},
      {FatTree(4, {}, {}), 16, 20, 48, {2, 4, 6}},
      {FatTree(6, {}, {}), 54, 45, 162, {2, 4, 6}},
      // 3 units of 2 servers, 2 rails: 6 leaves and 2 spines.
      {RailOptimised({6, 2, 2, 2, false}, {}, {}), 12, 8, 24, {2, 4}},
      // With planes each rail has 2 spines: other rails cannot be reached.
      {RailOptimised({6, 2, 2, 2, true}, {}, {}), 12, 10, 24, {-1, 2, 4}},
  };
  for (const auto& c : cases) {
    ASSERT_TRUE(c.topology.Validate().ok());
    EXPECT_EQ(c.topology.nodes.size(), c.hosts + c.switches);
    for (size_t i = 0; i < c.hosts; ++i) EXPECT_EQ(c.topology.nodes[i], NodeKind::kHost);
    EXPECT_EQ(c.topology.links.size(), c.links);
    EXPECT_EQ(Lengths(c.topology, static_cast<NodeId>(c.hosts)), c.lengths);
  }
}

}  // namespace
}  // namespace sluice::sim
