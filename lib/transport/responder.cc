#include "transport/responder.h"

#include <algorithm>
#include <memory>

#include "base/checks.h"
#include "transport/local_operation.h"
#include "wire/opcode.h"

namespace sluice::transport {

void Responder::Start(const ResponderConfig& config, cc::ReceiverHalf* receiver_half) {
  config_ = config;
  expected_ = config.expected_psn;
  receiver_half_ = receiver_half;
}

Responder::Check Responder::CheckSequence(const wire::FrameView& view) const {
  const wire::OpcodeTraits& t = *view.traits;
  const Check invalid{RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  // Not enabled for this queue pair: as if there were no such request (IBTA 1.4, 9.7.4.1.4).
  if (t.write && (config_.access & memory::kRemoteWrite) == 0) return invalid;
  const bool starts = t.first || t.only;
  if (Enabled(sluice::Check::kOpcodeSequence)) {
    if (starts != (message_ == Message::kNone)) return invalid;
    if (!starts && (message_ == Message::kSend) != t.send) return invalid;
  }
  if (!Enabled(sluice::Check::kPacketLength)) return {};
  // FIRST and MIDDLE are full, LAST is not empty, ONLY is at most full (IBTA 1.4, 9.7.4.1.6).
  const bool full = view.payload_length == config_.mtu;
  if ((t.first || t.middle) && !full) return invalid;
  if (view.payload_length > config_.mtu) return invalid;
  if (t.last && view.payload_length == 0) return invalid;
  return {};
}

bool Responder::ReceiverReady(const wire::FrameView& view, const ReceivedPayload& payload,
                              bool check) const {
  const wire::OpcodeTraits& t = *view.traits;
  const bool starts_send = t.send && (t.first || t.only);
  const bool ends_write_imm = t.write && t.imm;
  if (!starts_send && !ends_write_imm) return true;
  if (queue_->head() != queue_->tail()) return true;
  // Nothing is taken from a shared queue on behalf of a packet that may be forged.
  return shared_ != nullptr && (!check || payload.IcrcMatches()) && shared_->Bind(queue_);
}

Responder::Check Responder::PlaceSend(Context& ctx, const wire::FrameView& view,
                                      const ReceivedPayload& payload, bool check) {
  const ReceiveWork& work = queue_->At(queue_->head());
  const uint32_t at = message_ == Message::kNone ? 0 : offset_;
  const std::span<const MutableSegment> runs(work.segments, work.segment_count);
  if (Enabled(sluice::Check::kReceiveLength) && view.payload_length > work.length - at) {
    if (check && !payload.IcrcMatches()) return {RxDrop::kIcrc, {}};
    // The posted receive is too short: rxe and IBTA 9.7.5.2.8 call it a remote operation error.
    failure_ = Status::kLocalLength;
    return {RxDrop::kInvalidRequest, wire::NakCode::kRemoteOperationalError};
  }
  if (check) {
    if (!payload.CopyToAndCheck(runs, at)) return {RxDrop::kIcrc, {}};
  } else {
    payload.CopyTo(runs, at);
  }
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  return {};
}

// No region has the key: a window's, perhaps. `at` is where a packet's part begins in the range at
// `va`, whose `length` bytes from there on are judged.
memory::Resolution Responder::WindowPart(const Context& ctx, uint32_t rkey, uint64_t va,
                                         uint32_t length, uint32_t at) const {
  return ctx.regions.windows().Resolve(rkey, {config_.pd, qpn_}, va + at, Bytes(length),
                                       memory::kRemoteWrite);
}

Responder::Check Responder::PlaceWrite(Context& ctx, const wire::FrameView& view,
                                       const ReceivedPayload& payload, bool check) {
  const wire::OpcodeTraits& t = *view.traits;
  const bool starts = t.first || t.only;
  uint64_t va = write_va_;
  uint32_t rkey = write_rkey_;
  uint32_t length = write_length_;
  uint32_t at = offset_;
  if (starts) {
    // The packet itself gives the address: it is believed only after its CRC (decision 9).
    if (check && !payload.IcrcMatches()) return {RxDrop::kIcrc, {}};
    const wire::Reth reth = view.reth();
    va = reth.va;
    rkey = reth.rkey;
    length = reth.length;
    at = 0;
  }
  const bool overruns = view.payload_length > length - at;
  const bool ends = t.last || t.only;
  if (Enabled(sluice::Check::kWriteLength) &&
      (overruns || (ends && at + view.payload_length != length))) {
    if (!starts && check && !payload.IcrcMatches()) return {RxDrop::kIcrc, {}};
    return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  }
  // The whole range is judged with the first packet, each packet's own part again: the region may
  // have been deregistered in between.
  const memory::Resolution whole =
      starts ? ctx.regions.Resolve(rkey, config_.pd, va, Bytes(length), memory::kRemoteWrite)
             : memory::Resolution{};
  memory::Resolution part = ctx.regions.Resolve(rkey, config_.pd, va + at,
                                                Bytes(view.payload_length), memory::kRemoteWrite);
  const bool gone = Enabled(sluice::Check::kStillRegistered) || starts
                        ? part.fault != memory::Fault::kNone
                        : false;
  if ((whole.fault != memory::Fault::kNone || gone) &&
      !(part = WindowPart(ctx, rkey, va, starts ? length : view.payload_length, at)).address)
      [[unlikely]] {
    if (!starts && check && !payload.IcrcMatches()) return {RxDrop::kIcrc, {}};
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError};
  }
  const MutableSegment run{part.address, view.payload_length};
  if (starts || !check) {
    if (view.payload_length > 0) payload.CopyTo({&run, 1}, 0);
  } else if (!payload.CopyToAndCheck({&run, 1}, 0)) {
    return {RxDrop::kIcrc, {}};
  }
  write_va_ = va;
  write_rkey_ = rkey;
  write_length_ = length;
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  return {};
}

Responder::Check Responder::Place(Context& ctx, const wire::FrameView& view,
                                  const port::Packet& packet) {
  const bool check = Enabled(sluice::Check::kRequestIcrc) && ctx.check_icrc &&
                     packet.rx.icrc == port::IcrcState::kUnknown;
  const ReceivedPayload payload(packet, view);
  // Bytes that are missing can neither be checked nor placed, whoever vouches for them.
  if (packet.rx.icrc == port::IcrcState::kBad || !payload.whole()) return {RxDrop::kIcrc, {}};
  const Check sequence = CheckSequence(view);
  const bool ready = !Enabled(sluice::Check::kReceiverReady) ||
                     (sequence.drop == RxDrop::kNone && ReceiverReady(view, payload, check));
  const bool ends = view.traits->last || view.traits->only;
  const bool completes = ends && (view.traits->send || view.traits->imm);
  const bool room =
      !Enabled(sluice::Check::kCompletionRoom) || !completes || completions_->FreeSlots() > 0;
  if (sequence.drop != RxDrop::kNone || !ready || !room) {
    // The answer is as good as the packet.
    if (check && !payload.IcrcMatches()) return {RxDrop::kIcrc, {}};
    if (sequence.drop != RxDrop::kNone) return sequence;
    return {ready ? RxDrop::kCompletionFull : RxDrop::kNotReady, {}};
  }
  return view.traits->send ? PlaceSend(ctx, view, payload, check)
                           : PlaceWrite(ctx, view, payload, check);
}

void Responder::Finish(Context& ctx, const wire::FrameView& view) {
  const wire::OpcodeTraits& t = *view.traits;
  const bool starts = t.first || t.only;
  offset_ = (starts ? 0 : offset_) + view.payload_length;
  message_ = t.send ? Message::kSend : Message::kWrite;
  if (!t.last && !t.only) return;
  message_ = Message::kNone;
  ++msn_;
  ctx.counters.Add(Count::kMessagesReceived);
  if (!t.send && !t.imm) return;
  Completion c;
  c.wr_id = queue_->At(queue_->head()).wr_id;
  c.qpn = qpn_;
  c.byte_length = offset_;
  c.op = t.send ? (t.imm ? Op::kSendImm : Op::kSend) : Op::kWriteImm;
  c.receive = true;
  c.has_imm = t.imm;
  if (t.imm) c.imm = view.imm();
  if (t.ieth) {
    c.op = Op::kSendInvalidate;
    c.invalidated = true;
    c.imm = view.ieth().rkey;
  }
  c.solicited = view.solicited;
  completions_->Push(c);
  queue_->Retire();
}

void Responder::OnOutOfOrder(Context& ctx, const wire::FrameView& view) {
  const int32_t ahead = view.psn - expected_;
  // A duplicate READ may lie as far back as the whole request is long; those are looked up.
  const bool looked_up = view.traits->read_request || view.traits->atomic;
  if ((Enabled(sluice::Check::kPsnAhead) && ahead > kPsnWindow) ||
      (Enabled(sluice::Check::kPsnBehind) && !looked_up && ahead < -kPsnWindow)) {
    ctx.drops.Add(RxDrop::kPsnWindow);
    return;
  }
  if (ahead < 0) return OnDuplicate(ctx, view);
  ctx.counters.Add(Count::kOutOfSequence);
  ctx.drops.Add(RxDrop::kOutOfSequence);
  const bool went_back = gap_reported_ && view.psn <= gap_newest_;
  gap_newest_ = view.psn;
  // A NAK that is due already says more: what we expect, and perhaps that we are not ready.
  if (nak_pending_ || (gap_reported_ && !went_back)) return;
  if (Enabled(sluice::Check::kNakRate) && !nak_rate_.Take(ctx.now)) {
    // The next packet of the gap tries again.
    ctx.counters.Add(Count::kNaksWithheld);
    gap_reported_ = false;
    return;
  }
  gap_reported_ = true;
  nak_pending_ = true;
  nak_syndrome_ = wire::Aeth::NakSyndrome(wire::NakCode::kPsnSequenceError);
}

// The requester missed our acknowledgement, or the response.
void Responder::OnDuplicate(Context& ctx, const wire::FrameView& view) {
  ctx.counters.Add(Count::kDuplicateRequests);
  if (Enabled(sluice::Check::kDuplicateRate) && !ack_pending_ && !duplicate_rate_.Take(ctx.now)) {
    ctx.counters.Add(Count::kDuplicatesWithheld);
    ctx.drops.Add(RxDrop::kDuplicate);
    return;
  }
  if (view.traits->read_request || view.traits->atomic) {
    if (reads_->AcceptDuplicate(ctx, view, expected_, msn_.value())) {
      held_ = true;
    } else {
      ctx.drops.Add(RxDrop::kDuplicate);
    }
    return;
  }
  ctx.drops.Add(RxDrop::kDuplicate);
  ack_pending_ = true;
}

bool Responder::OnReadOrAtomic(Context& ctx, const wire::FrameView& view,
                               const port::Packet& packet) {
  const bool check_icrc = Enabled(sluice::Check::kRequestIcrc) && ctx.check_icrc &&
                          packet.rx.icrc == port::IcrcState::kUnknown;
  if (packet.rx.icrc == port::IcrcState::kBad ||
      (check_icrc && !ReceivedPayload(packet, view).IcrcMatches())) {
    return Reject(ctx, {RxDrop::kIcrc, {}});
  }
  Check check{RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  const uint8_t right = view.traits->atomic ? memory::kRemoteAtomic : memory::kRemoteRead;
  const bool enabled = (config_.access & right) != 0;
  if (enabled && message_ == Message::kNone) check = reads_->Accept(ctx, view, (msn_ + 1).value());
  if (check.drop != RxDrop::kNone) return Reject(ctx, check);
  ++msn_;
  ctx.counters.Add(Count::kMessagesReceived);
  expected_ = expected_ + static_cast<int32_t>(reads_->PacketsOf(view));
  gap_reported_ = nak_pending_ = false;
  held_ = true;
  ack_pending_ |= TellReceiverHalf(ctx, view, packet, true);
  return true;
}

// The key that a SEND names becomes unknown, if the region's owner allowed that (IBTA 1.4,
// 10.6.5.3, C10-128 on). Only with the packet that completes the message, so that it is done once.
Responder::Check Responder::Invalidate(Context& ctx, const wire::FrameView& view) {
  if (!RemoteInvalidate(ctx, view.ieth().rkey, {config_.pd, qpn_})) {
    failure_ = Status::kLocalQpOperation;
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError};
  }
  return {};
}

// A requester that heeds the timer comes back after 10 us at the soonest, so it hears of every
// refusal; who does not is answered at the rate of such timers.
void Responder::RefuseNotReady(Context& ctx) {
  const uint8_t syndrome = wire::Aeth::RnrSyndrome(config_.min_rnr_timer);
  const bool said = nak_pending_ && nak_syndrome_ == syndrome;
  nak_pending_ = said || !Enabled(sluice::Check::kRnrRate) || rnr_rate_.Take(ctx.now);
  nak_syndrome_ = syndrome;
  if (!nak_pending_) ctx.counters.Add(Count::kRnrNaksWithheld);
}

bool Responder::Reject(Context& ctx, Check check) {
  ctx.drops.Add(check.drop);
  switch (check.drop) {
    case RxDrop::kIcrc:
      return true;
    case RxDrop::kNotReady:
    case RxDrop::kCompletionFull:
      // What follows the refused packet is ahead of the expected PSN, and no gap.
      gap_reported_ = true;
      gap_newest_ = expected_;
      RefuseNotReady(ctx);
      return true;
    default:
      nak_pending_ = true;
      if (held_) {
        // The queue pair may not fail before what it owes is out. The requester is asked for this
        // packet again, and it will be judged then.
        nak_syndrome_ = wire::Aeth::NakSyndrome(wire::NakCode::kPsnSequenceError);
        failure_ = Status::kFlushed;
        gap_reported_ = true;
        gap_newest_ = expected_;
        return true;
      }
      nak_syndrome_ = wire::Aeth::NakSyndrome(check.nak);
      return false;
  }
}

bool Responder::OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (Enabled(sluice::Check::kPsnOrder) && !(view.psn == expected_)) {
    const bool check = Enabled(sluice::Check::kRequestIcrc) && ctx.check_icrc &&
                       packet.rx.icrc == port::IcrcState::kUnknown;
    if (packet.rx.icrc == port::IcrcState::kBad ||
        (check && !ReceivedPayload(packet, view).IcrcMatches())) {
      ctx.drops.Add(RxDrop::kIcrc);
      return true;
    }
    OnOutOfOrder(ctx, view);
    TellReceiverHalf(ctx, view, packet, false);
    return true;
  }
  // READ requests and atomics are the requests without a payload.
  if (!view.traits->payload_allowed) [[unlikely]]
    return OnReadOrAtomic(ctx, view, packet);
  Check check = Place(ctx, view, packet);
  if (view.traits->ieth && check.drop == RxDrop::kNone) [[unlikely]]
    check = Invalidate(ctx, view);
  if (check.drop != RxDrop::kNone) return Reject(ctx, check);

