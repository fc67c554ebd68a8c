#include "transport/framer.h"

#include <cstring>

#include "base/be.h"
#include "transport/payload.h"
#include "wire/icrc.h"

namespace sluice::transport {

void Framer::Write(port::Packet* packet, const wire::HeaderTemplate& path, wire::Bth bth,
                   uint8_t ecn, const Extension& extension, const PayloadSpan& payload) const {
  constexpr uint32_t kIcrcBytes = 4;
  const uint32_t pad = (0 - payload.length) & 3;
  const uint32_t transport =
      wire::Bth::kSize + extension.length + payload.length + pad + kIcrcBytes;
  uint8_t* frame = packet->header;
  path.Write(frame, transport, ecn);
  uint8_t* at = frame + path.size();
  bth.pad_count = static_cast<uint8_t>(pad);
  bth.Write(at);
  at += wire::Bth::kSize;
  std::memcpy(at, extension.bytes, extension.length);
  at += extension.length;
  const uint32_t header_bytes = static_cast<uint32_t>(at - frame);
  packet->frame_length = static_cast<uint32_t>(path.size()) + transport;

  if (elides_) {
    packet->header_length = static_cast<uint16_t>(header_bytes);
    packet->elided_length = packet->frame_length - header_bytes;
    return;
  }
  packet->header_length = static_cast<uint16_t>(packet->frame_length);
  const size_t l3 = path.l3_offset();
  uint8_t* tail = at + payload.length;
  if (!icrc_ || packet->frame_length - l3 <= wire::kMaxMaskedBytes) {
    // Short frames: one CRC over headers and payload together is cheaper than two.
    GatherCrc(0, payload.runs, payload.offset, payload.length, at, false);
    std::memset(tail, 0, pad);
    if (icrc_) {
      wire::SealFrame(frame, l3, path.ipv6(), packet->frame_length - kIcrcBytes);
    } else {
      StoreLe32(tail + pad, 0);
    }
    return;
  }
  uint32_t crc = wire::IcrcOfHeaders(frame + l3, path.ipv6(), header_bytes - l3);
  crc = GatherCrc(crc, payload.runs, payload.offset, payload.length, at, true);
  if (pad > 0) {
    std::memset(tail, 0, pad);
    crc = wire::Crc(crc, tail, pad);
  }
  StoreLe32(tail + pad, crc);
}

}  // namespace sluice::transport
