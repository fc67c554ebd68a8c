// HeaderTemplate: the Ethernet, IP and UDP headers of a queue pair, built once and stamped onto
// each packet in a few stores.
//
// IPv4 goes with DF = 1 and identification 0 (RFC 6864, atomic datagrams); the UDP checksum is 0 in
// both families (annex A17.3.1.4; RFC 6935). Immutable after construction, any thread.
#ifndef SLUICE_WIRE_HEADER_TEMPLATE_H_
#define SLUICE_WIRE_HEADER_TEMPLATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "wire/address.h"
#include "wire/ip_headers.h"

namespace sluice::wire {

struct PathHeader {
  MacAddress source;
  MacAddress destination;
  std::optional<uint16_t> vlan_tci;
  IpAddress source_ip;  // both of one family: the frame is IPv4 only if both are
  IpAddress destination_ip;
  uint8_t dscp = 0;  // 6 bits
  uint8_t ecn = 0;   // 2 bits; what Write without an `ecn` argument sends
  uint8_t hop_limit = 64;
  uint32_t flow_label = 0;  // IPv6 only, 20 bits
  uint16_t source_port = 0;

  bool operator==(const PathHeader&) const = default;
};

class HeaderTemplate {
 public:
  // 14 + 4 + 40 + 8.
  static constexpr size_t kMaxBytes = 66;

  HeaderTemplate() = default;
  explicit HeaderTemplate(const PathHeader& path);

  // Stores size() bytes at `out`: everything before the BTH. `transport_bytes` counts BTH to iCRC
  // inclusive and must fit an IP packet (<= 65507); `ecn` is 2 bits.
  void Write(uint8_t* out, uint32_t transport_bytes, uint8_t ecn) const;
  void Write(uint8_t* out, uint32_t transport_bytes) const { Write(out, transport_bytes, ecn_); }

  // Whether the IP header at `l3`, of this path's family or not, comes from the path's destination;
  // and whether it goes to the path's source.
  bool ComesBack(const uint8_t* l3, bool ipv6) const;
  bool ComesHome(const uint8_t* l3, bool ipv6) const;
  // Whether this is where it leads.
  bool LeadsTo(const IpAddress& ip) const;

  // The same path under another DSCP (6 bits).
  HeaderTemplate WithDscp(uint8_t dscp) const;
  // The same path from another UDP source port.
  HeaderTemplate WithSourcePort(uint16_t port) const;

  size_t size() const { return size_; }            // 42, 46 (tagged), 62 or 66
  size_t l3_offset() const { return l3_offset_; }  // 14 or 18
  bool ipv6() const { return ipv6_; }

 private:
  // In this order one cache line holds everything about an IPv4 path.
  uint32_t checksum_base_ = 0;  // unfolded sum of the IPv4 header without length and ECN
  uint8_t size_ = 0;
  uint8_t l3_offset_ = 0;
  uint8_t ecn_ = 0;
  bool ipv6_ = false;
  uint8_t dscp_ = 0;
  std::array<uint8_t, kMaxBytes> bytes_{};
};

inline bool HeaderTemplate::ComesBack(const uint8_t* l3, bool ipv6) const {
  const uint8_t* ours = bytes_.data() + l3_offset_;
  if (ipv6 != ipv6_) return false;
  return ipv6 ? std::memcmp(l3 + 8, ours + 24, 16) == 0 : std::memcmp(l3 + 12, ours + 16, 4) == 0;
}

inline bool HeaderTemplate::ComesHome(const uint8_t* l3, bool ipv6) const {
  const uint8_t* ours = bytes_.data() + l3_offset_;
  if (ipv6 != ipv6_) return false;
  return ipv6 ? std::memcmp(l3 + 24, ours + 8, 16) == 0 : std::memcmp(l3 + 16, ours + 12, 4) == 0;
}

inline bool HeaderTemplate::LeadsTo(const IpAddress& ip) const {
  if (size_ == 0 || ip.is_v4() == ipv6_) return false;
  const uint8_t* ours = bytes_.data() + l3_offset_;
  return ip == (ipv6_ ? IpAddress::Read(ours + 24) : IpAddress::ReadV4(ours + 16));
}

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_HEADER_TEMPLATE_H_
