#include "wire/frame_view.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/be.h"
#include "base/checks.h"

namespace sluice::wire {
namespace {

constexpr size_t kFixedIpv4 = Ipv4Header::kSize + UdpHeader::kSize + Bth::kSize;
constexpr size_t kFixedIpv6 = Ipv6Header::kSize + UdpHeader::kSize + Bth::kSize;
constexpr uint8_t kIpv6FragmentHeader = 44;
constexpr uint16_t kMoreFragmentsOrOffset = 0x3fff;

uint64_t Load64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
uint32_t Load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
uint16_t Load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
// A constant in the order of the wire, to compare with what Load16 gives.
constexpr uint16_t Wire16(uint16_t v) { return static_cast<uint16_t>(v << 8 | v >> 8); }

// The ones' complement sum does not depend on the byte order (RFC 1071), so the 20 bytes add up as
// two quadwords and a word; right if the folded sum is all ones.
bool Ipv4ChecksumGood(const uint8_t* l3) {
  const uint64_t a = Load64(l3);
  const uint64_t b = Load64(l3 + 8);
  uint64_t sum = (a >> 32) + (a & 0xffffffff) + (b >> 32) + (b & 0xffffffff) + Load32(l3 + 16);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  // The sum can reach 0x10000 only through a carry that this adds back.
  return ((sum + (sum >> 16)) & 0xffff) == 0xffff;
}

[[gnu::cold, gnu::noinline]] DropCause Ipv4Cause(const uint8_t* l3) {
  if (l3[0] != 0x45) return DropCause::kIpHeader;
  if ((LoadBe16(l3 + 6) & kMoreFragmentsOrOffset) != 0) return DropCause::kFragment;
  if (l3[9] != kIpProtocolUdp) return DropCause::kNotUdp;
  return DropCause::kNotRoce;
}

[[gnu::cold, gnu::noinline]] DropCause Ipv6Cause(const uint8_t* l3) {
  if (l3[0] >> 4 != 6) return DropCause::kIpHeader;
  if (l3[6] == kIpv6FragmentHeader) return DropCause::kFragment;
  if (l3[6] != kIpProtocolUdp) return DropCause::kNotUdp;
  return DropCause::kNotRoce;
}

[[gnu::cold, gnu::noinline]] DropCause TransportCause(const FrameView& v) {
  const uint32_t t = v.transport_bytes;
  if (Enabled(Check::kTransportVersion) && (v.bth[1] & 15) != 0) {
    return DropCause::kTransportVersion;
  }
  if (Enabled(Check::kOpcode) && !v.traits->known) return DropCause::kOpcode;
  const uint32_t fixed = Bth::kSize + v.traits->extension_bytes + kIcrcBytes;
  if (t < fixed) return DropCause::kLength;
  if (!v.traits->payload_allowed && t != fixed) return DropCause::kPayload;
  return DropCause::kPad;
}

// Everything from the BTH on. `transport` may be negative; `room` is what the header span holds
// from the BTH on, at least 12.
inline DropCause ParseTransport(int32_t transport, size_t room, FrameView* v) {
  const uint8_t* bth = v->bth;
  if (transport < static_cast<int32_t>(Bth::kSize + kIcrcBytes)) [[unlikely]] {
    return DropCause::kLength;
  }
  const uint64_t w0 = Load64(bth);
  const OpcodeTraits& traits = TraitsOf(static_cast<uint8_t>(w0));
  const uint8_t flags = static_cast<uint8_t>(w0 >> 8);
  const uint32_t pad = (flags >> 4) & 3;
  const int32_t padded = transport - static_cast<int32_t>(Bth::kSize + kIcrcBytes) -
                         static_cast<int32_t>(traits.extension_bytes);

  v->traits = &traits;
  v->transport_bytes = static_cast<uint32_t>(transport);
  const bool lengths = Enabled(Check::kTransportLength);
  const bool bad_length = lengths && (padded < static_cast<int32_t>(pad) || (padded & 3) != 0);
  const bool bad_payload = lengths && padded > 0 && !traits.payload_allowed;
  const bool bad_kind = (Enabled(Check::kTransportVersion) && (flags & 15) != 0) ||
                        (Enabled(Check::kOpcode) && !traits.known);
  if (bad_length | bad_payload | bad_kind) [[unlikely]] {
    return TransportCause(*v);
  }
  if (Enabled(Check::kRunt) && room < Bth::kSize + traits.extension_bytes) [[unlikely]] {
    return DropCause::kRunt;
  }

  v->extension = bth + Bth::kSize;
  v->header_bytes = static_cast<uint32_t>(bth - v->frame) + static_cast<uint32_t>(Bth::kSize) +
                    traits.extension_bytes;
  v->payload_length = static_cast<uint32_t>(padded) - pad;
  v->opcode = static_cast<Opcode>(w0);
  v->pad = static_cast<uint8_t>(pad);
  v->solicited = (flags & 0x80) != 0;
  v->mig_req = (flags & 0x40) != 0;
  v->pkey = Wire16(static_cast<uint16_t>(w0 >> 16));
  v->dest_qpn = __builtin_bswap32(static_cast<uint32_t>(w0 >> 32)) & Bth::kQpnMask;
  const uint32_t w1 = LoadBe32(bth + 8);
  v->ack_request = (w1 >> 31) != 0;
  v->psn = Psn(w1);
  return DropCause::kNone;
}

inline DropCause ParseIpv4(std::span<const uint8_t> header, uint32_t frame_length, uint32_t l2,
                           FrameView* v) {
  if (Enabled(Check::kRunt) && header.size() < l2 + kFixedIpv4) [[unlikely]] {
    return DropCause::kRunt;
  }
  const uint8_t* l3 = v->l3;
  const uint8_t* udp = l3 + Ipv4Header::kSize;
  const uint32_t other = Enabled(Check::kIpHeader) ? static_cast<uint32_t>(l3[0] ^ 0x45) : 0;
  const uint32_t fragment =
      Enabled(Check::kFragment) ? Load16(l3 + 6) & Wire16(kMoreFragmentsOrOffset) : 0u;
  const uint32_t wrong = other | fragment | static_cast<uint32_t>(l3[9] ^ kIpProtocolUdp) |
                         static_cast<uint32_t>(Load16(udp + 2) ^ Wire16(kRocePort));
  if (wrong != 0) [[unlikely]] {
    return Ipv4Cause(l3);
  }
  if (Enabled(Check::kIpChecksum) && !Ipv4ChecksumGood(l3)) [[unlikely]] {
    return DropCause::kIpChecksum;
  }
  const uint32_t total = LoadBe16(l3 + 2);
  const uint32_t udp_length = LoadBe16(udp + 4);
  if (Enabled(Check::kIpLength) &&
      ((total != udp_length + Ipv4Header::kSize) | (l2 + total > frame_length))) [[unlikely]] {
    return DropCause::kLength;
  }
  v->bth = udp + UdpHeader::kSize;
  v->ipv6 = false;
  v->ecn = l3[1] & 3;
  v->dscp = l3[1] >> 2;
  return ParseTransport(static_cast<int32_t>(udp_length) - static_cast<int32_t>(UdpHeader::kSize),
                        header.size() - l2 - Ipv4Header::kSize - UdpHeader::kSize, v);
}

inline DropCause ParseIpv6(std::span<const uint8_t> header, uint32_t frame_length, uint32_t l2,
                           FrameView* v) {
  if (Enabled(Check::kRunt) && header.size() < l2 + kFixedIpv6) [[unlikely]] {
    return DropCause::kRunt;
  }
  const uint8_t* l3 = v->l3;
  const uint8_t* udp = l3 + Ipv6Header::kSize;
  const uint32_t wrong = static_cast<uint32_t>((l3[0] >> 4) ^ 6) |
                         static_cast<uint32_t>(l3[6] ^ kIpProtocolUdp) |
                         static_cast<uint32_t>(Load16(udp + 2) ^ Wire16(kRocePort));
  if (wrong != 0) [[unlikely]] {
    return Ipv6Cause(l3);
  }
  const uint32_t payload = LoadBe16(l3 + 4);
  const uint32_t udp_length = LoadBe16(udp + 4);
  if (Enabled(Check::kIpLength) &&
      ((payload != udp_length) | (l2 + Ipv6Header::kSize + payload > frame_length))) [[unlikely]] {
    return DropCause::kLength;
  }
  v->bth = udp + UdpHeader::kSize;
  v->ipv6 = true;
  const uint8_t traffic_class = static_cast<uint8_t>(LoadBe16(l3) >> 4);
  v->ecn = traffic_class & 3;
  v->dscp = traffic_class >> 2;
  return ParseTransport(static_cast<int32_t>(udp_length) - static_cast<int32_t>(UdpHeader::kSize),
                        header.size() - l2 - Ipv6Header::kSize - UdpHeader::kSize, v);
}

// Adds the bytes of a run to a ones' complement sum. `odd` says that the run starts at an odd place
// of the whole, so that its bytes change sides.
uint64_t AddRun(uint64_t sum, const uint8_t* p, size_t n, bool odd) {
  for (size_t i = 0; i < n; ++i) {
    sum += (((i & 1) != 0) == odd) ? static_cast<uint64_t>(p[i]) << 8 : p[i];
  }
  return sum;
}

uint16_t Fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

}  // namespace

DropCause ParseFrame(std::span<const uint8_t> header, uint32_t frame_length, FrameView* out) {
  // An IPv4 frame without a tag or extension is the shortest: 54 bytes of header. Anything shorter
  // is none of ours whatever its type.
  if (Enabled(Check::kRunt) && header.size() < kEthernetBytes + kFixedIpv4) [[unlikely]] {
    return DropCause::kRunt;
  }
  const uint8_t* frame = header.data();
  out->frame = frame;
  uint32_t l2 = kEthernetBytes;
  uint16_t type = Load16(frame + 12);
  out->has_vlan = false;
  if (type == Wire16(kEtherTypeVlan)) {
    out->has_vlan = true;
    out->vlan_tci = LoadBe16(frame + 14);
    type = Load16(frame + 16);
    l2 += kVlanTagBytes;
  }
  out->l3 = frame + l2;
  if (type == Wire16(kEtherTypeIpv4)) [[likely]] {
    return ParseIpv4(header, frame_length, l2, out);
  }
  if (type == Wire16(kEtherTypeIpv6)) return ParseIpv6(header, frame_length, l2, out);
  return DropCause::kEtherType;
}

DropCause CheckUdpChecksum(const FrameView& view, std::span<const uint8_t> header,
                           std::span<const ByteRun> rest) {
  if (view.udp_checksum() == 0) return DropCause::kNone;
  const uint32_t udp_length = view.transport_bytes + static_cast<uint32_t>(UdpHeader::kSize);
  // Pseudo header (RFC 768, RFC 8200 section 8.1): both addresses, protocol, length.
  uint64_t sum = view.ipv6 ? AddRun(0, view.l3 + 8, 32, false) : AddRun(0, view.l3 + 12, 8, false);
  sum += kIpProtocolUdp + udp_length;

  size_t left = udp_length;
  bool odd = false;
  const size_t in_header = header.size() - static_cast<size_t>(view.udp() - view.frame);
  const size_t first = in_header < left ? in_header : left;
  sum = AddRun(sum, view.udp(), first, odd);
  odd = (first & 1) != 0;
  left -= first;
  for (const ByteRun& run : rest) {
    const size_t n = run.length < left ? run.length : left;
    sum = AddRun(sum, run.data, n, odd);
    odd = odd != ((n & 1) != 0);
    left -= n;
  }
  return left == 0 && Fold(sum) == 0xffff ? DropCause::kNone : DropCause::kUdpChecksum;
}

const char* NameOf(DropCause cause) {
  switch (cause) {
    case DropCause::kNone:
      return "none";
    case DropCause::kRunt:
      return "runt";
    case DropCause::kEtherType:
      return "ethertype";
    case DropCause::kIpHeader:
      return "ip_header";
    case DropCause::kFragment:
      return "fragment";
    case DropCause::kNotUdp:
      return "not_udp";
    case DropCause::kNotRoce:
      return "not_roce";
    case DropCause::kIpChecksum:
      return "ip_checksum";
    case DropCause::kLength:
      return "length";
    case DropCause::kUdpChecksum:
      return "udp_checksum";
    case DropCause::kTransportVersion:
      return "transport_version";
    case DropCause::kOpcode:
      return "opcode";
    case DropCause::kPayload:
      return "payload";
    case DropCause::kPad:
      return "pad";
    case DropCause::kIcrc:
      return "icrc";
  }
  return "unknown";
}

}  // namespace sluice::wire
