#include "pcap/show.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "pcap/show_cm.h"
#include "wire/opcode.h"

namespace sluice::pcap {
namespace {

// "RC_SEND_ONLY", or "RESERVED_0x1f" for an opcode without a meaning of its own.
std::string OpcodeName(wire::Opcode opcode) {
  const wire::OpcodeTraits& traits = wire::TraitsOf(opcode);
  if (traits.known) return traits.name;
  return absl::StrFormat("%s_0x%02x", traits.name, static_cast<unsigned>(opcode));
}

const char* AethKind(const wire::Aeth& aeth) {
  if (aeth.IsAck()) return "ack";
  if (aeth.IsRnr()) return "rnr_nak";
  return aeth.IsNak() ? "nak" : "reserved";
}

std::string AethText(const wire::Aeth& aeth) {
  constexpr const char* kNaks[] = {"psn_sequence_error", "invalid_request", "remote_access_error",
                                   "remote_operational_error", "invalid_rd_request"};
  std::string text;
  if (aeth.IsAck()) {
    text = absl::StrFormat("ack credit=%d", aeth.credit_code());
  } else if (aeth.IsRnr()) {
    text = absl::StrFormat("rnr_nak timer=%d", aeth.rnr_timer());
  } else if (aeth.IsNak()) {
    const size_t code = static_cast<size_t>(aeth.nak_code());
    text = absl::StrFormat("nak %s", code < 5 ? kNaks[code] : "reserved");
  } else {
    text = absl::StrFormat("syndrome=0x%02x", aeth.syndrome);
  }
  return text + absl::StrFormat(" msn=%d", aeth.msn);
}

// What stands behind the BTH.
std::string Extensions(const wire::DecodedFrame& f) {
  std::string text;
  if (f.deth) text += absl::StrFormat(" qkey=0x%x from=%d", f.deth->qkey, f.deth->source_qpn);
  if (f.reth) {
    text += absl::StrFormat(" va=0x%x rkey=0x%x dma=%dB", f.reth->va, f.reth->rkey, f.reth->length);
  }
  if (f.atomic_eth) {
    const wire::AtomicEth& a = *f.atomic_eth;
    text += absl::StrFormat(" va=0x%x rkey=0x%x swap_add=0x%x compare=0x%x", a.va, a.rkey,
                            a.swap_or_add, a.compare);
  }
  if (f.aeth) text.append(" ").append(AethText(*f.aeth));
  if (f.atomic_ack_eth) text += absl::StrFormat(" original=0x%x", f.atomic_ack_eth->original);
  if (f.ieth) text += absl::StrFormat(" invalidate=0x%x", f.ieth->rkey);
  if (f.imm) text += absl::StrFormat(" imm=0x%x", f.imm->value);
  if (f.bth.solicited) text += " solicited";
  if (f.bth.becn) text += " becn";
  if (f.bth.fecn) text += " fecn";
  if (const std::optional<wire::CmMad> mad = CmOf(f)) text += " " + CmText(*mad);
  return text;
}

void AddRareHeaders(const wire::DecodedFrame& f, cli::Json* j) {
  if (f.deth) {
    (*j)["deth"] = {{"qkey", f.deth->qkey}, {"source_qpn", f.deth->source_qpn}};
  }
  if (f.atomic_eth) {
    (*j)["atomic_eth"] = {{"va", f.atomic_eth->va},
                          {"rkey", f.atomic_eth->rkey},
                          {"swap_or_add", f.atomic_eth->swap_or_add},
                          {"compare", f.atomic_eth->compare}};
  }
  if (f.atomic_ack_eth) (*j)["atomic_ack_eth"] = {{"original", f.atomic_ack_eth->original}};
  if (f.ieth) (*j)["ieth"] = {{"rkey", f.ieth->rkey}};
  if (f.imm) (*j)["imm"] = f.imm->value;
  if (const std::optional<wire::CmMad> mad = CmOf(f)) (*j)["cm"] = CmJson(*mad);
}

}  // namespace

std::optional<Packet> ReadPacket(const CapturedFrame& captured) {
  if (!wire::IsRoce(captured.bytes)) return std::nullopt;
  Packet p;
  p.number = captured.number;
  p.time_ns = captured.time_ns;
  p.length = captured.length;
  if (captured.cut()) {
    p.reason = absl::StrFormat("cut to %d of %d bytes by the capture", captured.bytes.size(),
                               captured.length);
    return p;
  }
  absl::StatusOr<wire::DecodedFrame> frame = wire::Decode(captured.bytes);
  if (!frame.ok()) {
    p.reason = std::string(frame.status().message());
    return p;
  }
  if (!frame->decoded()) p.reason = wire::NameOf(frame->cause);
  p.icrc_ok = frame->IcrcOk();
  p.frame = *std::move(frame);
  return p;
}

cli::Json ToJson(const Packet& p) {
  cli::Json j;
  j["frame"] = p.number;
  j["time_ns"] = p.time_ns;
  j["length_bytes"] = p.length;
  if (!p.reason.empty()) j["undecoded"] = p.reason;
  if (!p.frame) return j;
  const wire::DecodedFrame& f = *p.frame;
  j["source_mac"] = f.source.ToString();
  j["destination_mac"] = f.destination.ToString();
  j["source"] = f.source_ip().ToString();
  j["destination"] = f.destination_ip().ToString();
  j["source_port"] = f.udp.source_port;
  j["opcode"] = OpcodeName(f.bth.opcode);
  j["qpn"] = f.bth.dest_qpn;
  j["psn"] = f.bth.psn.value();
  j["ackreq"] = f.bth.ack_request;
  j["solicited"] = f.bth.solicited;
  j["fecn"] = f.bth.fecn;
  j["becn"] = f.bth.becn;
  j["ecn"] = f.ecn();
  j["dscp"] = f.dscp();
  j["aeth"] = nullptr;
  if (f.aeth) {
    j["aeth"] = {{"syndrome", f.aeth->syndrome}, {"kind", AethKind(*f.aeth)}, {"msn", f.aeth->msn}};
  }
  j["reth"] = nullptr;
  if (f.reth) {
    j["reth"] = {{"va", f.reth->va}, {"rkey", f.reth->rkey}, {"length_bytes", f.reth->length}};
  }
  AddRareHeaders(f, &j);
  j["payload_bytes"] = f.payload.size();
  j["icrc_ok"] = p.icrc_ok;
  return j;
}

std::string LineWriter::Line(const Packet& p) {
  if (!began_ns_) began_ns_ = p.time_ns;
  const double ms = static_cast<double>(p.time_ns - *began_ns_) * 1e-6;
  std::string line = absl::StrFormat("%5d %11.3fms ", p.number, ms);
  if (!p.frame) return line + absl::StrFormat("undecoded: %s\n", p.reason);

  const wire::DecodedFrame& f = *p.frame;
  const std::string source = f.source_ip().ToString();
  const std::string destination = f.destination_ip().ToString();
  address_width_ = std::max({address_width_, source.size(), destination.size()});
  constexpr const char* kEcn[] = {"-", "ect1", "ect0", "ce"};
  line += absl::StrFormat("%-*s > %-*s %-25s qpn=%-8d psn=%-8d %s %-4s %4dB %s", address_width_,
                          source, address_width_, destination, OpcodeName(f.bth.opcode),
                          f.bth.dest_qpn, f.bth.psn.value(), f.bth.ack_request ? "A" : "-",
                          kEcn[f.ecn() & 3], p.length, p.icrc_ok ? "icrc=ok" : "icrc=BAD");
  line.append(Extensions(f));
  if (!p.reason.empty()) line += absl::StrFormat(" undecoded: %s", p.reason);
  return line + "\n";
}

}  // namespace sluice::pcap
