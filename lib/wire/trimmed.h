// Trimmed packets: data packets of the extension that a switch has cut short instead of dropping
// them (docs/wire-formats.md, "Trimmed packets"). A switch sets the codepoint kTrimmedDscp, cuts
// the frame and makes the IP length that of the rest; the UDP length stays, so the two contradict
// each other, and ParseFrame refuses the frame as kLength: only then anybody asks here. So packets
// that are whole cost nothing, and a receiver that has never heard of trimming drops the rest.
//
// Nothing in such a frame is protected: its iCRC is gone. It is a hint of loss and never data.
#ifndef SLUICE_WIRE_TRIMMED_H_
#define SLUICE_WIRE_TRIMMED_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/extension.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::wire {

// Of RFC 2474's pool 2, for local use.
inline constexpr uint8_t kTrimmedDscp = 43;
// What a switch must leave: Ethernet, IPv6, UDP, BTH and the header `data`; a tag more where there
// is one.
inline constexpr size_t kLeastTrimmed =
    kEthernetBytes + Ipv6Header::kSize + UdpHeader::kSize + Bth::kSize + ExtendedData::kSize;

// Whether the frame, which ParseFrame refused as kLength, is such a packet. If so, *out tells what
// it was before it was cut; of the extension headers only extended_data() may be read, and no
// payload, pad or iCRC is there.
bool ParseTrimmed(std::span<const uint8_t> header, uint32_t frame_length, FrameView* out);

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_TRIMMED_H_
