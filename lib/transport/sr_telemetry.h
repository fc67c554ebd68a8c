// SrTelemetry: the telemetry shim of a queue pair of the extension (wire/telemetry_shim.h): empty
// on what it sends, kept of what it receives for the next acknowledgement, and read from the
// acknowledgements that it gets. Behind a pointer; only where both ends agreed to telemetry.
#ifndef SLUICE_TRANSPORT_SR_TELEMETRY_H_
#define SLUICE_TRANSPORT_SR_TELEMETRY_H_

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "cc/signals.h"
#include "transport/framer.h"
#include "wire/headers.h"
#include "wire/telemetry_shim.h"

namespace sluice::transport {

class SrTelemetry {
 public:
  // A data packet, as it is about to leave, gets an empty shim.
  static void AddEmpty(wire::Bth* bth, Extension* extension) {
    if (!wire::TraitsOf(wire::WithShim(bth->opcode)).known) return;  // READs, atomics
    std::memset(extension->bytes + extension->length, 0, wire::TelemetryShim::kSize);
    Close(bth, extension);
  }

  // The shim of the data packet that the next acknowledgement echoes; null: it has none.
  void Keep(const uint8_t* shim) {
    has_kept_ = shim != nullptr;
    if (has_kept_) std::memcpy(kept_, shim, sizeof kept_);
  }
  // An acknowledgement, as it is about to leave, gets the kept one, once.
  void AddKept(wire::Bth* bth, Extension* extension) {
    if (!has_kept_ || !wire::TraitsOf(wire::WithShim(bth->opcode)).known) return;
    has_kept_ = false;
    std::memcpy(extension->bytes + extension->length, kept_, sizeof kept_);
    Close(bth, extension);
  }

  // What an acknowledgement's shim tells. The span is valid until the next call; of several
  // acknowledgements in one burst all samples show the newest reports.
  std::span<const cc::IntHop> Read(const uint8_t* bytes) {
    static_assert(cc::kMaxHops == wire::TelemetryShim::kHops);
    static_assert(cc::IntHop::kSentUnit == wire::HopReport::kUnit);
    const wire::TelemetryShim shim = wire::TelemetryShim::Read(bytes);
    longest_wait_ns_ = static_cast<uint32_t>(shim.wait * wire::TelemetryShim::kWaitUnit);
    const size_t count = std::min<size_t>(shim.hops, wire::TelemetryShim::kHops);
    for (size_t i = 0; i < count; ++i) {
      const wire::HopReport& r = shim.hop[i];
      hops_[i] = {r.sent, r.stamp, static_cast<uint32_t>(r.queue * wire::HopReport::kUnit),
                  Bandwidth::BitsPerSecond(r.speed * wire::HopReport::kSpeedUnit)};
    }
    return {hops_.data(), count};
  }
  // Of what was read last, at one of the switches.
  uint32_t longest_wait_ns() const { return longest_wait_ns_; }

 private:
  static void Close(wire::Bth* bth, Extension* extension) {
    bth->opcode = wire::WithShim(bth->opcode);
    extension->length += wire::TelemetryShim::kSize;
  }

  uint8_t kept_[wire::TelemetryShim::kSize];
  bool has_kept_ = false;
  uint32_t longest_wait_ns_ = 0;
  std::array<cc::IntHop, cc::kMaxHops> hops_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_TELEMETRY_H_
