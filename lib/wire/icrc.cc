#include "wire/icrc.h"

#include <isa-l/crc.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/be.h"
#include "wire/crc_kernel.h"

namespace sluice::wire {
namespace {

uint32_t PortableCrc(uint32_t crc, const uint8_t* p, size_t n) {
  return n == 0 ? crc : crc32_gzip_refl(crc, p, n);
}

uint32_t PortableCrcCopy(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n) {
  if (n == 0) return crc;
  std::memcpy(dst, src, n);
  return crc32_gzip_refl(crc, dst, n);
}

uint32_t PortableHeaders(const uint8_t* l3, bool ipv6, size_t n) {
  static_assert(kMaxIcrcHeaderBytes >= sizeof(kIcrcMask[0]));
  uint8_t b[kMaxIcrcHeaderBytes];
  std::memset(b, 0, sizeof(kIcrcMask[0]));
  std::memcpy(b, l3, n);
  // The whole mask, whatever n is: a fixed length takes two vector operations.
  const uint8_t* mask = kIcrcMask[ipv6 ? 1 : 0];
  for (size_t i = 0; i < sizeof(kIcrcMask[0]); ++i) b[i] |= mask[i];
  return crc32_gzip_refl(kIcrcPrefix, b, n);
}

// False until the initialiser has run, so that a caller from another static initialiser gets the
// portable kernel.
const bool kVector = VectorCrcSupported();

}  // namespace

alignas(64) const uint8_t kIcrcMask[2][64] = {
    {0,    0xff, 0,    0,    0, 0, 0, 0,           // TOS
     0xff, 0,    0xff, 0xff, 0, 0, 0, 0,           // TTL, header checksum
     0,    0,    0,    0,    0, 0, 0, 0,           // destination address, UDP ports
     0,    0,    0xff, 0xff, 0, 0, 0, 0,           // UDP checksum
     0xff, 0,    0,    0,    0, 0, 0, 0},          // BTH byte 4
    {0x0f, 0xff, 0xff, 0xff, 0,    0, 0,    0xff,  // traffic class, flow label, hop limit
     0,    0,    0,    0,    0,    0, 0,    0,     // source address
     0,    0,    0,    0,    0,    0, 0,    0,     //
     0,    0,    0,    0,    0,    0, 0,    0,     // destination address
     0,    0,    0,    0,    0,    0, 0,    0,     //
     0,    0,    0,    0,    0,    0, 0xff, 0xff,  // UDP ports, length, checksum
     0,    0,    0,    0,    0xff, 0, 0,    0},    // BTH byte 4
};

const CrcKernel kPortableCrc = {PortableCrc, PortableCrcCopy, PortableHeaders};

uint32_t Crc(uint32_t crc, const uint8_t* p, size_t n) {
  return kVector ? kVectorCrc.crc(crc, p, n) : PortableCrc(crc, p, n);
}

uint32_t Crc(uint32_t crc, std::span<const ByteRun> runs) {
  for (const ByteRun& run : runs) crc = Crc(crc, run.data, run.length);
  return crc;
}

uint32_t CrcCopy(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n) {
  return kVector ? kVectorCrc.crc_copy(crc, dst, src, n) : PortableCrcCopy(crc, dst, src, n);
}

uint32_t CrcCopy(uint32_t crc, uint8_t* dst, std::span<const ByteRun> runs) {
  for (const ByteRun& run : runs) {
    crc = CrcCopy(crc, dst, run.data, run.length);
    dst += run.length;
  }
  return crc;
}

uint32_t IcrcOfHeaders(const uint8_t* l3, bool ipv6, size_t l3_to_payload_bytes) {
  if (l3_to_payload_bytes > kMaxIcrcHeaderBytes) [[unlikely]] {
    return Crc(IcrcOfHeaders(l3, ipv6, kMaxIcrcHeaderBytes), l3 + kMaxIcrcHeaderBytes,
               l3_to_payload_bytes - kMaxIcrcHeaderBytes);
  }
  return kVector ? kVectorCrc.headers(l3, ipv6, l3_to_payload_bytes)
                 : PortableHeaders(l3, ipv6, l3_to_payload_bytes);
}

uint32_t IcrcOfLinear(const uint8_t* l3, bool ipv6, size_t l3_to_icrc_bytes) {
  // Short frames in one run: a second one costs its whole latency.
  if (l3_to_icrc_bytes <= kMaxMaskedBytes) return IcrcOfHeaders(l3, ipv6, l3_to_icrc_bytes);
  // The shortest header chain: all masked bytes lie in it, whatever the opcode adds.
  const size_t head =
      (ipv6 ? Ipv6Header::kSize : Ipv4Header::kSize) + UdpHeader::kSize + Bth::kSize;
  return Crc(IcrcOfHeaders(l3, ipv6, head), l3 + head, l3_to_icrc_bytes - head);
}

bool IcrcGood(const FrameView& view) {
  const uint8_t* icrc = view.frame + view.icrc_offset();
  return IcrcOfLinear(view.l3, view.ipv6, static_cast<size_t>(icrc - view.l3)) == LoadLe32(icrc);
}

size_t SealFrame(uint8_t* frame, size_t l3_offset, bool ipv6, size_t bytes) {
  StoreLe32(frame + bytes, IcrcOfLinear(frame + l3_offset, ipv6, bytes - l3_offset));
  return bytes + kIcrcBytes;
}

}  // namespace sluice::wire
