#include "switch/output_queues.h"

#include "switch/headers.h"

namespace sluice::switching {

OutputQueues::OutputQueues(size_t ports, Bytes buffer, uint64_t seed, uint64_t entity)
    : buffer_(buffer), ports_(ports) {
  for (size_t i = 0; i < ports; ++i) ports_[i].marking = Rng(seed, entity + i, kMarkingPurpose);
}

void OutputQueues::Mark(Port& port, SwitchPacket& packet) {
  if (!port.ecn.Decide(port.waiting, port.marking)) return;
  if (MarkCe(packet.header_span(), packet.network_offset)) ++port.counters.ecn_marks;
}

OutputQueues::Admission OutputQueues::Enqueue(Time now, SwitchPacket& packet, PortIndex index) {
  Port& port = ports_[index];
  if (!Fits(packet)) {
    ++port.counters.dropped;
    return Admission::kDropped;
  }
  if (port.ecn.mode == EcnProfile::Mode::kEnqueue) Mark(port, packet);
  packet.next = nullptr;
  packet.when = now;
  if (port.head == nullptr) {
    port.head = &packet;
  } else {
    port.tail->next = &packet;
  }
  port.tail = &packet;
  used_ += packet.length();
  port.waiting += packet.length();
  ++port.counters.enqueued;
  if (port.observer != nullptr) port.observer->OnLevel(now, port.waiting);
  return Admission::kQueued;
}

SwitchPacket* OutputQueues::Dequeue(Time now, PortIndex index) {
  Port& port = ports_[index];
  SwitchPacket* packet = port.head;
  port.head = packet->next;
  used_ -= packet->length();
  port.waiting -= packet->length();
  ++port.counters.dequeued;
  if (port.ecn.mode == EcnProfile::Mode::kDequeue) Mark(port, *packet);
  if (port.observer != nullptr) port.observer->OnLevel(now, port.waiting);
  return packet;
}

}  // namespace sluice::switching
