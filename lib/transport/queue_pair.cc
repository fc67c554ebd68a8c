#include "transport/queue_pair.h"

#include <algorithm>
#include <cstring>

#include "base/be.h"
#include "base/checks.h"
#include "transport/admission.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

bool Served(const wire::OpcodeTraits& t, bool extended) {
  if (t.service == wire::Service::kCnp) return true;
  return extended ? t.extended : t.service == wire::Service::kRc;
}

// The room of a slot of the send queue for data copied into it: of an atomic its operands.
size_t InlineRoom(uint32_t max_inline) {
  return (std::max<size_t>(max_inline, sizeof(AtomicOperands)) + 7) / 8 * 8;
}

// With shared receives the own queue only holds the one that is bound to the message under way.
size_t ReceiveDepth(const QueuePairConfig& c) {
  return c.shared_receives != nullptr ? 1 : c.receive_depth;
}
size_t ReceiveSegments(const QueuePairConfig& c) {
  return c.shared_receives != nullptr ? c.shared_receives->max_segments() : c.max_segments;
}
size_t SendRoom(const QueuePairConfig& c) {
  return SendQueue::RoomFor(c.send_depth, c.max_segments, InlineRoom(c.max_inline));
}
size_t ReceiveRoom(const QueuePairConfig& c) {
  return ReceiveQueue::RoomFor(ReceiveDepth(c), ReceiveSegments(c));
}

// Asks for the lines from `begin` to before `end`.
void Fetch(const void* begin, const void* end) {
  for (const std::byte* at = static_cast<const std::byte*>(begin); at < end; at += 64) {
    __builtin_prefetch(at, 1);
  }
}

}  // namespace

size_t QueuePair::RoomFor(const QueuePairConfig& config) {
  return SendRoom(config) + ReceiveRoom(config);
}

