#include "switch/headers.h"

#include "base/be.h"
#include "wire/bth.h"
#include "wire/ip_headers.h"

namespace sluice::switching {
namespace {

constexpr size_t kMacBytes = 6;
constexpr size_t kEthernetBytes = 14;
constexpr size_t kVlanBytes = 4;
constexpr int kMaxVlanTags = 2;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv6Bytes = 40;
constexpr uint16_t kTypeIpv4 = 0x0800;
constexpr uint16_t kTypeIpv6 = 0x86dd;
constexpr uint16_t kTypeVlan = 0x8100;
constexpr uint16_t kTypeServiceVlan = 0x88a8;

bool IsIpv4(std::span<const uint8_t> header, uint8_t offset) { return header[offset] >> 4 == 4; }

}  // namespace

Destination Destination::Ipv4(uint32_t address) {
  return {Kind::kIp, 0, uint64_t{0xffff} << 32 | address};
}

Destination Destination::Ipv6(const std::array<uint8_t, 16>& address) {
  return {Kind::kIp, LoadBe64(address.data()), LoadBe64(address.data() + 8)};
}

Destination Destination::Mac(const std::array<uint8_t, 6>& address) {
  return {Kind::kMac, 0, uint64_t{LoadBe16(address.data())} << 32 | LoadBe32(address.data() + 2)};
}

uint8_t FindNetworkHeader(std::span<const uint8_t> header) {
  size_t offset = kEthernetBytes;
  for (int tags = 0; header.size() >= offset; ++tags) {
    const uint16_t type = LoadBe16(header.data() + offset - 2);
    if (type == kTypeIpv4) {
      const bool whole = header.size() >= offset + kIpv4Bytes && header[offset] >> 4 == 4;
      return whole ? static_cast<uint8_t>(offset) : 0;
    }
    if (type == kTypeIpv6) {
      const bool whole = header.size() >= offset + kIpv6Bytes && header[offset] >> 4 == 6;
      return whole ? static_cast<uint8_t>(offset) : 0;
    }
    if ((type != kTypeVlan && type != kTypeServiceVlan) || tags == kMaxVlanTags) return 0;
    offset += kVlanBytes;
  }
  return 0;
}

Destination DestinationOf(std::span<const uint8_t> header, uint8_t network_offset) {
  if (network_offset == 0) {
    if (header.size() < 2 * kMacBytes) return {};
    return {Destination::Kind::kMac, 0,
            uint64_t{LoadBe16(header.data())} << 32 | LoadBe32(header.data() + 2)};
  }
  const uint8_t* ip = header.data() + network_offset;
  if (IsIpv4(header, network_offset)) return Destination::Ipv4(LoadBe32(ip + 16));
  return {Destination::Kind::kIp, LoadBe64(ip + 24), LoadBe64(ip + 32)};
}

size_t BthOffset(std::span<const uint8_t> header, uint8_t network_offset) {
  if (network_offset == 0) return 0;
  const uint8_t* const ip = header.data() + network_offset;
  const bool v4 = IsIpv4(header, network_offset);
  if ((v4 ? ip[9] : ip[6]) != wire::kIpProtocolUdp) return 0;
  const size_t udp = network_offset + (v4 ? (ip[0] & 15) * size_t{4} : kIpv6Bytes);
  const size_t bth = udp + wire::UdpHeader::kSize;
  if (header.size() < bth + wire::Bth::kSize) return 0;
  return LoadBe16(header.data() + udp + 2) == wire::kRocePort ? bth : 0;
}

Ecn EcnOf(std::span<const uint8_t> header, uint8_t network_offset) {
  const uint8_t field = header[network_offset + 1u];
  return static_cast<Ecn>(IsIpv4(header, network_offset) ? field & 3 : (field >> 4) & 3);
}

uint8_t DscpOf(std::span<const uint8_t> header, uint8_t network_offset) {
  const uint16_t word = LoadBe16(header.data() + network_offset);
  return static_cast<uint8_t>(IsIpv4(header, network_offset) ? (word >> 2) & 63 : (word >> 6) & 63);
}

bool MarkCe(std::span<uint8_t> header, uint8_t network_offset) {
  if (network_offset == 0) return false;
  const Ecn ecn = EcnOf(header, network_offset);
  if (ecn != Ecn::kEct0 && ecn != Ecn::kEct1) return false;
  uint8_t* ip = header.data() + network_offset;
  if (!IsIpv4(header, network_offset)) {
    ip[1] |= 3 << 4;
    return true;
  }
  // RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), where m is the word that changes.
  const uint16_t before = LoadBe16(ip);
  ip[1] |= 3;
  const uint16_t after = LoadBe16(ip);
  uint32_t sum = static_cast<uint16_t>(~LoadBe16(ip + 10));
  sum += static_cast<uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  StoreBe16(ip + 10, static_cast<uint16_t>(~sum));
  return true;
}

}  // namespace sluice::switching
