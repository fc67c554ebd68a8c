#include "transport/queue_pair.h"

#include <cstring>

#include "base/be.h"
#include "transport/admission.h"
#include "wire/icrc.h"
#include "wire/opcode.h"
#include "wire/source_port.h"

namespace sluice::transport {
namespace {

// What this build serves; the other known opcodes come with their verbs.
bool Served(const wire::OpcodeTraits& t) {
  if (t.service == wire::Service::kCnp) return true;
  return t.service == wire::Service::kRc && ((t.send && !t.ieth) || t.write || t.acknowledge);
}

}  // namespace

QueuePair::QueuePair(uint32_t qpn, const QueuePairConfig& config)
    : qpn_(qpn),
      pd_(config.pd),
      type_(config.type),
      requester_(&send_queue_, config.send_completions, qpn),
      responder_(&receive_queue_, config.receive_completions, qpn),
      send_queue_(config.send_depth, config.max_segments),
      // With shared receives it only holds the one that is bound to the message under way.
      receive_queue_(
          config.shared_receives != nullptr ? 1 : config.receive_depth,
          config.shared_receives != nullptr ? config.shared_receives->max_segments()
                                            : config.max_segments) {
  flow_.owner = this;
  flow_.timer.order = qpn;
  responder_.SetShared(config.shared_receives);
  if (type_ != QpType::kRc) {
    unacked_ = std::make_unique<UnackedHalves>(type_, &send_queue_, &receive_queue_,
                                               config.shared_receives, config.send_completions,
                                               config.receive_completions, qpn);
  }
}

QueuePair::~QueuePair() { DestroyReceiver(); }

void QueuePair::DestroyReceiver() {
  if (receiver_half_ != nullptr) receiver_half_->~ReceiverHalf();
  receiver_half_ = nullptr;
}

RxDrop QueuePair::Admit(const wire::FrameView& view) const {
  if (!SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
  if (!Served(*view.traits)) {
    const bool ours = view.traits->service == wire::Service::kRc;
    return ours ? RxDrop::kUnsupported : RxDrop::kService;
  }
  if (view.traits->request ? !Receives(state()) : !Sends(state())) return RxDrop::kQpState;
  if (!(view.source() == peer_address_)) return RxDrop::kSourceAddress;
  return RxDrop::kNone;
}

void QueuePair::OnPacket(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (unacked_ != nullptr) [[unlikely]]
    return OnUnacked(ctx, view, packet);
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
  if (!FrameIntact(ctx, view, packet)) {
    ctx.drops.Add(RxDrop::kIcrc);
    return;
  }
  if (view.traits->service == wire::Service::kCnp) {
    // A notification counts only for what is under way.
    if (!requester_.outstanding()) {
      ctx.counters.Add(Count::kCnpsIgnored);
      return;
    }
    ctx.counters.Add(Count::kCnpsReceived);
    flow_.OnCnp({ctx.now, requester_.in_flight()});
    return;
  }
  if (!requester_.OnAcknowledge(ctx, view.aeth(), view.psn)) Fail(ctx);
}

void QueuePair::OnTimers(Context& ctx) {
  if (!Sends(state())) return;
  if (flow_.has_deadline() && flow_.deadline() <= ctx.now) flow_.OnDeadline(ctx.now);
  if (!requester_.OnTimers(ctx)) Fail(ctx);
}

std::optional<Time> QueuePair::TimerDeadline() const {
  if (!Sends(state())) return std::nullopt;
  std::optional<Time> d = requester_.Deadline();
  if (flow_.has_deadline()) d = d ? Earlier(*d, flow_.deadline()) : flow_.deadline();
  return d;
}

void QueuePair::WriteNext(Context& ctx, port::Packet* packet) {
  if (unacked_ != nullptr) [[unlikely]]
    return WriteUnacked(ctx, packet);
  OutgoingPacket out;
  requester_.Next(ctx, &out);
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  ctx.framer.Write(packet, data_path_, out.bth, kEct0, out.extension, out.payload);
  last_frame_ = packet->frame_length;
  flow_.ChargeFrame(ctx.now, last_frame_);
}

void QueuePair::EndBurst(Context& ctx) {
  if (unacked_ != nullptr) [[unlikely]]
    return unacked_->requester.EndBurst(ctx);
  requester_.EndBurst(ctx, last_frame_);
}

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
  if (unacked_ != nullptr) return SettleUnacked(ctx);
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