  Finish(ctx, view);
  ++expected_;
  gap_reported_ = false;
  if (nak_pending_) nak_pending_ = false;  // the gap closed within the burst
  if (view.ack_request) ack_pending_ = true;
  ack_pending_ |= TellReceiverHalf(ctx, view, packet, true);
  return true;
}

bool Responder::TellReceiverHalf(Context& ctx, const wire::FrameView& view,
                                 const port::Packet& packet, bool accepted) {
  const bool ce = view.ce() || packet.rx.ce;
  if (ce) ctx.counters.Add(Count::kCeReceived);
  if (receiver_half_ == nullptr) return false;
  const cc::ReceiverAction action = receiver_half_->OnData(
      {ctx.now, Bytes(accepted ? view.payload_length : 0), Bytes(0), packet.rx.path, ce});
  cnp_pending_ |= action.cnp;
  return action.ack_now;
}

uint8_t Responder::CreditCodeNow() const {
  // The receives of a shared queue cannot be promised to one peer (IBTA 1.4, 9.7.7.2).
  if (shared_ != nullptr) return wire::Aeth::kCreditUnlimited;
  // Counts the receive that a SEND under way holds: the requester adds the credits to our MSN, and
  // that does not count the message yet. Without it the message would go packet by packet.
  return wire::CreditCode(static_cast<uint32_t>(queue_->tail() - queue_->head()));
}

