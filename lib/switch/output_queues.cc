#include "switch/output_queues.h"

#include "switch/headers.h"

namespace sluice::switching {

OutputQueues::OutputQueues(size_t ports, const BufferConfig& buffer,
                           const SchedulerConfig& scheduler, uint64_t seed, uint64_t entity)
    : buffer_(ports, buffer),
      scheduling_(scheduler),
      ports_(ports),
      queues_(ports * scheduler.queues) {
  for (size_t i = 0; i < ports; ++i) {
    ports_[i].queues = scheduler.queues;
    ports_[i].first = static_cast<uint32_t>(i * scheduler.queues);
    for (uint64_t q = 0; q < scheduler.queues; ++q) {
      queues_[ports_[i].first + q].marking = Rng(seed, entity + i, kMarkingPurpose + (q << 32));
    }
  }
  if (scheduler.queues > 1) schedulers_.assign(ports, Scheduler(scheduler));
}

void OutputQueues::SetEcn(PortIndex port, const EcnProfile& profile) {
  for (uint8_t q = 0; q < scheduling_.queues; ++q) SetEcn(port, q, profile);
}

void OutputQueues::Mark(Port& port, Queue& queue, SwitchPacket& packet) {
  const bool marked = coins_ == nullptr ? queue.ecn.Decide(queue.waiting, queue.marking)
                                        : queue.ecn.Decide(queue.waiting, *coins_);
  if (!marked) return;
  if (MarkCe(packet.header_span(), packet.network_offset)) ++port.counters.ecn_marks;
}

// What becomes of the packet, which may be cut for it.
SharedBuffer::Verdict OutputQueues::Admit(Port& port, SwitchPacket& packet) {
  SharedBuffer::Verdict verdict =
      buffer_.Judge(packet, queues_[port.first + packet.priority].waiting);
  if (verdict != SharedBuffer::Verdict::kDrop) return verdict;
  if (trim_.on() && Trim(trim_, packet)) {
    verdict = buffer_.Judge(packet, queues_[port.first + packet.priority].waiting);
  }
  ++(verdict == SharedBuffer::Verdict::kDrop ? port.counters.dropped : port.counters.trimmed);
  return verdict;
}

OutputQueues::Admission OutputQueues::Enqueue(Time now, SwitchPacket& packet, PortIndex index,
                                              bool easy) {
  Port& port = ports_[index];
  SharedBuffer::Verdict verdict = SharedBuffer::Verdict::kPool;
  if (!easy) {
    verdict = Admit(port, packet);
    if (verdict == SharedBuffer::Verdict::kDrop) return Admission::kDropped;
  }
  Queue& queue = queues_[port.first + packet.priority];
  if (queue.ecn.mode == EcnProfile::Mode::kEnqueue) Mark(port, queue, packet);
  packet.next = nullptr;
  packet.when = now;
  if (telemetry_ != nullptr) TelemetryWriter::OnArrival(now, packet);
  if (queue.head == nullptr) {
    queue.head = &packet;
  } else {
    queue.tail->next = &packet;
  }
  queue.tail = &packet;
  queue.waiting += packet.length();
  port.waiting += packet.length();
  port.occupied |= static_cast<uint8_t>(1u << packet.priority);
  ++port.counters.enqueued;
  bool pause = false;
  if (easy) {
    buffer_.AddEasy(packet);
  } else {
    pause = buffer_.Add(packet, verdict);
  }
  if (port.observer != nullptr) port.observer->OnLevel(now, port.waiting);
  if (pause) pfc_->SendPfc(now, packet.ingress, packet.priority, true);
  return Admission::kQueued;
}

const SwitchPacket* OutputQueues::EarliestHead(const Port& port) const {
  const SwitchPacket* first = nullptr;
  for (uint8_t q = 0; q < port.queues; ++q) {
    const SwitchPacket* head = queues_[port.first + q].head;
    if (head == nullptr || (port.paused >> q & 1) != 0) continue;
    if (first == nullptr || head->when < first->when) first = head;
  }
  return first;
}

uint8_t OutputQueues::Pick(Time now, PortIndex index) {
  const Port& port = ports_[index];
  uint8_t ready = 0;
  std::array<uint32_t, kPriorities> length = {};
  for (uint8_t q = 0; q < port.queues; ++q) {
    if (((port.occupied & ~port.paused) >> q & 1) == 0) continue;
    const SwitchPacket* head = queues_[port.first + q].head;
    if (head->when > now) continue;
    ready |= static_cast<uint8_t>(1u << q);
    length[q] = head->wire_length;
  }
  return schedulers_[index].Pick(ready, length);
}

SwitchPacket* OutputQueues::Dequeue(Time now, PortIndex index) {
  Port& port = ports_[index];
  const uint8_t q = port.queues == 1 ? 0 : Pick(now, index);
  Queue& queue = queues_[port.first + q];
  SwitchPacket* packet = queue.head;
  queue.head = packet->next;
  if (queue.head == nullptr) port.occupied &= static_cast<uint8_t>(~(1u << q));
  queue.waiting -= packet->length();
  port.waiting -= packet->length();
  ++port.counters.dequeued;
  if (queue.ecn.mode == EcnProfile::Mode::kDequeue) Mark(port, queue, *packet);
  if (telemetry_ != nullptr) telemetry_->OnDeparture(now, index, port.waiting, *packet);
  const bool resume = buffer_.Remove(*packet);
  if (port.observer != nullptr) port.observer->OnLevel(now, port.waiting);
  if (resume) pfc_->SendPfc(now, packet->ingress, packet->priority, false);
  return packet;
}

void OutputQueues::SetPaused(Time now, PortIndex index, uint8_t priority, bool paused) {
  Port& port = ports_[index];
  if (priority >= port.queues) return;
  const auto bit = static_cast<uint8_t>(1u << priority);
  if (paused) {
    port.paused |= bit;
    return;
  }
  if ((port.paused & bit) == 0) return;
  port.paused &= static_cast<uint8_t>(~bit);
  SwitchPacket* head = queues_[port.first + priority].head;
  if (head != nullptr) head->when = Later(head->when, now);
}

}  // namespace sluice::switching
