// The requester's part for READs and atomics: requests, responses, what a missing response means;
// and what waits for them: fences and local operations.
#include <algorithm>
#include <cstring>

#include "base/checks.h"
#include "transport/atomic_operation.h"
#include "transport/fetch_target.h"
#include "transport/local_operation.h"
#include "transport/payload.h"
#include "transport/requester.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

// The window is divided over the depth, so that an opening of one packet does not cost a request,
// of which only `depth` may be out; this share of the depth is in use with a full window.
constexpr uint32_t kDepthShare = 2;
// So many retransmission timers may an old stream of responses hold the timer up after a rewind.
constexpr int64_t kStreamPatience = 64;

}  // namespace

SendGate Requester::GateBehindReads(const SendWork& work) const {
  if (IsLocal(work.op)) return outstanding() ? SendGate::kReads : SendGate::kLocal;
  // Within a request that has begun the fence has opened already.
  if (work.fence && packet_ == 0 && reads_.AnyBefore(next_)) return SendGate::kReads;
  if (!WantsData(work.op) || next_ < max_) return SendGate::kOpen;
  if (reads_.full()) return SendGate::kReads;
  if (work.op != Op::kRead || reads_.empty()) return SendGate::kOpen;
  const uint64_t left = work.length - uint64_t{packet_} * config_.mtu;
  const uint32_t pieces = std::max<uint32_t>(1, reads_.depth() / kDepthShare);
  const uint64_t least = uint64_t{flow_->window_packets() / pieces} * config_.mtu;
  const uint64_t open = static_cast<uint64_t>((flow_->window() - in_flight()).count());
  return open < std::min(left, least) ? SendGate::kWindow : SendGate::kOpen;
}

// How many response packets the READ request at `packet_` asks for.
uint32_t Requester::ReadRequestPackets(const SendWork& work) const {
  uint32_t n = work.packets - packet_;
  if (next_ < max_) {
    // Again: up to where that request ended.
    Psn last;
    if (reads_.Find(next_, &last)) n = std::min(n, static_cast<uint32_t>(last - next_ + 1));
    return n;
  }
  const Bytes open = flow_->window() - in_flight();
  const uint64_t fit = (static_cast<uint64_t>(open.count()) + config_.mtu - 1) / config_.mtu;
  const auto psns = static_cast<uint64_t>(kMaxOutstanding - (next_ - una_));
  return static_cast<uint32_t>(std::min({uint64_t{n}, std::max<uint64_t>(fit, 1), psns}));
}

void Requester::WriteAtomic(const SendWork& work, OutgoingPacket* out) const {
  AtomicOperands operands;
  std::memcpy(&operands, queue_->InlineRoom(&work), sizeof(operands));
  out->bth.opcode =
      work.op == Op::kFetchAdd ? wire::Opcode::kRcFetchAdd : wire::Opcode::kRcCompareSwap;
  wire::AtomicEth{work.remote_address, work.rkey, operands.swap_or_add, operands.compare}.Write(
      out->extension.bytes);
  out->extension.length = wire::AtomicEth::kSize;
}

void Requester::NextDataRequest(Context& ctx, SendWork* work, OutgoingPacket* out) {
  out->payload = {};
  uint32_t packets = 1;
  if (work->op == Op::kRead) {
    packets = ReadRequestPackets(*work);
    const uint64_t begin = uint64_t{packet_} * config_.mtu;
    const uint64_t end = std::min<uint64_t>(work->length, begin + uint64_t{packets} * config_.mtu);
    out->bth.opcode = wire::Opcode::kRcReadRequest;
    wire::Reth{work->remote_address + begin, work->rkey, static_cast<uint32_t>(end - begin)}.Write(
        out->extension.bytes);
    out->extension.length = wire::Reth::kSize;
  } else {
    WriteAtomic(*work, out);
  }
  BeginPacket(ctx);
  const Psn last = next_ + static_cast<int32_t>(packets) - 1;
  if (!out->retransmission) reads_.Add(next_, last);
  next_ = last + 1;
  packet_ += packets;
  next_offset_ = OffsetOf(*work, packet_);
  if (max_ < next_) max_ = next_;
  if (packet_ == work->packets) {
    ++current_;
    packet_ = 0;
  }
  EndPacket(ctx, true, 0, out);
}

// The started request that `psn` belongs to, and the packet's index in it; una_ <= psn < max_.
const SendWork* Requester::WorkAt(Psn psn, uint32_t* index) const {
  for (uint64_t at = acked_; at < started_; ++at) {
    const SendWork& work = queue_->At(at);
    *index = PacketsFrom(work.first_psn, psn);
    if (*index < work.packets) return &work;
  }
  return nullptr;
}

// Goes back to a response that is missing.
bool Requester::OnGap(Context& ctx, Psn missing) {
  if (next_ <= missing) return true;
  ctx.counters.Add(Count::kImpliedNaks);
  if (!SpendRetry(ctx)) return false;
  Rewind(ctx, missing, cc::LossKind::kSequenceNak);
  return true;
}

// An acknowledgement, or a NAK that acknowledges, of something behind a READ or an atomic whose
// response is missing.
bool Requester::OnAckBeyondRead(Context& ctx, const wire::Aeth& aeth, Psn psn, Psn missing) {
  if (missing > una_) AdvanceTo(ctx, missing - 1, false);
  if (aeth.IsAck()) {
    ctx.counters.Add(Count::kAcksReceived);
    TakeCredits(aeth);
  }
  Retire(ctx);
  // The peer has failed and will answer nothing more.
  if (aeth.IsNak() && aeth.nak_code() != wire::NakCode::kPsnSequenceError) {
    return OnNak(ctx, aeth, psn);
  }
  // The answers to what was sent before the last rewind may still be under way.
  if (missing == rewound_to_ && ctx.now - rewound_at_ < AckPatience() * 2) return true;
  return OnGap(ctx, missing);
}

