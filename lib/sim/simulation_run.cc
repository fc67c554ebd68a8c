// How the events of a simulation are handled: in rounds, each up to a moment until which the nodes
// do not reach each other; or in their order, where a host may end the run, where rounds are not
// wanted, and where so little happens in one that it would cost more than it gains.
#include <algorithm>
#include <limits>

#include "sim/simulation.h"

namespace sluice::sim {
namespace {

constexpr Duration kStep = Duration::Picoseconds(1);
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// How many rounds' time goes by in the order of events until somebody looks how many there were,
// and how much at least: each time costs a look at all lines that hold something.
constexpr int64_t kStretch = 64;
constexpr Duration kShortestStretch = Duration::Microseconds(16);

}  // namespace

// From the first thing that happens to `last`, included.
struct Simulation::Round {
  bool any = false;  // something will happen at all
  Time first;
  Time last;
  bool global = false;  // with `last` something happens to the whole fabric
};

OptionalTime Simulation::NextGlobal() const {
  OptionalTime next = watch_at_;
  if (next_action_ < link_actions_.size()) {
    const Time action = link_actions_[next_action_].event.when;
    next = next ? Earlier(*next, action) : action;
  }
  return next;
}

// Fills in what comes next; false if it is not before `until` is over.
bool Simulation::NextRound(Time until, Round& round) {
  NotePauses();
  uint64_t offset = Partition::kNever;
  for (const auto& partition : partitions_) offset = std::min(offset, partition->earliest());
  const OptionalTime global = NextGlobal();
  round = {};
  round.any = offset != Partition::kNever || global;
  if (!round.any) return false;
  if (offset != Partition::kNever) {
    round.first = partitions_[0]->context.arrivals.TimeOf({offset, 0, nullptr});
    if (global) round.first = Earlier(round.first, *global);
  } else {
    round.first = *global;
  }
  if (round.first > until) return false;
  const Duration longest =
      in_order_ ? std::clamp(look_ahead_ * kStretch, kShortestStretch, kDeadlockTime / 2)
                : look_ahead_;
  round.last = Earlier(until, round.first + longest - kStep);
  round.global = global && *global <= round.last;
  if (round.global) round.last = *global;
  return true;
}

// Of one partition, in the order of events, with reports of progress on the way: a round is closed
// at the end of a moment only.
void Simulation::RunAlone(const Round& round) {
  Partition& partition = *partitions_[0];
  const uint64_t before = partition.events;
  do {
    uint64_t limit = kNoLimit;
    if (progress_events_ != 0) {
      limit = partition.events + progress_events_ - events() % progress_events_;
    }
    if (exact_) {
      partition.RunPlanned(round.last, limit);
    } else {
      partition.RunTo(round.last, limit);
    }
    if (partition.context.stuck) return;
    Report();
    if (fabric_.stop.load(std::memory_order_relaxed)) return;
  } while (!partition.Done(round.last));
  partition.CloseRound(round.last);
  ChooseOrder(round, partition.events - before);
}

// Of one partition: whether it goes on in rounds.
void Simulation::ChooseOrder(const Round& round, uint64_t handled) {
  if (!rounds_ || partitions_.size() > 1) return;
  const int64_t rounds = (round.last - round.first) / look_ahead_ + 1;
  in_order_ = handled < few_events_ * static_cast<uint64_t>(rounds);
}

void Simulation::OpenRound(size_t partition) {
  for (size_t from = 0; from < partitions_.size(); ++from) {
    if (from != partition) partitions_[partition]->Fetch(*partitions_[from], partition);
  }
}

// Event by event. What a partition does changes nothing about what is first in the others before
// the next round.
void Simulation::RunInOrder(const Round& round) {
  for (auto& partition : partitions_) partition->TurnOutboxes();
  for (size_t i = 0; i < partitions_.size(); ++i) OpenRound(i);
  const uint64_t last = partitions_[0]->context.arrivals.Make(round.last, 0, 0, nullptr).offset;
  firsts_.clear();
  for (auto& partition : partitions_) firsts_.push_back(partition->First());
  while (!fabric_.stop.load(std::memory_order_relaxed)) {
    const auto first = std::min_element(firsts_.begin(), firsts_.end());
    if (first->offset == Partition::kNever || first->offset > last) break;
    Partition& next = *partitions_[static_cast<size_t>(first - firsts_.begin())];
    next.HandleFirst();
    if (next.context.stuck) return;
    *first = next.First();
  }
  if (fabric_.stop.load(std::memory_order_relaxed)) return;
  for (auto& partition : partitions_) partition->CloseRound(round.last);
}

void Simulation::RunTogether(const Round& round, Crew& crew) {
  const uint64_t before = partitions_[0]->events;
  for (auto& partition : partitions_) partition->TurnOutboxes();
  crew.Do([this, &round, &crew](size_t place) {
    for (size_t i = place; i < partitions_.size(); i += crew.size()) {
      OpenRound(i);
      partitions_[i]->RunRound(round.last);
    }
  });
  BalancePools();
  ChooseOrder(round, partitions_[0]->events - before);
}

// Packets that cross leave their pool for another one: it gives some back.
void Simulation::BalancePools() {
  constexpr size_t kFew = 4096;
  size_t free = 0;
  for (const auto& partition : partitions_) free += partition->context.pool.free();
  const size_t each = free / partitions_.size();
  for (auto& rich : partitions_) {
    RecordPool& from = rich->context.pool;
    for (auto& poor : partitions_) {
      RecordPool& to = poor->context.pool;
      if (from.free() > each + kFew && to.free() < each) from.GiveTo(to, each - to.free());
    }
  }
}

void Simulation::SetClocks(Time now) {
  for (auto& partition : partitions_) partition->context.clock.Set(now);
}

void Simulation::CountGlobal(Time now, Source source) {
  ++global_events_;
  global_hash_ += EventHash(now, static_cast<Source>(fabric_.ways.size()) + source);
}

void Simulation::ActGlobally(Time now) {
  SetClocks(now);
  if (watch_at_ && *watch_at_ == now) {
    CountGlobal(now, 0);
    NotePauses();  // until now: of this look, not of the next
    LookForDeadlock(now);
    if (!deadlock_.empty()) return;
  }
  if (next_action_ < link_actions_.size() && link_actions_[next_action_].event.when <= now) {
    CountGlobal(now, 1);
    ActOnLinks(now);
  }
  for (auto& partition : partitions_) partition->CloseRound(now);
}

// Why the run ends now, if it does.
std::optional<Simulation::End> Simulation::Stopped() {
  OptionalTime stuck_at;
  for (const auto& partition : partitions_) {
    const Context& context = partition->context;
    if (!context.stuck) continue;
    const Time at = context.clock.now();
    if (stuck_at && (*stuck_at < at || (*stuck_at == at && stuck_host_ < *context.stuck))) continue;
    stuck_at = at;
    stuck_host_ = *context.stuck;
  }
  if (stuck_at) {
    SetClocks(*stuck_at);
    return End::kStuck;
  }
  if (fabric_.stop.load(std::memory_order_relaxed)) return End::kStopped;
  return std::nullopt;
}

void Simulation::Report() {
  if (progress_events_ == 0 || events() / progress_events_ == reported_) return;
  reported_ = events() / progress_events_;
  progress_(now(), events());
}

Simulation::End Simulation::Run(Time until, Executor* executor, size_t threads) {
  fabric_.stop.store(false);
  const bool alone = partitions_.size() == 1;
  in_order_ = !rounds_;
  for (int parity = 0; parity < 2 && !alone; ++parity) {
    for (auto& partition : partitions_) partition->TurnOutboxes();
    for (size_t i = 0; i < partitions_.size(); ++i) OpenRound(i);
  }
  for (auto& partition : partitions_) {
    partition->context.stuck.reset();
    partition->CloseRound(now());
  }
  if (one_thread_) executor = nullptr;
  if (threads == 0) threads = partitions_.size();
  threads = executor == nullptr ? 1 : std::min(threads, partitions_.size());
  Crew crew(executor, threads - 1);
  Round round;
  while (NextRound(until, round)) {
    const bool together = !in_order_ && stop_guard_ && !stop_guard_(round.first, round.last);
    if (together) {
      RunTogether(round, crew);
    } else if (alone) {
      RunAlone(round);
    } else {
      RunInOrder(round);
    }
    // Also where somebody is stuck, who may have come after that.
    if (together && fabric_.stop.load(std::memory_order_relaxed)) return Finish(End::kOverrun);
    if (const std::optional<End> end = Stopped()) return Finish(*end);
    if (round.global) ActGlobally(round.last);
    if (!deadlock_.empty()) return Finish(End::kDeadlock);
    Report();
    if (fabric_.stop.load(std::memory_order_relaxed)) return Finish(End::kStopped);
  }
  if (round.any && until > now()) SetClocks(until);
  return Finish(round.any ? End::kUntil : End::kIdle);
}

Simulation::End Simulation::Finish(End end) {
  Time last = now();
  for (const auto& partition : partitions_) last = Later(last, partition->context.clock.now());
  if (end != End::kStuck) SetClocks(last);
  Settle();
  return end;
}

// Brings the queues, which are served when somebody looks, and the probes up to now.
void Simulation::Settle() {
  for (auto& transmitter : transmitters_) transmitter->Advance(now());
  for (auto& probe : probes_) probe->Finish(now());
}

}  // namespace sluice::sim
