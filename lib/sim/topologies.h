// Topologies by parameters. In all of them hosts come first among the nodes, 0..hosts-1.
// (Star is in sim/topology.h.) No parameter is 0. Set-up only.
#ifndef SLUICE_SIM_TOPOLOGIES_H_
#define SLUICE_SIM_TOPOLOGIES_H_

#include <cstdint>

#include "sim/topology.h"

namespace sluice::sim {

// Two switches and one link between them: hosts 0..left-1 on switch left + right, the rest on the
// next one. The bottleneck is the last port of each switch.
Topology Dumbbell(uint32_t left, uint32_t right, const LinkConfig& edge, const LinkConfig& core);

// Switches in a row, each with hosts_per_switch hosts: flows of one hop meet those of many. Ports
// of a switch: its hosts, the switch before it, the one after it.
Topology ParkingLot(uint32_t switches, uint32_t hosts_per_switch, const LinkConfig& edge,
                    const LinkConfig& core);

// Host h is on leaf h / hosts_per_leaf; every leaf has a link to every spine. Leaves come before
// spines; ports of a leaf: its hosts, then the spines. A two-tier fat tree of switches with k ports
// is LeafSpine(k, k / 2, k / 2).
Topology LeafSpine(uint32_t leaves, uint32_t hosts_per_leaf, uint32_t spines,
                   const LinkConfig& edge, const LinkConfig& core);

// Three tiers of switches with k ports, k even: k pods of k/2 edge and k/2 aggregation switches,
// (k/2)^2 cores, k^3/4 hosts. Aggregation switch a of each pod has links to cores a k/2 .. a k/2 +
// k/2 - 1. Al-Fares, Loukissas, Vahdat: "A Scalable, Commodity Data Center Network Architecture",
// SIGCOMM 2008.
Topology FatTree(uint32_t k, const LinkConfig& edge, const LinkConfig& core);

// Servers with one NIC per rail. A NIC is a host of the simulation with an address of its own: NIC
// r of server s is host s x rails + r. Servers come in units of `unit`; NIC r of every server of a
// unit is on leaf (unit, r). Without planes every leaf has a link to every one of the spines; with
// planes rail r has `spines` spines of its own, and NICs of different rails do not reach each
// other.
struct RailConfig {
  uint32_t servers = 16;
  uint32_t rails = 8;
  uint32_t unit = 8;  // servers per unit; the last one may be smaller
  uint32_t spines = 8;
  bool planes = false;
};
Topology RailOptimised(const RailConfig& config, const LinkConfig& edge, const LinkConfig& core);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_TOPOLOGIES_H_
