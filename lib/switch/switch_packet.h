// SwitchPacket: what a switch knows of a frame. Every decision of this room is a function of the
// time, a SwitchPacket and the state of the switch, so that the simulator, a bridge of virtual
// wires and a switch daemon share the same code.
//
// Whoever owns the frame embeds a SwitchPacket in its own record and keeps it alive while a queue
// holds it. One thread per switch.
#ifndef SLUICE_SWITCH_SWITCH_PACKET_H_
#define SLUICE_SWITCH_SWITCH_PACKET_H_

#include <cstdint>
#include <limits>
#include <span>

#include "base/time.h"
#include "base/units.h"

namespace sluice::switching {

// A port of one switch, from 0.
using PortIndex = uint16_t;
inline constexpr PortIndex kNoPort = std::numeric_limits<PortIndex>::max();

// A destination as a small dense number (switch/forwarding.h).
using Endpoint = uint32_t;
inline constexpr Endpoint kNoEndpoint = std::numeric_limits<Endpoint>::max();

struct SwitchPacket {
  SwitchPacket* next = nullptr;  // link of the queue that holds the packet
  uint8_t* header = nullptr;     // from the destination MAC; writable, the packet's own bytes
  Time when;                     // since when it may leave: written by the queue that holds it
  uint32_t wire_length = 0;      // bytes that it takes in a buffer: the frame without FCS
  Endpoint endpoint = kNoEndpoint;
  uint32_t flow_key = 0;  // of its 5-tuple (switch/forwarding.h)
  uint16_t header_length = 0;
  PortIndex ingress = 0;       // where it came in; PFC accounts for it there
  uint8_t priority = 0;        // the queue that it asks for
  uint8_t network_offset = 0;  // of the IP header in `header`; 0: not an IP packet
  uint32_t queued_ns = 0;      // when, modulo 2^32: written by a queue that tells of waits

  std::span<uint8_t> header_span() const { return {header, header_length}; }
  Bytes length() const { return Bytes(wire_length); }
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_SWITCH_PACKET_H_
