// The requester's way in: acknowledgements, NAKs, timers, and what they complete or rewind.
#include <algorithm>
#include <memory>

#include "base/checks.h"
#include "transport/requester.h"
#include "transport/round_trip.h"
#include "transport/send_completion.h"

namespace sluice::transport {

bool Requester::Complete(const SendWork& work, Status status) {
  return PushSendCompletion(completions_, qpn_, work, status);
}

bool Requester::Retire(Context& ctx) {
  while (queue_->head() != acked_) {
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

bool Requester::Flush(Context& ctx) {
  // First of all: the queue pair may be destroyed before its completions find room.
  ctx.records.GiveBack(records_.Return());
  if (!Retire(ctx)) return false;
  while (queue_->head() != queue_->tail()) {
    if (!Complete(queue_->At(queue_->head()), failure_)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    failure_ = Status::kFlushed;
    queue_->Retire();
    acked_ = current_ = started_ = queue_->head();
    packet_ = 0;
  }
  una_ = next_ = max_;
  una_offset_ = next_offset_ = stream_end_;
  rnr_waiting_ = false;
  reads_.Clear();
  return true;
}

void Requester::Clear(Context& ctx) {
  ctx.records.GiveBack(records_.Return());
  SendQueue* queue = queue_;
  CompletionRing* completions = completions_;
  const uint32_t qpn = qpn_;
  while (queue->head() != queue->tail()) queue->Retire();
  std::destroy_at(this);
  std::construct_at(this, queue, completions, qpn);
  acked_ = current_ = started_ = queue->head();
}

void Requester::SeekTo(Psn psn) {
  next_ = psn;
  current_ = acked_;
  packet_ = 0;
  // Rewinds are rare and land near the oldest request.
  while (current_ < started_) {
    const SendWork& work = queue_->At(current_);
    const uint32_t index = PacketsFrom(work.first_psn, psn);
    if (index < work.packets) {
      packet_ = index;
      next_offset_ = OffsetOf(work, packet_);
      return;
    }
    ++current_;
  }
  next_offset_ = stream_end_;
}

void Requester::SampleRoundTrip(Context& ctx, Psn acked, AckSignal* signal) {
  const SendRecord* record = records_.Take(acked);
  if (record == nullptr) return;
  const Duration rtt = ctx.now - record->sent;
  if (rtt.ps() <= 0) return;
  SetRoundTrip(ctx, rtt, record->departed - record->sent, signal);
  signal->sample.wire_length = record->wire_length;
  signal->delivered_rate =
      RateOf(Bytes(static_cast<int64_t>(una_offset_ - record->delivered)), rtt);
  signal->app_limited = record->app_limited;
}

inline void Requester::Advance(Context& ctx, Psn through, bool timed) {
  const int32_t count = through - una_ + 1;
  const uint64_t before = una_offset_;
  una_ = through + 1;
  while (acked_ < started_) {
    const SendWork& work = queue_->At(acked_);
    const uint32_t index = PacketsFrom(work.first_psn, una_);
    if (index < work.packets) {
      una_offset_ = OffsetOf(work, index);
      break;
    }
    ++acked_;
    una_offset_ = work.stream_start + work.length;
  }
  if (next_ < una_) SeekTo(una_);
  if (!reads_.empty()) [[unlikely]]
    reads_.Advance(una_);
  progress_ = ctx.now;
  retries_left_ = config_.retry_count;
  rnr_left_ = config_.rnr_retry;

  AckSignal signal;
  signal.sample.acked = Bytes(static_cast<int64_t>(una_offset_ - before));
  signal.packets = static_cast<uint32_t>(count);
  signal.in_flight = in_flight();
  signal.app_limited = !HasWork();
  if (timed) SampleRoundTrip(ctx, through, &signal);
  ctx.feedback.Add(flow_, signal);
  if (!outstanding() && !HasWork()) ctx.records.GiveBack(records_.Return());
}

void Requester::TakeCredits(const wire::Aeth& aeth) {
  credits_unlimited_ = aeth.credit_code() == wire::Aeth::kCreditUnlimited;
  if (!credits_unlimited_) {
    credit_limit_ = Psn(aeth.msn) + static_cast<int32_t>(wire::CreditCount(aeth.credit_code()));
  }
}

void Requester::AdvanceTo(Context& ctx, Psn through, bool timed) { Advance(ctx, through, timed); }

bool Requester::OnAcknowledge(Context& ctx, const wire::Aeth& aeth, Psn psn) {
  const bool is_ack = aeth.IsAck();
  const bool known_nak = aeth.IsNak() && aeth.nak_code() <= wire::NakCode::kInvalidRdRequest;
  if (Enabled(Check::kSyndrome) && !is_ack && !aeth.IsRnr() && !known_nak) {
    ctx.drops.Add(RxDrop::kUnsupported);
    return true;
  }
  // A NAK names the PSN that the responder expects and so acknowledges all before it.
  const Psn through = is_ack ? psn : psn - 1;
  if (Enabled(Check::kAckOutstanding) && (psn < una_ - 1 || psn >= max_)) {
    ctx.counters.Add(Count::kGhostAcks);
    ctx.drops.Add(RxDrop::kPsn);
    return true;
  }
  if (!reads_.empty() && through >= una_) [[unlikely]] {
    const Psn missing = reads_.FirstMissing(una_);
    if (missing <= through) return OnAckBeyondRead(ctx, aeth, psn, missing);
  }
  if (through >= una_) Advance(ctx, through, is_ack);
  if (is_ack) {
    ctx.counters.Add(Count::kAcksReceived);
    TakeCredits(aeth);
    Retire(ctx);
    return true;
  }
  // A NAK for what is acknowledged already is a late copy.
  if (Enabled(Check::kNakCurrent) && psn < una_) return true;
  const bool ok = aeth.IsRnr() ? OnRnr(ctx, aeth, psn) : OnNak(ctx, aeth, psn);
  Retire(ctx);
  return ok;
}

void Requester::Rewind(Context& ctx, Psn psn, cc::LossKind kind) {
  const Bytes before = in_flight();
  const uint32_t packets = static_cast<uint32_t>(std::max(0, next_ - psn));
  SeekTo(psn);
  records_.Clear();
  ask_ack_ = true;
  progress_ = rewound_at_ = ctx.now;
  // Again to the same PSN: the old stream of responses may be running still.
  if (!(psn == rewound_to_)) newest_response_ = max_;
  rewound_to_ = psn;
  ctx.counters.Add(Count::kRewinds);
  flow_->OnLoss({ctx.now, kind, before - in_flight(), packets, in_flight()});
}

bool Requester::SpendRetry(Context& ctx) {
  if (Enabled(Check::kRetryBudget) && retries_left_ == 0) {
    ctx.counters.Add(Count::kRetriesExhausted);
    // Any progress since the report would have shown that the packets do fit.
    const bool narrow = narrow_ && narrow_at_ == una_;
    return Fail(narrow ? Status::kPathTooNarrow : Status::kRetryExceeded);
  }
  --retries_left_;
  return true;
}

bool Requester::OnNak(Context& ctx, const wire::Aeth& aeth, Psn psn) {
  ctx.counters.Add(Count::kNaksReceived);
  if (aeth.nak_code() != wire::NakCode::kPsnSequenceError) {
    return Fail(StatusOfNak(aeth.nak_code()));
  }
  // Nothing sent beyond psn since the last rewind: a copy of the NAK that caused it.
  if (next_ <= psn) return true;
  // Nor can what was sent again have been answered within half a round trip: a network that
  // reorders makes the responder report one gap many times, which must not use up the retries.
  if (Enabled(Check::kNakOncePerRoundTrip) && psn == rewound_to_ &&
      ctx.now - rewound_at_ < flow_->smoothed_rtt() / 2) {
    return true;
  }
  if (!SpendRetry(ctx)) return false;
  Rewind(ctx, psn, cc::LossKind::kSequenceNak);
  return true;
}

bool Requester::OnRnr(Context& ctx, const wire::Aeth& aeth, Psn psn) {
  ctx.counters.Add(Count::kRnrNaksReceived);
  if (rnr_waiting_ || next_ <= psn) return true;
  if (rnr_left_ == 0) {
    ctx.counters.Add(Count::kRetriesExhausted);
    return Fail(Status::kRnrRetryExceeded);
  }
  if (config_.rnr_retry != 7) --rnr_left_;
  Rewind(ctx, psn, cc::LossKind::kRnr);
  rnr_waiting_ = true;
  rnr_until_ = ctx.now + wire::RnrTimer(aeth.rnr_timer());
  return true;
}

bool Requester::OnTimers(Context& ctx) {
  if (rnr_waiting_) {
    if (ctx.now < rnr_until_) return true;
    rnr_waiting_ = false;
    return true;
  }
  if (!outstanding() || config_.ack_timeout.ps() == 0) return true;
  if (ctx.now < progress_ + config_.ack_timeout || ctx.hold_timers) return true;
  ctx.counters.Add(Count::kTimeouts);
  if (!SpendRetry(ctx)) return false;
  Rewind(ctx, una_, cc::LossKind::kTimeout);
  return true;
}

}  // namespace sluice::transport
