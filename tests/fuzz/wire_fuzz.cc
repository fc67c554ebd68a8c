// Fuzzes lib/wire as a receiver meets it: any bytes, in heap blocks of exactly their size.
//
// What must hold, for every input:
//   ParseFrame and Decode give one judgement, and their fields agree;
//   what Decode gives encodes to the same bytes, and those decode to the same value;
//   the headers alone give the same view as the whole frame;
//   the iCRC is the same by either kernel, in one piece or two, from view or value;
//   a UDP checksum has the same answer in one piece or two;
//   a datagram of connection management has the same fields after it was encoded from them;
//   text that is an address prints as text of the same address.
//
// Input: one byte of mode, then the frame. Mode bit 0 makes the IPv4 checksum right, bit 1 the
// lengths, so that mutation gets past them; the upper six bits choose where the frame is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/be.h"
#include "wire/address.h"
#include "wire/cm_messages.h"
#include "wire/crc_kernel.h"
#include "wire/frame_view.h"
#include "wire/header_template.h"
#include "wire/icrc.h"
#include "wire/packet_value.h"
#include "wire/path_probe.h"
#include "wire/source_port.h"
#include "wire/telemetry_shim.h"
#include "wire/trimmed.h"

namespace sluice::wire {
namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

struct Block {
  explicit Block(std::span<const uint8_t> from)
      : size(from.size()), bytes(std::make_unique<uint8_t[]>(size)) {
    if (size > 0) std::memcpy(bytes.get(), from.data(), size);
  }
  std::span<const uint8_t> span() const { return {bytes.get(), size}; }
  size_t size;
  std::unique_ptr<uint8_t[]> bytes;
};

void Repair(uint8_t mode, std::vector<uint8_t>* b) {
  if (b->size() < kEthernetBytes + Ipv4Header::kSize + UdpHeader::kSize + 4) return;
  const bool tagged = LoadBe16(b->data() + 12) == kEtherTypeVlan;
  const size_t l3 = kEthernetBytes + (tagged ? kVlanTagBytes : 0);
  uint8_t* ip = b->data() + l3;
  const bool ipv6 = LoadBe16(ip - 2) == kEtherTypeIpv6;
  if ((mode & 2) != 0) {
    const size_t l3_bytes = b->size() - l3;
    if (ipv6 && l3_bytes >= Ipv6Header::kSize + UdpHeader::kSize) {
      const uint16_t length = static_cast<uint16_t>(l3_bytes - Ipv6Header::kSize);
      StoreBe16(ip + 4, length);
      StoreBe16(ip + Ipv6Header::kSize + 4, length);
    } else if (!ipv6) {
      StoreBe16(ip + 2, static_cast<uint16_t>(l3_bytes));
      StoreBe16(ip + Ipv4Header::kSize + 4, static_cast<uint16_t>(l3_bytes - Ipv4Header::kSize));
    }
  }
  if ((mode & 1) != 0 && !ipv6) {
    StoreBe16(ip + 10, 0);
    StoreBe16(ip + 10, InternetChecksum(ip, Ipv4Header::kSize));
  }
}

void CheckSyndrome(const Aeth& a) {
  Require(a.IsAck() + a.IsRnr() + a.IsNak() <= 1, "syndrome kinds");
  Require(!a.IsAck() || Aeth::AckSyndrome(a.credit_code()) == a.syndrome, "ACK syndrome");
  Require(!a.IsRnr() || Aeth::RnrSyndrome(a.rnr_timer()) == a.syndrome, "RNR syndrome");
  Require(!a.IsNak() || Aeth::NakSyndrome(a.nak_code()) == a.syndrome, "NAK syndrome");
  Require(CreditCode(CreditCount(a.credit_code())) <= a.credit_code(), "credit code");
  Require(RnrTimerCode(RnrTimer(a.rnr_timer())) == a.rnr_timer(), "RNR timer code");
}

void CompareViewWithValue(const FrameView& v, const DecodedFrame& f) {
  Require(v.opcode == f.bth.opcode && v.dest_qpn == f.bth.dest_qpn && v.psn == f.bth.psn &&
              v.pkey == f.bth.pkey && v.pad == f.bth.pad_count &&
              v.ack_request == f.bth.ack_request && v.solicited == f.bth.solicited &&
              v.mig_req == f.bth.mig_req && v.fecn() == f.bth.fecn && v.becn() == f.bth.becn,
          "BTH of view and value");
  Require(v.ipv6 == f.ipv6() && v.ecn == f.ecn() && v.dscp == f.dscp() &&
              v.source() == f.source_ip() && v.destination() == f.destination_ip() &&
              v.source_mac() == f.source && v.destination_mac() == f.destination &&
              v.has_vlan == f.vlan_tci.has_value() && v.source_port() == f.udp.source_port &&
              v.udp_checksum() == f.udp.checksum,
          "addresses of view and value");
  Require(!v.has_vlan || v.vlan_tci == *f.vlan_tci, "tag of view and value");
  Require(f.decoded() && v.ce() == (f.ecn() == static_cast<uint8_t>(Ecn::kCe)), "CE");
  Require(!v.source().is_v4() || IpAddress::FromV4(v.source().v4()) == v.source(), "IPv4 address");
  Require(v.destination().is_unspecified() == (v.destination().bytes() == IpAddress().bytes()),
          "unspecified address");
  Require(NameOf(v.opcode)[0] != 0, "name");
  // Both senders' ports lie in the range that RoCEv2 asks for.
  Require(ConnectedSourcePort(0, v.dest_qpn, v.psn.value()) >= 0xc000 &&
              DatagramSourcePort(v.dest_qpn) >= 0xc000,
          "source port");
  Require(!(v.traits->middle && (v.traits->starts() || v.traits->ends())), "place in the message");
  Require(v.payload_length == f.payload.size() && v.pad == f.pad.size(), "payload length");
  Require(v.traits->deth == f.deth.has_value() && (!f.deth || v.deth() == *f.deth), "DETH");
  Require(v.traits->reth == f.reth.has_value() && (!f.reth || v.reth() == *f.reth), "RETH");
  Require(v.traits->aeth == f.aeth.has_value() && (!f.aeth || v.aeth() == *f.aeth), "AETH");
  if (f.aeth) CheckSyndrome(*f.aeth);
  Require(v.traits->ieth == f.ieth.has_value() && (!f.ieth || v.ieth() == *f.ieth), "IETH");
  Require(v.traits->imm == f.imm.has_value() && (!f.imm || v.imm() == f.imm->value), "ImmDt");
  Require(v.traits->extended == (f.extended_data || f.extended_ack), "headers of the extension");
  Require(!f.extended_data || v.extended_data() == *f.extended_data, "extended data");
  Require(!f.extended_target || v.extended_target() == *f.extended_target, "extended target");
  Require(!f.extended_ack || v.extended_ack() == *f.extended_ack, "extended acknowledgement");
  Require(!f.extended_request || v.extended_request() == *f.extended_request, "extended request");
  Require(!f.extended_operands || v.extended_operands() == *f.extended_operands, "operands");
  Require(!f.extended_original || v.extended_original() == *f.extended_original, "original");
  Require(!f.extended_key || v.extended_key() == *f.extended_key, "extended key");
  Require((v.shim() != nullptr) == f.shim.has_value() &&
              (!f.shim || TelemetryShim::Read(v.shim()) == *f.shim),
          "telemetry");
  Require(!f.sack_block || v.sack_block() == *f.sack_block, "SACK block");
  Require(!f.atomic_eth || v.atomic_eth() == *f.atomic_eth, "AtomicETH");
  Require(!f.atomic_ack_eth || v.atomic_ack_eth() == *f.atomic_ack_eth, "AtomicAckETH");
}

void CheckIcrc(const FrameView& v, const DecodedFrame& f, std::span<const uint8_t> frame,
               size_t cut) {
  Require(IcrcGood(v) == f.IcrcOk(), "iCRC of view and value");
  const size_t n = v.l3_to_payload_bytes();
  const uint32_t headers = IcrcOfHeaders(v);
  const size_t once = std::min(n, kMaxIcrcHeaderBytes);
  std::vector<uint8_t> l3(v.l3, v.l3 + n);
  if (v.shim() != nullptr) {
    std::fill_n(l3.begin() + (v.shim() - v.l3), TelemetryShim::kSize, uint8_t{0xff});
  }
  const uint32_t first = kPortableCrc.headers(l3.data(), v.ipv6, once);
  Require(headers == kPortableCrc.crc(first, l3.data() + once, n - once), "kernels on headers");
  const size_t rest = v.payload_length + v.pad;
  const Block payload(frame.subspan(v.header_bytes, rest));
  const uint32_t whole = Crc(headers, payload.bytes.get(), rest);
  Require(whole == kPortableCrc.crc(headers, payload.bytes.get(), rest), "kernels on payload");
  Require(whole == f.ComputedIcrc(), "iCRC in pieces");

  const size_t at = rest == 0 ? 0 : cut % (rest + 1);
  const ByteRun runs[] = {{payload.bytes.get(), at}, {payload.bytes.get() + at, rest - at}};
  Require(whole == Crc(headers, runs), "iCRC of runs");
  const Block copy(payload.span());
  std::memset(copy.bytes.get(), 0, rest);
  Require(whole == CrcCopy(headers, copy.bytes.get(), runs), "iCRC of a copy");
  Require(std::memcmp(copy.bytes.get(), payload.bytes.get(), rest) == 0, "the copy");
  std::memset(copy.bytes.get(), 0, rest);
  Require(whole == kPortableCrc.crc_copy(headers, copy.bytes.get(), payload.bytes.get(), rest),
          "iCRC of a portable copy");

  std::vector<uint8_t> sealed(frame.begin(),
                              frame.begin() + static_cast<ptrdiff_t>(v.frame_bytes()));
  SealFrame(sealed.data(), static_cast<size_t>(v.l3 - v.frame), v.ipv6, v.icrc_offset());
  Require(LoadLe32(sealed.data() + v.icrc_offset()) == whole, "SealFrame");
}

// A template for the frame's path parses as that path.
void CheckTemplate(const FrameView& v) {
  PathHeader path;
  path.source = v.source_mac();
  path.destination = v.destination_mac();
  if (v.has_vlan) path.vlan_tci = v.vlan_tci;
  path.source_ip = v.source();
  path.destination_ip = v.destination();
  path.dscp = v.dscp;
  path.ecn = v.ecn;
  path.hop_limit = v.hop_limit();
  path.source_port = v.source_port();
  const HeaderTemplate head(path);
  // An IPv6 frame between two mapped addresses has no template of its own: it would be IPv4.
  if (head.ipv6() != v.ipv6) return;
  Require(head.l3_offset() == static_cast<size_t>(v.l3 - v.frame), "place of the IP header");
  std::vector<uint8_t> out(head.size() + v.transport_bytes);
  head.Write(out.data(), v.transport_bytes);
  std::memcpy(out.data() + head.size(), v.bth, v.frame + v.header_bytes - v.bth);
  FrameView w;
  Require(ParseFrame(out, static_cast<uint32_t>(out.size()), &w) == DropCause::kNone, "template");
  Require(w.source() == v.source() && w.destination() == v.destination() && w.ecn == v.ecn &&
              w.dscp == v.dscp && w.hop_limit() == v.hop_limit() && w.has_vlan == v.has_vlan &&
              w.psn == v.psn && w.payload_length == v.payload_length,
          "path of the template");
}

// The bytes need not be a whole datagram.
void CheckMad(std::span<const uint8_t> bytes) {
  for (const size_t n : {bytes.size(), kMadBytes}) {
    if (n > bytes.size()) continue;
    const Block mad(bytes.first(n));
    CmMad decoded;
    const MadFault fault = DecodeCm(mad.span(), &decoded);
    Require(NameOf(fault)[0] != 0, "name of a fault");
    if (fault != MadFault::kNone) continue;
    CmMad again;
    Require(DecodeCm(EncodeCm(decoded), &again) == MadFault::kNone && again == decoded,
            "fields of an encoded datagram");
    Require(NameOf(decoded.attribute())[0] != 0, "name of a message");
  }
  if (bytes.size() < IpCmHeader::kSize) return;
  const Block ip(bytes.first(IpCmHeader::kSize));
  const auto header = IpCmHeader::Read(ip.bytes.get());
  if (!header) return;
  uint8_t out[IpCmHeader::kSize];
  header->Write(out);
  Require(std::memcmp(out, ip.bytes.get(), sizeof(out)) == 0, "IP addresses of a REQ");
}

// What a switch has cut is nothing that is whole, and what is left is all that is read.
void CheckTrimmed(std::span<const uint8_t> frame, DropCause cause) {
  FrameView view;
  if (!ParseTrimmed(frame, static_cast<uint32_t>(frame.size()), &view)) return;
  Require(cause == DropCause::kLength, "a trimmed frame is too short for its lengths");
  const uint8_t* const end = view.extension + ExtendedData::kSize;
  Require(end <= frame.data() + frame.size(), "what a trimmed frame must have");
  Require(view.extended_data() == ExtendedData::Read(view.extension), "header of a trimmed frame");
}

void CheckFrame(std::span<const uint8_t> frame, size_t cut) {
  FrameView view;
  const DropCause cause = ParseFrame(frame, static_cast<uint32_t>(frame.size()), &view);
  Require(cause != DropCause::kIcrc && cause != DropCause::kUdpChecksum, "cause");
  for (size_t i = 0; i <= kDropCauses; ++i) {
    Require(NameOf(static_cast<DropCause>(i))[0] != 0, "name of a cause");
  }
  CheckTrimmed(frame, cause);
  const auto value = Decode(frame);
  Require(!value.ok() || IsRoce(frame), "a value that is not RoCEv2");
  if (value.ok()) {
    Require(value->cause == cause, "cause of view and value");
    const std::vector<uint8_t> again = value->Encode();
    Require(
        again.size() == frame.size() && std::memcmp(again.data(), frame.data(), again.size()) == 0,
        "Encode gives the bytes back");
    const auto twice = Decode(again);
    Require(twice.ok() && *twice == *value, "Decode of Encode");
  }
  if (cause != DropCause::kNone) return;
  Require(value.ok(), "what ParseFrame takes, Decode takes");
  CompareViewWithValue(view, *value);
  CheckMad(value->payload);
  CheckIcrc(view, *value, frame, cut);
  CheckTemplate(view);

  const Block head(frame.first(view.header_bytes));
  FrameView alone;
  Require(ParseFrame(head.span(), static_cast<uint32_t>(frame.size()), &alone) == DropCause::kNone,
          "headers alone");
  Require(alone.payload_length == view.payload_length && alone.psn == view.psn &&
              IcrcOfHeaders(alone) == IcrcOfHeaders(view),
          "view of the headers alone");
  const Block short_of_one(frame.first(view.header_bytes - 1));
  Require(ParseFrame(short_of_one.span(), static_cast<uint32_t>(frame.size()), &alone) ==
              DropCause::kRunt,
          "headers without their last byte");
  Require(ParseFrame(head.span(), static_cast<uint32_t>(view.frame_bytes() - 1), &alone) ==
              DropCause::kLength,
          "frame without its last byte");
  const Block cut_off(frame.first(view.frame_bytes() - 1));
  Require(!Decode(cut_off.span()).ok(), "value of a frame without its last byte");
  Require(ParseFrame(head.span(), static_cast<uint32_t>(view.frame_bytes()), &alone) ==
              DropCause::kNone,
          "frame without Ethernet padding");
  const Block tail(frame.subspan(view.header_bytes));
  const ByteRun rest[] = {{tail.bytes.get(), tail.size}};
  Require(CheckUdpChecksum(alone, head.span(), rest) == CheckUdpChecksum(view, frame),
          "UDP checksum in pieces");
}

void CheckText(std::string_view text) {
  const auto ip = IpAddress::Parse(text);
  if (ip.ok()) Require(*IpAddress::Parse(ip->ToString()) == *ip, "IP address as text");
  const auto mac = MacAddress::Parse(text);
  if (mac.ok()) Require(*MacAddress::Parse(mac->ToString()) == *mac, "MAC address as text");
}

// What stands alone in a datagram or in private data, and what people read of it.
void CheckAlone(std::span<const uint8_t> bytes) {
  if (bytes.size() < PathProbe::kSize) return;
  const Block probe(bytes.first(PathProbe::kSize));
  uint8_t again[PathProbe::kSize];
  PathProbe::Read(probe.bytes.get()).Write(again);
  Require(std::memcmp(again, probe.bytes.get(), sizeof again) == 0, "a path MTU probe as written");
  Require(ProbePayload(bytes[0] % 8) > PathProbe::kSize, "a probe's room");
  const uint16_t number = LoadBe16(bytes.data());
  Require(NameOf(static_cast<CmAttribute>(number))[0] != 0, "the name of an attribute");
  Require(NameOf(static_cast<CmReason>(number))[0] != 0, "the name of a reason");
  Require(NameOf(static_cast<MadFault>(number % kMadFaults))[0] != 0, "the name of a fault");
}

// A switch adds one report, or counts itself, and never shortens the longest wait.
void CheckShim(std::span<const uint8_t> bytes) {
  if (bytes.size() < TelemetryShim::kSize + HopReport::kSize) return;
  Block shim(bytes.first(TelemetryShim::kSize));
  const TelemetryShim before = TelemetryShim::Read(shim.bytes.get());
  const HopReport report = HopReport::Read(bytes.data() + TelemetryShim::kSize);
  TelemetryShim::Append(shim.bytes.get(), report, report.queue);
  const TelemetryShim after = TelemetryShim::Read(shim.bytes.get());
  Require(after.wait == std::max(before.wait, report.queue), "the longest wait");
  const bool room = before.hops < TelemetryShim::kHops;
  Require(after.hops == before.hops + (room ? 1 : 0), "reports");
  if (room) Require(after.hop[before.hops] == report, "the report");
  if (!room) Require(after.uncounted == std::min(before.uncounted + 1, 255), "uncounted");
}

}  // namespace
}  // namespace sluice::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::wire;
  if (size == 0) return 0;
  std::vector<uint8_t> frame(data + 1, data + size);
  CheckText({reinterpret_cast<const char*>(frame.data()), frame.size()});
  CheckMad(frame);
  CheckAlone(frame);
  CheckShim(frame);
  Repair(data[0], &frame);
  const Block block(frame);
  CheckFrame(block.span(), data[0] >> 2);
  // The same frame as far as a cut: never more than the block.
  const Block part(block.span().first(block.size * (data[0] >> 2) / 64));
  FrameView view;
  ParseFrame(part.span(), static_cast<uint32_t>(block.size), &view);
  CheckFrame(part.span(), 0);
  return 0;
}
