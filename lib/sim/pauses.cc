// What a simulation does about PFC pauses that last: it looks whether they wait for each other.
#include "sim/simulation.h"

namespace sluice::sim {

// While it watches, further pauses change nothing.
void Simulation::NotePauses() {
  OptionalTime first = watch_at_;
  for (auto& partition : partitions_) {
    OptionalTime& pause = partition->context.first_pause;
    if (pause && !watch_at_) {
      first = first ? Earlier(*first, *pause + kDeadlockTime) : *pause + kDeadlockTime;
    }
    pause.reset();
  }
  watch_at_ = first;
}

// The sending ports of a node that have waited for the end of a pause for at least kDeadlockTime.
std::vector<PausedHop> Simulation::LongPaused(NodeId node, Time now) const {
  std::vector<PausedHop> hops;
  for (size_t i = 0; i < ports_[node].size(); ++i) {
    const auto port = static_cast<PortIndex>(i);
    const Transmitter& t = transmitter(node, port);
    for (uint8_t priority = 0; t.queues().paused(t.port()) >> priority != 0; ++priority) {
      if ((t.queues().paused(t.port()) >> priority & 1) == 0) continue;
      if (t.queues().head(t.port(), priority) == nullptr) continue;
      if (now - t.paused_since(priority) >= kDeadlockTime) hops.push_back({node, port, priority});
    }
  }
  return hops;
}

std::vector<PausedHop> Simulation::WaitsOf(const PausedHop& hop, Time now) const {
  const PortEnd& end = ports_[hop.node][hop.port];
  std::vector<PausedHop> waits;
  if (switches_[end.peer] == nullptr) return waits;
  for (const PausedHop& next : LongPaused(end.peer, now)) {
    if (next.priority != hop.priority) continue;
    const Transmitter& t = transmitter(next.node, next.port);
    for (const auto* p = t.queues().head(t.port(), next.priority); p != nullptr; p = p->next) {
      if (p->ingress != end.peer_port) continue;
      waits.push_back(next);
      break;
    }
  }
  return waits;
}

void Simulation::LookForDeadlock(Time now) {
  watch_at_.reset();
  for (auto& transmitter : transmitters_) transmitter->Advance(now);
  bool pausing = false;
  for (const auto& node : switches_) pausing |= node != nullptr && node->queues().pausing();
  if (!pausing) return;
  std::vector<PausedHop> paused;
  for (NodeId node = 0; node < ports_.size(); ++node) {
    for (const PausedHop& hop : LongPaused(node, now)) paused.push_back(hop);
  }
  deadlock_ = FindPauseCycle(paused, [&](const PausedHop& hop) { return WaitsOf(hop, now); });
  uint64_t hops = 0;
  for (const uint64_t n : counters().hops) hops += n;
  if (deadlock_.empty() && hops == hops_at_look_) deadlock_ = paused;
  hops_at_look_ = hops;
  watch_at_ = now + kDeadlockTime;
}

}  // namespace sluice::sim
