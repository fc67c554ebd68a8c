#include "switch/telemetry.h"

#include <algorithm>

#include "switch/headers.h"
#include "wire/bth.h"
#include "wire/telemetry_shim.h"

namespace sluice::switching {
namespace {

constexpr int64_t kMost16 = 0xffff;

// Where the shim of the packet lies; nullptr if it has none, or not all of it.
uint8_t* ShimOf(const SwitchPacket& packet) {
  const size_t bth = BthOffset({packet.header, packet.header_length}, packet.network_offset);
  if (bth == 0) return nullptr;
  const uint8_t opcode = packet.header[bth];
  const wire::OpcodeTraits& traits = wire::TraitsOf(opcode);
  // Acknowledgements carry the reports of another way.
  if (!wire::HasShim(opcode) || !traits.payload_allowed) return nullptr;
  const size_t end = bth + wire::Bth::kSize + traits.extension_bytes;
  if (packet.header_length < end) return nullptr;
  return packet.header + end - wire::TelemetryShim::kSize;
}

int64_t RoundedDown(int64_t bytes, Bytes step) { return bytes / step.count() * step.count(); }

}  // namespace

void TelemetryWriter::SetLink(PortIndex port, Bandwidth speed, Bytes overhead) {
  ports_[port].overhead = overhead.count();
  ports_[port].speed = static_cast<uint16_t>(
      std::clamp<int64_t>(speed.bps() / wire::HopReport::kSpeedUnit, 1, kMost16));
}

void TelemetryWriter::OnDeparture(Time now, PortIndex index, Bytes waiting, SwitchPacket& packet) {
  Port& port = ports_[index];
  if (uint8_t* const shim = ShimOf(packet); shim != nullptr) {
    constexpr int64_t kUnit = wire::HopReport::kUnit;
    const int64_t queue = RoundedDown(waiting.count(), config_.queue_step) / kUnit;
    const uint32_t stamp = Nanoseconds(now);
    const int64_t wait = (stamp - packet.queued_ns) / wire::TelemetryShim::kWaitUnit;
    wire::TelemetryShim::Append(
        shim,
        {.stamp = stamp,
         .sent = static_cast<uint32_t>(RoundedDown(port.sent, config_.sent_step) / kUnit),
         .queue = static_cast<uint16_t>(std::min(queue, kMost16)),
         .speed = port.speed},
        static_cast<uint16_t>(std::min(wait, kMost16)));
  }
  Count(port, packet);
}

}  // namespace sluice::switching
