#include "wire/header_template.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/be.h"

namespace sluice::wire {
namespace {

// Copies of a fixed size are a few vector moves.
template <size_t kBytes>
void Stamp(uint8_t* out, const uint8_t* in) {
  std::memcpy(out, in, kBytes);
}

}  // namespace

HeaderTemplate::HeaderTemplate(const PathHeader& path)
    : l3_offset_(static_cast<uint8_t>(kEthernetBytes + (path.vlan_tci ? kVlanTagBytes : 0))),
      ecn_(path.ecn & 3),
      ipv6_(!(path.source_ip.is_v4() && path.destination_ip.is_v4())),
      dscp_(path.dscp & 0x3f) {
  uint8_t* p = bytes_.data();
  path.destination.Write(p);
  path.source.Write(p + 6);
  if (path.vlan_tci) {
    StoreBe16(p + 12, kEtherTypeVlan);
    StoreBe16(p + 14, *path.vlan_tci);
  }
  StoreBe16(p + l3_offset_ - 2, ipv6_ ? kEtherTypeIpv6 : kEtherTypeIpv4);

  uint8_t* l3 = p + l3_offset_;
  size_t udp = l3_offset_;
  if (ipv6_) {
    Ipv6Header ip;
    ip.dscp = dscp_;
    ip.flow_label = path.flow_label & 0xfffff;
    ip.hop_limit = path.hop_limit;
    ip.source = path.source_ip;
    ip.destination = path.destination_ip;
    ip.Write(l3);
    udp += Ipv6Header::kSize;
  } else {
    Ipv4Header ip;
    ip.dscp = dscp_;
    ip.ttl = path.hop_limit;
    ip.source = path.source_ip;
    ip.destination = path.destination_ip;
    ip.Write(l3);
    checksum_base_ = static_cast<uint16_t>(~InternetChecksum(l3, Ipv4Header::kSize));
    udp += Ipv4Header::kSize;
  }
  UdpHeader{.source_port = path.source_port}.Write(p + udp);
  size_ = static_cast<uint8_t>(udp + UdpHeader::kSize);
}

HeaderTemplate HeaderTemplate::WithDscp(uint8_t dscp) const {
  HeaderTemplate t = *this;
  t.dscp_ = dscp & 0x3f;
  uint8_t* l3 = t.bytes_.data() + l3_offset_;
  if (ipv6_) {
    // Traffic class: the low half of byte 0 and the high half of byte 1.
    l3[0] = static_cast<uint8_t>((l3[0] & 0xf0) | t.dscp_ >> 2);
    l3[1] = static_cast<uint8_t>((l3[1] & 0x3f) | (t.dscp_ & 3) << 6);
  } else {
    l3[1] = static_cast<uint8_t>(t.dscp_ << 2);
    StoreBe16(l3 + 10, 0);
    t.checksum_base_ = static_cast<uint16_t>(~InternetChecksum(l3, Ipv4Header::kSize));
  }
  return t;
}

HeaderTemplate HeaderTemplate::WithSourcePort(uint16_t port) const {
  HeaderTemplate t = *this;
  StoreBe16(t.bytes_.data() + size_ - UdpHeader::kSize, port);
  return t;
}

void HeaderTemplate::Write(uint8_t* out, uint32_t transport_bytes, uint8_t ecn) const {
  const uint32_t udp_length = transport_bytes + static_cast<uint32_t>(UdpHeader::kSize);
  if (!ipv6_) [[likely]] {
    if (l3_offset_ == kEthernetBytes) [[likely]] {
      Stamp<42>(out, bytes_.data());
    } else {
      Stamp<46>(out, bytes_.data());
    }
    uint8_t* l3 = out + l3_offset_;
    const uint32_t total = udp_length + static_cast<uint32_t>(Ipv4Header::kSize);
    // Length and ECN were zero in the base; one fold suffices, for a sum below 2^17 + 2^16.
    uint32_t sum = checksum_base_ + total + (ecn & 3u);
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    l3[1] = static_cast<uint8_t>(dscp_ << 2 | (ecn & 3));
    StoreBe16(l3 + 2, static_cast<uint16_t>(total));
    StoreBe16(l3 + 10, static_cast<uint16_t>(~sum));
    StoreBe16(l3 + Ipv4Header::kSize + 4, static_cast<uint16_t>(udp_length));
    return;
  }
  if (l3_offset_ == kEthernetBytes) {
    Stamp<62>(out, bytes_.data());
  } else {
    Stamp<66>(out, bytes_.data());
  }
  uint8_t* l3 = out + l3_offset_;
  l3[1] = static_cast<uint8_t>((l3[1] & 0xcf) | (ecn & 3) << 4);
  StoreBe16(l3 + 4, static_cast<uint16_t>(udp_length));
  StoreBe16(l3 + Ipv6Header::kSize + 4, static_cast<uint16_t>(udp_length));
}

}  // namespace sluice::wire
