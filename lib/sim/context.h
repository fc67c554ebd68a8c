// Context: what the nodes of one partition of a simulation share. One thread at a time.
#ifndef SLUICE_SIM_CONTEXT_H_
#define SLUICE_SIM_CONTEXT_H_

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/optional_time.h"
#include "base/time.h"
#include "sim/arrival_queue.h"
#include "sim/event_queue.h"
#include "sim/ns3_coins.h"
#include "sim/ns3_wire.h"
#include "sim/planned_order.h"
#include "sim/record.h"
#include "sim/simulation_config.h"
#include "sim/topology.h"
#include "switch/forwarding.h"
#include "switch/scheduler.h"

namespace sluice::sim {

class VirtualClock : public Clock {
 public:
  explicit VirtualClock(Time start) : now_(start) {}
  Time Now() override { return now_; }
  Time now() const { return now_; }
  void Set(Time now) { now_ = now; }

 private:
  Time now_;
};

struct FabricCounters {
  // Links crossed, by kind of packet; a lost packet has not crossed.
  std::array<uint64_t, kTrafficKinds> hops = {};
  uint64_t pfc_pauses = 0;     // pause frames sent by switches; resumptions do not count
  uint64_t no_route = 0;       // dropped by a switch: nobody owns the destination
  uint64_t malformed = 0;      // dropped by a host's port: longer than max_frame, or no record's
  uint64_t receive_drops = 0;  // dropped by a host's port: its receive queue was full

  FabricCounters& operator+=(const FabricCounters& o) {
    for (size_t i = 0; i < hops.size(); ++i) hops[i] += o.hops[i];
    pfc_pauses += o.pfc_pauses;
    no_route += o.no_route;
    malformed += o.malformed;
    receive_drops += o.receive_drops;
    return *this;
  }
};

struct Context {
  Context(const SimulationConfig& config, size_t hosts, uint32_t nodes, uint32_t room)
      : clock(config.start),
        events(config.start, hosts),
        arrivals(config.start),
        pool(room, config.max_packets),
        priorities(config.switches.priorities),
        ns3(config.ns3) {
    if (ns3.exact) coins.emplace(ns3.run, nodes);
  }

  VirtualClock clock;
  EventQueue events;      // the wake-ups of hosts, by their rank
  ArrivalQueue arrivals;  // and the starts that somebody must know of
  PlannedOrder planned;   // of the arrivals under Ns3Wire::exact
  RecordPool pool;
  switching::AddressTable addresses;
  FabricCounters counters;
  const PriorityMap priorities;
  const Ns3Wire ns3;
  std::optional<Ns3Coins> coins;  // under Ns3Wire::exact
  bool alone = false;  // a node goes alone for a round, and schedules its wake-up at the end of it
  OptionalTime first_pause;     // when a switch paused somebody, since it was last cleared
  std::optional<NodeId> stuck;  // the host that does not let time go on; the run ends
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_CONTEXT_H_
