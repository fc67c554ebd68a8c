#include "transport/sr_fetches.h"

#include <algorithm>

#include "base/checks.h"
#include "transport/atomic_operation.h"
#include "transport/fetch_target.h"
#include "transport/payload.h"
#include "wire/opcode.h"

namespace sluice::transport {

void SrFetches::Begin(const SendWork* work) {
  const uint32_t packets =
      IsAtomic(work->op) ? 1 : std::max<uint32_t>(1, (work->length + mtu_ - 1) / mtu_);
  entries_[begun_ % kMaxDepth] = {work, next_first_, next_first_ + packets};
  next_first_ += packets;
  ++begun_;
}

// Whether it is that part of the response to this request, and as long as it must be.
bool SrFetches::Fits(const Entry& e, const wire::FrameView& view, const wire::ExtendedData& data,
                     uint64_t sequence) const {
  if (sequence < e.first || sequence >= e.end) return false;
  if (IsAtomic(e.work->op)) {
    return view.opcode == wire::Opcode::kXtAtomicResponse && data.length == kAtomicBytes &&
           data.offset == 0;
  }
  const uint64_t offset = (sequence - e.first) * mtu_;
  return view.opcode == wire::Opcode::kXtReadResponse && data.length == e.work->length &&
         data.offset == offset &&
         view.payload_length == std::min<uint64_t>(mtu_, data.length - offset);
}

// The request that the packet answers, if it is one that such a packet can answer; else null.
const SrFetches::Entry* SrFetches::Fitting(const wire::FrameView& view,
                                           const wire::ExtendedData& data,
                                           uint64_t sequence) const {
  if (data.message - completed_ >= begun_ - completed_) return nullptr;
  const Entry& e = entries_[data.message % kMaxDepth];
  return Enabled(Check::kXtResponseFits) && !Fits(e, view, data, sequence) ? nullptr : &e;
}

// Only what was asked for, as far as there is a scoreboard; what lies further back was acknowledged
// before the responder could send what came since.
RxDrop SrFetches::JudgeSequence(uint64_t sequence) const {
  if (Enabled(Check::kXtResponseOutstanding) && sequence >= next_first_) return RxDrop::kPsn;
  if (Enabled(Check::kXtResponseWindow) && !in_.InWindow(sequence)) return RxDrop::kPsn;
  if (Enabled(Check::kXtResponseBehind) && in_.FarBehind(sequence)) return RxDrop::kPsnWindow;
  return RxDrop::kNone;
}

bool SrFetches::OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (!SrArrivals::Intact(ctx, view, packet)) return false;
  const uint64_t sequence = in_.SequenceOf(view.psn);
  if (const RxDrop drop = JudgeSequence(sequence); drop != RxDrop::kNone) {
    if (drop == RxDrop::kPsn) ctx.counters.Add(Count::kGhostAcks);
    ctx.drops.Add(drop);
    return false;
  }
  const wire::ExtendedData data = view.extended_data();
  const bool duplicate = Enabled(Check::kXtResponseDuplicate) && in_.Received(sequence);
  if (in_.TellReceiverHalf(ctx, view, packet, data, !duplicate)) in_.Ask();
  if (duplicate) {
    in_.OnDuplicate(ctx, sequence, data);
    return false;
  }
  const Entry* entry = Fitting(view, data, sequence);
  if (entry == nullptr) {
    ctx.drops.Add(RxDrop::kBadResponse);
    return false;
  }
  if (!in_.MakeRoom(ctx, sequence)) return false;
  if (IsAtomic(entry->work->op)) {
    PutOriginal(*entry->work, view.extended_original().original);
    ctx.counters.Add(Count::kPlacedBytes, kAtomicBytes);
  } else if (view.payload_length > 0) {
    ReceivedPayload(packet, view).CopyTo(FetchTarget(*entry->work).span(), data.offset);
    ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  }
  in_.Note(ctx, view, sequence, data);
  const uint64_t from = in_.expected();
  if (sequence != from) {
    in_.Keep(ctx, sequence, {});
    return true;
  }
  do {
    in_.Advance();
  } while (in_.NextHasArrived());
  in_.Passed(from);
  while (pending() && entries_[completed_ % kMaxDepth].end <= in_.expected()) ++completed_;
  return true;
}

}  // namespace sluice::transport
