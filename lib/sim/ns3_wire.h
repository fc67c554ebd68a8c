// Ns3Wire: how long frames are, and which way they take, in the ns-3 simulator of HPCC's authors
// (Alibaba's High-Precision-Congestion-Control, commit 9f4be2a), so that results can be compared
// packet by packet. Our own frames travel in the records; only what they count for differs:
//   data  payload + data_header (PPP 14, IPv4 20, UDP 8, SeqTs 6, and what the algorithm adds),
//   ACK   ack_frame; with ack_priority pauses of data do not stop it at a host (ACK_HIGH_PRIO:
//         that simulator's switches have such a priority, too, but nothing switches it on)
//   PFC   kNs3PfcFrame (PPP 14, IPv4 20, its own 9)
//   ECMP  Murmur3 of (source, destination, ports), seeded with the switch's number
// A host's port takes a packet only when its line is free, so that the choice among flows and
// acknowledgements is made at that moment. A frame that arrives at a switch as the line ahead of it
// becomes free is in the queue when the next one leaves: that simulator planned the arrival first.
//
// With `exact` all events of one moment come in the order in which they were planned, as there, the
// end of each transmission is one, and marks are decided by that simulator's coins: its runs come
// out to the nanosecond. One partition, event by event, no link events.
#ifndef SLUICE_SIM_NS3_WIRE_H_
#define SLUICE_SIM_NS3_WIRE_H_

#include <cstdint>

#include "port/packet.h"
#include "sim/record.h"

namespace sluice::sim {

struct Ns3Wire {
  bool on = false;
  uint32_t data_header = 48;
  uint32_t ack_frame = 60;
  bool ack_priority = false;  // ports of hosts have two queues then
  bool exact = false;         // planned_order.h, ns3_coins.h
  uint64_t run = 1;           // of its coins
};

inline constexpr uint32_t kNs3PfcFrame = 43;

// Bytes that the packet counts for; `traffic` as TrafficOf told.
uint32_t Ns3Length(const Ns3Wire& wire, Traffic traffic, const port::Packet& packet,
                   uint8_t network_offset);

// The hash by which switch `node` chooses among equal ways, as a remainder.
uint32_t Ns3FlowHash(const Record& record, uint32_t node);

// MurmurHash3_x86_32 of three words (Appleby, public domain algorithm).
uint32_t Murmur3(uint32_t a, uint32_t b, uint32_t c, uint32_t seed);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_NS3_WIRE_H_
