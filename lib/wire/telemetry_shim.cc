#include "wire/telemetry_shim.h"

#include "base/be.h"

namespace sluice::wire {

HopReport HopReport::Read(const uint8_t* p) {
  return {LoadBe32(p), LoadBe32(p + 4), LoadBe16(p + 8), LoadBe16(p + 10)};
}

void HopReport::Write(uint8_t* p) const {
  StoreBe32(p, stamp);
  StoreBe32(p + 4, sent);
  StoreBe16(p + 8, queue);
  StoreBe16(p + 10, speed);
}

TelemetryShim TelemetryShim::Read(const uint8_t* p) {
  TelemetryShim shim;
  shim.hops = p[0];
  shim.uncounted = p[1];
  shim.wait = LoadBe16(p + 2);
  for (size_t i = 0; i < kHops; ++i) shim.hop[i] = HopReport::Read(p + 4 + i * HopReport::kSize);
  return shim;
}

void TelemetryShim::Write(uint8_t* p) const {
  p[0] = hops;
  p[1] = uncounted;
  StoreBe16(p + 2, wait);
  for (size_t i = 0; i < kHops; ++i) hop[i].Write(p + 4 + i * HopReport::kSize);
}

void TelemetryShim::Append(uint8_t* p, const HopReport& report, uint16_t wait) {
  if (wait > LoadBe16(p + 2)) StoreBe16(p + 2, wait);
  if (p[0] >= kHops) {
    if (p[1] < 255) ++p[1];
    return;
  }
  report.Write(p + 4 + p[0] * HopReport::kSize);
  ++p[0];
}

}  // namespace sluice::wire
