#include "sim/partition.h"

#include <algorithm>

namespace sluice::sim {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

}  // namespace

Partition::Partition(const SimulationConfig& config, Fabric& fabric, size_t hosts, uint32_t room,
                     const Topology& topology, const std::vector<std::vector<PortEnd>>& ports,
                     size_t partitions)
    : context(config, hosts, static_cast<uint32_t>(topology.nodes.size()), room),
      routes(topology, ports, config.ecmp_seed),
      fabric_(fabric),
      outboxes_(partitions) {
  wakes_.reserve(hosts);
}

uint32_t Partition::AddSwitch(SwitchNode* node) {
  const auto place = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back(std::make_unique<Node>());
  nodes_.back()->fabric_switch = node;
  nodes_.back()->backlog.all = &backlog_;
  nodes_.back()->backlog.node = place;
  return place;
}

uint32_t Partition::AddHost(HostNode* host, Source source) {
  const uint32_t place = AddSwitch(nullptr);
  nodes_[place]->host = host;
  nodes_[place]->wake = source;
  wakes_.push_back(place);
  return place;
}

Partition::Key Partition::First() {
  Key first;
  if (!context.events.empty()) {
    first = {context.events.next_offset(), nodes_[wakes_[context.events.next_source()]]->wake};
  }
  if (context.arrivals.empty()) return first;
  const Arrival& arrival = context.arrivals.Front();
  return std::min(first, Key{arrival.offset, arrival.source()});
}

void Partition::HandleFirst() {
  if (!context.arrivals.empty()) {
    const Arrival arrival = context.arrivals.Front();
    const Key first = First();
    if (first.offset == arrival.offset && first.source == arrival.source()) return Handle(arrival);
  }
  HandleWake();
}

// The first of the wake-ups.
void Partition::HandleWake() {
  const Time now = context.events.next_time();
  const Node& node = *nodes_[wakes_[context.events.next_source()]];
  Begin(now, node.wake);
  node.host->OnWake(now);
}

void Partition::RunTo(Time last, uint64_t limit) {
  while (events < limit && !context.stuck) {
    if (fabric_.stop.load(std::memory_order_relaxed)) return;
    const uint64_t wake_at = context.events.next_offset();
    if (!context.arrivals.empty()) {
      const Arrival arrival = context.arrivals.Front();
      if (arrival.offset < wake_at ||
          (arrival.offset == wake_at &&
           arrival.source() < nodes_[wakes_[context.events.next_source()]]->wake)) {
        if (context.arrivals.TimeOf(arrival) > last) return;
        Handle(arrival);
        continue;
      }
    }
    if (wake_at == kNever || context.events.next_time() > last) return;
    HandleWake();
  }
}

// Wake-ups, which are those of timers of congestion control, come first; what was planned, in its
// order.
void Partition::RunPlanned(Time last, uint64_t limit) {
  const uint64_t end = context.arrivals.Make(last, 0, 0, nullptr).offset;
  while (events < limit && !context.stuck) {
    if (fabric_.stop.load(std::memory_order_relaxed)) return;
    const uint64_t wake_at = context.events.next_offset();
    if (context.arrivals.empty() || wake_at <= context.arrivals.Front().offset) {
      if (wake_at > end) return;
      HandleWake();
    } else {
      const Arrival first = context.arrivals.Front();
      if (first.offset > end) return;
      context.arrivals.Pop();
      HandlePlanned(first);
    }
  }
}

// An arrival, or, with no record: of a link the end of a transmission, of a host a wake-up.
void Partition::HandlePlanned(const Arrival& event) {
  const Time now = context.arrivals.TimeOf(event);
  const Source source = PlannedOrder::SourceOf(event.order);
  const Way& way = fabric_.ways[source];
  if (event.record != nullptr) {
    Begin(now, source);
    return Receive(way, way.link->end(), event.record, now);
  }
  HostNode* const host = nodes_[way.near]->host;
  if (way.link != nullptr) {
    context.clock.Set(now);
    way.link->OnLineEnd(now);
    if (host != nullptr) host->OnWake(now);
    return;
  }
  const bool last = PlannedOrder::IsLast(event.order);
  if (!last && !host->port(way.port).OnTimer(event.order)) return;
  Begin(now, source);
  last ? host->OnLast(now) : host->OnWake(now);
}

