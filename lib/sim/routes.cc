#include "sim/routes.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/rng.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kEcmpPurpose = 0x65636d70;
constexpr uint32_t kFar = std::numeric_limits<uint32_t>::max();

}  // namespace

Routes::Routes(const Topology& topology, const std::vector<std::vector<PortEnd>>& ports,
               uint64_t seed)
    : ports_(ports), kinds_(topology.nodes) {
  tables_.reserve(kinds_.size());
  for (NodeId node = 0; node < kinds_.size(); ++node) {
    tables_.emplace_back(Rng(seed, node, kEcmpPurpose).Next());
    const bool one = kinds_[node] == NodeKind::kHost && ports_[node].size() == 1;
    only_port_.push_back(one ? ports_[node][0].peer_port : switching::kNoPort);
  }
  FindGroups();
}

void Routes::FindGroups() {
  group_of_.assign(kinds_.size(), kNoGroup);
  switches_of_.clear();
  std::map<std::vector<NodeId>, uint32_t> known;
  for (NodeId host = 0; host < kinds_.size(); ++host) {
    if (kinds_[host] != NodeKind::kHost) continue;
    std::vector<NodeId> on;
    for (size_t i = 0; i < ports_[host].size(); ++i) {
      const NodeId peer = ports_[host][i].peer;
      if (kinds_[peer] == NodeKind::kSwitch && Up(host, static_cast<PortIndex>(i))) {
        on.push_back(peer);
      }
    }
    std::sort(on.begin(), on.end());
    on.erase(std::unique(on.begin(), on.end()), on.end());
    const auto [entry, fresh] = known.try_emplace(on, static_cast<uint32_t>(switches_of_.size()));
    if (fresh) switches_of_.push_back(on);
    group_of_[host] = entry->second;
  }
}

// Breadth first from the switches of the group, against the direction of the packets.
void Routes::FindWays(uint32_t group) {
  hops_.assign(kinds_.size(), kFar);
  std::vector<NodeId> todo = switches_of_[group];
  for (const NodeId node : todo) hops_[node] = 0;
  for (size_t i = 0; i < todo.size(); ++i) {
    const NodeId node = todo[i];
    for (size_t p = 0; p < ports_[node].size(); ++p) {
      const NodeId peer = ports_[node][p].peer;
      if (kinds_[peer] != NodeKind::kSwitch || hops_[peer] != kFar) continue;
      if (!Up(node, static_cast<PortIndex>(p))) continue;
      hops_[peer] = hops_[node] + 1;
      todo.push_back(peer);
    }
  }
  std::vector<PortIndex> ways;
  for (NodeId node = 0; node < kinds_.size(); ++node) {
    if (kinds_[node] != NodeKind::kSwitch) continue;
    ways.clear();
    if (hops_[node] == 0) ways.push_back(kLocal);
    for (size_t p = 0; p < ports_[node].size() && hops_[node] != 0 && hops_[node] != kFar; ++p) {
      const NodeId peer = ports_[node][p].peer;
      const auto port = static_cast<PortIndex>(p);
      const bool nearer = kinds_[peer] == NodeKind::kSwitch && hops_[peer] == hops_[node] - 1;
      if (nearer && Up(node, port)) ways.push_back(port);
    }
    tables_[node].Set(group, ways);
  }
}

std::vector<PortIndex> Routes::LocalPorts(NodeId node, NodeId host) const {
  std::vector<PortIndex> local;
  for (size_t i = 0; i < ports_[host].size(); ++i) {
    if (ports_[host][i].peer != node || !Up(host, static_cast<PortIndex>(i))) continue;
    local.push_back(ports_[host][i].peer_port);
  }
  return local;
}

PortIndex Routes::PickLocalPort(NodeId node, NodeId host, uint32_t flow_key) const {
  const std::vector<PortIndex> local = LocalPorts(node, host);
  if (local.empty()) return switching::kNoPort;
  return local[Mix64(flow_key ^ node) % local.size()];
}

std::vector<PortIndex> Routes::PortsTo(NodeId node, switching::Endpoint host) {
  if (Find(node, host, 0) == switching::kNoPort) return {};
  const auto ports = tables_[node].PortsTo(group_of_[host]);
  if (ports.size() == 1 && ports[0] == kLocal) return LocalPorts(node, host);
  return {ports.begin(), ports.end()};
}

void Routes::SetLinkUp(NodeId node, PortIndex port, bool up) {
  if (down_.empty()) {
    down_.resize(ports_.size());
    for (size_t i = 0; i < ports_.size(); ++i) down_[i].resize(ports_[i].size());
  }
  const PortEnd& end = ports_[node][port];
  down_[node][port] = !up;
  down_[end.peer][end.peer_port] = !up;
  for (switching::ForwardingTable& table : tables_) table.Clear();
  FindGroups();
}

}  // namespace sluice::sim
