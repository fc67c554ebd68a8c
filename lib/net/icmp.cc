// Echo and "packet too big" of both families.
#include <algorithm>
#include <cstring>

#include "base/be.h"
#include "net/ipv6_packet.h"
#include "net/stack.h"
#include "wire/ip_headers.h"

namespace sluice::net {
namespace {

using wire::Ipv4Header;
using wire::Ipv6Header;

constexpr uint8_t kEchoRequestV4 = 8;
constexpr uint8_t kEchoReplyV4 = 0;
constexpr uint8_t kUnreachableV4 = 3;
constexpr uint8_t kFragmentationNeeded = 4;
constexpr uint8_t kTooBigV6 = 2;
constexpr uint8_t kEchoRequestV6 = 128;
constexpr uint8_t kEchoReplyV6 = 129;
// Of a report: the IP header and the first 8 bytes of what it complains about are always there.
constexpr size_t kQpnEnd = 8;
constexpr size_t kPsnEnd = 12;

}  // namespace

uint16_t Icmpv6Checksum(const uint8_t* source, const uint8_t* destination,
                        std::span<const uint8_t> message) {
  uint32_t sum = static_cast<uint32_t>(message.size()) + kProtocolIcmpv6;
  const auto add = [&sum](const uint8_t* p, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      sum += (i & 1) == 0 ? static_cast<uint32_t>(p[i]) << 8 : p[i];
    }
  };
  add(source, 16);
  add(destination, 16);
  add(message.data(), message.size());
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void Stack::OnIpv4(Time now, std::span<const uint8_t> frame) {
  const std::span<const uint8_t> ip = frame.subspan(wire::kEthernetBytes);
  if (ip.size() < Ipv4Header::kSize + kIcmpHeader || ip[0] != 0x45) {
    return Add(NetCount::kMalformed);
  }
  if (wire::InternetChecksum(ip.data(), Ipv4Header::kSize) != 0) return Add(NetCount::kChecksum);
  const Ipv4Header h = Ipv4Header::Read(ip.data());
  if (h.protocol != kProtocolIcmp || h.destination != config_.ip) return Add(NetCount::kOther);
  const bool fragment = (h.flags & Ipv4Header::kMoreFragments) != 0 || h.fragment_offset != 0;
  if (h.total_length > ip.size() || h.total_length < Ipv4Header::kSize + kIcmpHeader || fragment) {
    return Add(NetCount::kMalformed);
  }
  const std::span<const uint8_t> icmp =
      ip.subspan(Ipv4Header::kSize, h.total_length - Ipv4Header::kSize);
  if (wire::InternetChecksum(icmp.data(), icmp.size()) != 0) return Add(NetCount::kChecksum);
  if (icmp[0] == kUnreachableV4 && icmp[1] == kFragmentationNeeded) {
    return OnTooBig(icmp.subspan(kIcmpHeader), LoadBe16(icmp.data() + 6));
  }
  const uint8_t first = h.source.bytes()[12];
  const bool from_one = first != 0 && first < 224 && h.source != config_.ip;
  if (icmp[0] != kEchoRequestV4 || icmp[1] != 0 || !from_one) return Add(NetCount::kOther);
  EchoV4(now, frame, h.total_length);
}

void Stack::EchoV4(Time now, std::span<const uint8_t> frame, size_t total) {
  const size_t length = wire::kEthernetBytes + total;
  if (length > kMaxControlFrame) return Add(NetCount::kOther);
  const std::span<uint8_t> out = ClaimAnswer(now);
  if (out.empty()) return;
  std::memcpy(out.data(), frame.data(), length);
  WriteEthernet(out.data(), wire::MacAddress::Read(frame.data() + 6), config_.mac,
                wire::kEtherTypeIpv4);
  uint8_t* ip = out.data() + wire::kEthernetBytes;
  Ipv4Header h = Ipv4Header::Read(ip);
  std::swap(h.source, h.destination);
  h.ttl = 64;
  h.identification = 0;
  h.flags = Ipv4Header::kDontFragment;
  h.checksum = 0;
  h.Write(ip);
  StoreBe16(ip + 10, wire::InternetChecksum(ip, Ipv4Header::kSize));
  uint8_t* icmp = ip + Ipv4Header::kSize;
  icmp[0] = kEchoReplyV4;
  StoreBe16(icmp + 2, 0);
  StoreBe16(icmp + 2, wire::InternetChecksum(icmp, total - Ipv4Header::kSize));
  out_.Commit(length);
  Add(NetCount::kEchoAnswered);
}

void Stack::OnIpv6(Time now, std::span<const uint8_t> frame) {
  const std::span<const uint8_t> ip = frame.subspan(wire::kEthernetBytes);
  if (ip.size() < Ipv6Header::kSize + kIcmpHeader || ip[0] >> 4 != 6) {
    return Add(NetCount::kMalformed);
  }
  const Ipv6Header h = Ipv6Header::Read(ip.data());
  const bool ours = h.destination == config_.ip || IsMulticast(h.destination);
  if (h.next_header != kProtocolIcmpv6 || !ours) return Add(NetCount::kOther);
  if (Ipv6Header::kSize + h.payload_length > ip.size() || h.payload_length < kIcmpHeader ||
      IsMulticast(h.source) || h.source == config_.ip) {
    return Add(NetCount::kMalformed);
  }
  Ipv6Packet p;
  p.source_mac = wire::MacAddress::Read(frame.data() + 6);
  p.source = h.source;
  p.destination = h.destination;
  p.hop_limit = h.hop_limit;
  p.icmp = ip.subspan(Ipv6Header::kSize, h.payload_length);
  if (Icmpv6Checksum(ip.data() + 8, ip.data() + 24, p.icmp) != 0) return Add(NetCount::kChecksum);
  switch (p.icmp[0]) {
    case kSolicitation:
      return OnSolicitation(now, p);
    case kAdvertisement:
      return OnAdvertisement(now, p);
    case kTooBigV6:
      return OnTooBig(p.icmp.subspan(kIcmpHeader), LoadBe32(p.icmp.data() + 4));
    case kEchoRequestV6:
      return EchoV6(now, p);
    default:
      return Add(NetCount::kOther);
  }
}

void Stack::EchoV6(Time now, const Ipv6Packet& p) {
  const size_t length = wire::kEthernetBytes + Ipv6Header::kSize + p.icmp.size();
  if (length > kMaxControlFrame || p.destination != config_.ip || p.source.is_unspecified()) {
    return Add(NetCount::kOther);
  }
  const std::span<uint8_t> out = ClaimAnswer(now);
  if (out.empty()) return;
  WriteEthernet(out.data(), p.source_mac, config_.mac, wire::kEtherTypeIpv6);
  uint8_t* ip = out.data() + wire::kEthernetBytes;
  Ipv6Header h;
  h.payload_length = static_cast<uint16_t>(p.icmp.size());
  h.next_header = kProtocolIcmpv6;
  h.source = config_.ip;
  h.destination = p.source;
  h.Write(ip);
  uint8_t* icmp = ip + Ipv6Header::kSize;
  std::memcpy(icmp, p.icmp.data(), p.icmp.size());
  icmp[0] = kEchoReplyV6;
  StoreBe16(icmp + 2, 0);
  StoreBe16(icmp + 2, Icmpv6Checksum(ip + 8, ip + 24, {icmp, p.icmp.size()}));
  out_.Commit(length);
  Add(NetCount::kEchoAnswered);
}

// `packet`: what did not fit, from its IP header on, as much of it as the router gave back. It must
// be RoCE and from us: that a stranger cannot know our flows is little, but all that there is.
void Stack::OnTooBig(std::span<const uint8_t> packet, uint32_t ip_mtu) {
  const bool v4 = config_.ip.is_v4();
  const size_t header = v4 ? Ipv4Header::kSize : Ipv6Header::kSize;
  if (packet.size() < header + wire::UdpHeader::kSize) return Add(NetCount::kMalformed);
  TooBig report;
  wire::IpAddress from;
  bool udp;
  if (v4) {
    from = wire::IpAddress::ReadV4(packet.data() + 12);
    report.peer = wire::IpAddress::ReadV4(packet.data() + 16);
    udp = packet[0] == 0x45 && packet[9] == wire::kIpProtocolUdp;
  } else {
    from = wire::IpAddress::Read(packet.data() + 8);
    report.peer = wire::IpAddress::Read(packet.data() + 24);
    udp = packet[0] >> 4 == 6 && packet[6] == wire::kIpProtocolUdp;
  }
  if (!udp || from != config_.ip || LoadBe16(packet.data() + header + 2) != wire::kRocePort) {
    return Add(NetCount::kTooBigForeign);
  }
  const size_t bth = header + wire::UdpHeader::kSize;
  if (packet.size() >= bth + kQpnEnd) report.dest_qpn = LoadBe24(packet.data() + bth + 5);
  if (packet.size() >= bth + kPsnEnd) report.psn = LoadBe24(packet.data() + bth + 9);
  report.ip_mtu = ip_mtu;
  Add(too_big_.push_back(report) ? NetCount::kTooBig : NetCount::kQueueFull);
}

}  // namespace sluice::net
