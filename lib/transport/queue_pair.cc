#include "transport/queue_pair.h"

#include <cstring>

#include "base/be.h"
#include "base/checks.h"
#include "transport/payload.h"
#include "wire/icrc.h"
#include "wire/opcode.h"
#include "wire/source_port.h"

namespace sluice::transport {
namespace {

// Data may be marked by the fabric; ACKs and CNPs must not be (design decision on the receiver
// half: data is ECT(0), ACK and CNP Not-ECT).
constexpr uint8_t kEct0 = 2;
constexpr uint8_t kNotEct = 0;

// The lower 15 bits name the partition; two limited members may not talk (IBTA 1.4, 10.9.3).
bool SamePartition(uint16_t a, uint16_t b) {
  return ((a ^ b) & 0x7fff) == 0 && ((a | b) & 0x8000) != 0;
}

bool IcrcAccepted(const Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (packet.rx.icrc != port::IcrcState::kUnknown) {
    return packet.rx.icrc == port::IcrcState::kGood;
  }
  return !ctx.check_icrc || ReceivedPayload(packet, view).IcrcMatches();
}

// What this build serves; the other known opcodes come with their verbs.
bool Served(const wire::OpcodeTraits& t) {
  if (t.service == wire::Service::kCnp) return true;
  return t.service == wire::Service::kRc && ((t.send && !t.ieth) || t.write || t.acknowledge);
}

}  // namespace

QueuePair::QueuePair(uint32_t qpn, const QueuePairConfig& config)
    : qpn_(qpn),
      pd_(config.pd),
      requester_(&send_queue_, config.send_completions, qpn),
      responder_(&receive_queue_, config.receive_completions, qpn),
      send_queue_(config.send_depth, config.max_segments),
      receive_queue_(config.receive_depth, config.max_segments) {
  flow_.owner = this;
  flow_.timer.order = qpn;
}

QueuePair::~QueuePair() { DestroyReceiver(); }

void QueuePair::DestroyReceiver() {
  if (receiver_half_ != nullptr) receiver_half_->~ReceiverHalf();
  receiver_half_ = nullptr;
}

void QueuePair::StartHalves(const Connection& c) {
  peer_qpn_ = c.peer_qpn;
  pkey_ = c.pkey;
  wire::PathHeader path = c.path;
  path.flow_label = c.flow_label;
  path.source_port = wire::ConnectedSourcePort(c.flow_label, qpn_, c.peer_qpn);
  data_path_ = wire::HeaderTemplate(path);
  cnp_dscp_ = c.cnp_dscp;
  requester_.Start({c.mtu, c.send_psn, c.ack_timeout, c.retry_count, c.rnr_retry}, &flow_);
  responder_.Start({c.mtu, c.receive_psn, c.min_rnr_timer, pd_}, receiver_half_);
  state_.store(QpState::kReadyToSend, std::memory_order_release);
}

RxDrop QueuePair::Admit(const wire::FrameView& view) const {
  if (Enabled(Check::kPkey) && !SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
  if (Enabled(Check::kService) && !Served(*view.traits)) {
    const bool ours = view.traits->service == wire::Service::kRc;
    return ours ? RxDrop::kUnsupported : RxDrop::kService;
  }
  if (Enabled(Check::kState) && state() != QpState::kReadyToSend) return RxDrop::kQpState;
  if (Enabled(Check::kSourceAddress) && !data_path_.ComesBack(view.l3, view.ipv6)) {
    return RxDrop::kSourceAddress;
  }
  if (Enabled(Check::kDestinationAddress) && !data_path_.ComesHome(view.l3, view.ipv6)) {
    return RxDrop::kDestinationAddress;
  }
  return RxDrop::kNone;
}

void QueuePair::OnPacket(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  const RxDrop drop = Admit(view);
  if (drop != RxDrop::kNone) {
    ctx.drops.Add(drop);
    return;
  }
  if (view.traits->send || view.traits->write) {
    if (!responder_.OnRequest(ctx, view, packet)) Fail(ctx);
    return;
  }
  OnResponse(ctx, view, packet);
}

void QueuePair::OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (Enabled(Check::kResponseIcrc) && !IcrcAccepted(ctx, view, packet)) {
    ctx.drops.Add(RxDrop::kIcrc);
    return;
  }
  if (view.traits->service == wire::Service::kCnp) {
    // A notification counts only for what is under way.
    if (Enabled(Check::kCnpOutstanding) && !requester_.outstanding()) {
      ctx.counters.Add(Count::kCnpsIgnored);
      return;
    }
    if (Enabled(Check::kCnpRate) && !cnp_rate_.Take(ctx.now)) {
      ctx.counters.Add(Count::kCnpsOverRate);
      return;
    }
    ctx.counters.Add(Count::kCnpsReceived);
    flow_.OnCnp({ctx.now, requester_.in_flight()});
    return;
  }
  if (!requester_.OnAcknowledge(ctx, view.aeth(), view.psn)) Fail(ctx);
}

void QueuePair::OnTimers(Context& ctx) {
  if (state() != QpState::kReadyToSend) return;
  if (flow_.has_deadline() && flow_.deadline() <= ctx.now) flow_.OnDeadline(ctx.now);
  if (!requester_.OnTimers(ctx)) Fail(ctx);
}

std::optional<Time> QueuePair::TimerDeadline() const {
  if (state() != QpState::kReadyToSend) return std::nullopt;
  std::optional<Time> d = requester_.Deadline();
  if (flow_.has_deadline()) d = d ? Earlier(*d, flow_.deadline()) : flow_.deadline();
  return d;
}

void QueuePair::WriteNext(Context& ctx, port::Packet* packet) {
  OutgoingPacket out;
  requester_.Next(ctx, &out);
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  ctx.framer.Write(packet, data_path_, out.bth, kEct0, out.extension, out.payload);
  last_frame_ = packet->frame_length;
  flow_.ChargeFrame(ctx.now, last_frame_);
}

void QueuePair::EndBurst(Context& ctx) { requester_.EndBurst(ctx, last_frame_); }

void QueuePair::WriteAcknowledge(Context& ctx, const Answer& answer, port::Packet* packet) const {
  wire::Bth bth;
  bth.opcode = wire::Opcode::kRcAcknowledge;
  bth.mig_req = true;
  bth.dest_qpn = peer_qpn_;
  bth.pkey = pkey_;
  bth.psn = answer.psn;
  Extension extension;
  answer.aeth.Write(extension.bytes);
  extension.length = wire::Aeth::kSize;
  ctx.framer.Write(packet, data_path_, bth, kNotEct, extension, {});
}

void QueuePair::WriteCnp(Context& ctx, port::Packet* packet) const {
  wire::Bth bth;
  bth.opcode = wire::Opcode::kCnp;
  bth.mig_req = true;
  bth.becn = true;
  bth.dest_qpn = peer_qpn_;
  bth.pkey = pkey_;
  Extension extension;
  std::memset(extension.bytes, 0, wire::kCnpReservedBytes);
  extension.length = wire::kCnpReservedBytes;
  ctx.counters.Add(Count::kCnpsSent);
  ctx.framer.Write(packet, data_path_.WithDscp(cnp_dscp_), bth, kNotEct, extension, {});
}

bool QueuePair::Settle(Context& ctx) {
  if (state() != QpState::kError) return requester_.Retire(ctx);
  const bool sends = requester_.Flush(ctx);
  const bool receives = responder_.Flush(ctx);
  return sends && receives;
}

void QueuePair::Fail(Context& ctx) {
  state_.store(QpState::kError, std::memory_order_release);
  Settle(ctx);
}

}  // namespace sluice::transport
