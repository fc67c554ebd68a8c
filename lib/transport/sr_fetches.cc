#include "transport/sr_fetches.h"

#include <algorithm>

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

// The request that the packet answers, if it is one that such a packet can answer; else null.
const SrFetches::Entry* SrFetches::Fitting(const wire::FrameView& view,
                                           const wire::ExtendedData& data,
                                           uint64_t sequence) const {
  if (data.message - completed_ >= begun_ - completed_) return nullptr;
  const Entry& e = entries_[data.message % kMaxDepth];
  if (sequence < e.first || sequence >= e.end) return nullptr;
  if (IsAtomic(e.work->op)) {
    return view.opcode == wire::Opcode::kXtAtomicResponse && data.length == kAtomicBytes &&
                   data.offset == 0
               ? &e
               : nullptr;
  }
  const uint64_t offset = (sequence - e.first) * mtu_;
  if (view.opcode != wire::Opcode::kXtReadResponse || data.length != e.work->length ||
      data.offset != offset) {
    return nullptr;
  }
  return view.payload_length == std::min<uint64_t>(mtu_, data.length - offset) ? &e : nullptr;
}

bool SrFetches::OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (!SrArrivals::Intact(ctx, view, packet)) return false;
  const uint64_t sequence = in_.SequenceOf(view.psn);
  if (sequence >= next_first_ || !in_.InWindow(sequence)) {
    ctx.counters.Add(Count::kGhostAcks);
    ctx.drops.Add(RxDrop::kPsn);
    return false;
  }
  const wire::ExtendedData data = view.extended_data();
  const bool duplicate = in_.Received(sequence);
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
