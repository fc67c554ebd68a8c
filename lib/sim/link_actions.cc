// What happens to the links of a simulation: cuts, repairs, degradation, and the routes that
// follow.
#include <algorithm>

#include "sim/simulation.h"

namespace sluice::sim {

std::vector<LinkEvent> Flap(size_t link, Time first, Duration down, Duration period, int times) {
  std::vector<LinkEvent> events;
  events.reserve(static_cast<size_t>(std::max(times, 0)) * 2);
  for (int i = 0; i < times; ++i) {
    const Time cut = first + period * i;
    events.push_back({cut, link, LinkEvent::Kind::kDown, {}});
    events.push_back({cut + down, link, LinkEvent::Kind::kUp, {}});
  }
  return events;
}

void Simulation::PlanLinkActions(const Topology& topology, const SimulationConfig& config) {
  if (config.link_events.empty()) return;
  std::vector<PortIndex> used(topology.nodes.size());
  std::vector<LinkAction> ends;
  for (const Link& link : topology.links) {
    LinkAction& action = ends.emplace_back();
    action.a = {link.a, used[link.a]++, 0};
    action.b = {link.b, used[link.b]++, 0};
  }
  for (const LinkEvent& event : config.link_events) {
    LinkAction action = ends[event.link];
    action.event = event;
    link_actions_.push_back(action);
    if (event.kind == LinkEvent::Kind::kChange) continue;
    action.routes = true;
    action.event.when = event.when + config.reroute_delay;
    link_actions_.push_back(action);
  }
  std::stable_sort(
      link_actions_.begin(), link_actions_.end(),
      [](const LinkAction& x, const LinkAction& y) { return x.event.when < y.event.when; });
}

void Simulation::ActOnLinks(Time now) {
  for (; next_action_ < link_actions_.size(); ++next_action_) {
    const LinkAction& action = link_actions_[next_action_];
    if (action.event.when > now) break;
    const bool up = action.event.kind == LinkEvent::Kind::kUp;
    if (action.routes) {
      for (auto& partition : partitions_) {
        partition->routes.SetLinkUp(action.a.node, action.a.port, up);
      }
      continue;
    }
    for (const PausedHop& end : {action.a, action.b}) {
      Transmitter& line = transmitter_of(end.node, end.port);
      if (action.event.kind == LinkEvent::Kind::kChange) {
        line.Change(now, action.event.config);
        continue;
      }
      line.SetDown(now, !up);
    }
    for (const PausedHop& end : {action.a, action.b}) {
      if (up && switches_[end.node] != nullptr) switches_[end.node]->OnLinkUp(now, end.port);
      if (hosts_[end.node] != nullptr) hosts_[end.node]->WakeSoon(now);
    }
  }
}

}  // namespace sluice::sim
