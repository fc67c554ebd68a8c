// Packet: one frame that a Port has lent, as a value of one cache line.
//
// The bytes of a frame are, in the order of the wire: the header span (linear, holds at least every
// protocol header), then the payload segments, then `elided_length` bytes that are accounted for
// but not carried (virtual time only). A frame that lies in one buffer has everything in its header
// span and no segment.
//
// A Packet does not own what it points to: the Port does, and the holder of the Packet holds the
// loan until it gives the Packet back by Transmit or Release. Copying a Packet copies no loan.
#ifndef SLUICE_PORT_PACKET_H_
#define SLUICE_PORT_PACKET_H_

#include <cstdint>

#include "base/time.h"

namespace sluice::port {

// A run of bytes that somebody else owns.
struct Segment {
  const uint8_t* data = nullptr;
  uint32_t length = 0;
};

enum class IcrcState : uint8_t { kUnknown, kGood, kBad };

// What the port knows of a received frame beyond its bytes.
struct RxMeta {
  IcrcState icrc = IcrcState::kUnknown;  // kUnknown: whoever parses must check
  bool ce = false;                       // the fabric set Congestion Experienced out of band
  uint8_t path = 0;                      // the path (port, entropy) that it took, where known
};

struct alignas(64) Packet {
  void* handle = nullptr;            // the port's own record; opaque to everybody else
  uint8_t* header = nullptr;         // writable by the holder of an allocated packet only
  const uint8_t* payload = nullptr;  // first payload segment, or null
  const Segment* more = nullptr;     // further segments: an array that the handle owns
  Time stamp;                        // of a received packet: Capabilities::hardware_stamps
  uint32_t payload_length = 0;       // bytes in the first payload segment
  uint32_t elided_length = 0;        // bytes (payload, pad, iCRC) that are not carried
  uint32_t frame_length = 0;         // bytes on the wire from destination MAC to iCRC; no FCS
  uint16_t header_length = 0;        // bytes in the header span
  uint8_t more_count = 0;            // entries in `more`
  RxMeta rx;
};
static_assert(sizeof(Packet) == 64);

}  // namespace sluice::port

#endif  // SLUICE_PORT_PACKET_H_