// The first of the arrivals.
void Partition::Handle(const Arrival& arrival) {
  const Time now = context.arrivals.TimeOf(arrival);
  context.arrivals.Pop();
  const Way& way = fabric_.ways[arrival.source()];
  Transmitter& link = *way.link;
  if (arrival.record == nullptr) {
    context.clock.Set(now);
    return link.OnStart(now);
  }
  Begin(now, arrival.source());
  if (!link.abroad()) link.AdvanceBefore(now);
  Receive(way, link.end(), arrival.record, now);
}

void Partition::HandlePfc(const Way& way, Record* record, Time now) {
  LinkEnd& end = way.link->end();
  const uint8_t priority = record->priority;
  const bool pause = record->pause;
  context.pool.Put(record);
  if (fabric_.pfc_observer) fabric_.pfc_observer(now, end.node(), way.port, priority, pause);
  end.OnPfc(now, way.port, priority, pause);
}

// What is in the queues until `last` starts.
void Partition::CloseRound(Time last) {
  departure_ = kNever;
  closing_.swap(backlog_.nodes);
  for (const uint32_t place : closing_) CloseNode(place, last);
  closing_.clear();
  FindEarliest();
}

// Off the list of those that lag behind, and onto it again if something still waits.
void Partition::CloseNode(uint32_t place, Time last) {
  Backlog::OfNode& backlog = nodes_[place]->backlog;
  backlog.listed = false;
  size_t left = 0;
  // Starting a transmission may make others of the node send: those come onto the end.
  for (size_t i = 0; i < backlog.lines.size(); ++i) {  // NOLINT(modernize-loop-convert): it grows
    Transmitter* const line = backlog.lines[i];
    if (!line->CloseRound(last)) continue;
    backlog.lines[left++] = line;
    if (const OptionalTime next = line->NextDeparture()) {
      departure_ = std::min(departure_, context.arrivals.Make(*next, 0, 0, nullptr).offset);
    }
  }
  backlog.lines.resize(left);
  if (left == 0) return;
  backlog.listed = true;
  backlog_.nodes.push_back(place);
}

void Partition::FindEarliest() {
  earliest_ = std::min(First().offset, departure_);
  // An earlier arrival may stand in any outbox that the others have not fetched.
  for (Outbox& outbox : outboxes_) {
    for (const Arrival& arrival : outbox.current()) earliest_ = std::min(earliest_, arrival.offset);
  }
}

void Partition::TurnOutboxes() {
  for (Outbox& outbox : outboxes_) {
    context.pool.Leave(outbox.current().size());
    outbox.writing = 1 - outbox.writing;
  }
}

void Partition::Fetch(Partition& from, size_t self) {
  Outbox& outbox = from.outboxes_[self];
  std::vector<Arrival>& arrivals = outbox.arrivals[1 - outbox.writing];
  for (const Arrival& arrival : arrivals) context.arrivals.Push(arrival);
  context.pool.Join(arrivals.size());
  arrivals.clear();
}

std::vector<uint32_t> Divide(const Topology& topology,
                             const std::vector<std::vector<PortEnd>>& ports, size_t partitions) {
  const size_t nodes = topology.nodes.size();
  std::vector<uint32_t> place(nodes, partitions == 1 ? 0 : kNowhere);
  if (partitions == 1) return place;
  std::vector<NodeId> hosts;
  for (NodeId node = 0; node < nodes; ++node) {
    if (topology.nodes[node] == NodeKind::kHost) hosts.push_back(node);
  }
  for (size_t i = 0; i < hosts.size(); ++i) {
    place[hosts[i]] = static_cast<uint32_t>(i * partitions / hosts.size());
  }
  // Switches near hosts first, then those that hang on them.
  std::vector<size_t> switches(partitions);
  for (bool more = true; more;) {
    more = false;
    const std::vector<uint32_t> before = place;
    for (NodeId node = 0; node < nodes; ++node) {
      if (before[node] != kNowhere) continue;
      std::vector<size_t> neighbours(partitions);
      for (const PortEnd& end : ports[node]) {
        if (before[end.peer] != kNowhere) ++neighbours[before[end.peer]];
      }
      size_t best = 0;
      for (size_t p = 1; p < partitions; ++p) {
        const bool ties = neighbours[p] == neighbours[best] && switches[p] < switches[best];
        if (neighbours[p] > neighbours[best] || ties) best = p;
      }
      if (neighbours[best] == 0) continue;
      place[node] = static_cast<uint32_t>(best);
      ++switches[best];
      more = true;
    }
  }
  for (uint32_t& p : place) {
    if (p == kNowhere) p = 0;  // no way leads there
  }
  return place;
}

}  // namespace sluice::sim
