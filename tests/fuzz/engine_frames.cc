#include "engine_frames.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "base/be.h"
#include "wire/header_template.h"
#include "wire/icrc.h"

namespace sluice::fuzz {
namespace {

using wire::Bth;
using wire::Ipv4Header;
using wire::Ipv6Header;
using wire::OpcodeTraits;
using wire::UdpHeader;

int32_t Signed(uint8_t v) { return static_cast<int8_t>(v); }

// Where the IP header of any bytes starts if they are a frame, and what it is.
struct Layer3 {
  explicit Layer3(std::span<const uint8_t> b) {
    if (b.size() < wire::kEthernetBytes + wire::kVlanTagBytes) return;
    const bool tagged = LoadBe16(b.data() + 12) == wire::kEtherTypeVlan;
    at = wire::kEthernetBytes + (tagged ? wire::kVlanTagBytes : 0);
    ipv6 = LoadBe16(b.data() + at - 2) == wire::kEtherTypeIpv6;
    bth = at + (ipv6 ? Ipv6Header::kSize : Ipv4Header::kSize) + UdpHeader::kSize;
    usable = b.size() >= bth + Bth::kSize + wire::kIcrcBytes;
  }
  size_t at = 0;
  size_t bth = 0;
  bool ipv6 = false;
  bool usable = false;
};

void RepairIpv4Checksum(uint8_t* ip) {
  StoreBe16(ip + 10, 0);
  StoreBe16(ip + 10, wire::InternetChecksum(ip, Ipv4Header::kSize));
}

void Repair(std::vector<uint8_t>* bytes) {
  const Layer3 l3(*bytes);
  if (!l3.usable) return;
  uint8_t* const ip = bytes->data() + l3.at;
  const auto rest = static_cast<uint16_t>(bytes->size() - l3.at);
  if (l3.ipv6) {
    StoreBe16(ip + 4, static_cast<uint16_t>(rest - Ipv6Header::kSize));
    StoreBe16(ip + Ipv6Header::kSize + 4, static_cast<uint16_t>(rest - Ipv6Header::kSize));
  } else {
    StoreBe16(ip + 2, rest);
    StoreBe16(ip + Ipv4Header::kSize + 4, static_cast<uint16_t>(rest - Ipv4Header::kSize));
    RepairIpv4Checksum(ip);
  }
}

void Seal(std::vector<uint8_t>* bytes) {
  const Layer3 l3(*bytes);
  if (!l3.usable) return;
  wire::SealFrame(bytes->data(), l3.at, l3.ipv6, bytes->size() - wire::kIcrcBytes);
}

}  // namespace

// Sends somebody else's frame to the queue pair, from its peer.
void FrameMaker::Redirect(const Peer& p, uint8_t psn_delta, std::vector<uint8_t>* bytes) {
  const Layer3 l3(*bytes);
  if (!l3.usable || l3.ipv6 != world_.ipv6()) return;
  uint8_t* const ip = bytes->data() + l3.at;
  const std::array<uint8_t, 16> from = world_.address(true).bytes();
  if (l3.ipv6) {
    std::copy(from.begin(), from.end(), ip + 8);
  } else {
    std::copy(from.end() - 4, from.end(), ip + 12);
    RepairIpv4Checksum(ip);
  }
  uint8_t* const bth = bytes->data() + l3.bth;
  const bool request = wire::TraitsOf(bth[0]).request;
  StoreBe24(bth + 5, p.qpn);
  StoreBe24(bth + 9, ((request ? p.request : p.newest) + Signed(psn_delta)).value());
}

test::FakeFrame FrameMaker::Raw(const Instruction& i, std::span<const uint8_t> bytes) {
  std::vector<uint8_t> frame(bytes.begin(), bytes.end());
  Peer& p = world_.peer(i.qp & 0x7f);
  if ((i.c & kRepair) != 0) Repair(&frame);
  if ((i.c & kRedirect) != 0) Redirect(p, i.d, &frame);
  return Dress(std::move(frame), (i.c & kSeal) != 0);
}

wire::Reth FrameMaker::RethOf(const Instruction& i, size_t payload) {
  const bool foreign = world_.peer(i.qp & 0x7f).domain == 1;
  const RegionIndex r = foreign ? kForeign : kShared;
  const RegionIndex keys[] = {r, foreign ? kShared : kForeign, kReceives, r};
  const RegionIndex named = keys[i.e >> 3 & 3];
  const auto n = static_cast<uint32_t>(payload);
  const uint32_t mtu = world_.peer(i.qp & 0x7f).mtu;
  const uint32_t lengths[] = {
      n, n + 1, n + mtu, 2 * mtu + 100, 3 * mtu, n == 0 ? 0 : n - 1, 0xffffffffu, 100000};
  const uint32_t length = lengths[i.e >> 5];
  const uint64_t base = world_.va(named);
  const uint64_t end = base + world_.size(named);
  const uint64_t vas[] = {
      base, base + 64 + i.f, end - length, end - length + 1, base - 1, end, ~uint64_t{0} - i.f, 0};
  const uint32_t key = world_.rkey(named) ^ ((i.e >> 3 & 3) == 3 ? 1u << (i.f & 31) : 0);
  return {vas[i.e & 7], key, length};
}

void FrameMaker::FillExtensions(const Instruction& i, const OpcodeTraits& t, size_t payload,
                                uint8_t* to) {
  if (t.extended) {
    if (t.payload_allowed) return FillExtended(i, t, payload, to);
    return FillAnswer(i, t.extension_bytes > wire::ExtendedAck::kSize, to);
  }
  if (t.deth) {
    // Without a RETH the byte that bends one bends the key.
    wire::Deth{EngineWorld::kQkey ^ (i.e == 0 ? 0 : 1u << (i.e & 31)), 0, i.f}.Write(to);
    to += wire::Deth::kSize;
  }
  if (t.reth) {
    RethOf(i, payload).Write(to);
    to += wire::Reth::kSize;
  }
  if (t.atomic_eth) {
    const wire::Reth r = RethOf(i, payload);
    wire::AtomicEth{r.va & ~uint64_t{7}, r.rkey, i.f + 1u, i.f}.Write(to);
    to += wire::AtomicEth::kSize;
  }
  if (t.aeth) {
    wire::Aeth{i.a, world_.peer(i.qp & 0x7f).msn + i.c}.Write(to);
    to += wire::Aeth::kSize;
  }
  if (t.atomic_ack_eth) wire::AtomicAckEth{i.f * 0x0101010101010101u}.Write(to);
  if (t.ieth) StoreBe32(to, RethOf(i, payload).rkey);
  if (t.imm) StoreBe32(to, 0xcafe0000u | i.f);
}

// The headers of a data packet of the extension: right for e = 0, else bent by its low three bits,
// and the address and key of the RETH of the same byte.
void FrameMaker::FillExtended(const Instruction& i, const OpcodeTraits& t, size_t payload,
                              uint8_t* to) {
  const Peer& p = world_.peer(i.qp & 0x7f);
  const auto n = static_cast<uint32_t>(payload);
  wire::ExtendedData d;
  d.message = p.message + static_cast<uint8_t>(i.b);
  d.length = n;
  d.receive = p.takes + static_cast<uint8_t>(i.b);
  d.attempt = i.f & 3;
  const uint32_t lengths[] = {n, n, 2 * p.mtu, n + 1, n == 0 ? 0 : n - 1, 0xffffffffu, n, n};
  const uint32_t offsets[] = {0, 0, 0, 0, 0, 0, p.mtu, 1};
  d.length = lengths[i.e & 7];
  d.offset = offsets[i.e & 7];
  if ((i.f & 4) != 0) ++d.message;
  if ((i.f & 8) != 0) ++d.receive;
  d.Write(to);
  to += wire::ExtendedData::kSize;
  if (t.extension_bytes >= wire::ExtendedData::kSize + wire::ExtendedTarget::kSize) {
    Instruction place = i;
    place.e &= 0x1f;
    const wire::Reth r = RethOf(place, payload);
    wire::ExtendedTarget{r.va, r.rkey}.Write(to);
    to += wire::ExtendedTarget::kSize;
  }
  if (t.imm) StoreBe32(to, 0xcafe0000u | i.f);
}

void FrameMaker::FillAnswer(const Instruction& i, bool block, uint8_t* to) {
  const Peer& p = world_.peer(i.qp & 0x7f);
  wire::ExtendedAck a;
  a.syndrome = i.a;
  a.receives = i.c;
  a.flags = (i.c & 1) != 0 ? wire::ExtendedAck::kEchoes : uint16_t{0};
  a.attempt = i.c >> 1 & 3;
  a.psn = p.newest + Signed(i.f);
  a.ce_packets = a.ce_bytes = a.duplicates = i.c;
  a.Write(to);
  if (!block) return;
  wire::SackBlock s;
  s.first = p.newest + Signed(static_cast<uint8_t>(i.f * 3));
  for (uint32_t bit = 0; bit < wire::SackBlock::kPackets; bit += 1u + i.c % 7u) s.Set(bit);
  s.Write(to + wire::ExtendedAck::kSize);
}

test::FakeFrame FrameMaker::Build(const Instruction& i, Bth bth, size_t payload) {
  const Peer& p = world_.peer(i.qp & 0x7f);
  wire::PathHeader path;
  path.source = {{2, 0, 0, 0, 0, 2}};
  path.destination = {{2, 0, 0, 0, 0, 1}};
  path.source_ip = world_.address((i.d & kBadSource) == 0);
  path.destination_ip = world_.address(false);
  path.ecn = (i.d & kCe) != 0 ? 3 : 2;
  path.source_port = 0xc123;
  if ((i.d & kTagged) != 0) path.vlan_tci = 0x6123;
  bth.ack_request = (i.d & kNoAckRequest) == 0;
  bth.solicited = (i.d & kSolicited) != 0;
  bth.becn = (i.d & kBecn) != 0;
  bth.pkey = (i.d & kBadPkey) != 0 ? 0x7ffe : Bth::kDefaultPkey;
  bth.dest_qpn = p.qpn;
  const OpcodeTraits& t = wire::TraitsOf(bth.opcode);
  if (!t.payload_allowed) payload = 0;
  bth.pad_count = static_cast<uint8_t>((4 - payload % 4) % 4);
  const wire::HeaderTemplate head(path);
  const size_t transport =
      Bth::kSize + t.extension_bytes + payload + bth.pad_count + wire::kIcrcBytes;
  std::vector<uint8_t> frame(head.size() + transport);
  head.Write(frame.data(), static_cast<uint32_t>(transport));
  bth.Write(frame.data() + head.size());
  uint8_t* const extension = frame.data() + head.size() + Bth::kSize;
  FillExtensions(i, t, payload, extension);
  uint8_t* const body = extension + t.extension_bytes;
  std::memset(body, 0x80 + i.f, payload);
  if (payload > 0) body[payload - 1] = static_cast<uint8_t>(~i.f);
  return Dress(std::move(frame), (i.d & kBadIcrc) == 0);
}

test::FakeFrame FrameMaker::Request(const Instruction& i) {
  Peer& p = world_.peer(i.qp & 0x7f);
  // Those of RC that this build serves first; any other byte as it is.
  Bth bth;
  bth.opcode = static_cast<wire::Opcode>(i.a);
  bth.psn = p.request + Signed(i.b);
  const size_t payload = i.c < 160   ? i.c
                         : i.c < 224 ? p.mtu
                                     : p.mtu + static_cast<size_t>(i.c - 240) * (i.c & 1 ? 1 : 4);
  const bool good = i.b == 0 && (i.d & (kBadPkey | kBadSource | kBadIcrc)) == 0 && !alter_;
  test::FakeFrame f = Build(i, bth, payload);
  if (good) ++p.request;
  const OpcodeTraits& t = wire::TraitsOf(bth.opcode);
  if (good && t.extended && t.payload_allowed && (i.e & 7) == 0 && (i.f & 12) == 0) {
    ++p.message;
    if (bth.opcode != wire::Opcode::kXtWrite) ++p.takes;
  }
  return f;
}

test::FakeFrame FrameMaker::Response(const Instruction& i) {
  const Peer& p = world_.peer(i.qp & 0x7f);
  constexpr wire::Opcode kOpcodes[] = {wire::Opcode::kRcAcknowledge,
                                       wire::Opcode::kRcAcknowledge,
                                       wire::Opcode::kCnp,
                                       wire::Opcode::kRcAtomicAcknowledge,
                                       wire::Opcode::kRcReadResponseOnly,
                                       wire::Opcode::kRcReadResponseFirst,
                                       wire::Opcode::kXtAck,
                                       wire::Opcode::kXtSack};
  Bth bth;
  bth.opcode = kOpcodes[i.e % std::size(kOpcodes)];
  bth.psn = p.newest + Signed(i.b);
  return Build(i, bth, i.f);
}

// The last touches: a byte altered before or after the iCRC is made, what the port says of it, and
// on a port that elides payloads the headers alone.
test::FakeFrame FrameMaker::Dress(std::vector<uint8_t> bytes, bool seal) {
  const auto alter = [&] {
    if (!bytes.empty()) bytes[alter_->ab() % bytes.size()] ^= alter_->c;
  };
  if (alter_ && (alter_->d & 1) == 0) alter();
  if (alter_ && (alter_->d & 2) != 0) Repair(&bytes);
  if (seal) Seal(&bytes);
  if (alter_ && (alter_->d & 1) != 0) alter();
  alter_.reset();
  test::FakeFrame f;
  f.bytes = std::move(bytes);
  if (world_.elides()) {
    wire::FrameView v;
    const auto length = static_cast<uint32_t>(f.bytes.size());
    if (wire::ParseFrame(f.bytes, length, &v) == wire::DropCause::kNone && v.payload_length > 0) {
      f.bytes.resize(v.header_bytes);
      f.elided_length = v.payload_length;
      f.frame_length = length;
    }
    f.rx.icrc = port::IcrcState::kGood;
  }
  if (meta_) {
    f.rx.icrc = static_cast<port::IcrcState>((meta_->a & 3) % 3);
    f.rx.ce = (meta_->a & 4) != 0;
    f.rx.path = meta_->d;
    if ((meta_->a & 8) != 0) f.elided_length = meta_->bc() % 9000;
    if ((meta_->a & 16) != 0) f.frame_length = meta_->bc() % 9300u;
    meta_.reset();
  }
  return f;
}

}  // namespace sluice::fuzz
