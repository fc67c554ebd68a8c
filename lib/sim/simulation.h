// Simulation: a fabric of hosts, links and switches in virtual time.
//
// Hosts are Pollables handed in from outside, over the SimPorts that the simulation gives them.
// A run is a function of (topology, configuration, what the hosts do), bit for bit: trace_hash()
// tells two runs apart. One thread, or one for each partition of the configuration: then what the
// hosts do may not reach across partitions but by packets, and they are polled on several threads
// (docs/decisions/0029-parallel-virtual-time.md).
//
//   auto sim = Simulation::Create(Star(8, {}), {});
//   Engine engine((*sim)->port(0), ...);
//   (*sim)->Attach(0, &engine);
//   (*sim)->Run(until);
#ifndef SLUICE_SIM_SIMULATION_H_
#define SLUICE_SIM_SIMULATION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/optional_time.h"
#include "port/port.h"
#include "sim/crew.h"
#include "sim/deadlock.h"
#include "sim/host_node.h"
#include "sim/partition.h"
#include "sim/queue_probe.h"
#include "sim/simulation_config.h"
#include "sim/switch_node.h"
#include "sim/topology.h"
#include "sim/transmitter.h"

namespace sluice::sim {

class Simulation {
 public:
  enum class End : uint8_t {
    kUntil,     // virtual time has reached `until`
    kStopped,   // somebody called Stop()
    kIdle,      // nothing will ever happen again
    kStuck,     // a host does not let time go on: stuck_host(); it cannot be gone on with
    kDeadlock,  // PFC pauses wait for each other: deadlock()
    kOverrun,   // somebody called Stop() where StopGuard had said that nobody would
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
  // With Ns3Wire::exact: the pollable is polled when PlanLast said so only, which is behind all
  // other events of a moment, among its like by rank (< 2^38); and then the host's others.
  void AttachLast(NodeId host, Pollable* pollable) { hosts_[host]->AttachLast(pollable); }
  void PlanLast(NodeId host, Time when, uint64_t rank);
  // After input to a Pollable from elsewhere than its own Poll: has it polled now.
  void Wake(NodeId host) { hosts_[host]->WakeSoon(partition_of(host).context.clock.now()); }

  // Handles every event up to and including `until`. May be called again; how a run is cut into
  // calls changes nothing.
  // Several partitions are shared out among `threads`, this one and what the executor gives; null,
  // or SimulationConfig::one_thread: all on this. 0: as many as there are partitions.
  End Run(Time until, Executor* executor = nullptr, size_t threads = 0);
  // Ends Run after the event that is being handled. Any thread.
  void Stop() { fabric_.stop.store(true, std::memory_order_relaxed); }
  // Whether somebody may call Stop() at a moment from `first` to `last`, as far as can be known at
  // `first`. Asked between two rounds, if there are any; while the answer is yes the run goes on in
  // the order of its events, so that its end is the same with and without. Without a guard the
  // answer is always yes.
  using StopGuard = std::function<bool(Time first, Time last)>;
  void SetStopGuard(StopGuard guard) { stop_guard_ = std::move(guard); }
  // Called for each PFC frame where it is received, before it is obeyed; in rounds those of one
  // node in order, node after node, and on several threads if there are several partitions.
  void SetPfcObserver(PfcObserver observer) { fabric_.pfc_observer = std::move(observer); }
  // Called each `events` events; in rounds, between them when there were so many.
  void SetProgress(Progress progress, uint64_t events);

  // That of a node; all agree while Run is not running.
  Clock& clock(NodeId node = 0) { return partition_of(node).context.clock; }
  Time now() const { return partitions_[0]->context.clock.now(); }
  // How many there are, and which of them a node is in.
  size_t partitions() const { return partitions_.size(); }
  size_t place(NodeId node) const { return places_[node]; }

  // At set-up: another profile for one port of a switch.
  absl::Status SetEcn(NodeId node, PortIndex port, const switching::EcnProfile& profile);
  // Of one of the port's queues.
  absl::Status SetEcn(NodeId node, PortIndex port, uint8_t priority,
                      const switching::EcnProfile& profile);
  // Watches the queue before (node, port), a switch's or a host's, from now on; the simulation owns
  // the probe, which is right up to now() whenever Run is not running. One probe per queue; the
  // queue is empty.
  QueueProbe& AddProbe(NodeId node, PortIndex port, Duration interval);

