#include "transport/unacked_requester.h"

#include <algorithm>

#include "transport/local_operation.h"
#include "transport/send_completion.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

constexpr uint32_t kQkeyOfQueuePair = 0x8000'0000;

wire::Opcode UcOpcodeOf(Op op, bool first, bool last) {
  using wire::Opcode;
  if (IsSend(op)) {
    const bool imm = HasImm(op);
    if (first && last) return imm ? Opcode::kUcSendOnlyImm : Opcode::kUcSendOnly;
    if (last) return imm ? Opcode::kUcSendLastImm : Opcode::kUcSendLast;
    return first ? Opcode::kUcSendFirst : Opcode::kUcSendMiddle;
  }
  const bool imm = HasImm(op);
  if (first && last) return imm ? Opcode::kUcWriteOnlyImm : Opcode::kUcWriteOnly;
  if (last) return imm ? Opcode::kUcWriteLastImm : Opcode::kUcWriteLast;
  return first ? Opcode::kUcWriteFirst : Opcode::kUcWriteMiddle;
}

// The extension headers that the opcode asks for, in their order.
void WriteUnackedExtension(const SendWork& work, const wire::OpcodeTraits& traits,
                           const wire::Deth& deth, Extension* out) {
  out->length = 0;
  if (traits.deth) {
    deth.Write(out->bytes);
    out->length += static_cast<uint32_t>(wire::Deth::kSize);
  }
  if (traits.reth) {
    wire::Reth{work.remote_address, work.rkey, work.length}.Write(out->bytes);
    out->length += static_cast<uint32_t>(wire::Reth::kSize);
  }
  if (traits.imm) {
    wire::ImmDt{work.imm}.Write(out->bytes + out->length);
    out->length += static_cast<uint32_t>(wire::ImmDt::kSize);
  }
}

}  // namespace

UnackedRequester::UnackedRequester(QpType type, SendQueue* queue, CompletionRing* completions,
                                   uint32_t qpn)
    : type_(type),
      queue_(queue),
      completions_(completions),
      qpn_(qpn),
      targets_(type == QpType::kUd ? queue->depth() : 0) {}

void UnackedRequester::Start(Psn first_psn, SendFlow* flow) {
  next_ = first_psn;
  flow_ = flow;
}

const DatagramTarget* UnackedRequester::Next(Context& ctx, OutgoingPacket* out) {
  const SendWork& work = queue_->At(current_);
  const DatagramTarget* target = type_ == QpType::kUd ? &TargetOf(&work) : nullptr;
  const uint64_t begin = uint64_t{packet_} * mtu_;
  const auto length = static_cast<uint32_t>(std::min<uint64_t>(mtu_, work.length - begin));
  const bool first = packet_ == 0;
  const bool last = begin + length == work.length;

  out->bth = wire::Bth{};
  if (target != nullptr) {
    out->bth.opcode = HasImm(work.op) ? wire::Opcode::kUdSendOnlyImm : wire::Opcode::kUdSendOnly;
  } else {
    out->bth.opcode = UcOpcodeOf(work.op, first, last);
  }
  out->bth.solicited = last && work.solicited;
  out->bth.mig_req = true;
  out->bth.psn = next_;
  wire::Deth deth;
  if (target != nullptr) {
    deth.qkey = (target->qkey & kQkeyOfQueuePair) != 0 ? qkey_ : target->qkey;
    deth.source_qpn = qpn_;
  }
  WriteUnackedExtension(work, wire::TraitsOf(out->bth.opcode), deth, &out->extension);
  out->payload = {{work.segments, work.segment_count}, static_cast<uint32_t>(begin), length};
  out->retransmission = false;

  ++next_;
  if (last) {
    ++current_;
    packet_ = 0;
  } else {
    ++packet_;
  }
  ++burst_packets_;
  burst_bytes_ += Bytes(length);
  ctx.counters.Add(Count::kDataPackets);
  return target;
}

void UnackedRequester::EndBurst(Context& ctx) {
  if (burst_packets_ == 0) return;
  sent_any_ = true;
  last_sent_ = ctx.now;
  flow_->OnSent({ctx.now, burst_bytes_, burst_packets_, Bytes(0), current_ == queue_->tail()});
  burst_packets_ = 0;
  burst_bytes_ = Bytes(0);
  Retire(ctx);
}

bool UnackedRequester::RunLocal(Context& ctx, uint32_t pd) {
  const SendWork& work = queue_->At(current_);
  const Status status = RunLocalOperation(ctx, work, queue_->InlineRoom(&work), {pd, qpn_});
  if (status != Status::kSuccess) {
    FailNext(status);
    return false;
  }
  ++current_;
  Retire(ctx);
  return true;
}

bool UnackedRequester::Complete(const SendWork& work, Status status) {
  return PushSendCompletion(completions_, qpn_, work, status);
}

bool UnackedRequester::Retire(Context& ctx) {
  while (HoldsCompletions()) {
    const SendWork& work = queue_->At(queue_->head());
    if (work.signalled && !Complete(work, Status::kSuccess)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    ctx.counters.Add(Count::kMessagesSent);
    queue_->Retire();
  }
  return true;
}

bool UnackedRequester::Flush(Context& ctx) {
  if (!Retire(ctx)) return false;
  while (HasWork()) {
    if (!Complete(queue_->At(queue_->head()), failure_)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    failure_ = Status::kFlushed;
    queue_->Retire();
    current_ = queue_->head();
    packet_ = 0;
  }
  return true;
}

void UnackedRequester::Clear() {
  while (HasWork()) queue_->Retire();
  current_ = queue_->head();
  packet_ = 0;
  failure_ = Status::kFlushed;
  sent_any_ = false;
}

}  // namespace sluice::transport
