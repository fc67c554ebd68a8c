// The routes of a queue pair without acknowledgements: UC and UD.
#include "base/checks.h"
#include "transport/admission.h"
#include "transport/queue_pair.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

// A CNP counts for a flow that sent within this time: more than a round trip through any fabric,
// and nobody says what is in flight.
constexpr Duration kCnpRelevance = Duration::Milliseconds(1);

}  // namespace

RxDrop QueuePair::AdmitUnacked(const wire::FrameView& view) const {
  if (Enabled(Check::kUnackedPkey) && !SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
  const wire::Service service = view.traits->service;
  const bool notification = service == wire::Service::kCnp;
  const bool datagrams = type_ == QpType::kUd;
  if (Enabled(Check::kUnackedService) && !notification &&
      service != (datagrams ? wire::Service::kUd : wire::Service::kUc)) {
    return RxDrop::kService;
  }
  if (Enabled(Check::kUnackedState) && (notification ? !Sends(state()) : !Receives(state()))) {
    return RxDrop::kQpState;
  }
  if (Enabled(Check::kUcSourceAddress) && !datagrams && !data_path_.ComesBack(view.l3, view.ipv6)) {
    return RxDrop::kSourceAddress;
  }
  if (Enabled(Check::kUnackedDestinationAddress) && !data_path_.ComesHome(view.l3, view.ipv6)) {
    return RxDrop::kDestinationAddress;
  }
  return RxDrop::kNone;
}

void QueuePair::OnUnacked(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  RxDrop drop = AdmitUnacked(view);
  // Asked only of what passed so far: it reads the whole frame.
  const auto intact = [&] {
    return !Enabled(Check::kUnackedIcrc) || FrameIntact(ctx, view, packet);
  };
  if (drop == RxDrop::kNone && !(intact() && ReceivedPayload(packet, view).whole())) {
    drop = RxDrop::kIcrc;
  }
  if (drop != RxDrop::kNone) {
    ctx.drops.Add(drop);
    return;
  }
  if (view.traits->service == wire::Service::kCnp) {
    const bool recent =
        type_ == QpType::kUc && unacked_->requester.SentSince(ctx.now - kCnpRelevance);
    if (Enabled(Check::kUnackedCnpRecent) && !recent) {
      ctx.counters.Add(Count::kCnpsIgnored);
      return;
    }
    if (Enabled(Check::kUnackedCnpRate) && !cnp_gate_.Take(ctx.now)) {
      ctx.counters.Add(Count::kCnpsOverRate);
      return;
    }
    ctx.counters.Add(Count::kCnpsReceived);
    flow_.OnCnp({ctx.now, Bytes(0)});
    return;
  }
  const bool taken = type_ == QpType::kUc ? unacked_->uc.OnRequest(ctx, view, packet)
                                          : unacked_->ud.OnDatagram(ctx, view, packet);
  responder_.TellReceiverHalf(ctx, view, packet, taken);
}

SendGate QueuePair::UnackedGate() const {
  const QpState s = state();
  if (s == QpState::kReadyToSend && unacked_->requester.NextIsLocal()) return SendGate::kLocal;
  return Sends(s) && unacked_->requester.CanSend(s == QpState::kSendDrain) ? SendGate::kOpen
                                                                           : SendGate::kNoWork;
}

bool QueuePair::UnackedUnsettled() const {
  const UnackedRequester& requester = unacked_->requester;
  switch (state()) {
    case QpState::kError:
      return true;
    case QpState::kSendError:
      return requester.HasWork();
    case QpState::kReadyToSend:
      return requester.HoldsCompletions() || requester.NextIsTooLong();
    default:
      return requester.HoldsCompletions();
  }
}

void QueuePair::WriteUnacked(Context& ctx, port::Packet* packet) {
  OutgoingPacket out;
  const DatagramTarget* target = unacked_->requester.Next(ctx, &out);
  out.bth.dest_qpn = target != nullptr ? target->qpn : peer_qpn_;
  out.bth.pkey = pkey_;
  // Nobody tells a sender of datagrams of marks, so that the fabric must not replace drops by them.
  ctx.framer.Write(packet, target != nullptr ? target->path : data_path_, out.bth,
                   target != nullptr ? kNotEct : kEct0, out.extension, out.payload);
  flow_.ChargeFrame(ctx.now, packet->frame_length);
}

bool QueuePair::SettleUnacked(Context& ctx) {
  UnackedRequester& requester = unacked_->requester;
  if (state() == QpState::kError) {
    const bool sends = requester.Flush(ctx);
    const bool receives = responder_.Flush(ctx);
    return sends && receives;
  }
  if (!requester.Retire(ctx)) return false;
  if (state() == QpState::kReadyToSend && requester.NextIsTooLong()) {
    requester.FailNext(Status::kLocalLength);
    state_.store(QpState::kSendError, std::memory_order_release);
  }
  return state() != QpState::kSendError || requester.Flush(ctx);
}

}  // namespace sluice::transport
