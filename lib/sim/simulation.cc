#include "sim/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kLossPurpose = 0x6c6f7373;
// How many arrivals ahead of its turn the link of one is fetched, and then what lies behind it.
constexpr size_t kFetchLink = 8;
constexpr size_t kFetchEnd = 4;

// Names a port of the whole fabric in random streams, whatever else the topology holds.
uint64_t EntityOf(NodeId node, PortIndex port) { return uint64_t{node} << 16 | port; }

// See SwitchConfig::sharing; both directions are taken to be alike.
Bytes Headroom(const LinkConfig& link, uint32_t max_frame) {
  const double line = 2 * link.delay.seconds() * static_cast<double>(link.rate.bps()) / 8;
  return Bytes(static_cast<int64_t>(line)) + (Bytes(max_frame) + link.overhead) * 2 +
         Bytes(kPfcFrameBytes) + link.overhead;
}

}  // namespace

absl::Status SimulationConfig::Validate() const {
  switching::BufferConfig sharing = switches.sharing;
  sharing.size = switches.buffer;
  if (absl::Status status = sharing.Validate(); !status.ok()) return status;
  if (absl::Status status = switches.ecn.Validate(); !status.ok()) return status;
  if (absl::Status status = switches.scheduler.Validate(); !status.ok()) return status;
  if (ns3.on && switches.scheduler.queues != 1) {
    return absl::InvalidArgumentError("switches of the ns-3 wire have one queue for each port");
  }
  for (const Bytes step : {switches.telemetry.queue_step, switches.telemetry.sent_step}) {
    if (step < Bytes(64) || step.count() % 64 != 0) {
      return absl::InvalidArgumentError("a step of telemetry is no multiple of 64 B");
    }
  }
  if (absl::Status status = switches.trim.Validate(); !status.ok()) return status;
  if (switches.trim.on()) {
    if (ns3.on) return absl::InvalidArgumentError("the ns-3 wire knows no trimming");
    if (switches.trim.priority >= switches.scheduler.queues) {
      return absl::InvalidArgumentError("trimmed packets ask for a queue that does not exist");
    }
    if ((sharing.lossless >> switches.trim.priority & 1) != 0) {
      return absl::InvalidArgumentError("the queue of trimmed packets is lossless");
    }
  }
  if (sharing.lossless >> switches.scheduler.queues != 0) {
    return absl::InvalidArgumentError("PFC of a priority that has no queue");
  }
  for (const uint8_t priority : switches.priorities) {
    if (priority >= switches.scheduler.queues) {
      return absl::InvalidArgumentError("a DSCP asks for a queue that does not exist");
    }
  }
  if (ports.transmit_queue == 0) return absl::InvalidArgumentError("transmit_queue is 0");
  if (ports.receive_queue == 0) return absl::InvalidArgumentError("receive_queue is 0");
  if (ports.max_frame == 0 || ports.max_frame > 65535) {
    return absl::InvalidArgumentError("max_frame is not in 1..65535");
  }
  if (ports.linear_room == 0 || ports.linear_room > 65535) {
    return absl::InvalidArgumentError("linear_room is not in 1..65535");
  }
  for (const Duration d : {hosts.poll_period, hosts.receive_delay, hosts.transmit_delay}) {
    if (d < Duration::Zero() || d > Duration::Seconds(1)) {
      return absl::InvalidArgumentError("a time of the host model is not in 0..1 s");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Simulation>> Simulation::Create(const Topology& topology,
                                                               const SimulationConfig& config) {
  if (absl::Status status = topology.Validate(); !status.ok()) return status;
  if (absl::Status status = config.Validate(); !status.ok()) return status;
  for (const LinkEvent& event : config.link_events) {
    if (event.link >= topology.links.size()) {
      return absl::InvalidArgumentError(absl::StrCat("no link ", event.link));
    }
    if (absl::Status status = ValidateDirection(event.config); !status.ok()) return status;
  }
  const auto hosts = static_cast<size_t>(
      std::count(topology.nodes.begin(), topology.nodes.end(), NodeKind::kHost));
  const uint32_t room = config.ports.carry_payload
                            ? std::max(config.ports.linear_room, config.ports.max_frame)
                            : config.ports.linear_room;
  std::unique_ptr<Simulation> sim(new Simulation(topology, config, PortsOf(topology), hosts, room));
  if (absl::Status status = sim->CheckPools(); !status.ok()) return status;
  if (absl::Status status = sim->AddAddresses(); !status.ok()) return status;
  return sim;
}

Simulation::Simulation(const Topology& topology, const SimulationConfig& config,
                       const std::vector<std::vector<PortEnd>>& ports, size_t hosts, uint32_t room)
    : context_(config.start, hosts + 2, room, config.max_packets),  // deadlocks, links
      ports_(ports),
      routes_(topology, ports_, config.ecmp_seed) {
  context_.priorities = config.switches.priorities;
  context_.ns3 = config.ns3;
  context_.watch = static_cast<Source>(hosts);
  // A source for each direction of a link, at its far end, and one for each host's wake-up.
  links_.resize(2 * topology.links.size() + hosts);
  wakes_.reserve(hosts + 2);
  BuildNodes(topology, config);
  for (Source i = 0; i < 2; ++i) {
    wakes_.push_back({static_cast<Source>(links_.size()) + i, nullptr, 0});
  }
  BuildLinks(config);
  PlanLinkActions(topology, config);
}

void Simulation::BuildNodes(const Topology& topology, const SimulationConfig& config) {
  hosts_.resize(topology.nodes.size());
  switches_.resize(topology.nodes.size());
  switching::SchedulerConfig hosts = config.switches.scheduler;
  if (config.ns3.on && config.ns3.ack_priority) hosts.queues = 2;
  Source source = 0;
  for (NodeId node = 0; node < topology.nodes.size(); ++node) {
    // The sources of a node: arrivals by port, then the wake-up.
    source += static_cast<Source>(ports_[node].size());
    if (topology.nodes[node] == NodeKind::kHost) {
      const auto rank = static_cast<Source>(wakes_.size());
      hosts_[node] = std::make_unique<HostNode>(context_, config.hosts, rank, node);
      wakes_.push_back({source++, hosts_[node].get(), node});
      for (const PortEnd& end : ports_[node]) {
        hosts_[node]->AddPort(
            std::make_unique<SimPort>(context_, config.ports, config.hosts, hosts, end.out));
      }
      continue;
    }
    switching::BufferConfig sharing = config.switches.sharing;
    sharing.size = config.switches.buffer;
    switches_[node] = std::make_unique<SwitchNode>(context_, ports_[node].size(), sharing,
                                                   config.switches.scheduler, config.marking_seed,
                                                   EntityOf(node, 0), routes_, node);
    switches_[node]->queues().SetTrim(config.switches.trim);
    if (config.switches.telemetry.on) {
      switches_[node]->EnableTelemetry(config.switches.telemetry, ports_[node]);
    }
    for (size_t i = 0; i < ports_[node].size(); ++i) {
      const auto port = static_cast<PortIndex>(i);
      switches_[node]->queues().SetEcn(port, config.switches.ecn);
      if (sharing.lossless == 0 || sharing.headroom >= Bytes(0)) continue;
      switches_[node]->queues().SetHeadroom(port,
                                            Headroom(ports_[node][i].out, config.ports.max_frame));
    }
  }
}

void Simulation::BuildLinks(const SimulationConfig& config) {
  std::vector<Source> first_source;
  Source source = 0;
  size_t transmitter = 0;
  for (NodeId node = 0; node < ports_.size(); ++node) {
    first_source.push_back(source);
    first_transmitter_.push_back(transmitter);
    source += static_cast<Source>(ports_[node].size()) + (hosts_[node] != nullptr ? 1 : 0);
    transmitter += ports_[node].size();
  }
  for (NodeId node = 0; node < ports_.size(); ++node) {
    for (size_t i = 0; i < ports_[node].size(); ++i) {
      const auto port = static_cast<PortIndex>(i);
      const PortEnd& end = ports_[node][port];
      const Source arrival = first_source[end.peer] + end.peer_port;
      HostNode* const host = hosts_[node].get();
      auto& queues = host != nullptr ? host->port(port).queue() : switches_[node]->queues();
      transmitters_.push_back(
          std::make_unique<Transmitter>(queues, host != nullptr ? PortIndex{0} : port, end.out,
                                        Rng(config.loss_seed, EntityOf(node, port), kLossPurpose),
                                        context_.arrivals, arrival, config.start));
      Transmitter* const made = transmitters_.back().get();
      Duration extra;
      if (host != nullptr) {
        host->port(port).set_transmitter(made);
        extra += config.hosts.transmit_delay;
      } else {
        switches_[node]->AddTransmitter(made);
      }
      if (HostNode* const to = hosts_[end.peer].get(); to != nullptr) {
        made->ConnectTo(*to, end.peer_port, extra + config.hosts.receive_delay);
      } else {
        made->ConnectTo(*switches_[end.peer], end.peer_port, extra);
      }
      links_[arrival] = made;
    }
  }
}

absl::Status Simulation::CheckPools() const {
  for (NodeId node = 0; node < switches_.size(); ++node) {
    if (switches_[node] == nullptr) continue;
    if (switches_[node]->queues().shared().free_pool() > Bytes(0)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the buffer of switch ", node, " does not hold its PFC headroom and reserve"));
  }
  return absl::OkStatus();
}

absl::Status Simulation::AddAddresses() {
  using switching::Destination;
  for (NodeId node = 0; node < hosts_.size(); ++node) {
    if (hosts_[node] == nullptr) continue;
    const HostAddress address = AddressOf(node);
    for (const Destination& destination :
         {Destination::Ipv4(address.ipv4), Destination::Ipv6(address.ipv6),
          Destination::Mac(address.mac)}) {
      if (absl::Status status = context_.addresses.Add(destination, node); !status.ok()) {
        return status;
      }
    }
  }
  return absl::OkStatus();
}

void Simulation::Attach(NodeId host, Pollable* pollable) {
  hosts_[host]->Attach(pollable);
  Wake(host);
}

void Simulation::SetProgress(Progress progress, uint64_t events) {
  progress_ = std::move(progress);
  progress_events_ = events;
}

void Simulation::OnWake(const WakeSource& wake, Time now) {
  if (wake.host != nullptr) return wake.host->OnWake(now);
  if (&wake == &wakes_[context_.watch]) return LookForDeadlock(now);
  ActOnLinks(now);
}

void Simulation::OnArrival(Source source, Record* record, Time now) {
  Transmitter& transmitter = *links_[source];
  transmitter.Advance(now);
  if (record->lost) {
    context_.pool.Put(record);
    return;
  }
  ++context_.counters.hops[static_cast<size_t>(record->traffic)];
  if (record->traffic != Traffic::kPfc) {
    transmitter.end().OnArrival(now, *record, transmitter.end_port());
    return;
  }
  const uint8_t priority = record->priority;
  const bool pause = record->pause;
  context_.pool.Put(record);
  if (pfc_observer_) {
    pfc_observer_(now, transmitter.end().node(), transmitter.end_port(), priority, pause);
  }
  transmitter.end().OnPfc(now, transmitter.end_port(), priority, pause);
}

// What the next arrivals will look at: while there are more hosts than fit into a cache, nothing of
// it is near when its turn comes.
void Simulation::FetchAhead() const {
  if (const Arrival* a = context_.arrivals.Ahead(kFetchLink); a != nullptr) {
    links_[a->source()]->Prefetch();
    __builtin_prefetch(a->record);
  }
  if (const Arrival* a = context_.arrivals.Ahead(kFetchEnd); a != nullptr) {
    if (a->record != nullptr) links_[a->source()]->end().Prefetch(*a->record);
  }
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
  context_.watching = false;
  context_.events.Cancel(context_.watch);
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
  for (const uint64_t n : context_.counters.hops) hops += n;
  if (deadlock_.empty() && hops == hops_at_look_) deadlock_ = paused;
  hops_at_look_ = hops;
  if (!deadlock_.empty()) context_.stop = true;
  context_.watching = true;
  context_.events.Schedule(context_.watch, now + kDeadlockTime);
}

void Simulation::Begin(Time now, Source source) {
  context_.clock.Set(now);
  ++events_;
  trace_hash_ = (trace_hash_ ^ now.ps()) * 0x9e3779b97f4a7c15ULL + source;
}

// The first of all events, unless it is later than `until` or there is none.
Simulation::Next Simulation::HandleFirst(Time until) {
  const uint64_t wake_at = context_.events.next_offset();
  const WakeSource& wake = wakes_[context_.events.next_source()];
  if (!context_.arrivals.empty()) {
    const Arrival arrival = context_.arrivals.Front();
    if (arrival.offset < wake_at || (arrival.offset == wake_at && arrival.source() < wake.source)) {
      const Time now = context_.arrivals.TimeOf(arrival);
      if (now > until) return Next::kLater;
      context_.arrivals.Pop();
      FetchAhead();
      if (arrival.record == nullptr) {
        context_.clock.Set(now);
        links_[arrival.source()]->OnStart(now);
        return Next::kNoEvent;
      }
      Begin(now, arrival.source());
      OnArrival(arrival.source(), arrival.record, now);
      return Next::kHandled;
    }
  }
  if (context_.events.empty()) return Next::kNone;
  const Time now = context_.events.next_time();
  if (now > until) return Next::kLater;
  Begin(now, wake.source);
  OnWake(wake, now);
  return Next::kHandled;
}

Simulation::End Simulation::Run(Time until) {
  context_.stop = false;
  context_.stuck.reset();
  while (true) {
    switch (HandleFirst(until)) {
      case Next::kNone:
        return Finish(End::kIdle);
      case Next::kLater:
        if (until > now()) context_.clock.Set(until);
        return Finish(End::kUntil);
      case Next::kNoEvent:
        continue;
      case Next::kHandled:
        break;
    }
    if (context_.stop) {
      if (!deadlock_.empty()) return Finish(End::kDeadlock);
      return Finish(context_.stuck ? End::kStuck : End::kStopped);
    }
    if (progress_events_ != 0 && events_ % progress_events_ == 0) progress_(now(), events_);
  }
}

Simulation::End Simulation::Finish(End end) {
  Settle();
  return end;
}

// Brings the queues, which are served when somebody looks, and the probes up to now.
void Simulation::Settle() {
  for (auto& transmitter : transmitters_) transmitter->Advance(now());
  for (auto& probe : probes_) probe->Finish(now());
}

absl::Status Simulation::SetEcn(NodeId node, PortIndex port, const switching::EcnProfile& profile) {
  for (uint8_t priority = 0; priority == 0 || HasQueue(node, priority); ++priority) {
    if (absl::Status status = SetEcn(node, port, priority, profile); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool Simulation::HasQueue(NodeId node, uint8_t priority) const {
  return priority < switches_[node]->queues().queues_per_port();
}

absl::Status Simulation::SetEcn(NodeId node, PortIndex port, uint8_t priority,
                                const switching::EcnProfile& profile) {
  if (absl::Status status = profile.Validate(); !status.ok()) return status;
  if (node >= switches_.size() || switches_[node] == nullptr || port >= ports_[node].size() ||
      !HasQueue(node, priority)) {
    return absl::InvalidArgumentError(absl::StrCat("node ", node, " port ", port, " priority ",
                                                   priority, " is no queue of a switch"));
  }
  switches_[node]->queues().SetEcn(port, priority, profile);
  return absl::OkStatus();
}

QueueProbe& Simulation::AddProbe(NodeId node, PortIndex port, Duration interval) {
  probes_.push_back(std::make_unique<QueueProbe>(now(), interval));
  QueueProbe* const probe = probes_.back().get();
  if (hosts_[node] != nullptr) {
    hosts_[node]->port(port).queue().SetObserver(0, probe);
  } else {
    switches_[node]->queues().SetObserver(port, probe);
  }
  return *probe;
}

uint64_t Simulation::packet_hops() const {
  const auto& hops = context_.counters.hops;
  return hops[static_cast<size_t>(Traffic::kData)] + hops[static_cast<size_t>(Traffic::kAck)];
}

uint64_t Simulation::drops() const {
  uint64_t sum = 0;
  for (const auto& node : switches_) {
    if (node == nullptr) continue;
    for (size_t i = 0; i < node->queues().ports(); ++i) {
      const auto port = static_cast<PortIndex>(i);
      sum += node->queues().counters(port).dropped;
    }
  }
  return sum;
}

uint64_t Simulation::trims() const {
  uint64_t sum = 0;
  for (const auto& node : switches_) {
    if (node == nullptr) continue;
    for (size_t i = 0; i < node->queues().ports(); ++i) {
      sum += node->queues().counters(static_cast<PortIndex>(i)).trimmed;
    }
  }
  return sum;
}

uint64_t Simulation::ecn_marks() const {
  uint64_t sum = 0;
  for (const auto& node : switches_) {
    if (node == nullptr) continue;
    for (size_t i = 0; i < node->queues().ports(); ++i) {
      const auto port = static_cast<PortIndex>(i);
      sum += node->queues().counters(port).ecn_marks;
    }
  }
  return sum;
}

uint64_t Simulation::lost() const {
  uint64_t sum = 0;
  for (const auto& transmitter : transmitters_) sum += transmitter->counters().lost;
  return sum;
}

}  // namespace sluice::sim
