// The few header fields that a switch reads or writes: where the IP header starts, to whom the
// frame goes, the two ECN bits.
//
// All functions bear any bytes: a header that is too short or unknown is simply not IP.
// Source: IEEE 802.1Q (tags), RFC 791, RFC 8200, RFC 3168 section 5 (ECN), RFC 1624 (checksum).
#ifndef SLUICE_SWITCH_HEADERS_H_
#define SLUICE_SWITCH_HEADERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::switching {

// To whom a frame goes: an IPv6 address, an IPv4 address as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), or
// the destination MAC of a frame that carries no IP.
struct Destination {
  enum class Kind : uint8_t { kMac, kIp };
  Kind kind = Kind::kMac;
  uint64_t high = 0;
  uint64_t low = 0;

  static Destination Ipv4(uint32_t address);  // host order
  static Destination Ipv6(const std::array<uint8_t, 16>& address);
  static Destination Mac(const std::array<uint8_t, 6>& address);
  bool operator==(const Destination&) const = default;
};

// Offset of the IPv4 or IPv6 header behind up to two VLAN tags; 0 when there is none, or not all
// of its fixed part.
uint8_t FindNetworkHeader(std::span<const uint8_t> header);

// network_offset as FindNetworkHeader gave it for the same header. A header shorter than the two
// MAC addresses has the destination MAC zero, which nobody owns.
Destination DestinationOf(std::span<const uint8_t> header, uint8_t network_offset);

// Offset of the BTH behind UDP to port 4791 (IBTA 1.4, annex A17); 0 when there is none, or not all
// of it. network_offset as FindNetworkHeader gave it.
size_t BthOffset(std::span<const uint8_t> header, uint8_t network_offset);

enum class Ecn : uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// network_offset != 0.
Ecn EcnOf(std::span<const uint8_t> header, uint8_t network_offset);

// The six bits of the Differentiated Services field (RFC 2474). network_offset != 0.
uint8_t DscpOf(std::span<const uint8_t> header, uint8_t network_offset);

// Sets Congestion Experienced in a packet that is ECN-capable and mends the IPv4 header checksum;
// a RoCEv2 iCRC stays right because it masks the field (IBTA 1.4, annex A17.3.3). True if the
// packet was ECT before. Touches neither a Not-ECT packet nor one that is no IP.
bool MarkCe(std::span<uint8_t> header, uint8_t network_offset);

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_HEADERS_H_
