#include "wire/packet_value.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/be.h"
#include "wire/icrc.h"

namespace sluice::wire {
namespace {

// Where the IP header starts and of which family it claims to be.
struct Layer3 {
  size_t offset = 0;
  bool ipv6 = false;
  bool tagged = false;
};

std::optional<Layer3> FindLayer3(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetBytes) return std::nullopt;
  Layer3 l{.offset = kEthernetBytes};
  uint16_t type = LoadBe16(frame.data() + 12);
  if (type == kEtherTypeVlan) {
    if (frame.size() < kEthernetBytes + kVlanTagBytes) return std::nullopt;
    l.tagged = true;
    l.offset += kVlanTagBytes;
    type = LoadBe16(frame.data() + 16);
  }
  if (type != kEtherTypeIpv4 && type != kEtherTypeIpv6) return std::nullopt;
  l.ipv6 = type == kEtherTypeIpv6;
  return l;
}

absl::Status Refuse(DropCause cause, size_t bytes) {
  return absl::InvalidArgumentError(
      absl::StrCat("frame of ", bytes, " bytes cannot be decoded: ", NameOf(cause)));
}

// Whether the part behind the BTH has a meaning: ParseFrame's judgement, also for a frame that it
// refused for its IP header before it got there.
bool TransportFits(const Bth& bth, size_t transport) {
  const OpcodeTraits& t = TraitsOf(bth.opcode);
  const size_t fixed = Bth::kSize + t.extension_bytes + kIcrcBytes;
  if (bth.version != 0 || !t.known || transport < fixed) return false;
  const size_t padded = transport - fixed;
  return padded % 4 == 0 && padded >= bth.pad_count && (padded == 0 || t.payload_allowed);
}

const uint8_t* ReadExtension(const uint8_t* p, DecodedFrame* f) {
  const OpcodeTraits& t = TraitsOf(f->bth.opcode);
  const auto take = [&p](bool present, auto* field) {
    using Header = typename std::remove_pointer_t<decltype(field)>::value_type;
    if (!present) return;
    *field = Header::Read(p);
    p += Header::kSize;
  };
  take(t.deth, &f->deth);
  take(t.reth, &f->reth);
  take(t.atomic_eth, &f->atomic_eth);
  take(t.aeth, &f->aeth);
  take(t.atomic_ack_eth, &f->atomic_ack_eth);
  take(t.ieth, &f->ieth);
  const uint8_t headers = t.extended_headers;
  take((headers & kXtData) != 0, &f->extended_data);
  take((headers & kXtTarget) != 0, &f->extended_target);
  take((headers & kXtRequest) != 0, &f->extended_request);
  take((headers & kXtOperands) != 0, &f->extended_operands);
  take((headers & kXtOriginal) != 0, &f->extended_original);
  take((headers & kXtKey) != 0, &f->extended_key);
  take((headers & kXtAnswer) != 0, &f->extended_ack);
  take((headers & kXtBlock) != 0, &f->sack_block);
  take(t.imm, &f->imm);
  take(HasShim(f->bth.opcode), &f->shim);
  if (f->bth.opcode == Opcode::kCnp) {
    f->cnp_reserved.emplace();
    std::memcpy(f->cnp_reserved->data(), p, kCnpReservedBytes);
    p += kCnpReservedBytes;
  }
  return p;
}

template <typename Header>
void Append(const Header& header, std::vector<uint8_t>* out) {
  const size_t at = out->size();
  out->resize(at + Header::kSize);
  header.Write(out->data() + at);
}

template <typename Header>
void Append(const std::optional<Header>& header, std::vector<uint8_t>* out) {
  if (header) Append(*header, out);
}

void AppendBytes(std::span<const uint8_t> bytes, std::vector<uint8_t>* out) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

void AppendBe16(uint16_t v, std::vector<uint8_t>* out) {
  out->push_back(static_cast<uint8_t>(v >> 8));
  out->push_back(static_cast<uint8_t>(v));
}

// Everything up to the iCRC.
std::vector<uint8_t> EncodeCovered(const DecodedFrame& f) {
  std::vector<uint8_t> out;
  AppendBytes(f.destination.bytes, &out);
  AppendBytes(f.source.bytes, &out);
  if (f.vlan_tci) {
    AppendBe16(kEtherTypeVlan, &out);
    AppendBe16(*f.vlan_tci, &out);
  }
  AppendBe16(f.ipv6() ? kEtherTypeIpv6 : kEtherTypeIpv4, &out);
  std::visit([&out](const auto& ip) { Append(ip, &out); }, f.ip);
  Append(f.udp, &out);
  Append(f.bth, &out);
  Append(f.deth, &out);
  Append(f.reth, &out);
  Append(f.atomic_eth, &out);
  Append(f.aeth, &out);
  Append(f.atomic_ack_eth, &out);
  Append(f.ieth, &out);
  Append(f.extended_data, &out);
  Append(f.extended_target, &out);
  Append(f.extended_request, &out);
  Append(f.extended_operands, &out);
  Append(f.extended_original, &out);
  Append(f.extended_key, &out);
  Append(f.extended_ack, &out);
  Append(f.sack_block, &out);
  Append(f.imm, &out);
  Append(f.shim, &out);
  if (f.cnp_reserved) AppendBytes(*f.cnp_reserved, &out);
  AppendBytes(f.payload, &out);
  AppendBytes(f.pad, &out);
  return out;
}

}  // namespace