QueuePair::QueuePair(uint32_t qpn, const QueuePairConfig& config, std::byte* room)
    : type_(config.type),
      qpn_(qpn),
      pd_(config.pd),
      reads_(this),
      responder_(&receive_queue_, config.receive_completions, &reads_, qpn),
      requester_(&send_queue_, config.send_completions, qpn),
      send_queue_(config.send_depth, config.max_segments, InlineRoom(config.max_inline), room),
      receive_queue_(ReceiveDepth(config), ReceiveSegments(config), 0,
                     room == nullptr ? nullptr : room + SendRoom(config)) {
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

void QueuePair::PrefetchFor(Touch touch) const {
  Fetch(this, &responder_);
  if (touch == Touch::kRequest) {
    Fetch(&responder_, &flow_);
    Fetch(receiver_storage_, receiver_storage_ + 1);
    Fetch(&receive_queue_, &receive_queue_ + 1);
  } else {
    // With the end of the responder: whether it has something to say.
    Fetch(&flow_, receiver_storage_);
    Fetch(&send_queue_, &receive_queue_);
  }
}

void QueuePair::PrefetchExtended() const { Fetch(sr_.get(), sr_.get() + 1); }

void QueuePair::PrefetchReceive() const {
  if (receive_queue_.head() == receive_queue_.tail()) return;
  const ReceiveWork& work = receive_queue_.At(receive_queue_.head());
  if (work.segment_count > 0) __builtin_prefetch(work.segments[0].data, 1);
}

void QueuePair::DestroyReceiver() {
  if (receiver_half_ != nullptr) receiver_half_->~ReceiverHalf();
  receiver_half_ = nullptr;
}

RxDrop QueuePair::Admit(const wire::FrameView& view) const {
  if (Enabled(Check::kPkey) && !SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
  if (Enabled(Check::kService) && !Served(*view.traits, sr_ != nullptr)) return RxDrop::kService;
  if (Enabled(Check::kState) && (view.traits->request ? !Receives(state()) : !Sends(state()))) {
    return RxDrop::kQpState;
  }
  if (Enabled(Check::kSourceAddress) && !data_path_.ComesBack(view.l3, view.ipv6)) {
    return RxDrop::kSourceAddress;
  }
  if (Enabled(Check::kDestinationAddress) && !data_path_.ComesHome(view.l3, view.ipv6)) {
    return RxDrop::kDestinationAddress;
  }
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
  if (sr_ != nullptr) [[unlikely]]
    return OnExtended(ctx, view, packet);
  if (view.traits->request) {
    if (!responder_.OnRequest(ctx, view, packet)) Fail(ctx);
    return;
  }
  OnResponse(ctx, view, packet);
}

void QueuePair::OnReadResponse(Context& ctx, const wire::FrameView& view,
                               const port::Packet& packet) {
  RxDrop drop = RxDrop::kNone;
  const bool ok = requester_.OnReadResponse(ctx, view, packet, &drop);
  if (drop != RxDrop::kNone) ctx.drops.Add(drop);
  // It is data: the peer's second flow wants to hear of marks.
  if (drop != RxDrop::kIcrc) {
    responder_.TellReceiverHalf(ctx, view, packet, drop == RxDrop::kNone);
  }
  if (!ok) Fail(ctx);
}

// A notification counts only for what is under way, and does not say which of the two flows.
void QueuePair::OnCnp(Context& ctx) {
  const bool responses = reads_.Active(ctx.now) || (sr_ != nullptr && sr_->responder.owes());
  const bool outstanding = sr_ == nullptr ? requester_.outstanding() : sr_->sender.outstanding();
  if (Enabled(Check::kCnpOutstanding) && !outstanding && !responses) {
    ctx.counters.Add(Count::kCnpsIgnored);
    return;
  }
  if (Enabled(Check::kCnpRate) && !cnp_gate_.Take(ctx.now)) {
    ctx.counters.Add(Count::kCnpsOverRate);
    return;
  }
  ctx.counters.Add(Count::kCnpsReceived);
  if (responses) reads_.flow()->OnCnp({ctx.now, Bytes(0)});
  if (!outstanding) return;
  flow_.OnCnp({ctx.now, sr_ == nullptr ? requester_.in_flight() : sr_->sender.in_flight()});
}

void QueuePair::OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (view.traits->read_response) return OnReadResponse(ctx, view, packet);
  if (Enabled(Check::kResponseIcrc) && !FrameIntact(ctx, view, packet)) {
    ctx.drops.Add(RxDrop::kIcrc);
    return;
  }
  if (view.traits->service == wire::Service::kCnp) {
    OnCnp(ctx);
    return;
  }
  if (view.traits->atomic_ack_eth) {
    if (!requester_.OnAtomicResponse(ctx, view)) Fail(ctx);
    return;
  }
  ctx.StampFrom(packet);
  if (!requester_.OnAcknowledge(ctx, view.aeth(), view.psn)) Fail(ctx);
}

void QueuePair::OnTimers(Context& ctx) {
  if (!Sends(state())) return;
  if (flow_.has_deadline() && flow_.deadline() <= ctx.now) flow_.OnDeadline(ctx.now);
  if (SendFlow* second = reads_.flow(); second != nullptr) {
    if (second->has_deadline() && second->deadline() <= ctx.now) second->OnDeadline(ctx.now);
  }
  if (!(sr_ == nullptr ? requester_.OnTimers(ctx) : sr_->OnTimers(ctx))) Fail(ctx);
}

OptionalTime QueuePair::TimerDeadline() const {
  if (!Sends(state())) return std::nullopt;
  if (sr_ == nullptr) return PlainDeadline();
  OptionalTime d = sr_->Deadline();
  if (flow_.has_deadline()) d = d ? Earlier(*d, flow_.deadline()) : flow_.deadline();
  return d;
}

void QueuePair::WriteNext(Context& ctx, port::Packet* packet) {
  if (unacked_ != nullptr) [[unlikely]]
    return WriteUnacked(ctx, packet);
  if (sr_ != nullptr) [[unlikely]]
    return WriteExtended(ctx, packet);
  OutgoingPacket out;
  requester_.Next(ctx, &out);
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  ctx.framer.Write(packet, data_path_, out.bth, kEct0, out.extension, out.payload);
  last_frame_ = packet->frame_length;
  flow_.ChargeFrame(ctx.now, last_frame_);
}

void QueuePair::RunLocal(Context& ctx) {
  bool ok;
  if (unacked_ != nullptr) {
    ok = unacked_->requester.RunLocal(ctx, pd_);
  } else {
    ok = sr_ == nullptr ? requester_.RunLocal(ctx) : sr_->sender.RunLocal(ctx);
  }
  if (!ok) Fail(ctx);
}

void QueuePair::WriteResponse(Context& ctx, port::Packet* packet) {
  if (sr_ != nullptr) [[unlikely]]
    return WriteExtendedResponse(ctx, packet);
  OutgoingPacket out;
  Segment run;
  const bool ok = reads_.Next(ctx, responder_.CreditCodeNow(), &out, &run);
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  const bool data = wire::TraitsOf(out.bth.opcode).read_response;
  ctx.framer.Write(packet, data_path_, out.bth, data ? kEct0 : kNotEct, out.extension, out.payload);
  reads_.flow()->ChargeFrame(ctx.now, packet->frame_length);
  if (!reads_.pending()) responder_.OnResponsesSent(out.bth.psn);
  if (!ok) Fail(ctx);
}

void QueuePair::EndBurst(Context& ctx) {
  if (unacked_ != nullptr) [[unlikely]]
    return unacked_->requester.EndBurst(ctx);
  if (sr_ == nullptr) [[likely]] {
    requester_.EndBurst(ctx, last_frame_);
  } else {
    sr_->sender.EndBurst(ctx, last_frame_);
  }
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
  if (sr_ != nullptr) [[unlikely]]
    sr_->WriteAcknowledge(&bth, &extension);
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
  if (sr_ != nullptr) [[unlikely]] {
    if (state() == QpState::kError) return sr_->Flush(ctx);
    const bool receives = sr_->receiver.Settle(ctx);
    const bool sends = sr_->sender.Retire(ctx);
    // Not for want of room: what comes next is invalid.
    if (!receives && !sr_->receiver.HoldsCompletions()) Fail(ctx);
    return sends && receives;
  }
  if (state() != QpState::kError) return requester_.Retire(ctx);
  const bool sends = requester_.Flush(ctx);
  const bool receives = responder_.Flush(ctx);
  return sends && receives;
}

void QueuePair::Fail(Context& ctx) {
  state_.store(QpState::kError, std::memory_order_release);
  reads_.Clear();
  Settle(ctx);
}

}  // namespace sluice::transport
