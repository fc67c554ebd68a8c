// The two kernels behind wire/icrc.h, by name: for its tests and benchmarks. Everybody else calls
// icrc.h, which picks one at start.
#ifndef SLUICE_WIRE_CRC_KERNEL_H_
#define SLUICE_WIRE_CRC_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace sluice::wire {

struct CrcKernel {
  uint32_t (*crc)(uint32_t crc, const uint8_t* p, size_t n);
  uint32_t (*crc_copy)(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n);
  uint32_t (*headers)(const uint8_t* l3, bool ipv6, size_t n);
};

// memcpy and ISA-L; runs everywhere.
extern const CrcKernel kPortableCrc;
// One pass with 512-bit carry-less multiplication. Call it only if VectorCrcSupported().
extern const CrcKernel kVectorCrc;

// By CPUID, so also false under an emulator that does not know these instructions.
bool VectorCrcSupported();

// CRC-32 of the eight 0xff bytes that stand in for the LRH, in the convention of icrc.h.
inline constexpr uint32_t kIcrcPrefix = 0x2144df1c;

// Ones where the network may change a bit, from the IP header on: [0] IPv4, [1] IPv6.
alignas(64) extern const uint8_t kIcrcMask[2][64];

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_CRC_KERNEL_H_