std::vector<uint8_t> DecodedFrame::Encode() const {
  std::vector<uint8_t> out = EncodeCovered(*this);
  uint8_t crc[kIcrcBytes];
  StoreLe32(crc, icrc);
  AppendBytes(crc, &out);
  AppendBytes(trailing, &out);
  return out;
}

uint32_t DecodedFrame::ComputedIcrc() const {
  const std::vector<uint8_t> covered = EncodeCovered(*this);
  const size_t l3 = kEthernetBytes + (vlan_tci ? kVlanTagBytes : 0);
  return IcrcOfLinear(covered.data() + l3, ipv6(), covered.size() - l3);
}

bool IsRoce(std::span<const uint8_t> frame) {
  const std::optional<Layer3> l3 = FindLayer3(frame);
  if (!l3) return false;
  const uint8_t* ip = frame.data() + l3->offset;
  const size_t room = frame.size() - l3->offset;
  size_t udp = Ipv6Header::kSize;
  if (l3->ipv6) {
    if (room < udp + UdpHeader::kSize || ip[0] >> 4 != 6 || ip[6] != kIpProtocolUdp) return false;
  } else {
    if (room < Ipv4Header::kSize || ip[0] >> 4 != 4 || ip[9] != kIpProtocolUdp) return false;
    if ((LoadBe16(ip + 6) & 0x1fff) != 0) return false;
    udp = size_t{4} * (ip[0] & 15);
    if (udp < Ipv4Header::kSize || room < udp + UdpHeader::kSize) return false;
  }
  return LoadBe16(ip + udp + 2) == kRocePort;
}

absl::StatusOr<DecodedFrame> Decode(std::span<const uint8_t> frame) {
  FrameView view;
  const DropCause cause = ParseFrame(frame, static_cast<uint32_t>(frame.size()), &view);
  if (!IsRoce(frame)) {
    return Refuse(cause == DropCause::kNone ? DropCause::kNotRoce : cause, frame.size());
  }
  const Layer3 l3 = *FindLayer3(frame);
  const uint8_t* ip = frame.data() + l3.offset;
  if (!l3.ipv6 && ip[0] != 0x45) return Refuse(DropCause::kIpHeader, frame.size());
  const size_t ip_bytes = l3.ipv6 ? Ipv6Header::kSize : Ipv4Header::kSize;

  DecodedFrame f;
  f.cause = cause;
  f.destination = MacAddress::Read(frame.data());
  f.source = MacAddress::Read(frame.data() + 6);
  if (l3.tagged) f.vlan_tci = LoadBe16(frame.data() + 14);
  size_t in_ip = 0;  // the length that the IP header tells
  if (l3.ipv6) {
    const Ipv6Header v6 = Ipv6Header::Read(ip);
    in_ip = v6.payload_length;
    f.ip = v6;
  } else {
    const Ipv4Header v4 = Ipv4Header::Read(ip);
    in_ip = v4.total_length;
    f.ip = v4;
  }
  f.udp = UdpHeader::Read(ip + ip_bytes);

  // The lengths must agree, or there is no telling where the iCRC lies.
  const size_t end = l3.offset + (l3.ipv6 ? ip_bytes : 0) + in_ip;
  const size_t bth = l3.offset + ip_bytes + UdpHeader::kSize;
  if (end > frame.size() || end < bth + Bth::kSize + kIcrcBytes ||
      f.udp.length != end - l3.offset - ip_bytes) {
    return Refuse(DropCause::kLength, frame.size());
  }
  f.bth = Bth::Read(frame.data() + bth);
  f.icrc = LoadLe32(frame.data() + end - kIcrcBytes);
  f.trailing.assign(frame.begin() + static_cast<ptrdiff_t>(end), frame.end());

  const uint8_t* p = frame.data() + bth + Bth::kSize;
  const uint8_t* icrc = frame.data() + end - kIcrcBytes;
  if (!TransportFits(f.bth, end - bth)) {
    f.payload.assign(p, icrc);
    return f;
  }
  p = ReadExtension(p, &f);
  f.payload.assign(p, icrc - f.bth.pad_count);
  f.pad.assign(icrc - f.bth.pad_count, icrc);
  return f;
}

}  // namespace sluice::wire
