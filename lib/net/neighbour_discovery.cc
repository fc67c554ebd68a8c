// Neighbour solicitations and advertisements (RFC 4861, 7.1 and 7.2).
#include <cstring>
#include <optional>

#include "base/be.h"
#include "net/ipv6_packet.h"
#include "net/stack.h"
#include "wire/ip_headers.h"

namespace sluice::net {
namespace {

using wire::Ipv6Header;

constexpr size_t kNdFixed = 24;  // type, code, checksum, flags, target
constexpr size_t kLinkOption = 8;
constexpr uint8_t kSourceLink = 1;
constexpr uint8_t kTargetLink = 2;
constexpr uint8_t kSolicited = 0x40;
constexpr uint8_t kOverride = 0x20;

struct Options {
  bool valid = false;
  std::optional<wire::MacAddress> link;  // of the type asked for
};

// Walks the options: an empty one, or one that leaves the message, makes all of it void.
Options ReadOptions(std::span<const uint8_t> options, uint8_t wanted) {
  Options result;
  while (!options.empty()) {
    if (options.size() < 2) return result;
    const size_t length = size_t{8} * options[1];
    if (length == 0 || length > options.size()) return result;
    if (options[0] == wanted && length == kLinkOption) {
      result.link = wire::MacAddress::Read(options.data() + 2);
    }
    options = options.subspan(length);
  }
  result.valid = true;
  return result;
}

wire::IpAddress AllNodes() {
  uint8_t b[16] = {0xff, 0x02};
  b[15] = 1;
  return wire::IpAddress::Read(b);
}

}  // namespace

wire::IpAddress SolicitedNode(const wire::IpAddress& ip) {
  uint8_t b[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::memcpy(b + 13, ip.bytes().data() + 13, 3);
  return wire::IpAddress::Read(b);
}

wire::MacAddress MulticastMac(const wire::IpAddress& ip) {
  wire::MacAddress mac{{0x33, 0x33}};
  std::memcpy(mac.bytes.data() + 2, ip.bytes().data() + 12, 4);
  return mac;
}

void Stack::OnSolicitation(Time now, const Ipv6Packet& p) {
  if (p.hop_limit != 255) return Add(NetCount::kHopLimit);
  if (p.icmp.size() < kNdFixed || p.icmp[1] != 0) return Add(NetCount::kMalformed);
  const auto target = wire::IpAddress::Read(p.icmp.data() + 8);
  const Options options = ReadOptions(p.icmp.subspan(kNdFixed), kSourceLink);
  // Somebody without an address asks whether ours is free: it asks the group and names no link.
  const bool nobody = p.source.is_unspecified();
  const bool legal = options.valid && !IsMulticast(target) &&
                     !(nobody && (options.link || p.destination != SolicitedNode(target)));
  if (!legal || (options.link && IsGroup(*options.link))) return Add(NetCount::kMalformed);
  if (target != config_.ip) return;
  const wire::MacAddress mac = options.link.value_or(p.source_mac);
  if (!nobody) neighbours_.OnHint(now, p.source, mac);
  if (!answers_.Take(now)) return Add(NetCount::kRateLimited);
  Add(NetCount::kNdAnswered);
  if (nobody) {
    SendNd(kAdvertisement, MulticastMac(AllNodes()), AllNodes(), config_.ip, kOverride);
  } else {
    SendNd(kAdvertisement, mac, p.source, config_.ip, kSolicited | kOverride);
  }
}

void Stack::OnAdvertisement(Time now, const Ipv6Packet& p) {
  if (p.hop_limit != 255) return Add(NetCount::kHopLimit);
  if (p.icmp.size() < kNdFixed || p.icmp[1] != 0) return Add(NetCount::kMalformed);
  const auto target = wire::IpAddress::Read(p.icmp.data() + 8);
  const bool solicited = (p.icmp[4] & kSolicited) != 0;
  const Options options = ReadOptions(p.icmp.subspan(kNdFixed), kTargetLink);
  if (!options.valid || IsMulticast(target) || (IsMulticast(p.destination) && solicited)) {
    return Add(NetCount::kMalformed);
  }
  if (target == config_.ip) return Add(NetCount::kAddressConflict);
  const wire::MacAddress mac = options.link.value_or(p.source_mac);
  if (IsGroup(mac)) return Add(NetCount::kMalformed);
  Add(NetCount::kNdLearned);
  if (solicited) {
    neighbours_.OnAnswer(now, target, mac);
  } else {
    neighbours_.OnHint(now, target, mac);
  }
}

void Stack::SendNd(uint8_t type, const wire::MacAddress& to_mac, const wire::IpAddress& to_ip,
                   const wire::IpAddress& target, uint8_t flags) {
  const std::span<uint8_t> frame = Claim();
  if (frame.empty()) return;
  constexpr size_t kMessage = kNdFixed + kLinkOption;
  std::memset(frame.data(), 0, wire::kEthernetBytes + Ipv6Header::kSize + kMessage);
  WriteEthernet(frame.data(), to_mac, config_.mac, wire::kEtherTypeIpv6);
  uint8_t* ip = frame.data() + wire::kEthernetBytes;
  Ipv6Header h;
  h.payload_length = kMessage;
  h.next_header = kProtocolIcmpv6;
  h.hop_limit = 255;
  h.source = config_.ip;
  h.destination = to_ip;
  h.Write(ip);
  uint8_t* icmp = ip + Ipv6Header::kSize;
  icmp[0] = type;
  icmp[4] = flags;
  target.Write(icmp + 8);
  icmp[kNdFixed] = type == kSolicitation ? kSourceLink : kTargetLink;
  icmp[kNdFixed + 1] = 1;
  config_.mac.Write(icmp + kNdFixed + 2);
  StoreBe16(icmp + 2, Icmpv6Checksum(ip + 8, ip + 24, {icmp, kMessage}));
  out_.Commit(wire::kEthernetBytes + Ipv6Header::kSize + kMessage);
}

}  // namespace sluice::net