Answer Responder::TakeAnswer(Context& ctx) {
  Answer a;
  a.cnp = cnp_pending_;
  cnp_pending_ = false;
  if (held_) return a;
  a.acknowledge = ack_pending_ || nak_pending_;
  a.aeth.msn = msn_.value();
  if (nak_pending_) {
    a.psn = expected_;
    a.aeth.syndrome = nak_syndrome_;
    ctx.counters.Add(a.aeth.IsRnr() ? Count::kRnrNaksSent : Count::kNaksSent);
  } else if (ack_pending_) {
    a.psn = expected_ - 1;
    a.aeth.syndrome = wire::Aeth::AckSyndrome(CreditCodeNow());
    ctx.counters.Add(Count::kAcksSent);
  }
  ack_pending_ = nak_pending_ = false;
  return a;
}

void Responder::OnResponsesSent(Psn last) {
  held_ = false;
  // The response said as much.
  if (last == expected_ - 1) ack_pending_ = false;
}

void Responder::Clear() {
  ReceiveQueue* queue = queue_;
  SharedReceiveQueue* shared = shared_;
  CompletionRing* completions = completions_;
  ReadResponder* reads = reads_;
  const uint32_t qpn = qpn_;
  while (queue->head() != queue->tail()) queue->Retire();
  std::destroy_at(this);
  std::construct_at(this, queue, completions, reads, qpn);
  shared_ = shared;
}

bool Responder::Flush(Context& ctx) {
  while (queue_->head() != queue_->tail()) {
    Completion c;
    c.wr_id = queue_->At(queue_->head()).wr_id;
    c.qpn = qpn_;
    c.status = failure_;
    c.receive = true;
    if (!completions_->Push(c)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    failure_ = Status::kFlushed;
    queue_->Retire();
  }
  return true;
}

}  // namespace sluice::transport