// A response behind the one that is missing. While the old stream of responses runs on, going back
// again would help nothing: only when it is seen to have begun anew, that is at a PSN that was seen
// before, has the request that was sent again lost its response too.
bool Requester::OnResponseBeyond(Context& ctx, const wire::FrameView& view, Psn missing) {
  if (missing == rewound_to_) {
    // Back by more than half of what the stream has run: a network that reorders does not do that.
    const bool anew =
        view.psn <= newest_response_ && view.psn - missing <= (newest_response_ - missing) / 2 + 1;
    newest_response_ = view.psn;
    if (!anew) {
      // Alive, and bound to answer the new request behind the old one: not a time to give up. But a
      // peer that never does must spend the retries too: without end it would hold the queue pair
      // up for as long as it likes.
      if (!Enabled(Check::kStreamPatience) ||
          ctx.now - rewound_at_ < config_.ack_timeout * kStreamPatience) {
        progress_ = ctx.now;
      }
      return true;
    }
    if (ctx.now - rewound_at_ < AckPatience() / 2) return true;
  }
  // The requests before the READ are acknowledged by it all the same.
  if (missing > una_) AdvanceTo(ctx, missing - 1, false);
  Retire(ctx);
  if (!OnGap(ctx, missing)) return false;
  newest_response_ = view.psn;
  return true;
}

// What every response in order brings.
void Requester::OnResponse(Context& ctx, const wire::FrameView& view) {
  AdvanceTo(ctx, view.psn, true);
  if (view.traits->aeth) TakeCredits(view.aeth());
  Retire(ctx);
}

bool Requester::OnReadResponse(Context& ctx, const wire::FrameView& view,
                               const port::Packet& packet, RxDrop* drop) {
  const ReceivedPayload payload(packet, view);
  const bool check = Enabled(Check::kResponseIcrc) && ctx.check_icrc &&
                     packet.rx.icrc == port::IcrcState::kUnknown;
  *drop = RxDrop::kIcrc;
  if (packet.rx.icrc == port::IcrcState::kBad || !payload.whole()) return true;
  const bool outstanding_psn = !Enabled(Check::kResponseOutstanding) ||
                               (view.psn >= una_ && view.psn < max_ && !AnsweredBefore(view.psn));
  const Psn missing = outstanding_psn ? reads_.FirstMissing(una_) : Psn();
  if (!outstanding_psn || view.psn > missing) {
    if (check && !payload.IcrcMatches()) return true;
    Psn last;
    if (!outstanding_psn || !reads_.Find(view.psn, &last)) {
      *drop = RxDrop::kPsn;
      ctx.counters.Add(Count::kGhostAcks);
      return true;
    }
    *drop = RxDrop::kOutOfSequence;
    ctx.counters.Add(Count::kOutOfSequence);
    return OnResponseBeyond(ctx, view, missing);
  }
  uint32_t index = 0;
  const SendWork* work = WorkAt(view.psn, &index);
  const uint64_t begin = uint64_t{index} * config_.mtu;
  const bool fits = work != nullptr && work->op == Op::kRead &&
                    view.payload_length == std::min<uint64_t>(config_.mtu, work->length - begin) &&
                    (!view.traits->aeth || view.aeth().IsAck());
  if (Enabled(Check::kResponseFits) && !fits) {
    if (!check || payload.IcrcMatches()) *drop = RxDrop::kBadResponse;
    return true;
  }
  const FetchTarget target(*work);
  if (!check) {
    payload.CopyTo(target.span(), static_cast<uint32_t>(begin));
  } else if (!payload.CopyToAndCheck(target.span(), static_cast<uint32_t>(begin))) {
    return true;
  }
  *drop = RxDrop::kNone;
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  OnResponse(ctx, view);
  return true;
}

bool Requester::OnAtomicResponse(Context& ctx, const wire::FrameView& view) {
  if (Enabled(Check::kResponseOutstanding) &&
      (view.psn < una_ || view.psn >= max_ || AnsweredBefore(view.psn))) {
    ctx.drops.Add(RxDrop::kPsn);
    ctx.counters.Add(Count::kGhostAcks);
    return true;
  }
  const Psn missing = reads_.FirstMissing(una_);
  if (view.psn > missing) {
    ctx.drops.Add(RxDrop::kOutOfSequence);
    ctx.counters.Add(Count::kOutOfSequence);
    return OnResponseBeyond(ctx, view, missing);
  }
  uint32_t index = 0;
  const SendWork* work = WorkAt(view.psn, &index);
  if (Enabled(Check::kResponseFits) &&
      (work == nullptr || !IsAtomic(work->op) || !view.aeth().IsAck())) {
    ctx.drops.Add(RxDrop::kBadResponse);
    return true;
  }
  PutOriginal(*work, view.atomic_ack_eth().original);
  ctx.counters.Add(Count::kPlacedBytes, kAtomicBytes);
  OnResponse(ctx, view);
  return true;
}

bool Requester::RunLocal(Context& ctx) {
  SendWork& work = queue_->At(current_);
  const Status status = RunLocalOperation(ctx, work, queue_->InlineRoom(&work), {config_.pd, qpn_});
  if (status != Status::kSuccess) return Fail(status);
  // It takes no PSN and no byte of the stream; all before it is acknowledged.
  work.first_psn = next_;
  work.packets = 0;
  work.stream_start = stream_end_;
  ++current_;
  if (started_ < current_) started_ = current_;
  acked_ = current_;
  Retire(ctx);
  return true;
}

}  // namespace sluice::transport
