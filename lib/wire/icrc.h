// The invariant CRC of RoCEv2 (IBTA annex A17.3.3) and the CRC-32 under it.
//
// CRC-32 is Ethernet's (0x04C11DB7, reflected) in the convention of zlib and of ISA-L's
// crc32_gzip_refl: start with 0, feed the result of one run into the next. With AVX-512 and
// VPCLMULQDQ (found by CPUID at start) our own kernel runs, else ISA-L; both give the same bits.
// Pure functions, any thread.
//
//   send     crc = IcrcOfHeaders(l3, ipv6, n); crc = Crc(crc, payload..), Crc(crc, pad..);
//            StoreLe32(icrc, crc)
//   receive  the same with CrcCopy where the payload may be placed while it is checked; compare
//   with
//            LoadLe32 of the four bytes behind the pad
#ifndef SLUICE_WIRE_ICRC_H_
#define SLUICE_WIRE_ICRC_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/frame_view.h"

namespace sluice::wire {

// Extends `crc` by `n` bytes; n = 0 returns it unchanged.
uint32_t Crc(uint32_t crc, const uint8_t* p, size_t n);
uint32_t Crc(uint32_t crc, std::span<const ByteRun> runs);

// The same, and copies the bytes from `src` to `dst` in one pass. The ranges must not overlap.
uint32_t CrcCopy(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n);
// Gathers `runs` to `dst`, which has room for their sum.
uint32_t CrcCopy(uint32_t crc, uint8_t* dst, std::span<const ByteRun> runs);

// What the kernels of IcrcOfHeaders take at once.
inline constexpr size_t kMaxIcrcHeaderBytes = 128;

// The CRC over eight 0xff bytes (in place of the missing LRH) and the headers from the IP header to
// just before the payload, with those bits taken as ones that a network may change: IPv4 TOS, TTL
// and header checksum, IPv6 traffic class, flow label and hop limit, the UDP checksum, BTH byte 4;
// of the extension's packets with a telemetry shim also the shim.
// Reads `l3_to_payload_bytes` bytes at `l3`: IP (20 or 40) + UDP + BTH + extension headers. May
// also be given any number of further bytes, which are not masked; up to 128 in all it is one pass.
uint32_t IcrcOfHeaders(const uint8_t* l3, bool ipv6, size_t l3_to_payload_bytes);
inline constexpr size_t kMaxMaskedBytes = 128;
inline uint32_t IcrcOfHeaders(const FrameView& view) {
  return IcrcOfHeaders(view.l3, view.ipv6, view.l3_to_payload_bytes());
}

// The final value for a frame that is linear from the IP header to the pad.
uint32_t IcrcOfLinear(const uint8_t* l3, bool ipv6, size_t l3_to_icrc_bytes);

// Whether the iCRC of a parsed frame that lies whole in one buffer (the header span that ParseFrame
// was given covers it) is right.
bool IcrcGood(const FrameView& view);

// Computes and appends the iCRC of a frame that lies in one buffer: `bytes` from the destination
// MAC to the pad, room for 4 more. `l3_offset` is 14, or 18 with a tag. Returns bytes + 4.
size_t SealFrame(uint8_t* frame, size_t l3_offset, bool ipv6, size_t bytes);

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_ICRC_H_
