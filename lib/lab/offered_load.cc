#include "lab/offered_load.h"

#include <algorithm>
#include <vector>

#include "sim/routes.h"

namespace sluice::lab {
namespace {

class Offered {
 public:
  explicit Offered(const sim::Topology& topology)
      : topology_(topology), ports_(sim::PortsOf(topology)), routes_(topology, ports_, 0) {
    for (const auto& ports : ports_) seconds_.emplace_back(ports.size());
  }

  // One unit of traffic in all from `sources` to `to`.
  void Add(const std::vector<sim::NodeId>& sources, sim::NodeId to);
  // The longest time that a link needs for what has been added.
  double Longest() const {
    double most = 0;
    for (const auto& ports : seconds_) {
      for (const double s : ports) most = std::max(most, s);
    }
    return most;
  }

 private:
  void Cross(sim::NodeId node, sim::PortIndex port, double units) {
    const sim::PortEnd& end = ports_[node][port];
    seconds_[node][port] += units / static_cast<double>(end.out.rate.bps());
    through_[end.peer] += units;
  }
  // Switches from which `to` can be reached, the farthest first.
  std::vector<sim::NodeId> FarthestFirst(sim::NodeId to) const;

  const sim::Topology& topology_;
  std::vector<std::vector<sim::PortEnd>> ports_;
  sim::Routes routes_;
  std::vector<std::vector<double>> seconds_;  // by node and port
  std::vector<double> through_;               // by node, on the way to one destination
};

std::vector<sim::NodeId> Offered::FarthestFirst(sim::NodeId to) const {
  std::vector<bool> seen(ports_.size());
  std::vector<sim::NodeId> order = {to};
  seen[to] = true;
  for (size_t i = 0; i < order.size(); ++i) {
    for (const sim::PortEnd& end : ports_[order[i]]) {
      if (seen[end.peer] || topology_.nodes[end.peer] != sim::NodeKind::kSwitch) continue;
      seen[end.peer] = true;
      order.push_back(end.peer);
    }
  }
  order.erase(order.begin());
  std::reverse(order.begin(), order.end());
  return order;
}

void Offered::Add(const std::vector<sim::NodeId>& sources, sim::NodeId to) {
  through_.assign(ports_.size(), 0);
  for (const sim::NodeId source : sources) {
    if (source != to) Cross(source, 0, 1);
  }
  for (const sim::NodeId node : FarthestFirst(to)) {
    if (through_[node] == 0) continue;
    const std::vector<sim::PortIndex> ways = routes_.PortsTo(node, to);
    const double part = through_[node] / static_cast<double>(ways.size());
    for (const sim::PortIndex way : ways) Cross(node, way, part);
  }
}

}  // namespace

double HostRateAtFullLoad(const sim::Topology& topology, uint32_t rails) {
  std::vector<std::vector<sim::NodeId>> groups(rails);
  uint32_t place = 0;
  for (sim::NodeId node = 0; node < topology.nodes.size(); ++node) {
    if (topology.nodes[node] == sim::NodeKind::kHost) groups[place++ % rails].push_back(node);
  }
  Offered offered(topology);
  for (const std::vector<sim::NodeId>& group : groups) {
    for (const sim::NodeId to : group) offered.Add(group, to);
  }
  // A host that offers one bit per second sends 1 / (n - 1) of it to each of the others.
  return static_cast<double>(groups[0].size() - 1) / offered.Longest();
}

}  // namespace sluice::lab
