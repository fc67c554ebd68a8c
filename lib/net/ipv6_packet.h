// What the files of this folder share: an IPv6 packet with an ICMPv6 message, its checksum, and the
// addresses of multicast.
#ifndef SLUICE_NET_IPV6_PACKET_H_
#define SLUICE_NET_IPV6_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/stack.h"
#include "wire/address.h"
#include "wire/ip_headers.h"

namespace sluice::net {

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolIcmpv6 = 58;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint8_t kSolicitation = 135;
inline constexpr uint8_t kAdvertisement = 136;
inline constexpr size_t kIcmpHeader = 8;

struct Stack::Ipv6Packet {
  wire::MacAddress source_mac;
  wire::IpAddress source;
  wire::IpAddress destination;
  uint8_t hop_limit = 0;
  std::span<const uint8_t> icmp;  // at least kIcmpHeader bytes, checksum right
};

// The checksum of an ICMPv6 message with its pseudo header (RFC 4443, 2.3), ready to store; 0 over
// a message that holds a right one.
uint16_t Icmpv6Checksum(const uint8_t* source, const uint8_t* destination,
                        std::span<const uint8_t> message);

// ff02::1:ffXX:XXXX of an address (RFC 4291, 2.7.1).
wire::IpAddress SolicitedNode(const wire::IpAddress& ip);
// 33:33 and the last four bytes (RFC 2464, 7).
wire::MacAddress MulticastMac(const wire::IpAddress& ip);

inline bool IsMulticast(const wire::IpAddress& ip) {
  return ip.is_v4() ? ip.v4() >> 28 == 14 : ip.bytes()[0] == 0xff;
}
// A group's address, all zeros included: never that of a sender.
inline bool IsGroup(const wire::MacAddress& mac) {
  return (mac.bytes[0] & 1) != 0 || mac == wire::MacAddress{};
}

// Destination, source and type at the start of a frame.
void WriteEthernet(uint8_t* frame, const wire::MacAddress& to, const wire::MacAddress& from,
                   uint16_t type);

}  // namespace sluice::net

#endif  // SLUICE_NET_IPV6_PACKET_H_
