#include "transport/sr_arrivals.h"

#include <algorithm>

#include "base/checks.h"
#include "transport/payload.h"

namespace sluice::transport {
namespace {

// Every so many acknowledgements the block covers another part of the window in turn, so that an
// acknowledgement that is lost takes nothing away for long.
constexpr uint32_t kSweepEvery = 4;

constexpr uint64_t FullMask(uint64_t bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

}  // namespace

void SrArrivals::Start(Psn first, uint32_t window, cc::ReceiverHalf* receiver_half,
                       BlockPool<ReceiveBlock>* pool) {
  window_ = window;
  receiver_half_ = receiver_half;
  blocks_.Start(pool, window);
  // One round of PSNs up, so that sequences before the first one exist.
  expected_ = highest_ = uint64_t{first.value()} + Psn::kMask + 1;
}

bool SrArrivals::Received(uint64_t sequence) const {
  if (sequence < expected_) return true;
  const ReceiveBlock* block = blocks_.Find(sequence);
  return block != nullptr && (block->received & MaskOf(sequence)) != 0;
}

bool SrArrivals::Intact(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  const ReceivedPayload payload(packet, view);
  const bool check =
      Enabled(Check::kXtIcrc) && ctx.check_icrc && packet.rx.icrc == port::IcrcState::kUnknown;
  if (packet.rx.icrc != port::IcrcState::kBad && payload.whole() &&
      (!check || payload.IcrcMatches())) {
    return true;
  }
  ctx.drops.Add(RxDrop::kIcrc);
  return false;
}

bool SrArrivals::TellReceiverHalf(Context& ctx, const wire::FrameView& view,
                                  const port::Packet& packet, const wire::ExtendedData& data,
                                  bool accepted) {
  const bool ce = view.ce() || packet.rx.ce;
  if (ce) {
    ctx.counters.Add(Count::kCeReceived);
    ++pending_.ce_packets;
    pending_.ce_bytes += view.payload_length;
  }
  if (receiver_half_ == nullptr) return false;
  const cc::ReceiverAction action = receiver_half_->OnData(
      {ctx.now, Bytes(accepted ? view.payload_length : 0),
       Bytes(int64_t{data.backlog} * wire::ExtendedData::kBacklogUnit), packet.rx.path, ce});
  cnp_pending_ |= action.cnp;
  if (action.hint > 0) {
    pending_.active_senders = static_cast<uint16_t>(std::min<uint32_t>(action.hint, 0xffff));
  }
  return action.ack_now;
}

void SrArrivals::OnDuplicate(Context& ctx, uint64_t sequence, const wire::ExtendedData& data) {
  ctx.counters.Add(Count::kDuplicateRequests);
  ctx.drops.Add(RxDrop::kDuplicate);
  ++pending_.duplicates;
  AskAtRate(ctx, Check::kXtDuplicateRate);
  NoteEcho(ctx, sequence, data);
}

void SrArrivals::AskAtRate(Context& ctx, Check check) {
  if (!Enabled(check) || duplicate_rate_.Take(ctx.now)) {
    ack_pending_ = true;
  } else {
    ctx.counters.Add(Count::kDuplicatesWithheld);
  }
}

bool SrArrivals::MakeRoom(Context& ctx, uint64_t sequence) {
  if (sequence == expected_ || blocks_.Ensure(sequence) != nullptr) return true;
  if (!Enabled(Check::kXtBlocks)) return true;
  ctx.counters.Add(Count::kScoreboardPoolEmpty);
  ctx.drops.Add(RxDrop::kOutOfSequence);
  return false;
}

void SrArrivals::Note(Context& ctx, const wire::FrameView& view, uint64_t sequence,
                      const wire::ExtendedData& data) {
  if (sequence == expected_) Unrefuse();
  NoteEcho(ctx, sequence, data);
  // A gap appears, or something falls into one.
  ack_pending_ |= view.ack_request || (sequence >= expected_ && sequence != highest_);
  if (sequence > expected_) {
    news_low_ = news_ ? std::min(news_low_, sequence) : sequence;
    news_high_ = news_ ? std::max(news_high_, sequence) : sequence;
    news_ = true;
  }
  if (sequence >= highest_) highest_ = sequence + 1;
}

void SrArrivals::Keep(Context& ctx, uint64_t sequence, const ReceivedPacket& p) {
  ReceiveBlock* block = blocks_.Find(sequence);
  block->received |= MaskOf(sequence);
  block->packets[BitOf(sequence)] = p;
  ctx.counters.Add(Count::kOutOfSequence);
}

void SrArrivals::Passed(uint64_t from) {
  blocks_.Pass(from, expected_);
  if (expected_ < highest_) {
    if (from < expected_) ack_pending_ = true;
    return;
  }
  // Nothing lies beyond any more. Mostly it is the only block.
  highest_ = expected_;
  blocks_.Return(expected_);
  blocks_.ReturnAll();
}

void SrArrivals::Clear() {
  blocks_.ReturnAll();
  highest_ = expected_;
}

void SrArrivals::NoteEcho(Context& ctx, uint64_t sequence, const wire::ExtendedData& data) {
  // A refusal names the refused packet, whatever else arrives meanwhile.
  if (nak_pending_) return;
  if (pending_.echoes() && data.sent - pending_.sent < Duration::Zero()) return;
  pending_.flags |= wire::ExtendedAck::kEchoes;
  pending_.psn = PsnOf(sequence);
  pending_.attempt = data.attempt;
  pending_.sent = data.sent;
  pending_.arrived = wire::Stamp::Of(ctx.arrived);
}

void SrArrivals::Refuse(Context& ctx, uint64_t sequence, const wire::ExtendedData& data,
                        uint8_t syndrome) {
  nak_pending_ = false;
  pending_.flags = 0;
  NoteEcho(ctx, sequence, data);
  Refuse(syndrome);
}

void SrArrivals::RefuseNotReady(Context& ctx, uint64_t sequence, const wire::ExtendedData& data,
                                uint8_t rnr_timer) {
  if (!nak_pending_ && Enabled(Check::kXtRnrRate) && !rnr_rate_.Take(ctx.now)) {
    ctx.counters.Add(Count::kRnrNaksWithheld);
    return;
  }
  Refuse(ctx, sequence, data, wire::Aeth::RnrSyndrome(rnr_timer));
}

// Where the block of the next acknowledgement begins, given that something lies beyond expected_.
uint64_t SrArrivals::ChooseBlock() {
  constexpr uint64_t kPackets = wire::SackBlock::kPackets;
  if (highest_ - expected_ <= kPackets) {
    news_ = false;
    return expected_;
  }
  if (news_ && news_high_ < expected_) news_ = false;
  news_low_ = std::max(news_low_, expected_);
  if (news_ && acks_ % kSweepEvery != 0) {
    if (news_high_ - news_low_ < kPackets) {
      news_ = false;
      return std::max(expected_, news_high_ >= kPackets ? news_high_ - kPackets + 1 : 0);
    }
    // Two places at once: this one now, the other with another acknowledgement.
    const uint64_t first = news_low_;
    news_low_ = news_high_;
    ack_pending_ = true;
    return first;
  }
  if (sweep_ < expected_ || sweep_ >= highest_) sweep_ = expected_;
  const uint64_t first = sweep_;
  sweep_ += kPackets;
  if (news_) ack_pending_ = true;
  return first;
}

void SrArrivals::FillBlock(uint64_t first, wire::SackBlock* out) const {
  out->first = PsnOf(first);
  for (size_t w = 0; w < wire::SackBlock::kWords; ++w) {
    const uint64_t from = first + 64 * w;
    const uint32_t shift = BitOf(from);
    uint64_t bits = 0;
    if (from < highest_) {
      if (const ReceiveBlock* b = blocks_.Find(from)) bits = b->received >> shift;
      if (shift != 0 && from + 64 - shift < highest_) {
        const ReceiveBlock* b = blocks_.Find(from + 64 - shift);
        if (b != nullptr) bits |= b->received << (64 - shift);
      }
      bits &= FullMask(highest_ - from);
    }
    out->words[w] = bits;
  }
}

Answer SrArrivals::TakeAnswer(Context& ctx, uint32_t msn, uint32_t receives, uint16_t flags) {
  Answer a;
  a.cnp = cnp_pending_;
  a.acknowledge = ack_pending_ || nak_pending_;
  const bool nak = nak_pending_;
  ack_pending_ = nak_pending_ = cnp_pending_ = false;
  if (!a.acknowledge) return a;
  answer_.psn = PsnOf(expected_ - 1);
  answer_.ack = pending_;
  answer_.ack.flags |= flags;
  answer_.ack.syndrome = nak ? nak_syndrome_ : wire::Aeth::AckSyndrome(0);
  answer_.ack.msn = msn;
  answer_.ack.receives = receives;
  answer_.ack.departed = wire::Stamp::Of(ctx.departs);
  pending_.flags = 0;
  ++acks_;
  answer_.block.reset();
  if (highest_ > expected_) FillBlock(ChooseBlock(), &answer_.block.emplace());
  a.aeth.syndrome = answer_.ack.syndrome;
  if (nak) {
    ctx.counters.Add(a.aeth.IsRnr() ? Count::kRnrNaksSent : Count::kNaksSent);
  } else {
    ctx.counters.Add(Count::kAcksSent);
  }
  return a;
}

}  // namespace sluice::transport
