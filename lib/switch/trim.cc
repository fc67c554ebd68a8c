#include "switch/trim.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/be.h"
#include "switch/headers.h"
#include "wire/trimmed.h"

namespace sluice::switching {
namespace {

constexpr Bytes kLeast{static_cast<int64_t>(wire::kLeastTrimmed + wire::kVlanTagBytes)};
constexpr Bytes kMost{1024};

// Whether it is a packet of the extension with payload that was not cut before, and all that a
// receiver needs of it is there.
bool IsWhole(const SwitchPacket& packet) {
  const size_t bth = BthOffset(packet.header_span(), packet.network_offset);
  // A frame that is shorter than its headers stays as it is: it is somebody's mistake.
  if (packet.header_length < bth + wire::Bth::kSize + wire::ExtendedData::kSize) return false;
  const uint8_t version = bth == 0 ? 0 : packet.header[packet.network_offset];
  if (bth == 0 || (version >> 4 == 4 && version != 0x45)) return false;  // none, or with options
  const wire::OpcodeTraits& traits = wire::TraitsOf(packet.header[bth]);
  if ((traits.extended_headers & wire::kXtData) == 0 || !traits.payload_allowed) return false;
  return DscpOf(packet.header_span(), packet.network_offset) != wire::kTrimmedDscp;
}

}  // namespace

absl::Status TrimConfig::Validate() const {
  if (size == Bytes(0)) return absl::OkStatus();
  if (size < kLeast || size > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("trim size is not in ", kLeast.count(), "..", kMost.count(), " B, and not 0"));
  }
  return absl::OkStatus();
}

bool Trim(const TrimConfig& config, SwitchPacket& packet) {
  if (!IsWhole(packet) || packet.length() <= config.size) return false;
  uint8_t* const ip = packet.header + packet.network_offset;
  packet.wire_length = static_cast<uint32_t>(config.size.count());
  packet.header_length = std::min(packet.header_length, static_cast<uint16_t>(packet.wire_length));
  packet.priority = config.priority;
  const auto rest = static_cast<uint16_t>(packet.wire_length - packet.network_offset);
  if (ip[0] >> 4 == 4) {
    ip[1] = static_cast<uint8_t>(wire::kTrimmedDscp << 2 | (ip[1] & 3));
    StoreBe16(ip + 2, rest);
    StoreBe16(ip + 10, 0);
    StoreBe16(ip + 10, wire::InternetChecksum(ip, wire::Ipv4Header::kSize));
  } else {
    StoreBe16(ip, static_cast<uint16_t>((LoadBe16(ip) & 0xf03f) | wire::kTrimmedDscp << 6));
    StoreBe16(ip + 4, static_cast<uint16_t>(rest - wire::Ipv6Header::kSize));
  }
  return true;
}

}  // namespace sluice::switching
