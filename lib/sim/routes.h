// Routes: the shortest paths of a topology, found when somebody first asks.
//
// Hosts that hang on the same switches are one group: every other switch reaches them alike. Per
// group one search over the switches gives each of them its ports towards it, all those of equal
// length; so the work and the memory are O(hosts + groups in use x links of switches), whatever
// pairs of hosts talk. Hosts do not forward. A link that is down is no way (SetLinkUp).
// One thread.
#ifndef SLUICE_SIM_ROUTES_H_
#define SLUICE_SIM_ROUTES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "sim/topology.h"
#include "switch/forwarding.h"

namespace sluice::sim {

class Routes {
 public:
  // `ports` outlives the routes. The choice of switch n is keyed by (seed, n).
  Routes(const Topology& topology, const std::vector<std::vector<PortEnd>>& ports, uint64_t seed);

  // The port of a switch towards a host for packets with this key; kNoPort if there is no way.
  PortIndex Find(NodeId node, switching::Endpoint host, uint32_t flow_key) {
    if (host >= group_of_.size()) return switching::kNoPort;
    const uint32_t group = group_of_[host];
    if (group == kNoGroup) return switching::kNoPort;
    switching::ForwardingTable& table = tables_[node];
    if (!table.Knows(group)) FindWays(group);
    const PortIndex port = table.Find(group, flow_key);
    return port == kLocal ? LocalPort(node, host, flow_key) : port;
  }

  // The same by the remainder of a hash that the caller made (switching::ForwardingTable).
  PortIndex FindModulo(NodeId node, switching::Endpoint host, uint32_t hash) {
    const PortIndex first = Find(node, host, hash);
    if (first == switching::kNoPort) return first;
    const PortIndex port = tables_[node].FindModulo(group_of_[host], hash);
    return port == kLocal ? first : port;
  }

  // All ports of equal length, in order.
  std::vector<PortIndex> PortsTo(NodeId node, switching::Endpoint host);

  // Both directions of the link at (node, port). Ways are found anew.
  void SetLinkUp(NodeId node, PortIndex port, bool up);

  size_t groups() const { return switches_of_.size(); }

 private:
  static constexpr uint32_t kNoGroup = UINT32_MAX;
  // In a table: the host hangs on this switch.
  static constexpr PortIndex kLocal = switching::kNoPort - 1;
  bool Up(NodeId node, PortIndex port) const { return down_.empty() || !down_[node][port]; }
  // Nearly always a host has one link to a switch.
  PortIndex LocalPort(NodeId node, NodeId host, uint32_t flow_key) const {
    const PortIndex port = only_port_[host];
    return port != switching::kNoPort ? port : PickLocalPort(node, host, flow_key);
  }
  PortIndex PickLocalPort(NodeId node, NodeId host, uint32_t flow_key) const;
  std::vector<PortIndex> LocalPorts(NodeId node, NodeId host) const;
  void FindGroups();
  void FindWays(uint32_t group);

  const std::vector<std::vector<PortEnd>>& ports_;
  std::vector<NodeKind> kinds_;
  std::vector<uint32_t> group_of_;  // by node; kNoGroup for switches
  // By node: at the far end of the one link of a host; kNoPort for all others.
  std::vector<PortIndex> only_port_;
  std::vector<std::vector<NodeId>> switches_of_;    // by group: on which its hosts hang
  std::vector<switching::ForwardingTable> tables_;  // by node
  std::vector<std::vector<bool>> down_;             // by node and port; empty while all are up
  std::vector<uint32_t> hops_;                      // of the search
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_ROUTES_H_
