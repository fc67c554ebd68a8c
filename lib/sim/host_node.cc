#include "sim/host_node.h"

namespace sluice::sim {
namespace {

// Polls of one host at one moment, after which it is called stuck. An honest host needs one per
// burst that it has received and a few more.
constexpr int kMaxRounds = 100'000;

}  // namespace

HostNode::HostNode(Context& context, const HostModel& model, Source rank, NodeId node, Rng stalls,
                   Time start)
    : LinkEnd(node),
      context_(context),
      model_(model),
      source_(rank),
      busy_until_(start),
      next_stall_(start),
      stalls_(stalls) {
  if (model_.stall > Duration::Zero()) next_stall_ += UntilStall();
}

Duration HostNode::UntilStall() {
  const double mean = static_cast<double>(model_.stall_every.ps());
  return Duration::Picoseconds(static_cast<int64_t>(stalls_.Exponential(mean)));
}

// The stalls that have begun at or before now.
void HostNode::TakeStalls(Time now) {
  while (next_stall_ <= now) {
    const Time end = next_stall_ + model_.stall;
    busy_until_ = Later(busy_until_, end);
    next_stall_ = end + UntilStall();
  }
}

Time HostNode::Align(Time t) const {
  const int64_t period = model_.poll_period.ps();
  if (period == 0) return t;
  const auto step = static_cast<uint64_t>(period);
  const uint64_t rest = t.ps() % step;
  return rest == 0 ? t : t + Duration::Picoseconds(static_cast<int64_t>(step - rest));
}

void HostNode::Arm(OptionalTime t) {
  if (t == wake_) return;
  wake_ = t;
  if (!context_.alone) ScheduleWake();
}

void HostNode::ScheduleWake() {
  if (wake_) {
    context_.events.Schedule(source_, *wake_);
  } else {
    context_.events.Cancel(source_);
  }
}

void HostNode::Prefetch(const Record& record, int step) const {
  if (step == 0) {
    __builtin_prefetch(this);
    __builtin_prefetch(reinterpret_cast<const char*>(this) + 64);
    __builtin_prefetch(record.header);
    __builtin_prefetch(record.header + 64);
    return;
  }
  const std::span<const uint8_t> frame(record.header, record.header_length);
  for (const Pollable* pollable : pollables_) pollable->Prefetch(frame, step - 1);
}

void HostNode::OnArrival(Time now, Record& record, PortIndex port) {
  ports_[port]->Deliver(record);
  if (model_.poll_period == Duration::Zero()) {
    Poll(now);
  } else {
    WakeSoon(now);
  }
}

void HostNode::OnPfc(Time now, PortIndex port, uint8_t priority, bool pause) {
  ports_[port]->SetPaused(now, priority, pause);
  if (!pause) WakeSoon(now);  // there may be room for what was refused
}

// Returns whether there is more to do at `now`; else `next` says when.
bool HostNode::PollOnce(Time now, OptionalTime& next, size_t& handled) {
  for (auto& port : ports_) port->ClearRefused();
  for (Pollable* pollable : pollables_) handled += pollable->Poll(now);

  bool received = false;
  bool refused = false;
  for (auto& port : ports_) {
    received |= port->has_received();
    if (!port->refused()) continue;
    refused = true;
    next = Earlier(next, port->RoomAt());
  }
  bool due = false;
  for (Pollable* pollable : pollables_) {
    const OptionalTime deadline = pollable->NextDeadline();
    if (!deadline) continue;
    if (*deadline <= now) {
      due = true;
    } else {
      next = Earlier(next, deadline);
    }
  }
  return received || (due && !refused);
}

void HostNode::Poll(Time now) {
  if (pollables_.empty()) return Arm(std::nullopt);
  if (model_.stall > Duration::Zero()) TakeStalls(now);
  if (now < busy_until_) return Arm(Align(busy_until_));
  const bool costs = model_.packet_cost > Duration::Zero();
  OptionalTime next;
  size_t handled = 0;
  for (int round = 1; PollOnce(now, next, handled); ++round) {
    if (costs && handled > 0) {
      next = now;  // as soon as the core is free
      break;
    }
    if (round == kMaxRounds) {
      context_.stuck = node();
      break;
    }
    next.reset();
  }
  if (costs) busy_until_ = now + model_.packet_cost * static_cast<int64_t>(handled);
  if (next) next = Align(Later(*next, busy_until_));
  Arm(next);
}

}  // namespace sluice::sim
