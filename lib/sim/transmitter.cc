#include "sim/transmitter.h"

#include <algorithm>

namespace sluice::sim {

Transmitter::Transmitter(switching::OutputQueues& queues, PortIndex port, const LinkConfig& link,
                         Rng loss, ArrivalQueue& arrivals, Source source, Time start)
    : queues_(queues),
      free_at_(start),
      source_(source),
      port_(port),
      planned_free_(start),
      last_start_(start),
      frame_time_(link),
      delay_(link.delay),
      arrivals_(arrivals),
      rng_(loss) {
  Change(start, link);
}

void Transmitter::ConnectTo(LinkEnd& end, Duration extra) {
  end_ = &end;
  delay_ += extra;
}

void Transmitter::Depart(Time start, Record& record) {
  --waiting_;
  free_at_ = start + frame_time_.Of(record.wire_length);
  record.arrival = free_at_ + delay_;
  record.lost = false;
  ++counters_.frames;
  counters_.bytes += record.wire_length;
  if (impaired_) Impair(record);
  if (planned_ != nullptr) [[unlikely]]
    return Plan(record);
  const Arrival arrival =
      arrivals_.Make(record.arrival, source_, static_cast<uint32_t>(counters_.frames), &record);
  if (outbox_ == nullptr) [[likely]] {
    arrivals_.Push(arrival);
  } else {
    outbox_->current().push_back(arrival);
  }
}

// The end of the transmission, and then the arrival.
void Transmitter::Plan(Record& record) {
  arrivals_.Push(arrivals_.Make(free_at_, planned_->Next(source_), nullptr));
  arrivals_.Push(arrivals_.Make(record.arrival, planned_->Next(source_), &record));
  // What looks at the line before that event finds it busy.
  free_at_ += kInstant;
  on_line_ = true;
}

// PFC frames are lost by a link that is down only: a switch would repeat them.
void Transmitter::Impair(Record& record) {
  using Fate = LinkFaultState::Fate;
  Fate fate = down_ ? Fate::kLost : Fate::kArrives;
  if (!down_ && record.traffic != Traffic::kPfc) {
    if (loss_ > 0 && rng_.Bernoulli(loss_)) {
      fate = Fate::kLost;
    } else if (faults_ != nullptr) {
      fate = faults_->Decide(record.flow_key);
    }
  }
  record.lost = fate != Fate::kArrives;
  counters_.lost += record.lost ? 1 : 0;
  counters_.corrupt += fate == Fate::kCorrupt ? 1 : 0;
  counters_.blackholed += fate == Fate::kBlackhole ? 1 : 0;
}

// When the line is free of all that waits.
void Transmitter::PlanFree() {
  planned_free_ = on_line_ ? free_at_ - kInstant : free_at_;
  for (uint8_t q = 0; q < queues_.queues_per_port(); ++q) {
    for (const auto* p = queues_.head(port_, q); p != nullptr; p = p->next) {
      planned_free_ = Later(planned_free_, p->when) + frame_time_.Of(p->wire_length);
    }
  }
}

void Transmitter::SetDown(Time now, bool down) {
  Advance(now);
  down_ = down;
  impaired_ = down_ || loss_ > 0 || faults_ != nullptr;
  if (!down) return;
  const auto lose = [this](const Arrival& arrival) {
    if (arrival.source() != source_ || arrival.record == nullptr) return;
    counters_.lost += arrival.record->lost ? 0 : 1;
    arrival.record->lost = true;
  };
  (abroad() ? *there_ : arrivals_).ForEach(lose);
  for (size_t i = 0; abroad() && i < outbox_->arrivals.size(); ++i) {
    const std::vector<Arrival>& some = outbox_->arrivals[i];
    std::for_each(some.begin(), some.end(), lose);
  }
  for (uint8_t q = 0; q < queues_.queues_per_port(); ++q) SetPaused(now, q, false);
}

void Transmitter::Change(Time now, const LinkConfig& link) {
  Advance(now);
  frame_time_ = FrameTime(link);
  loss_ = link.loss;
  faults_.reset();
  if (link.faults.any()) {
    const uint64_t seed = rng_.Next();
    faults_ = std::make_unique<LinkFaultState>(link.faults, Rng(seed), Mix64(seed));
  }
  impaired_ = down_ || loss_ > 0 || faults_ != nullptr;
  PlanFree();
}

// A PFC frame is served before the queues: it was sent when everything that could start until then
// had started.
void Transmitter::Serve(Time now) {
  serving_ = true;
  while (true) {
    if (control_ != nullptr) {
      auto* record = static_cast<Record*>(control_);
      const Time start = Later(free_at_, record->when);
      if (start > now) break;
      control_ = record->next;
      queues_.PassBy(port_, *record);
      Depart(start, *record);
      continue;
    }
    const switching::SwitchPacket* head = queues_.front(port_);
    if (head == nullptr) break;
    const Time start = Later(free_at_, head->when);
    if (start > now) break;
    auto* record = static_cast<Record*>(queues_.Dequeue(start, port_));
    __builtin_prefetch(record->next);
    Depart(start, *record);
  }
  serving_ = false;
}

void Transmitter::SendControl(Time now, Record& record) {
  // Within its own Serve the transmitter looks again by itself.
  const bool serving = serving_;
  if (!serving) AdvanceBefore(now);
  record.when = now;
  record.next = nullptr;
  ++waiting_;
  switching::SwitchPacket** end = &control_;
  while (*end != nullptr) end = &(*end)->next;
  *end = &record;
  if (!listed_) List();
  if (serving) return;
  AdvanceIfIdle(now);
  if (prompt_) ArmStart();
}

// Until a round ends without anything that waits.
void Transmitter::List() {
  if (backlog_ == nullptr) return;
  listed_ = true;
  backlog_->lines.push_back(this);
  if (backlog_->listed) return;
  backlog_->listed = true;
  backlog_->all->nodes.push_back(backlog_->node);
}

void Transmitter::SetPaused(Time now, uint8_t priority, bool paused) {
  AdvanceBefore(now);
  queues_.SetPaused(now, port_, priority, paused);
  if (paused) {
    paused_since_[priority] = now;
    return;
  }
  AdvanceIfIdle(now);
  PlanFree();
  if (prompt_) ArmStart();
}

void Transmitter::SetPrompt(Time now, bool prompt) {
  if (planned_ != nullptr) return;  // each start is one
  prompt_ = prompt;
  if (!prompt) return;
  AdvanceBefore(now);
  ArmStart();
}

bool Transmitter::Enqueue(Time now, Record& record, bool easy) {
  if (queues_.Enqueue(now, record, port_, easy) == switching::OutputQueues::Admission::kDropped) {
    return false;
  }
  ++waiting_;
  last_start_ = StartOfNext(now);
  planned_free_ = last_start_ + frame_time_.Of(record.wire_length);
  AdvanceIfIdle(now);
  if (waiting_ != 0 && !listed_) List();
  if (prompt_) ArmStart();
  return true;
}

OptionalTime Transmitter::NextStart() const {
  const switching::SwitchPacket* head = queues_.front(port_);
  if (head == nullptr) return std::nullopt;
  return Later(free_at_, head->when);
}

// After AdvanceBefore(now) whatever may be sent has a packet before it on the line.
void Transmitter::ArmStart() {
  const OptionalTime next = NextStart();
  if (!next || (start_armed_ && armed_start_ == *next)) return;
  start_armed_ = true;
  armed_start_ = *next;
  const Source source = arrivals_first_ ? source_ | Arrival::kLate : source_;
  arrivals_.PushOwn(
      arrivals_.Make(*next, source, static_cast<uint32_t>(counters_.frames), nullptr));
}

}  // namespace sluice::sim
