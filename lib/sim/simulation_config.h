// SimulationConfig: what a simulated fabric is like, beside its topology.
#ifndef SLUICE_SIM_SIMULATION_CONFIG_H_
#define SLUICE_SIM_SIMULATION_CONFIG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/time.h"
#include "base/units.h"
#include "sim/host_model.h"
#include "sim/ns3_wire.h"
#include "sim/topology.h"
#include "switch/ecn.h"
#include "switch/scheduler.h"
#include "switch/shared_buffer.h"
#include "switch/telemetry.h"
#include "switch/trim.h"

namespace sluice::sim {

// Which queue a packet asks for, by its DSCP; what is no IP asks for queue 0.
using PriorityMap = std::array<uint8_t, 64>;

struct SimPortConfig {
  uint32_t transmit_queue = 2;    // packets that may wait, beside the one on the line; > 0
  uint32_t receive_queue = 8192;  // packets that may wait for the host
  uint32_t linear_room = 384;     // header bytes of a packet; holds a MAD in full
  uint32_t max_frame = 9216;
  bool carry_payload = false;
};

struct SwitchConfig {
  Bytes buffer{32 << 20};  // shared by all ports of a switch
  switching::EcnProfile ecn;
  // Dynamic thresholds and PFC; its size is `buffer`. Headroom below zero: per port what arrives
  // after a pause was decided, 2 x delay x rate of the link, two frames of max_frame and the PFC
  // frame itself (IEEE 802.1Q-2018, annex N).
  switching::BufferConfig sharing = {};
  // Queues of each port, of switches and hosts; which packet asks for which.
  switching::SchedulerConfig scheduler = {};
  PriorityMap priorities = {};
  switching::TelemetryConfig telemetry = {};
  // Cut instead of dropped; not with the ns-3 wire, whose packets are shorter than our frames. Its
  // queue is lossy; sharing.kept_for should be it.
  switching::TrimConfig trim = {};
};

// What happens to both directions of a link at a moment.
struct LinkEvent {
  enum class Kind : uint8_t {
    kDown,    // a cut: nothing arrives any more; routes avoid it after reroute_delay
    kUp,      // repaired; routes use it after reroute_delay
    kChange,  // rate, loss and faults of `config` from now on (degradation); not its delay
  };
  Time when;
  size_t link = 0;  // of Topology::links
  Kind kind = Kind::kDown;
  LinkConfig config = {};
};

// Down at `first`, up after `down`, and so on, `times` times with `period` between two cuts.
std::vector<LinkEvent> Flap(size_t link, Time first, Duration down, Duration period, int times);

struct SimulationConfig {
  Time start;
  // The random streams of a fabric; equal seeds do not make them alike.
  uint64_t marking_seed = 1;
  uint64_t loss_seed = 1;
  uint64_t ecmp_seed = 1;  // of the keys by which switches choose among equal paths
  uint64_t host_seed = 1;  // of stalls and of the noise of stamps
  SwitchConfig switches;
  SimPortConfig ports;
  HostModel hosts;
  std::vector<LinkEvent> link_events;  // in any order; at one moment in this order
  Duration reroute_delay;
  Ns3Wire ns3 = {};
  // Parts of the fabric that different threads may handle; the results do not depend on it.
  size_t partitions = 1;
  // Each node goes alone for a while, also where there is one partition: faster, with the same
  // results, but hosts may share nothing but packets, and links need a delay. Several partitions
  // always do.
  bool rounds = false;
  // One partition goes on in the order of its events while fewer of them are in a round: nodes that
  // go alone cost more then than they gain.
  uint64_t few_events = 64;
  bool one_thread = false;  // handles all of them, so that they share what is known of routes
  size_t max_packets = size_t{1} << 24;  // in each partition; Allocate gives fewer beyond

  absl::Status Validate() const;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_SIMULATION_CONFIG_H_
