#include "sim/partition.h"

#include <algorithm>

namespace sluice::sim {
namespace {

// How many arrivals ahead of its turn what one looks at is fetched.
constexpr size_t kFetchLink = 12;
constexpr size_t kFetchEnd = 8;
constexpr size_t kFetchHead = 2;
// Steps of LinkEnd::Prefetch, one arrival after the other.
constexpr int kEndSteps = 6;
// With fewer frames on links the fabric is so small that all of it stays near.
constexpr size_t kFewOnLinks = 4096;
constexpr uint32_t kNowhere = UINT32_MAX;

}  // namespace

Partition::Partition(const SimulationConfig& config, Fabric& fabric, size_t hosts, uint32_t room,
                     const Topology& topology, const std::vector<std::vector<PortEnd>>& ports,
                     size_t partitions)
    : context(config, hosts, room),
      routes(topology, ports, config.ecmp_seed),
      fabric_(fabric),
      outboxes_(partitions) {
  wakes_.reserve(hosts);
}

Partition::Key Partition::First() {
  Key first;
  if (!context.events.empty()) {
    first = {context.events.next_offset(), wakes_[context.events.next_source()].source};
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
  const Time now = context.events.next_time();
  const WakeSource& wake = wakes_[context.events.next_source()];
  Begin(now, wake.source);
  wake.host->OnWake(now);
}

void Partition::RunTo(Time last, uint64_t limit, bool heedless) {
  while (events < limit && !context.stuck) {
    if (!heedless && fabric_.stop.load(std::memory_order_relaxed)) return;
    const uint64_t wake_at = context.events.next_offset();
    if (!context.arrivals.empty()) {
      const Arrival arrival = context.arrivals.Front();
      if (arrival.offset < wake_at ||
          (arrival.offset == wake_at &&
           arrival.source() < wakes_[context.events.next_source()].source)) {
        if (context.arrivals.TimeOf(arrival) > last) return;
        Handle(arrival);
        continue;
      }
    }
    if (wake_at == kNever || context.events.next_time() > last) return;
    const Time now = context.events.next_time();
    const WakeSource& wake = wakes_[context.events.next_source()];
    Begin(now, wake.source);
    wake.host->OnWake(now);
  }
}

// The first of the arrivals.
void Partition::Handle(const Arrival& arrival) {
  const Time now = context.arrivals.TimeOf(arrival);
  context.arrivals.Pop();
  FetchAhead();
  Transmitter& link = *fabric_.links[arrival.source()];
  if (arrival.record == nullptr) {
    context.clock.Set(now);
    return link.OnStart(now);
  }
  Begin(now, arrival.source());
  OnArrival(link, arrival.record, now);
}

void Partition::OnArrival(Transmitter& link, Record* record, Time now) {
  if (!link.abroad()) link.Advance(now);
  if (record->lost) {
    context.pool.Put(record);
    return;
  }
  ++context.counters.hops[static_cast<size_t>(record->traffic)];
  if (record->traffic != Traffic::kPfc) {
    link.end().OnArrival(now, *record, link.end_port());
    return;
  }
  const uint8_t priority = record->priority;
  const bool pause = record->pause;
  context.pool.Put(record);
  if (fabric_.pfc_observer) {
    fabric_.pfc_observer(now, link.end().node(), link.end_port(), priority, pause);
  }
  link.end().OnPfc(now, link.end_port(), priority, pause);
}

// What the next arrivals will look at, step by step: each step reads where the next one's lines
// are. While there are more hosts than fit into a cache, nothing of it is near when its turn comes.
void Partition::FetchAhead() const {
  if (context.arrivals.size() < kFewOnLinks) return;
  if (const Arrival* a = context.arrivals.Ahead(kFetchLink); a != nullptr) {
    fabric_.links[a->source()]->Prefetch();
    __builtin_prefetch(a->record);
  }
  for (int step = 0; step < kEndSteps; ++step) {
    const Arrival* a = context.arrivals.Ahead(kFetchEnd - static_cast<size_t>(step));
    if (a == nullptr) continue;
    const Transmitter& link = *fabric_.links[a->source()];
    if (step == 0 && !link.abroad()) link.PrefetchQueue();
    if (a->record != nullptr) link.end().Prefetch(*a->record, step);
  }
  if (const Arrival* a = context.arrivals.Ahead(kFetchHead); a != nullptr) {
    const Transmitter& link = *fabric_.links[a->source()];
    if (!link.abroad()) link.PrefetchHead();
  }
}

void Partition::CloseRound(Time last) {
  earliest_ = First().offset;
  const auto note = [this](Time t) {
    earliest_ = std::min(earliest_, context.arrivals.Make(t, 0, 0, nullptr).offset);
  };
  for (Transmitter* transmitter : borders_) {
    transmitter->Advance(last);
    if (const std::optional<Time> next = transmitter->NextDeparture()) note(*next);
  }
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
