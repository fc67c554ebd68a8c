// Context: what the parts of one simulation share. Owned by Simulation, one thread.
#ifndef SLUICE_SIM_CONTEXT_H_
#define SLUICE_SIM_CONTEXT_H_

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/time.h"
#include "sim/arrival_queue.h"
#include "sim/event_queue.h"
#include "sim/ns3_wire.h"
#include "sim/record.h"
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

// Which queue a packet asks for, by its DSCP; what is no IP asks for queue 0.
using PriorityMap = std::array<uint8_t, 64>;

struct FabricCounters {
  // Links crossed, by kind of packet; a lost packet has not crossed.
  std::array<uint64_t, kTrafficKinds> hops = {};
  uint64_t pfc_pauses = 0;     // pause frames sent by switches; resumptions do not count
  uint64_t no_route = 0;       // dropped by a switch: nobody owns the destination
  uint64_t malformed = 0;      // dropped by a host's port: longer than max_frame, or no record's
  uint64_t receive_drops = 0;  // dropped by a host's port: its receive queue was full
};

struct Context {
  // wakes: how many sources of events there are that are no links.
  Context(Time start, size_t wakes, uint32_t room, size_t max_records)
      : clock(start), events(start, wakes), arrivals(start), pool(room, max_records) {}

  VirtualClock clock;
  EventQueue events;      // of hosts by their rank, then `watch`, then what happens to links
  ArrivalQueue arrivals;  // and the starts that somebody must know of
  RecordPool pool;
  switching::AddressTable addresses;
  FabricCounters counters;
  PriorityMap priorities = {};
  Ns3Wire ns3;
  // The event that looks for deadlocks; pending while `watching`.
  Source watch = 0;
  bool watching = false;
  bool stop = false;            // the run ends after the event that is being handled
  std::optional<NodeId> stuck;  // the host that does not let time go on
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_CONTEXT_H_
