// Framer: turns a transport packet into a frame in a lent Packet: headers, payload, pad, iCRC.
//
// It serves every kind of port (docs/decisions/0001-packet-and-port.md): a port with linear room
// gets the whole frame written in one pass of copy and CRC; a port that elides payloads gets the
// headers and a length. One per engine; no state beyond its configuration.
#ifndef SLUICE_TRANSPORT_FRAMER_H_
#define SLUICE_TRANSPORT_FRAMER_H_

#include <cstdint>
#include <span>

#include "port/port.h"
#include "transport/work.h"
#include "wire/header_template.h"
#include "wire/headers.h"
#include "wire/telemetry_shim.h"

namespace sluice::transport {

// Payload of a frame: `length` bytes that start `offset` bytes into the runs.
struct PayloadSpan {
  std::span<const Segment> runs;
  uint32_t offset = 0;
  uint32_t length = 0;
};

// Extension headers, as they follow the BTH: filled by the caller, at most kMaxBytes (XT_SACK with
// a telemetry shim).
struct Extension {
  static constexpr uint32_t kMaxBytes = 76 + wire::TelemetryShim::kSize;
  uint8_t bytes[kMaxBytes];
  uint32_t length = 0;
};

class Framer {
 public:
  // With `icrc` false frames carry zero in place of the CRC; both ends must agree.
  Framer(const port::Capabilities& capabilities, bool icrc)
      : elides_(capabilities.elides_payload), icrc_(icrc) {}

  // Writes the frame. bth.pad_count is set here. ecn: codepoint for the IP header.
  void Write(port::Packet* packet, const wire::HeaderTemplate& path, wire::Bth bth, uint8_t ecn,
             const Extension& extension, const PayloadSpan& payload) const;

 private:
  const bool elides_;
  const bool icrc_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_FRAMER_H_
