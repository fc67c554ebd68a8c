#include "sim/topologies.h"

namespace sluice::sim {
namespace {

// The first of `count` new nodes.
NodeId AddHosts(Topology& topology, uint32_t count) {
  const auto first = static_cast<NodeId>(topology.nodes.size());
  topology.nodes.insert(topology.nodes.end(), count, NodeKind::kHost);
  return first;
}
NodeId AddSwitches(Topology& topology, uint32_t count) {
  const auto first = static_cast<NodeId>(topology.nodes.size());
  topology.nodes.insert(topology.nodes.end(), count, NodeKind::kSwitch);
  return first;
}

}  // namespace

Topology Dumbbell(uint32_t left, uint32_t right, const LinkConfig& edge, const LinkConfig& core) {
  Topology t;
  AddHosts(t, left + right);
  const NodeId first = AddSwitches(t, 2);
  for (NodeId host = 0; host < left + right; ++host) {
    t.AddLink(host, host < left ? first : first + 1, edge);
  }
  t.AddLink(first, first + 1, core);
  return t;
}

Topology ParkingLot(uint32_t switches, uint32_t hosts_per_switch, const LinkConfig& edge,
                    const LinkConfig& core) {
  Topology t;
  AddHosts(t, switches * hosts_per_switch);
  const NodeId first = AddSwitches(t, switches);
  for (NodeId host = 0; host < first; ++host)
    t.AddLink(host, first + host / hosts_per_switch, edge);
  for (NodeId i = 0; i + 1 < switches; ++i) t.AddLink(first + i, first + i + 1, core);
  return t;
}

Topology LeafSpine(uint32_t leaves, uint32_t hosts_per_leaf, uint32_t spines,
                   const LinkConfig& edge, const LinkConfig& core) {
  Topology t;
  AddHosts(t, leaves * hosts_per_leaf);
  const NodeId leaf = AddSwitches(t, leaves);
  const NodeId spine = AddSwitches(t, spines);
  for (NodeId host = 0; host < leaf; ++host) t.AddLink(host, leaf + host / hosts_per_leaf, edge);
  for (NodeId l = leaf; l < spine; ++l) {
    for (NodeId s = spine; s < spine + spines; ++s) t.AddLink(l, s, core);
  }
  return t;
}

Topology FatTree(uint32_t k, const LinkConfig& edge, const LinkConfig& core) {
  const uint32_t half = k / 2;
  Topology t;
  AddHosts(t, k * half * half);
  const NodeId edges = AddSwitches(t, k * half);
  const NodeId aggregations = AddSwitches(t, k * half);
  const NodeId cores = AddSwitches(t, half * half);
  for (NodeId host = 0; host < edges; ++host) t.AddLink(host, edges + host / half, edge);
  for (uint32_t e = 0; e < k * half; ++e) {
    const NodeId pod = aggregations + e / half * half;
    for (uint32_t a = 0; a < half; ++a) t.AddLink(edges + e, pod + a, core);
  }
  for (uint32_t a = 0; a < k * half; ++a) {
    const NodeId first = cores + a % half * half;
    for (uint32_t c = 0; c < half; ++c) t.AddLink(aggregations + a, first + c, core);
  }
  return t;
}

Topology RailOptimised(const RailConfig& config, const LinkConfig& edge, const LinkConfig& core) {
  const uint32_t units = (config.servers + config.unit - 1) / config.unit;
  Topology t;
  AddHosts(t, config.servers * config.rails);
  const NodeId leaves = AddSwitches(t, units * config.rails);
  const NodeId spines = AddSwitches(t, config.spines * (config.planes ? config.rails : 1));
  for (NodeId host = 0; host < leaves; ++host) {
    const uint32_t unit = host / config.rails / config.unit;
    t.AddLink(host, leaves + unit * config.rails + host % config.rails, edge);
  }
  for (uint32_t leaf = 0; leaf < units * config.rails; ++leaf) {
    const NodeId first = spines + (config.planes ? leaf % config.rails * config.spines : 0);
    for (uint32_t s = 0; s < config.spines; ++s) t.AddLink(leaves + leaf, first + s, core);
  }
  return t;
}

}  // namespace sluice::sim
