// Deadlock: PFC pauses that wait for each other.
//
// A paused sender waits for the switch that paused it; that switch waits for those of its own ports
// that hold packets of the paused sender and are paused themselves. A way along these waits that
// comes back to itself is a cycle in which nobody will ever send again.
// Source: Hu et al., "Deadlocks in Datacenter Networks: Why Do They Form, and How to Avoid Them",
// HotNets 2016 (cyclic buffer dependency).
#ifndef SLUICE_SIM_DEADLOCK_H_
#define SLUICE_SIM_DEADLOCK_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.h"
#include "sim/topology.h"

namespace sluice::sim {

// A sending port whose priority is paused.
struct PausedHop {
  NodeId node = 0;
  PortIndex port = 0;
  uint8_t priority = 0;
  bool operator==(const PausedHop&) const = default;
};

// Whom a paused hop waits for: the next paused hops, in the order of their ports.
using WaitsFor = std::function<std::vector<PausedHop>(const PausedHop&)>;

// The first cycle that a depth-first search from `starts`, in order, comes upon, from its first hop
// on; empty if there is none.
std::vector<PausedHop> FindPauseCycle(const std::vector<PausedHop>& starts,
                                      const WaitsFor& waits_for);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_DEADLOCK_H_
