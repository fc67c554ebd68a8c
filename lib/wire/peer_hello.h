// PeerHello: by what two ends of Sluice know each other during an RDMA-CM handshake: 16 bytes at
// the end of the private data, where a stranger sees nothing but bytes of the application's that it
// does not know (docs/wire-formats.md specifies them, and when they are sent).
#ifndef SLUICE_WIRE_PEER_HELLO_H_
#define SLUICE_WIRE_PEER_HELLO_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/be.h"

namespace sluice::wire {

struct PeerHello {
  static constexpr size_t kSize = 16;
  static constexpr uint64_t kMagic = 0x534c554943450d0a;  // "SLUICE", CR, LF
  static constexpr uint8_t kVersion = 1;
  // Flags.
  static constexpr uint8_t kExtension = 1;  // of a request: can; of a reply: does
  static constexpr uint8_t kProbes = 2;     // answers path MTU probes
  static constexpr uint8_t kRelaxed = 4;    // of a request: may; of a reply: both ends do
  static constexpr uint8_t kTelemetry = 8;  // likewise: room for the reports of switches

  uint64_t magic = 0;
  uint8_t version = 0;
  uint8_t flags = 0;
  uint8_t window = 0;  // tracking window: 2^window packets
  uint8_t reserved8 = 0;
  uint32_t reserved32 = 0;

  bool Has(uint8_t flag) const { return (flags & flag) != 0; }

  static PeerHello Read(const uint8_t* p) {
    return {LoadBe64(p), p[8], p[9], p[10], p[11], LoadBe32(p + 12)};
  }
  void Write(uint8_t* p) const {
    StoreBe64(p, magic);
    p[8] = version;
    p[9] = flags;
    p[10] = window;
    p[11] = reserved8;
    StoreBe32(p + 12, reserved32);
  }
  // Whether the private data of a message, whole, ends in one of a version that we know.
  static bool Find(std::span<const uint8_t> private_data, PeerHello* hello) {
    if (private_data.size() < kSize) return false;
    *hello = Read(private_data.data() + private_data.size() - kSize);
    return hello->magic == kMagic && hello->version == kVersion;
  }
  bool operator==(const PeerHello&) const = default;
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_PEER_HELLO_H_
