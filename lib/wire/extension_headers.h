// The extension headers behind a BTH other than the AETH (IBTA 1.4, chapters 9.3 and 9.4).
// Every integer is big endian on the wire. Plain values: Read and Write touch kSize bytes.
#ifndef SLUICE_WIRE_EXTENSION_HEADERS_H_
#define SLUICE_WIRE_EXTENSION_HEADERS_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"

namespace sluice::wire {

// RDMA extended transport header: WRITE and READ requests.
struct Reth {
  static constexpr size_t kSize = 16;
  uint64_t va = 0;
  uint32_t rkey = 0;
  uint32_t length = 0;  // DMA length of the whole message, bytes

  static Reth Read(const uint8_t* p) {
    return Reth{LoadBe64(p), LoadBe32(p + 8), LoadBe32(p + 12)};
  }
  void Write(uint8_t* p) const {
    StoreBe64(p, va);
    StoreBe32(p + 8, rkey);
    StoreBe32(p + 12, length);
  }
  bool operator==(const Reth&) const = default;
};

// COMPARE SWAP and FETCH ADD.
struct AtomicEth {
  static constexpr size_t kSize = 28;
  uint64_t va = 0;
  uint32_t rkey = 0;
  uint64_t swap_or_add = 0;
  uint64_t compare = 0;

  static AtomicEth Read(const uint8_t* p) {
    return AtomicEth{LoadBe64(p), LoadBe32(p + 8), LoadBe64(p + 12), LoadBe64(p + 20)};
  }
  void Write(uint8_t* p) const {
    StoreBe64(p, va);
    StoreBe32(p + 8, rkey);
    StoreBe64(p + 12, swap_or_add);
    StoreBe64(p + 20, compare);
  }
  bool operator==(const AtomicEth&) const = default;
};

// ATOMIC ACKNOWLEDGE, behind the AETH.
struct AtomicAckEth {
  static constexpr size_t kSize = 8;
  uint64_t original = 0;  // the value before the operation

  static AtomicAckEth Read(const uint8_t* p) { return AtomicAckEth{LoadBe64(p)}; }
  void Write(uint8_t* p) const { StoreBe64(p, original); }
  bool operator==(const AtomicAckEth&) const = default;
};

// Datagram extended transport header.
struct Deth {
  static constexpr size_t kSize = 8;
  uint32_t qkey = 0;
  uint8_t reserved8 = 0;
  uint32_t source_qpn = 0;  // 24 bits

  static Deth Read(const uint8_t* p) { return Deth{LoadBe32(p), p[4], LoadBe24(p + 5)}; }
  void Write(uint8_t* p) const {
    StoreBe32(p, qkey);
    StoreBe32(p + 4, static_cast<uint32_t>(reserved8) << 24 | (source_qpn & 0xffffff));
  }
  bool operator==(const Deth&) const = default;
};

// SEND with invalidate.
struct Ieth {
  static constexpr size_t kSize = 4;
  uint32_t rkey = 0;

  static Ieth Read(const uint8_t* p) { return Ieth{LoadBe32(p)}; }
  void Write(uint8_t* p) const { StoreBe32(p, rkey); }
  bool operator==(const Ieth&) const = default;
};

// Immediate data.
struct ImmDt {
  static constexpr size_t kSize = 4;
  uint32_t value = 0;

  static ImmDt Read(const uint8_t* p) { return ImmDt{LoadBe32(p)}; }
  void Write(uint8_t* p) const { StoreBe32(p, value); }
  bool operator==(const ImmDt&) const = default;
};

// The 16 reserved bytes of a CNP behind its BTH (annex A17.9.3).
inline constexpr size_t kCnpReservedBytes = 16;

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_EXTENSION_HEADERS_H_
