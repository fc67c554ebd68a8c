// Checks of a received frame that are the same for every kind of queue pair, and the codepoints
// that frames leave with.
#ifndef SLUICE_TRANSPORT_ADMISSION_H_
#define SLUICE_TRANSPORT_ADMISSION_H_

#include <cstdint>

#include "port/packet.h"
#include "transport/context.h"
#include "transport/payload.h"
#include "wire/frame_view.h"

namespace sluice::transport {

// Data may be marked by the fabric; ACKs and CNPs must not be (design decision on the receiver
// half: data is ECT(0), ACK and CNP Not-ECT).
inline constexpr uint8_t kEct0 = 2;
inline constexpr uint8_t kNotEct = 0;

// The lower 15 bits name the partition; two limited members may not talk (IBTA 1.4, 10.9.3).
inline bool SamePartition(uint16_t a, uint16_t b) {
  return ((a ^ b) & 0x7fff) == 0 && ((a | b) & 0x8000) != 0;
}

// The invariant CRC holds, as far as it is checked.
inline bool FrameIntact(const Context& ctx, const wire::FrameView& view,
                        const port::Packet& packet) {
  if (packet.rx.icrc != port::IcrcState::kUnknown) {
    return packet.rx.icrc == port::IcrcState::kGood;
  }
  return !ctx.check_icrc || ReceivedPayload(packet, view).IcrcMatches();
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_ADMISSION_H_
