// The in-band telemetry of the extension: a shim of fixed length, the last header in front of the
// payload, into which every switch on the way writes a report. docs/wire-formats.md, "Telemetry".
//
// An opcode of the extension with bit 5 set (0xE0-0xFF) is that of the packet without it, and a
// shim. The iCRC takes the shim's bytes as ones, so that switches may write them.
// Every integer is big endian. Plain values: Read and Write touch kSize bytes.
#ifndef SLUICE_WIRE_TELEMETRY_SHIM_H_
#define SLUICE_WIRE_TELEMETRY_SHIM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/opcode.h"

namespace sluice::wire {

constexpr bool HasShim(uint8_t opcode) { return opcode >= 0xe0; }
constexpr bool HasShim(Opcode opcode) { return HasShim(static_cast<uint8_t>(opcode)); }
// The same packet with a shim, and without. Of opcodes of the extension.
constexpr Opcode WithShim(Opcode opcode) {
  return static_cast<Opcode>(static_cast<uint8_t>(opcode) | 0x20u);
}
constexpr Opcode WithoutShim(Opcode opcode) {
  return HasShim(opcode) ? static_cast<Opcode>(static_cast<uint8_t>(opcode) & ~0x20u) : opcode;
}

// What one switch says of the egress port when a packet leaves.
struct HopReport {
  static constexpr size_t kSize = 12;
  static constexpr int64_t kUnit = 64;                // of sent and queue, bytes
  static constexpr int64_t kSpeedUnit = 100'000'000;  // bit/s

  uint32_t stamp = 0;  // ns, modulo 2^32
  uint32_t sent = 0;   // by the port before this packet, modulo 2^32
  uint16_t queue = 0;  // behind this packet; stays at 65535
  uint16_t speed = 0;  // of the link; stays at 65535

  static HopReport Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const HopReport&) const = default;
};

struct TelemetryShim {
  static constexpr size_t kHops = 8;
  static constexpr size_t kSize = 4 + kHops * HopReport::kSize;
  static constexpr int64_t kWaitUnit = 64;  // ns

  uint8_t hops = 0;       // reports that follow; further switches only count
  uint8_t uncounted = 0;  // switches that found no room, at most 255
  uint16_t wait = 0;      // longest at one switch, those of `uncounted` too; stays at 65535
  std::array<HopReport, kHops> hop{};

  static TelemetryShim Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const TelemetryShim&) const = default;

  // What a switch does with a shim at `p`, in place. `wait`: of the packet in its queue.
  static void Append(uint8_t* p, const HopReport& report, uint16_t wait);
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_TELEMETRY_SHIM_H_
