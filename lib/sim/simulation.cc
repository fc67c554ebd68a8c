#include "sim/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kLossPurpose = 0x6c6f7373;
constexpr uint64_t kStallPurpose = 0x7374616c6c;
constexpr uint64_t kStampPurpose = 0x7374616d70;

// The records of one are looked at twice: when it begins, and in their nodes' turns.
constexpr Duration kLongestRound = Duration::Microseconds(16);

// Names a port of the whole fabric in random streams, whatever else the topology holds.
uint64_t EntityOf(NodeId node, PortIndex port) { return uint64_t{node} << 16 | port; }

// See SwitchConfig::sharing; both directions are taken to be alike.
Bytes Headroom(const LinkConfig& link, uint32_t max_frame) {
  const double line = 2 * link.delay.seconds() * static_cast<double>(link.rate.bps()) / 8;
  return Bytes(static_cast<int64_t>(line)) + (Bytes(max_frame) + link.overhead) * 2 +
         Bytes(kPfcFrameBytes) + link.overhead;
}

}  // namespace

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
  std::unique_ptr<Simulation> sim(new Simulation(topology, config, PortsOf(topology)));
  if (absl::Status status = sim->CheckPools(); !status.ok()) return status;
  if (absl::Status status = sim->CheckLinks(); !status.ok()) return status;
  if (absl::Status status = sim->AddAddresses(); !status.ok()) return status;
  return sim;
}

Simulation::Simulation(const Topology& topology, const SimulationConfig& config,
                       const std::vector<std::vector<PortEnd>>& ports)
    : ports_(ports) {
  BuildPartitions(topology, config);
  BuildNodes(topology, config);
  BuildLinks(config);
  PlanLinkActions(topology, config);
}

void Simulation::BuildPartitions(const Topology& topology, const SimulationConfig& config) {
  const auto is_host = [&](NodeId node) { return topology.nodes[node] == NodeKind::kHost; };
  const auto hosts = static_cast<size_t>(
      std::count(topology.nodes.begin(), topology.nodes.end(), NodeKind::kHost));
  const size_t count = std::clamp<size_t>(config.partitions, 1, std::max<size_t>(hosts, 1));
  places_ = Divide(topology, ports_, count);
  std::vector<size_t> hosts_in(count);
  for (NodeId node = 0; node < places_.size(); ++node) hosts_in[places_[node]] += is_host(node);
  const uint32_t room = config.ports.carry_payload
                            ? std::max(config.ports.linear_room, config.ports.max_frame)
                            : config.ports.linear_room;
  for (size_t i = 0; i < count; ++i) {
    partitions_.push_back(
        std::make_unique<Partition>(config, fabric_, hosts_in[i], room, topology, ports_, count));
  }
  // A source for each direction of a link, at its far end, and one for each host's wake-up.
  fabric_.ways.resize(2 * topology.links.size() + hosts);
}

void Simulation::BuildNodes(const Topology& topology, const SimulationConfig& config) {
  one_thread_ = config.one_thread;
  rounds_ = config.rounds || partitions_.size() > 1;
  few_events_ = config.few_events;
  exact_ = config.ns3.exact;
  wakes_.resize(topology.nodes.size());
  hosts_.resize(topology.nodes.size());
  switches_.resize(topology.nodes.size());
  Source source = 0;
  for (NodeId node = 0; node < topology.nodes.size(); ++node) {
    // The sources of a node: arrivals by port, then the wake-up.
    source += static_cast<Source>(ports_[node].size());
    if (topology.nodes[node] == NodeKind::kHost) {
      BuildHost(node, config, source++);
    } else {
      BuildSwitch(node, config);
    }
  }
}

void Simulation::BuildHost(NodeId node, const SimulationConfig& config, Source source) {
  switching::SchedulerConfig queues = config.switches.scheduler;
  if (config.ns3.on && config.ns3.ack_priority) queues.queues = 2;
  Partition& partition = partition_of(node);
  hosts_[node] = std::make_unique<HostNode>(
      partition.context, config.hosts, partition.hosts(), node,
      Rng(config.host_seed, EntityOf(node, 0), kStallPurpose), config.start);
  in_place_.push_back(partition.AddHost(hosts_[node].get(), source));
  wakes_[node] = source;
  fabric_.ways[source].near = in_place_[node];
  PortIndex index = 0;
  for (const PortEnd& end : ports_[node]) {
    hosts_[node]->AddPort(
        std::make_unique<SimPort>(partition.context, config.ports, config.hosts, queues, end.out,
                                  Rng(config.host_seed, EntityOf(node, index++), kStampPurpose)));
  }
}

