// Simulation: a fabric of hosts, links and switches in virtual time.
//
// Hosts are Pollables handed in from outside, over the SimPorts that the simulation gives them.
// A run is a function of (topology, configuration, what the hosts do), bit for bit: trace_hash()
// tells two runs apart. One thread.
//
//   auto sim = Simulation::Create(Star(8, {}), {});
//   Engine engine((*sim)->port(0), ...);
//   (*sim)->Attach(0, &engine);
//   (*sim)->Run(until);
#ifndef SLUICE_SIM_SIMULATION_H_
#define SLUICE_SIM_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "port/port.h"
#include "sim/context.h"
#include "sim/deadlock.h"
#include "sim/host_node.h"
#include "sim/queue_probe.h"
#include "sim/routes.h"
#include "sim/switch_node.h"
#include "sim/topology.h"
#include "sim/transmitter.h"
#include "switch/ecn.h"

namespace sluice::sim {

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
  SwitchConfig switches;
  SimPortConfig ports;
  HostModel hosts;
  std::vector<LinkEvent> link_events;  // in any order; at one moment in this order
  Duration reroute_delay;
  Ns3Wire ns3 = {};
  size_t max_packets = size_t{1} << 24;  // in the whole fabric; Allocate gives fewer beyond

  absl::Status Validate() const;
};

class Simulation {
 public:
  enum class End : uint8_t {
    kUntil,     // virtual time has reached `until`
    kStopped,   // somebody called Stop()
    kIdle,      // nothing will ever happen again
    kStuck,     // a host does not let time go on: stuck_host()
    kDeadlock,  // PFC pauses wait for each other: deadlock()
  };
  using Progress = std::function<void(Time now, uint64_t events)>;

  static absl::StatusOr<std::unique_ptr<Simulation>> Create(const Topology& topology,
                                                            const SimulationConfig& config);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // `host` is a host of the topology in all of these. The Pollable outlives the runs; it is polled
  // first at the time of its attachment, once Run is called.
  port::Port& port(NodeId host, PortIndex port = 0) { return hosts_[host]->port(port); }
  void Attach(NodeId host, Pollable* pollable);
  // After input to a Pollable from elsewhere than its own Poll: has it polled now.
  void Wake(NodeId host) { hosts_[host]->WakeSoon(now()); }

  // Handles every event up to and including `until`. May be called again; how a run is cut into
  // calls changes nothing.
  End Run(Time until);
  // Ends Run after the event that is being handled.
  void Stop() { context_.stop = true; }
  // Called for each PFC frame where it is received, before it is obeyed.
  using PfcObserver =
      std::function<void(Time now, NodeId node, PortIndex port, uint8_t priority, bool pause)>;
  void SetPfcObserver(PfcObserver observer) { pfc_observer_ = std::move(observer); }
  // Called each `events` events.
  void SetProgress(Progress progress, uint64_t events);

  Clock& clock() { return context_.clock; }
  Time now() const { return context_.clock.now(); }

  // At set-up: another profile for one port of a switch.
  absl::Status SetEcn(NodeId node, PortIndex port, const switching::EcnProfile& profile);
  // Of one of the port's queues.
  absl::Status SetEcn(NodeId node, PortIndex port, uint8_t priority,
                      const switching::EcnProfile& profile);
  // Watches the queue before (node, port), a switch's or a host's, from now on; the simulation owns
  // the probe, which is right up to now() whenever Run is not running. One probe per queue; the
  // queue is empty.
  QueueProbe& AddProbe(NodeId node, PortIndex port, Duration interval);

  const FabricCounters& counters() const { return context_.counters; }
  uint64_t packet_hops() const;  // data and ACK
  uint64_t pfc_pauses() const { return context_.counters.pfc_pauses; }
  uint64_t drops() const;  // of switches, for want of buffer
  uint64_t trims() const;  // packets of which switches kept the headers only
  uint64_t ecn_marks() const;
  uint64_t lost() const;  // by links: loss, faults, cuts
  uint64_t events() const { return events_; }
  uint64_t trace_hash() const { return trace_hash_; }
  NodeId stuck_host() const { return *context_.stuck; }
  // After kDeadlock: the cycle of sending ports, each paused for at least 1 ms because the next one
  // holds its packets; or, if for 1 ms no packet crossed any link while somebody was paused without
  // a cycle, all that are paused.
  const std::vector<PausedHop>& deadlock() const { return deadlock_; }
  const Transmitter& transmitter(NodeId node, PortIndex port) const {
    return *transmitters_[first_transmitter_[node] + port];
  }
  size_t packets_in_use() const { return context_.pool.in_use(); }

 private:
  // A source of events that is no link: a host, or neither: the look for deadlocks, or what happens
  // to links.
  struct WakeSource {
    Source source = 0;  // among all sources
    HostNode* host = nullptr;
    NodeId node = 0;
  };

  Simulation(const Topology& topology, const SimulationConfig& config,
             const std::vector<std::vector<PortEnd>>& ports, size_t hosts, uint32_t room);
  void BuildNodes(const Topology& topology, const SimulationConfig& config);
  void BuildLinks(const SimulationConfig& config);
  absl::Status AddAddresses();
  absl::Status CheckPools() const;
  bool HasQueue(NodeId node, uint8_t priority) const;
  End Finish(End end);
  std::vector<PausedHop> LongPaused(NodeId node, Time now) const;
  std::vector<PausedHop> WaitsOf(const PausedHop& hop, Time now) const;
  Transmitter& transmitter_of(NodeId node, PortIndex port) {
    return *transmitters_[first_transmitter_[node] + port];
  }
  void LookForDeadlock(Time now);
  void PlanLinkActions(const Topology& topology, const SimulationConfig& config);
  void ActOnLinks(Time now);
  enum class Next : uint8_t { kHandled, kNoEvent, kLater, kNone };
  Next HandleFirst(Time until);
  void Begin(Time now, Source source);
  void OnWake(const WakeSource& wake, Time now);
  void OnArrival(Source source, Record* record, Time now);
  void FetchAhead() const;
  void Settle();

  Context context_;
  std::vector<std::vector<PortEnd>> ports_;
  PfcObserver pfc_observer_;
  Routes routes_;
  std::vector<std::unique_ptr<HostNode>> hosts_;       // by node; null for switches
  std::vector<std::unique_ptr<SwitchNode>> switches_;  // by node; null for hosts
  std::vector<std::unique_ptr<Transmitter>> transmitters_;
  std::vector<size_t> first_transmitter_;  // by node: of its port 0
  std::vector<Transmitter*> links_;        // by source; null where it is no link
  std::vector<WakeSource> wakes_;          // as in Context::events
  std::vector<std::unique_ptr<QueueProbe>> probes_;
  Progress progress_;
  uint64_t progress_events_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_hash_ = 0;
  // An event of a link, or its routes' turn.
  struct LinkAction {
    LinkEvent event;
    bool routes = false;
    PausedHop a;  // the two ends
    PausedHop b;
  };
  std::vector<LinkAction> link_actions_;  // by time
  size_t next_action_ = 0;
  std::vector<PausedHop> deadlock_;
  uint64_t hops_at_look_ = 0;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_SIMULATION_H_