  FabricCounters counters() const;
  uint64_t packet_hops() const;  // data and ACK
  uint64_t pfc_pauses() const { return counters().pfc_pauses; }
  uint64_t drops() const;  // of switches, for want of buffer
  uint64_t trims() const;  // packets of which switches kept the headers only
  uint64_t ecn_marks() const;
  LinkCounters link_totals() const;                     // of both directions of all links
  uint64_t lost() const { return link_totals().lost; }  // by links: loss, faults, cuts
  // Arrivals, wake-ups of hosts, changes of links.
  uint64_t events() const;
  uint64_t trace_hash() const;
  NodeId stuck_host() const { return stuck_host_; }
  // After kDeadlock: the cycle of sending ports, each paused for at least 1 ms because the next one
  // holds its packets; or, if for 1 ms no packet crossed any link while somebody was paused without
  // a cycle, all that are paused.
  const std::vector<PausedHop>& deadlock() const { return deadlock_; }
  const Transmitter& transmitter(NodeId node, PortIndex port) const {
    return *transmitters_[first_transmitter_[node] + port];
  }
  // Payload of data packets that the host has sent; more by up to 3 B for each message, and by what
  // was sent again.
  uint64_t data_bytes(NodeId host) const;
  size_t packets_in_use() const;

 private:
  Simulation(const Topology& topology, const SimulationConfig& config,
             const std::vector<std::vector<PortEnd>>& ports);
  void BuildPartitions(const Topology& topology, const SimulationConfig& config);
  void BuildNodes(const Topology& topology, const SimulationConfig& config);
  void BuildHost(NodeId node, const SimulationConfig& config, Source source);
  void BuildSwitch(NodeId node, const SimulationConfig& config);
  void BuildLinks(const SimulationConfig& config);
  void BuildLink(NodeId node, PortIndex port, const SimulationConfig& config, Source arrival);
  absl::Status AddAddresses();
  absl::Status CheckPools() const;
  absl::Status CheckLinks() const;
  bool HasQueue(NodeId node, uint8_t priority) const;
  Partition& partition_of(NodeId node) { return *partitions_[places_[node]]; }
  Transmitter& transmitter_of(NodeId node, PortIndex port) {
    return *transmitters_[first_transmitter_[node] + port];
  }

  // Runs, in simulation_run.cc.
  struct Round;
  bool NextRound(Time until, Round& round);
  void RunAlone(const Round& round);
  void ChooseOrder(const Round& round, uint64_t handled);
  void RunInOrder(const Round& round);
  void RunTogether(const Round& round, Crew& crew);
  void OpenRound(size_t partition);
  void BalancePools();
  void NotePauses();
  std::optional<End> Stopped();
  void Report();
  void SetClocks(Time now);
  End Finish(End end);
  void Settle();
  OptionalTime NextGlobal() const;
  void ActGlobally(Time now);
  void CountGlobal(Time now, Source source);

  std::vector<PausedHop> LongPaused(NodeId node, Time now) const;
  std::vector<PausedHop> WaitsOf(const PausedHop& hop, Time now) const;
  void LookForDeadlock(Time now);
  void PlanLinkActions(const Topology& topology, const SimulationConfig& config);
  void ActOnLinks(Time now);

  std::vector<std::vector<PortEnd>> ports_;
  Partition::Fabric fabric_;
  std::vector<uint32_t> places_;    // by node: its partition
  std::vector<uint32_t> in_place_;  // by node: its place in there
  std::vector<Source> wakes_;       // by node: of a host's wake-up
  std::vector<std::unique_ptr<Partition>> partitions_;
  std::vector<Partition::Key> firsts_;  // of each partition, while they take turns
  bool one_thread_ = false;
  bool rounds_ = false;
  bool exact_ = false;
  bool in_order_ = true;  // for now
  uint64_t few_events_ = 0;
  std::vector<std::unique_ptr<HostNode>> hosts_;       // by node; null for switches
  std::vector<std::unique_ptr<SwitchNode>> switches_;  // by node; null for hosts
  std::vector<std::unique_ptr<Transmitter>> transmitters_;
  std::vector<size_t> first_transmitter_;  // by node: of its port 0
  std::vector<std::unique_ptr<QueueProbe>> probes_;
  Duration look_ahead_;  // of rounds: no frame crosses a link in less
  StopGuard stop_guard_;
  Progress progress_;
  uint64_t progress_events_ = 0;
  uint64_t reported_ = 0;  // multiples of it
  uint64_t global_events_ = 0;
  uint64_t global_hash_ = 0;
  NodeId stuck_host_ = 0;
  OptionalTime watch_at_;  // when to look for deadlocks
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
