// How a queue pair that agreed to the extension is started, and where its packets go.
#include <algorithm>

#include "base/checks.h"
#include "transport/admission.h"
#include "transport/queue_pair.h"
#include "wire/opcode.h"

namespace sluice::transport {

void QueuePair::StartExtended(const Connection& c) {
  sr_ = std::make_unique<SrHalves>(&send_queue_, requester_.completions(), &receive_queue_,
                                   responder_.shared(), responder_.completions(), &reads_, qpn_);
  sr_->window = c.tracking_window;
  sr_->pools = c.scoreboards;
  if (c.telemetry) sr_->telemetry = std::make_unique<SrTelemetry>();
  sr_->model = c.model;
  sr_->relaxed = c.relaxed_ordering;
  flow_.SetModel(c.model);
  sr_->receiver.Start({c.mtu, c.receive_psn, c.min_rnr_timer, pd_, c.access}, c.tracking_window,
                      receiver_half_, &c.scoreboards->receive);
  SrResponderConfig responses;
  responses.sender.base = {c.mtu, c.receive_psn, c.ack_timeout, c.retry_count, c.rnr_retry};
  responses.sender.base.ask_every = c.ask_every;
  responses.sender.window = c.tracking_window;
  responses.resources = std::min(c.responder_resources, ReadWindow::kMaxDepth);
  sr_->responder.Start(responses, &c.scoreboards->send);
}

void QueuePair::StartExtendedSending(const Connection& c) {
  sr_->fetches.Start(c.send_psn, c.mtu, max_rd_atomic_, sr_->window, receiver_half_,
                     &sr_->pools->receive);
  RequesterConfig base{c.mtu, c.send_psn, c.ack_timeout, c.retry_count, c.rnr_retry};
  base.ask_every = c.ask_every;
  base.pd = pd_;
  sr_->sender.Start({base, sr_->window, sr_->model.on(), &sr_->fetches, sr_->relaxed},
                    &sr_->pools->send);
  sr_->sender.SetFlow(&flow_);
}

void QueuePair::ApplyExtended(QpAttributeSet given, const Connection& c) {
  if (given.Has(QpAttribute::kAccess)) sr_->receiver.config().access = c.access;
  if (given.Has(QpAttribute::kMinRnrTimer)) {
    sr_->receiver.config().min_rnr_timer = c.min_rnr_timer;
  }
  if (given.Has(QpAttribute::kMaxReads)) sr_->fetches.SetDepth(c.max_rd_atomic);
  if (given.Has(QpAttribute::kMaxDestReads)) {
    sr_->responder.SetResources(std::min(c.responder_resources, ReadWindow::kMaxDepth));
  }
  // Requests and responses are sent by the same rules.
  for (SrSender* sender : {&sr_->sender, &sr_->responder.sender()}) {
    if (given.Has(QpAttribute::kTimeout)) sender->SetAckTimeout(c.ack_timeout);
    if (given.Has(QpAttribute::kRetryCount)) sender->SetRetryCount(c.retry_count);
    if (given.Has(QpAttribute::kRnrRetry)) sender->SetRnrRetry(c.rnr_retry);
  }
}

void QueuePair::OnExtended(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  ctx.StampFrom(packet);
  const uint8_t headers = view.traits->extended_headers;
  if (view.opcode == wire::Opcode::kXtReadResponse ||
      view.opcode == wire::Opcode::kXtAtomicResponse) {
    if (sr_->fetches.OnResponse(ctx, view, packet)) sr_->sender.OnFetched(ctx);
    return;
  }
  if ((headers & wire::kXtData) != 0) {
    sr_->responder.Wake(ctx);
    if (!sr_->OnRequest(ctx, view, packet)) Fail(ctx);
    return;
  }
  if (Enabled(Check::kResponseIcrc) && !FrameIntact(ctx, view, packet)) {
    ctx.drops.Add(RxDrop::kIcrc);
    return;
  }
  if (view.traits->service == wire::Service::kCnp) {
    OnCnp(ctx);
    return;
  }
  if (!sr_->OnAcknowledge(ctx, view)) Fail(ctx);
}

[[gnu::cold]] void QueuePair::OnTrimmed(Context& ctx, const wire::FrameView& view) {
  RxDrop drop = unacked_ != nullptr ? RxDrop::kService : Admit(view);
  if (drop == RxDrop::kNone) drop = RxDrop::kTrimmed;
  ctx.drops.Add(drop);
  if (drop == RxDrop::kTrimmed && sr_ != nullptr) sr_->OnTrimmed(ctx, view);
}

void QueuePair::WriteExtended(Context& ctx, port::Packet* packet) {
  OutgoingPacket out;
  sr_->sender.Next(ctx, &out);
  if (sr_->telemetry != nullptr) SrTelemetry::AddEmpty(&out.bth, &out.extension);
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  ctx.framer.Write(packet, data_path_, out.bth, kEct0, out.extension, out.payload);
  last_frame_ = packet->frame_length;
  if (sr_->model.on()) {
    flow_.ChargeModelled(ctx.now, out.payload.length + sr_->model.header_bytes);
  } else {
    flow_.ChargeFrame(ctx.now, last_frame_);
  }
}

void QueuePair::WriteExtendedResponse(Context& ctx, port::Packet* packet) {
  OutgoingPacket out;
  Segment run;
  const SrResponder::Packet kind = sr_->responder.Next(ctx, &out, &run);
  if (kind != SrResponder::Packet::kResponse) {
    // There is nothing to read any more: this packet becomes an acknowledgement of the requests,
    // and says so if the requester has all the responses before.
    const bool gone = kind == SrResponder::Packet::kGone;
    if (gone) sr_->receiver.RefuseFetch(wire::NakCode::kRemoteAccessError);
    sr_->says = SrHalves::Says::kRequests;
    sr_->receiver.Ask();
    const Answer answer = sr_->receiver.TakeAnswer(ctx);
    WriteAcknowledge(ctx, answer, packet);
    if (answer.cnp) sr_->receiver.AskCnp();  // goes with the next answer
    if (gone) Fail(ctx);
    return;
  }
  out.bth.dest_qpn = peer_qpn_;
  out.bth.pkey = pkey_;
  ctx.framer.Write(packet, data_path_, out.bth, kEct0, out.extension, out.payload);
  sr_->response_frame = packet->frame_length;
  reads_.flow()->ChargeFrame(ctx.now, packet->frame_length);
}

}  // namespace sluice::transport
