// Scenario: what one run executes, as plain data: a fabric, flows, and how long to wait for them.
// Every experiment makes one; the runner knows nothing of experiments, and a new experiment needs
// nothing of the runner.
#ifndef SLUICE_LAB_SCENARIO_H_
#define SLUICE_LAB_SCENARIO_H_

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "sim/simulation.h"
#include "sim/topology.h"

namespace sluice::lab {

// One message, posted at `start`. A flow has a queue pair of its own, unless the scenario says
// otherwise.
struct FlowSpec {
  sim::NodeId source = 0;
  sim::NodeId destination = 0;
  Bytes size;  // 1 to 2^31
  Time start;
};

// Whose wire the run imitates: lab/profile.h.
enum class WireProfile : uint8_t { kRoce, kHpccNs3 };

struct Scenario {
  sim::Topology topology;
  sim::SwitchConfig switches;
  std::vector<FlowSpec> flows;
  uint32_t mtu = 1000;  // payload bytes per packet, a multiple of 4 from 256 to 4096
  // Retransmission timer, 4.096 us * 2^code. It must outlast the deepest queue: see TimeoutCode.
  uint8_t timeout = 14;
  // All flows go from one host to another and share one queue pair, and each has memory of its own.
  bool one_queue_pair = false;
  // Selective repeat (docs/wire-formats.md) with this many packets outstanding.
  bool extended = false;
  uint32_t tracking_window = 16384;
  WireProfile profile = WireProfile::kRoce;
  bool ack_priority = false;  // kHpccNs3: acknowledgements pass data in switches
  // The queue whose level and use are reported: the one where the flows meet.
  sim::NodeId watched_node = 0;
  sim::PortIndex watched_port = 0;
  Duration sample;  // between two points of the series, if series are wanted
  Duration limit;   // of virtual time; flows that have not finished then are unfinished
};

// The smallest code of a retransmission timer that no queue can make fire by itself: 1.25 times the
// time in which the whole buffer drains at `rate`, and 8 base round trips.
uint8_t TimeoutCode(Bytes buffer, Bandwidth rate, Duration base_rtt);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SCENARIO_H_
