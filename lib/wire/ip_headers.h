// Ethernet, IPv4, IPv6 and UDP headers as values, for building and decoding whole frames; the hot
// path uses FrameView and HeaderTemplate instead. Values wider than their field are cut.
#ifndef SLUICE_WIRE_IP_HEADERS_H_
#define SLUICE_WIRE_IP_HEADERS_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"
#include "wire/address.h"

namespace sluice::wire {

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kVlanTagBytes = 4;
inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint8_t kIpProtocolUdp = 17;
inline constexpr uint16_t kRocePort = 4791;  // annex A17.3.1.4
inline constexpr size_t kIcrcBytes = 4;

// ECN field of the IP header (RFC 3168).
enum class Ecn : uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// The Internet checksum (RFC 1071) over `n` bytes: the ones' complement of the folded sum, ready to
// store. Over a header that holds a right checksum it is 0.
uint16_t InternetChecksum(const uint8_t* p, size_t n);

// IPv4 without options.
struct Ipv4Header {
  static constexpr size_t kSize = 20;
  static constexpr uint8_t kDontFragment = 2;
  static constexpr uint8_t kMoreFragments = 1;

  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint16_t total_length = 0;
  uint16_t identification = 0;
  uint8_t flags = kDontFragment;  // 3 bits: reserved, DF, MF
  uint16_t fragment_offset = 0;   // 13 bits, units of 8 bytes
  uint8_t ttl = 64;
  uint8_t protocol = kIpProtocolUdp;
  uint16_t checksum = 0;
  IpAddress source;
  IpAddress destination;

  // `p` must start with 0x45.
  static Ipv4Header Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const Ipv4Header&) const = default;
};

struct Ipv6Header {
  static constexpr size_t kSize = 40;

  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint32_t flow_label = 0;  // 20 bits
  uint16_t payload_length = 0;
  uint8_t next_header = kIpProtocolUdp;
  uint8_t hop_limit = 64;
  IpAddress source;
  IpAddress destination;

  // The version nibble of `p` must be 6.
  static Ipv6Header Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const Ipv6Header&) const = default;
};

struct UdpHeader {
  static constexpr size_t kSize = 8;

  uint16_t source_port = 0;
  uint16_t destination_port = kRocePort;
  uint16_t length = 0;    // header and payload
  uint16_t checksum = 0;  // 0: none, as RoCEv2 sends it

  static UdpHeader Read(const uint8_t* p) {
    return UdpHeader{LoadBe16(p), LoadBe16(p + 2), LoadBe16(p + 4), LoadBe16(p + 6)};
  }
  void Write(uint8_t* p) const {
    StoreBe16(p, source_port);
    StoreBe16(p + 2, destination_port);
    StoreBe16(p + 4, length);
    StoreBe16(p + 6, checksum);
  }
  bool operator==(const UdpHeader&) const = default;
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_IP_HEADERS_H_
