#include "sim/transmitter.h"

namespace sluice::sim {

Transmitter::Transmitter(switching::OutputQueues& queues, PortIndex port, const LinkConfig& link,
                         Rng loss, EventQueue& events, Source source, Time start)
    : queues_(queues),
      events_(events),
      free_at_(start),
      frame_time_(link),
      delay_(link.delay),
      source_(source),
      port_(port),
      lossy_(link.loss > 0),
      loss_(link.loss),
      planned_free_(start),
      last_start_(start),
      rng_(loss) {}

void Transmitter::ConnectTo(LinkEnd& end, PortIndex port, Duration extra) {
  end_ = &end;
  end_port_ = port;
  delay_ += extra;
}

void Transmitter::Serve(Time now) {
  while (const switching::SwitchPacket* head = queues_.front(port_)) {
    const Time start = Later(free_at_, head->when);
    if (start > now) return;
    auto* record = static_cast<Record*>(queues_.Dequeue(start, port_));
    free_at_ = start + frame_time_.Of(record->wire_length);
    record->arrival = free_at_ + delay_;
    __builtin_prefetch(record->next);
    record->next = nullptr;
    if (first_ == nullptr) {
      first_ = record;
    } else {
      last_->next = record;
    }
    last_ = record;
    ++counters_.frames;
    counters_.bytes += record->wire_length;
    if (lossy_ && rng_.Bernoulli(loss_)) {
      record->lost = true;
      ++counters_.lost;
    }
  }
}

bool Transmitter::Enqueue(Time now, Record& record) {
  if (queues_.Enqueue(now, record, port_) == switching::OutputQueues::Admission::kDropped) {
    return false;
  }
  last_start_ = Later(planned_free_, now);
  planned_free_ = last_start_ + frame_time_.Of(record.wire_length);
  Advance(now);
  if (!armed_) Arm();
  return true;
}

std::optional<Time> Transmitter::NextStart() const {
  const switching::SwitchPacket* head = queues_.front(port_);
  if (head == nullptr) return std::nullopt;
  return Later(free_at_, head->when);
}

// After Advance(now) a queue that is not empty has a packet before it on the line, which arrives no
// sooner than the line is free: the first in flight is the next event.
void Transmitter::Arm() {
  armed_ = first_ != nullptr;
  if (armed_) {
    // The one behind is looked at when this one arrives, after much else was looked at.
    __builtin_prefetch(first_->next);
    __builtin_prefetch(first_->header);
    events_.Schedule(source_, static_cast<const Record*>(first_)->arrival);
  } else {
    events_.Cancel(source_);
  }
}

Record& Transmitter::TakeArrival(Time now) {
  Advance(now);
  auto* record = static_cast<Record*>(first_);
  first_ = record->next;
  Arm();
  return *record;
}

}  // namespace sluice::sim
