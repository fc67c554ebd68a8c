#include "wire/trimmed.h"

#include <algorithm>

#include "base/be.h"
#include "base/checks.h"

namespace sluice::wire {
namespace {

constexpr uint16_t kMoreFragmentsOrOffset = 0x3fff;

struct IpPart {
  size_t bytes = 0;  // of its header; 0: none of ours
  size_t total = 0;  // that it claims, header included
};

IpPart ReadIpv4(const uint8_t* l3, size_t room, FrameView* out) {
  if (room < Ipv4Header::kSize || l3[0] != 0x45 || l3[9] != kIpProtocolUdp) return {};
  if ((LoadBe16(l3 + 6) & kMoreFragmentsOrOffset) != 0) return {};
  if (InternetChecksum(l3, Ipv4Header::kSize) != 0) return {};
  out->ipv6 = false;
  out->ecn = l3[1] & 3;
  out->dscp = l3[1] >> 2;
  return {Ipv4Header::kSize, LoadBe16(l3 + 2)};
}

IpPart ReadIpv6(const uint8_t* l3, size_t room, FrameView* out) {
  if (room < Ipv6Header::kSize || l3[0] >> 4 != 6 || l3[6] != kIpProtocolUdp) return {};
  const auto traffic_class = static_cast<uint8_t>(LoadBe16(l3) >> 4);
  out->ipv6 = true;
  out->ecn = traffic_class & 3;
  out->dscp = traffic_class >> 2;
  return {Ipv6Header::kSize, Ipv6Header::kSize + LoadBe16(l3 + 4)};
}

// What the BTH says; `whole` bytes from it to the iCRC are what there was. False: no data packet of
// the extension with payload can be so.
bool ReadTransport(size_t whole, FrameView* v) {
  const uint8_t* bth = v->bth;
  const OpcodeTraits& traits = TraitsOf(bth[0]);
  if (!traits.known || (traits.extended_headers & kXtData) == 0 || !traits.payload_allowed ||
      (bth[1] & 15) != 0) {
    return false;
  }
  const size_t fixed = Bth::kSize + traits.extension_bytes + kIcrcBytes;
  const uint8_t pad = (bth[1] >> 4) & 3;
  if (whole < fixed + pad || (whole - fixed) % 4 != 0) return false;
  v->traits = &traits;
  v->extension = bth + Bth::kSize;
  v->opcode = static_cast<Opcode>(bth[0]);
  v->pad = pad;
  v->solicited = (bth[1] & 0x80) != 0;
  v->mig_req = (bth[1] & 0x40) != 0;
  v->pkey = LoadBe16(bth + 2);
  v->dest_qpn = LoadBe24(bth + 5);
  v->ack_request = (bth[8] & 0x80) != 0;
  v->psn = Psn(LoadBe24(bth + 9));
  v->transport_bytes = static_cast<uint32_t>(whole);
  v->payload_length = static_cast<uint32_t>(whole - fixed - pad);
  v->header_bytes =
      static_cast<uint32_t>(bth - v->frame) + static_cast<uint32_t>(fixed - kIcrcBytes);
  return true;
}

}  // namespace

bool ParseTrimmed(std::span<const uint8_t> header, uint32_t frame_length, FrameView* out) {
  if (header.size() < kEthernetBytes + kVlanTagBytes) return false;
  out->frame = header.data();
  size_t l2 = kEthernetBytes;
  uint16_t type = LoadBe16(header.data() + 12);
  out->has_vlan = type == kEtherTypeVlan;
  if (out->has_vlan) {
    out->vlan_tci = LoadBe16(header.data() + 14);
    type = LoadBe16(header.data() + 16);
    l2 += kVlanTagBytes;
  }
  out->l3 = header.data() + l2;
  const size_t room = header.size() - l2;
  IpPart ip;
  if (type == kEtherTypeIpv4) ip = ReadIpv4(out->l3, room, out);
  if (type == kEtherTypeIpv6) ip = ReadIpv6(out->l3, room, out);
  if (ip.bytes == 0 || out->dscp != kTrimmedDscp) return false;
  const size_t present = std::min({room, size_t{frame_length} - l2, ip.total});
  const uint8_t* const udp = out->l3 + ip.bytes;
  if (present < ip.bytes + UdpHeader::kSize + Bth::kSize + ExtendedData::kSize) return false;
  if (LoadBe16(udp + 2) != kRocePort) return false;
  // It must have been longer than what is there, or its lengths are simply wrong.
  const size_t udp_length = LoadBe16(udp + 4);
  const size_t there = std::min<size_t>(frame_length - l2, ip.total);
  if (Enabled(Check::kXtTrimLength) && ip.bytes + udp_length <= there) return false;
  if (udp_length < UdpHeader::kSize) return false;
  out->bth = udp + UdpHeader::kSize;
  return ReadTransport(udp_length - UdpHeader::kSize, out);
}

}  // namespace sluice::wire
