// PathProbe: the front of a datagram of queue pair 1 by which two ends of Sluice see how large a
// packet their path carries (docs/wire-formats.md). Sent only to a peer that said that it answers.
#ifndef SLUICE_WIRE_PATH_PROBE_H_
#define SLUICE_WIRE_PATH_PROBE_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"

namespace sluice::wire {

struct PathProbe {
  static constexpr size_t kSize = 24;
  // Its first byte is not the version of a management datagram.
  static constexpr uint64_t kMagic = 0x534c554943450d0a;  // "SLUICE", CR, LF
  static constexpr uint8_t kVersion = 1;
  static constexpr uint8_t kQuestion = 1;
  static constexpr uint8_t kAnswer = 2;

  uint64_t magic = 0;
  uint8_t version = 0;
  uint8_t kind = 0;
  uint8_t mtu = 0;  // code of the path MTU that is tried
  uint8_t reserved8 = 0;
  uint32_t reserved32 = 0;
  uint64_t nonce = 0;  // of the question; its answer repeats it

  static PathProbe Read(const uint8_t* p) {
    return {LoadBe64(p), p[8], p[9], p[10], p[11], LoadBe32(p + 12), LoadBe64(p + 16)};
  }
  void Write(uint8_t* p) const {
    StoreBe64(p, magic);
    p[8] = version;
    p[9] = kind;
    p[10] = mtu;
    p[11] = reserved8;
    StoreBe32(p + 12, reserved32);
    StoreBe64(p + 16, nonce);
  }
  bool operator==(const PathProbe&) const = default;
};

// Payload of the datagram: with its DETH of 8 bytes it is as long as the longest packet of that
// path MTU, whose headers between BTH and payload have 40 bytes in the extension.
constexpr uint32_t ProbePayload(uint8_t mtu) { return (128u << mtu) + 40 - 8; }

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_PATH_PROBE_H_
