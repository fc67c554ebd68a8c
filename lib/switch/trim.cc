#include "switch/trim.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/be.h"
#include "wire/trimmed.h"

namespace sluice::switching {
namespace {

constexpr Bytes kLeast{static_cast<int64_t>(wire::kLeastTrimmed + wire::kVlanTagBytes)};
constexpr Bytes kMost{1024};

// Where the IP header ends; 0 if the packet is none of the extension with payload, or was cut
// before.
size_t EndOfIp(const SwitchPacket& packet) {
  if (packet.network_offset == 0) return 0;
  const uint8_t* const ip = packet.header + packet.network_offset;
  const bool v4 = ip[0] >> 4 == 4;
  const size_t ip_bytes = v4 ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize;
  if (v4 && ip[0] != 0x45) return 0;
  const size_t udp = packet.network_offset + ip_bytes;
  const size_t bth = udp + wire::UdpHeader::kSize;
  if (packet.header_length < bth + wire::Bth::kSize) return 0;
  if ((v4 ? ip[9] : ip[6]) != wire::kIpProtocolUdp) return 0;
  if (LoadBe16(packet.header + udp + 2) != wire::kRocePort) return 0;
  const wire::OpcodeTraits& traits = wire::TraitsOf(packet.header[bth]);
  if ((traits.extended_headers & wire::kXtData) == 0 || !traits.payload_allowed) return 0;
  // A frame that is shorter than its headers stays as it is: it is somebody's mistake.
  if (packet.header_length < bth + wire::Bth::kSize + wire::ExtendedData::kSize) return 0;
  const uint16_t word = LoadBe16(ip);
  const int dscp = v4 ? (word >> 2) & 63 : (word >> 6) & 63;
  return dscp == wire::kTrimmedDscp ? 0 : udp;
}

}  // namespace

absl::Status TrimConfig::Validate() const {
  if (!on() && size == Bytes(0)) return absl::OkStatus();
  if (size < kLeast || size > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("trim size is not in ", kLeast.count(), "..", kMost.count(), " B, and not 0"));
  }
  return absl::OkStatus();
}

bool Trim(const TrimConfig& config, SwitchPacket& packet) {
  const size_t ip_end = EndOfIp(packet);
  if (ip_end == 0 || packet.length() <= config.size) return false;
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
