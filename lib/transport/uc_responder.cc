#include "transport/uc_responder.h"

#include <span>

#include "base/checks.h"
#include "memory/window_table.h"
#include "transport/payload.h"
#include "wire/opcode.h"

namespace sluice::transport {

void UcResponder::Start(const UcResponderConfig& config) {
  config_ = config;
  expected_ = config.expected_psn;
  message_ = Message::kNone;
  offset_ = 0;
}

// What was begun is lost.
void UcResponder::GiveUp(Context& ctx, bool gap) {
  if (gap) ctx.counters.Add(Count::kUcSequenceGaps);
  if (message_ == Message::kSend || message_ == Message::kWrite) {
    ctx.counters.Add(Count::kUcMessagesDropped);
  }
  message_ = Message::kWaiting;
}

// Place in the message and length, as for RC (IBTA 1.4, 9.8.2.2.4 and 9.8.2.2.5).
RxDrop UcResponder::CheckSequence(const wire::FrameView& view) const {
  const wire::OpcodeTraits& t = *view.traits;
  if (Enabled(Check::kUcWriteEnabled) && t.write && !remote_write_) {
    return RxDrop::kInvalidRequest;
  }
  if (!t.starts()) {
    if (Enabled(Check::kUcPsnOrder) && message_ == Message::kWaiting) return RxDrop::kOutOfSequence;
    if (Enabled(Check::kUcOpcodeSequence) &&
        message_ != (t.send ? Message::kSend : Message::kWrite)) {
      return RxDrop::kInvalidRequest;
    }
  }
  const bool fits = (!(t.first || t.middle) || view.payload_length == config_.mtu) &&
                    view.payload_length <= config_.mtu && !(t.last && view.payload_length == 0);
  if (Enabled(Check::kUcPacketLength) && !fits) return RxDrop::kInvalidRequest;
  const auto ready = [this] {
    return FindReceive(queue_, shared_) || !Enabled(Check::kUcReceiverReady);
  };
  if (t.starts() && t.send && !ready()) return RxDrop::kNotReady;
  if (!t.ends() || (!t.send && !t.imm)) return RxDrop::kNone;
  if (t.write && !ready()) return RxDrop::kNotReady;
  return !Enabled(Check::kUcCompletionRoom) || completions_->FreeSlots() > 0
             ? RxDrop::kNone
             : RxDrop::kCompletionFull;
}

RxDrop UcResponder::PlaceSend(const wire::FrameView& view, const port::Packet& packet) {
  const ReceiveWork& work = queue_->At(queue_->head());
  const uint32_t at = view.traits->starts() ? 0 : offset_;
  if (Enabled(Check::kUcReceiveLength) && view.payload_length > work.length - at) {
    return RxDrop::kTooLong;
  }
  ReceivedPayload(packet, view)
      .CopyTo(std::span<const MutableSegment>(work.segments, work.segment_count), at);
  return RxDrop::kNone;
}

memory::Resolution UcResponder::Memory(const Context& ctx, uint64_t va, uint32_t length) const {
  return memory::ResolveEither(ctx.regions, write_rkey_, {config_.pd, qpn_}, va, Bytes(length),
                               memory::kRemoteWrite);
}

RxDrop UcResponder::PlaceWrite(Context& ctx, const wire::FrameView& view,
                               const port::Packet& packet) {
  const wire::OpcodeTraits& t = *view.traits;
  if (t.starts()) {
    const wire::Reth reth = view.reth();
    write_va_ = reth.va;
    write_rkey_ = reth.rkey;
    write_length_ = reth.length;
  }
  const uint32_t at = t.starts() ? 0 : offset_;
  // Beyond or short of what the RETH announced; a full MIDDLE that reaches the end is wrong as
  // well, since a LAST is never empty.
  if (Enabled(Check::kUcWriteLength) && (view.payload_length > write_length_ - at ||
                                         t.ends() != (at + view.payload_length == write_length_))) {
    return RxDrop::kInvalidRequest;
  }
  if (Enabled(Check::kUcWriteRange) && t.starts() &&
      Memory(ctx, write_va_, write_length_).fault != memory::Fault::kNone) {
    return RxDrop::kAccess;
  }
  // Again for each packet's own part: the region may have been deregistered in between.
  const memory::Resolution part = Memory(ctx, write_va_ + at, view.payload_length);
  if ((Enabled(Check::kUcStillRegistered) || t.starts()) && part.fault != memory::Fault::kNone) {
    return RxDrop::kAccess;
  }
  const MutableSegment run{part.address, view.payload_length};
  if (view.payload_length > 0) ReceivedPayload(packet, view).CopyTo({&run, 1}, 0);
  return RxDrop::kNone;
}

void UcResponder::Finish(Context& ctx, const wire::FrameView& view) {
  const wire::OpcodeTraits& t = *view.traits;
  offset_ = (t.starts() ? 0 : offset_) + view.payload_length;
  message_ = t.send ? Message::kSend : Message::kWrite;
  if (!t.ends()) return;
  message_ = Message::kNone;
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
  c.solicited = view.solicited;
  completions_->Push(c);
  queue_->Retire();
}

bool UcResponder::OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  const bool gap = Enabled(Check::kUcPsnOrder) && !(view.psn == expected_);
  const bool begun = message_ == Message::kSend || message_ == Message::kWrite;
  // Whatever becomes of this packet, the next one is expected behind it (9.8.2.2.2).
  expected_ = view.psn + 1;
  if (gap || (begun && view.traits->starts())) GiveUp(ctx, gap);
  RxDrop drop = CheckSequence(view);
  if (drop == RxDrop::kNone) {
    drop = view.traits->send ? PlaceSend(view, packet) : PlaceWrite(ctx, view, packet);
  }
  if (drop != RxDrop::kNone) {
    ctx.drops.Add(drop);
    // The rest of a message whose beginning was refused is dropped with it.
    if (view.traits->starts()) ctx.counters.Add(Count::kUcMessagesDropped);
    GiveUp(ctx, false);
    return false;
  }
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  Finish(ctx, view);
  return true;
}

}  // namespace sluice::transport
