// MadHeader: the common header of a management datagram (IBTA 1.4, 13.4.3), every bit of it, and
// what a general services datagram on queue pair 1 looks like. Plain values, any thread.
#ifndef SLUICE_WIRE_MAD_H_
#define SLUICE_WIRE_MAD_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"

namespace sluice::wire {

inline constexpr size_t kMadBytes = 256;
// General services interface: queue pair 1 at both ends, with this well-known Q_Key (10.2.5).
inline constexpr uint32_t kGsiQpn = 1;
inline constexpr uint32_t kGsiQkey = 0x80010000;

inline constexpr uint8_t kMadBaseVersion = 1;
inline constexpr uint8_t kMadClassCm = 0x07;  // communication management, 16.7.1
inline constexpr uint8_t kMadCmVersion = 2;
inline constexpr uint8_t kMadMethodSend = 0x03;

struct MadHeader {
  static constexpr size_t kSize = 24;

  uint8_t base_version = kMadBaseVersion;
  uint8_t management_class = kMadClassCm;
  uint8_t class_version = kMadCmVersion;
  uint8_t method = kMadMethodSend;  // bit 7: response
  uint16_t status = 0;
  uint16_t class_specific = 0;
  uint64_t transaction_id = 0;
  uint16_t attribute_id = 0;
  uint16_t reserved = 0;
  uint32_t attribute_modifier = 0;

  // Both touch kSize bytes.
  static MadHeader Read(const uint8_t* p) {
    return MadHeader{p[0],
                     p[1],
                     p[2],
                     p[3],
                     LoadBe16(p + 4),
                     LoadBe16(p + 6),
                     LoadBe64(p + 8),
                     LoadBe16(p + 16),
                     LoadBe16(p + 18),
                     LoadBe32(p + 20)};
  }
  void Write(uint8_t* p) const {
    p[0] = base_version;
    p[1] = management_class;
    p[2] = class_version;
    p[3] = method;
    StoreBe16(p + 4, status);
    StoreBe16(p + 6, class_specific);
    StoreBe64(p + 8, transaction_id);
    StoreBe16(p + 16, attribute_id);
    StoreBe16(p + 18, reserved);
    StoreBe32(p + 20, attribute_modifier);
  }
  bool operator==(const MadHeader&) const = default;
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_MAD_H_
