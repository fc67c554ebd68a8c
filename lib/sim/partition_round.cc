// A round of a partition, node by node.
#include <algorithm>
#include <utility>

#include "base/look_ahead.h"
#include "sim/partition.h"

namespace sluice::sim {
namespace {

// How many arrivals ahead of its turn a record is fetched, and then its header.
constexpr size_t kFetchRecord = 8;
constexpr size_t kFetchHeader = 4;
// With so many hosts none is near when its turn comes.
constexpr size_t kManyHosts = 256;

void FetchAhead(const Arrival* next) {
  __builtin_prefetch(next[kFetchRecord].record, 1);
  const Record* const record = next[kFetchHeader].record;
  if (record == nullptr) return;
  __builtin_prefetch(record->header, 1);
  __builtin_prefetch(record->header + 64, 1);
}

}  // namespace

// Something happens to the node in this round.
void Partition::SetDue(uint32_t place) {
  Node& node = *nodes_[place];
  if (std::exchange(node.due, true)) return;
  (node.host != nullptr ? due_hosts_ : due_switches_).push_back(place);
}

// What happens until `last`, and to whom.
void Partition::Collect(uint64_t last) {
  due_.clear();
  due_switches_.clear();
  due_hosts_.clear();
  for (const uint32_t place : backlog_.nodes) SetDue(place);
  context.arrivals.TakeUntil(last, [this](const Arrival& arrival) {
    const Way& way = fabric_.ways[arrival.source()];
    const uint32_t place = arrival.record != nullptr ? way.far : way.near;
    Node& node = *nodes_[place];
    if (node.count++ == 0) SetDue(place);
    due_.push_back({arrival, place});
  });
  while (context.events.next_offset() <= last) {
    const Source rank = context.events.next_source();
    context.events.Cancel(rank);
    SetDue(wakes_[rank]);
  }
  uint32_t end = 0;
  for (const auto* places : {&due_switches_, &due_hosts_}) {
    for (const uint32_t place : *places) {
      nodes_[place]->begin = end;
      end += nodes_[place]->count;
      nodes_[place]->count = 0;
    }
  }
  batch_.resize(end);
  batch_.resize(end + kFetchRecord + 1);  // behind the last one: no records, for FetchAhead
  // Into the node's own order: most are in their place already.
  for (const Due& due : due_) {
    Node& node = *nodes_[due.place];
    size_t to = node.begin + node.count++;
    for (; to > node.begin && due.arrival.Before(batch_[to - 1]); --to) batch_[to] = batch_[to - 1];
    batch_[to] = due.arrival;
  }
}

// What the first and the last one of its arrivals look at.
void Partition::FetchHost(const Node& node, int step) const {
  if (node.count == 0) return;
  node.host->Prefetch(*batch_[node.begin].record, step);
  if (node.count > 1) node.host->Prefetch(*batch_[node.begin + node.count - 1].record, step);
}

void Partition::RunRound(Time last) {
  Collect(context.arrivals.Make(last, 0, 0, nullptr).offset);
  backlog_.nodes.clear();
  departure_ = kNever;
  context.alone = true;
  const bool fetches = wakes_.size() >= kManyHosts;
  Time latest = context.clock.now();
  for (const uint32_t place : due_switches_) {
    SwitchTurn(*nodes_[place]);
    latest = Later(latest, context.clock.now());
    EndTurn(place, last);
  }
  for (size_t i = 0; i < due_hosts_.size(); ++i) {
    const uint32_t place = due_hosts_[i];
    if (fetches) {
      LookAhead<3, 3, 2, 2, 1, 1>(i, due_hosts_.size(), [this](auto step, size_t j) {
        FetchHost(*nodes_[due_hosts_[j]], step);
      });
    }
    HostTurn(*nodes_[place], last);
    latest = Later(latest, context.clock.now());
    EndTurn(place, last);
  }
  context.alone = false;
  context.arrivals.Release();
  context.clock.Set(latest);
  if (stuck_at_) {
    context.stuck = stuck_;
    context.clock.Set(*stuck_at_);
    stuck_at_.reset();
  }
  FindEarliest();
}

void Partition::EndTurn(uint32_t place, Time last) {
  Node& node = *nodes_[place];
  node.due = false;
  node.count = 0;
  if (node.backlog.lines.empty()) return;
  CloseNode(place, last);
}

// Arrivals, and the starts of its transmissions as far as they are events.
void Partition::SwitchTurn(Node& node) {
  const Arrival* next = batch_.data() + node.begin;
  const Arrival* const end = next + node.count;
  while (true) {
    const Arrival* const own = context.arrivals.FirstOwn();
    const bool is_own = own != nullptr && (next == end || own->Before(*next));
    if (!is_own && next == end) return;
    if (!is_own) FetchAhead(next);
    const Arrival arrival = is_own ? context.arrivals.TakeOwn() : *next++;
    const Time now = context.arrivals.TimeOf(arrival);
    const Way& way = fabric_.ways[arrival.source()];
    if (arrival.record == nullptr) {
      context.clock.Set(now);
      way.link->OnStart(now);
      continue;
    }
    Begin(now, arrival.source());
    Receive(way, *node.fabric_switch, arrival.record, now);
  }
}

// Arrivals, and wake-ups after those of the same moment.
void Partition::HostTurn(Node& node, Time last) {
  const Arrival* next = batch_.data() + node.begin;
  const Arrival* const end = next + node.count;
  while (!context.stuck) {
    const OptionalTime wake = node.host->wake();
    if (next != end) {
      const Time now = context.arrivals.TimeOf(*next);
      if (!wake || now <= *wake) {
        FetchAhead(next);
        Begin(now, next->source());
        Receive(fabric_.ways[next->source()], *node.host, next->record, now);
        ++next;
        continue;
      }
    } else if (!wake || *wake > last) {
      break;
    }
    Begin(*wake, node.wake);
    node.host->OnWake(*wake);
  }
  if (context.stuck) NoteStuck();
  node.host->ScheduleWake();
}

// The run ends with the first one of those that do not let time go on.
void Partition::NoteStuck() {
  const Time now = context.clock.now();
  const NodeId node = *std::exchange(context.stuck, std::nullopt);
  if (stuck_at_ && (*stuck_at_ < now || (*stuck_at_ == now && stuck_ < node))) return;
  stuck_at_ = now;
  stuck_ = node;
}

}  // namespace sluice::sim
