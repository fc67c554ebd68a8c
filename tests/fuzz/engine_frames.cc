#include "engine_frames.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "base/be.h"
#include "support/cut_frame.h"
#include "wire/header_template.h"
#include "wire/icrc.h"
#include "wire/trimmed.h"

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

// As a switch cuts it that trims, if it is a frame.
void Cut(std::vector<uint8_t>* bytes) {
  constexpr size_t kTo = wire::kLeastTrimmed + wire::kVlanTagBytes;
  if (!Layer3(*bytes).usable || bytes->size() <= kTo) return;
  *bytes = test::CutFrame(std::move(*bytes), kTo);
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

// The headers of the extension: those of the next message that the peer would send, or of one that
// is as far ahead as the PSN.
void FrameMaker::FillExtended(const Instruction& i, const wire::Bth& bth, size_t payload,
                              uint8_t* to) {
  const uint8_t headers = wire::TraitsOf(bth.opcode).extended_headers;
  Peer& p = world_.peer(i.qp & 0x7f);
  const auto put = [&to](const auto& header) {
    header.Write(to);
    to += std::remove_reference_t<decltype(header)>::kSize;
  };
  const wire::Reth reth = RethOf(i, payload);
  const bool request = bth.opcode < wire::Opcode::kXtReadResponse;
  const bool fetches = (headers & wire::kXtRequest) != 0;
  if ((headers & wire::kXtData) != 0) {
    const auto ahead = static_cast<uint32_t>(request ? bth.psn - p.request : Signed(i.b));
    wire::ExtendedData d;
    d.message = request ? p.message + ahead : ahead;
    d.offset = p.offset;
    d.length = p.offset > 0 ? p.length : reth.length;
    if ((headers & wire::kXtOperands) != 0 || (headers & wire::kXtOriginal) != 0) d.length = 8;
    d.receive = (fetches ? p.fetch : p.receive) + ahead;
    d.sent = wire::Stamp(i.f * 100u);
    d.attempt = i.f & 3;
    d.backlog = i.f;
    put(d);
  }
  const bool atomic = (headers & wire::kXtOperands) != 0;
  if ((headers & wire::kXtTarget) != 0) {
    put(wire::ExtendedTarget{atomic ? reth.va & ~uint64_t{7} : reth.va, reth.rkey});
  }
  if (fetches) put(wire::ExtendedRequest{p.fetch - (i.f & 3u)});
  if (atomic) put(wire::ExtendedOperands{i.f + 1u, i.f});
  if ((headers & wire::kXtOriginal) != 0) put(wire::AtomicAckEth{i.f * 0x0101010101010101u});
  if ((headers & wire::kXtKey) != 0) put(wire::Ieth{reth.rkey});
  if ((headers & wire::kXtAnswer) != 0) {
    wire::ExtendedAck a;
    a.syndrome = i.a;
    a.msn = i.c;
    a.receives = i.c;
    a.ce_packets = i.f;
    a.ce_bytes = i.f * 100u;
    a.flags = static_cast<uint16_t>(i.f << 12);
    a.psn = bth.psn + (i.f & 7);
    put(a);
  }
  if ((headers & wire::kXtBlock) != 0) {
    wire::SackBlock b;
    b.first = bth.psn + 1;
    b.words = {i.f * 0x0101u, 0, i.c, ~uint64_t{0}};
    put(b);
  }
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
  if (t.extended) FillExtended(i, bth, payload, extension);
  FillExtensions(i, t, payload, t.extended ? extension + t.extension_bytes - 4 * t.imm : extension);
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
  if (!good) return f;
  ++p.request;
  const OpcodeTraits& t = wire::TraitsOf(i.a);
  if (!t.extended || (t.extended_headers & wire::kXtData) == 0) return f;
  const bool fetches = (t.extended_headers & wire::kXtRequest) != 0;
  if (p.offset == 0) p.length = fetches ? 0 : RethOf(i, payload).length;
  p.offset += static_cast<uint32_t>(payload);
  if (t.payload_allowed && p.offset < p.length) return f;
  p.offset = 0;
  ++p.message;
  if (fetches) ++p.fetch;
  if (t.imm || (t.extended_headers & (wire::kXtTarget)) == 0) ++p.receive;
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
                                       wire::Opcode::kXtSack,
                                       wire::Opcode::kXtResponseAck,
                                       wire::Opcode::kXtResponseSack,
                                       wire::Opcode::kXtReadResponse,
                                       wire::Opcode::kXtAtomicResponse,
                                       wire::Opcode::kXtTrimmed,
                                       wire::Opcode::kXtResponseTrimmed};
  Bth bth;
  bth.opcode = kOpcodes[i.e % std::size(kOpcodes)];
  bth.psn = p.newest + Signed(i.b);
  if (bth.opcode == wire::Opcode::kXtResponseAck || bth.opcode == wire::Opcode::kXtResponseSack ||
      bth.opcode == wire::Opcode::kXtResponseTrimmed) {
    bth.psn = p.response + Signed(i.b);
  }
  // Responses begin where requests did.
  if ((wire::TraitsOf(bth.opcode).extended_headers & wire::kXtData) != 0) {
    bth.psn = world_.first_send_psn() + Signed(i.b);
  }
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
  if (alter_ && (alter_->d & 4) != 0) Cut(&bytes);
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
