// Scenario: what one run executes, as plain data: a fabric, flows, and how long to wait for them.
// Every experiment makes one; the runner knows nothing of experiments, and a new experiment needs
// nothing of the runner.
#ifndef SLUICE_LAB_SCENARIO_H_
#define SLUICE_LAB_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "sim/simulation_config.h"
#include "sim/topology.h"

namespace sluice::lab {

inline constexpr uint32_t kNoTrigger = UINT32_MAX;

// One message, posted at `start`. A flow has a queue pair of its own, unless the scenario says
// otherwise (QueuePairUse).
struct FlowSpec {
  sim::NodeId source = 0;
  sim::NodeId destination = 0;
  Bytes size;  // 1 to 2^31
  Time start;
  // Waits for this trigger of the scenario, and is posted when it fires, `start` at the earliest.
  uint32_t trigger = kNoTrigger;
  bool measured = true;             // counts in the metrics; a run ends with the last that does
  uint16_t destination_port = 200;  // in fct.txt
};

// What happens to a flow: its sender has the last acknowledgement (`received` false), or its
// receiver the last byte. A flow whose arrival is an event of some trigger is a WRITE with
// immediate, which is how a receiver learns of it; its last packet is 4 bytes longer.
struct FlowEvent {
  uint32_t flow = 0;  // of Scenario::flows
  bool received = false;
};

// Fires `delay` after the `needed`-th of these events has happened, once, wherever it happened.
struct Trigger {
  std::vector<FlowEvent> events;
  uint32_t needed = 1;
  Duration delay;
};

// What a seed varies. A factor that is off is drawn as if the seed were 0.
struct RandomFactors {
  bool arrivals = true;   // when flows start
  bool sizes = true;      // how long they are
  bool placement = true;  // from where to where
  bool ecmp = true;       // keys of the switches; QPNs, and with them UDP source ports
  bool marking = true;    // coins of ECN
  bool loss = true;       // which packets links lose
  bool jitter = true;     // small shifts of starts that are given
  bool hosts = true;      // when host loops stand still, and the noise of their stamps

  uint64_t Seed(bool RandomFactors::*factor, uint64_t seed) const {
    return this->*factor ? seed : 0;
  }
};

// ECN of all switch ports of this rate, instead of SwitchConfig::ecn.
struct RateEcn {
  Bandwidth rate;
  switching::EcnProfile profile;
};

// Whose wire the run imitates: lab/profile.h.
enum class WireProfile : uint8_t { kRoce, kHpccNs3 };

// Whether messages take new queue pairs, or those that earlier messages between the same hosts
// took.
struct QueuePairUse {
  bool reused = false;
  // The idle rule of reused ones: one that had nothing under way for longer than this, from the
  // last acknowledgement to the post, is left, and the message takes a new one. nullopt: never.
  std::optional<Duration> idle;
};

// An algorithm by another name: "imported" for "dcqcn:rate_timer=300us,...".
struct Arm {
  std::string name;
  std::string algorithm;
};
// The algorithm of the arm with that name; `name` itself if there is none.
std::string AlgorithmOf(std::span<const Arm> arms, std::string_view name);

struct Scenario {
  sim::Topology topology;
  sim::SwitchConfig switches;
  std::vector<RateEcn> ecn_by_rate;
  std::vector<sim::LinkEvent> link_events;
  Duration reroute_delay;  // from a cut or repair until routes follow
  sim::HostModel hosts;
  WireProfile profile = WireProfile::kRoce;
  bool ack_priority = false;  // kHpccNs3: pauses of data do not stop acknowledgements at a host
  // kHpccNs3: events of one moment in that simulator's order, marks by its coins. One core, no
  // link_events.
  bool exact = false;
  std::vector<Arm> arms;
  RandomFactors random;
  std::vector<FlowSpec> flows;    // in any order
  std::vector<Trigger> triggers;  // none where one_queue_pair is set
  uint32_t mtu = 1000;            // payload bytes per packet, a multiple of 4 from 256 to 4096
  // Retransmission timer, 4.096 us * 2^code. It must outlast the deepest queue: see TimeoutCode.
  uint8_t timeout = 14;
  QueuePairUse queue_pairs;
  // All flows go from one host to another and share one queue pair, and each has memory of its own.
  bool one_queue_pair = false;
  // Selective repeat (docs/wire-formats.md) with this many packets outstanding.
  bool extended = false;
  uint32_t tracking_window = 16384;
  // The queue whose level and use are reported: the one where the flows meet.
  sim::NodeId watched_node = 0;
  sim::PortIndex watched_port = 0;
  Duration sample;  // between two points of the series, if series are wanted
  Duration limit;   // of virtual time; flows that have not finished then are unfinished
  Duration origin;  // added to starts in fct.txt: when time zero is, for those who imported flows
};

// Starts every flow later, each by its own draw from [0, most] of this seed; 0 shifts nothing. The
// flows stay in their order, by which triggers name them. `stream` has its low 32 bits clear and
// tells shifts of one seed apart.
void ShiftStarts(Scenario& s, uint64_t seed, uint64_t stream, Duration most);

// Watches the switch port that most seconds of these flows must pass: ports at which a switch has a
// choice do not count. Of equals the first by (node, port). Flows and topology are known.
void WatchBusiest(Scenario& s);

// The smallest code of a retransmission timer that no queue can make fire by itself: 1.25 times the
// time in which the whole buffer drains at `rate`, and 8 base round trips.
uint8_t TimeoutCode(Bytes buffer, Bandwidth rate, Duration base_rtt);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SCENARIO_H_