void Simulation::BuildSwitch(NodeId node, const SimulationConfig& config) {
  switching::BufferConfig sharing = config.switches.sharing;
  sharing.size = config.switches.buffer;
  Partition& partition = partition_of(node);
  Routes& routes = config.one_thread ? partitions_[0]->routes : partition.routes;
  switches_[node] = std::make_unique<SwitchNode>(partition.context, ports_[node].size(), sharing,
                                                 config.switches.scheduler, config.marking_seed,
                                                 EntityOf(node, 0), routes, node);
  in_place_.push_back(partition.AddSwitch(switches_[node].get()));
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

void Simulation::BuildLinks(const SimulationConfig& config) {
  // So that a pause is known before it has lasted for too long.
  look_ahead_ = rounds_ ? kLongestRound : kDeadlockTime / 2;
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
      const PortEnd& end = ports_[node][i];
      BuildLink(node, static_cast<PortIndex>(i), config, first_source[end.peer] + end.peer_port);
    }
  }
}

void Simulation::BuildLink(NodeId node, PortIndex port, const SimulationConfig& config,
                           Source arrival) {
  const PortEnd& end = ports_[node][port];
  Partition& partition = partition_of(node);
  HostNode* const host = hosts_[node].get();
  auto& queues = host != nullptr ? host->port(port).queue() : switches_[node]->queues();
  transmitters_.push_back(
      std::make_unique<Transmitter>(queues, host != nullptr ? PortIndex{0} : port, end.out,
                                    Rng(config.loss_seed, EntityOf(node, port), kLossPurpose),
                                    partition.context.arrivals, arrival, config.start));
  Transmitter* const made = transmitters_.back().get();
  Duration extra;
  if (host != nullptr) {
    host->port(port).set_transmitter(made);
    host->port(port).set_timer_source(wakes_[node]);
    extra += config.hosts.transmit_delay;
  } else {
    switches_[node]->AddTransmitter(made);
    if (config.ns3.on && !exact_) made->SetArrivalsFirst();
  }
  if (exact_) made->PlanIn(partition.context.planned);
  if (HostNode* const to = hosts_[end.peer].get(); to != nullptr) {
    made->ConnectTo(*to, extra + config.hosts.receive_delay);
  } else {
    made->ConnectTo(*switches_[end.peer], extra);
  }
  fabric_.ways[arrival] = {made, in_place_[node], in_place_[end.peer], end.peer_port};
  if (!rounds_) return;
  made->ListIn(partition.backlog(in_place_[node]));
  look_ahead_ = std::min(look_ahead_, end.out.delay);
  Partition& there = partition_of(end.peer);
  if (&there == &partition) return;
  made->ConnectAbroad(partition.outbox(places_[end.peer]), there.context.arrivals);
}

absl::Status Simulation::CheckLinks() const {
  if (exact_ && fabric_.ways.size() >= PlannedOrder::kSources) {
    return absl::InvalidArgumentError("the exact order is of fabrics of less than 8 million links");
  }
  if (look_ahead_ > Duration::Zero()) return absl::OkStatus();
  return absl::InvalidArgumentError("a link has no delay: nodes cannot go alone for a round");
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
      for (auto& partition : partitions_) {
        absl::Status status = partition->context.addresses.Add(destination, node);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

void Simulation::Attach(NodeId host, Pollable* pollable) {
  hosts_[host]->Attach(pollable);
  Wake(host);
}

void Simulation::PlanLast(NodeId host, Time when, uint64_t rank) {
  ArrivalQueue& arrivals = partition_of(host).context.arrivals;
  const uint64_t order = PlannedOrder::Last(wakes_[host], rank);
  arrivals.Push(arrivals.Make(Later(when, now()), order, nullptr));
}

void Simulation::SetProgress(Progress progress, uint64_t events) {
  progress_ = std::move(progress);
  progress_events_ = events;
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

FabricCounters Simulation::counters() const {
  FabricCounters sum;
  for (const auto& partition : partitions_) sum += partition->context.counters;
  return sum;
}

uint64_t Simulation::events() const {
  uint64_t sum = global_events_;
  for (const auto& partition : partitions_) sum += partition->events;
  return sum;
}

uint64_t Simulation::trace_hash() const {
  uint64_t sum = global_hash_;
  for (const auto& partition : partitions_) sum += partition->trace_hash;
  return sum;
}

uint64_t Simulation::data_bytes(NodeId host) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < hosts_[host]->ports(); ++i) {
    sum += hosts_[host]->port(static_cast<PortIndex>(i)).data_bytes();
  }
  return sum;
}

size_t Simulation::packets_in_use() const {
  size_t sum = 0;
  for (const auto& partition : partitions_) sum += partition->context.pool.in_use();
  return sum;
}

uint64_t Simulation::packet_hops() const {
  const auto hops = counters().hops;
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

LinkCounters Simulation::link_totals() const {
  LinkCounters sum;
  for (const auto& transmitter : transmitters_) sum += transmitter->counters();
  return sum;
}

}  // namespace sluice::sim
