// What is not acknowledged: loss by time, refusals, probes and timers.
#include <algorithm>

#include "base/checks.h"
#include "transport/sr_sender.h"

namespace sluice::transport {
namespace {

// Below this a tail-loss probe would answer to the noise of a host, not to silence.
constexpr Duration kLeastProbe = Duration::Microseconds(10);
constexpr uint8_t kMostBackoff = 10;
// How soon a sender without a block asks the pool again.
constexpr Duration kPoolRetry = Duration::Microseconds(10);
// A packet's stamp may be the time at which it leaves, so long after it was written down at most.
constexpr Duration kLongestLeaving = Duration::Milliseconds(1);

}  // namespace

void SrSender::MarkLost(uint64_t sequence, SendBlock* block) {
  const uint32_t length = block->length[BitOf(sequence)];
  block->lost |= MaskOf(sequence);
  block->probed &= ~MaskOf(sequence);
  lost_from_ = lost_ == 0 ? sequence : std::min(lost_from_, sequence);
  ++lost_;
  in_flight_ -= length;
  newly_lost_ += Bytes(length);
  ++newly_lost_packets_;
}

void SrSender::DetectLosses(Context& ctx) {
  reorder_deadline_.reset();
  const Duration smoothed = flow_->smoothed_rtt();
  for (uint64_t from = una_; from < next_; from = (from | 63) + 1) {
    SendBlock* block = blocks_.Find(from);
    uint64_t left = ~(block->delivered | block->lost) & (~uint64_t{0} << BitOf(from));
    for (; left != 0; left &= left - 1) {
      const uint64_t s = (from & ~uint64_t{63}) + static_cast<uint64_t>(__builtin_ctzll(left));
      if (s >= next_) return;
      const Time sent = block->sent[BitOf(s)];
      const bool once = (block->resent & MaskOf(s)) == 0;
      const bool overtaken = clock_.Overtaken(sent, s);
      const Time deadline = clock_.Deadline(sent, smoothed);
      if (overtaken && deadline <= ctx.now) {
        MarkLost(s, block);
        continue;
      }
      if (overtaken) {
        reorder_deadline_ = reorder_deadline_ ? Earlier(*reorder_deadline_, deadline) : deadline;
      }
      // Whatever follows was sent later than this, and so was every copy of it.
      if (once) return;
    }
  }
}

void SrSender::ReportLosses(Context& ctx, cc::LossKind kind) {
  if (newly_lost_packets_ == 0) return;
  const cc::Loss loss{ctx.now, kind, newly_lost_, newly_lost_packets_, in_flight()};
  newly_lost_ = Bytes(0);
  newly_lost_packets_ = 0;
  flow_->OnLoss(loss);
}

bool SrSender::SpendRetry(Context& ctx) {
  if (Enabled(Check::kXtRetryBudget) && retries_left_ == 0) {
    ctx.counters.Add(Count::kRetriesExhausted);
    return Fail(Status::kRetryExceeded);
  }
  --retries_left_;
  return true;
}

bool SrSender::OnRnr(Context& ctx, const wire::ExtendedAck& ack) {
  ctx.counters.Add(Count::kRnrNaksReceived);
  if (rnr_waiting_ || !outstanding() || !(ack.psn == PsnOf(una_))) return true;
  SendBlock* block = blocks_.Find(una_);
  const uint64_t mask = MaskOf(una_);
  // An answer to an earlier copy than the last one, or to one that was given up already.
  if (Enabled(Check::kXtNotReadyCurrent) &&
      (block->attempt[BitOf(una_)] != ack.attempt || (block->lost & mask) != 0)) {
    return true;
  }
  if (rnr_left_ == 0) {
    ctx.counters.Add(Count::kRetriesExhausted);
    return Fail(Status::kRnrRetryExceeded);
  }
  if (config_.base.rnr_retry != 7) --rnr_left_;
  // The peer is there and answers; how long it may not be ready is for the RNR retries to say.
  retries_left_ = config_.base.retry_count;
  if ((block->delivered & mask) == 0) {
    MarkLost(una_, block);
  } else {
    probe_oldest_ = true;
  }
  ReportLosses(ctx, cc::LossKind::kRnr);
  rnr_waiting_ = true;
  rnr_until_ = ctx.now + wire::RnrTimer(wire::Aeth{ack.syndrome, ack.msn}.rnr_timer());
  return true;
}

// A hint from the way, and nothing in it was protected there: it counts only for the very copy that
// is written down, whose stamp nobody can know who does not see the packets. It is no progress, and
// no timer waits for it.
void SrSender::OnTrimmed(Context& ctx, const wire::ExtendedAck& ack) {
  const uint64_t sequence = SequenceNear(una_, ack.psn);
  if (sequence < una_) return;  // it has come since
  if (Enabled(Check::kXtTrimOutstanding) && sequence >= next_) {
    ctx.counters.Add(Count::kGhostEchoes);
    return;
  }
  SendBlock* block = blocks_.Find(sequence);
  if (block == nullptr || ((block->delivered | block->lost) & MaskOf(sequence)) != 0) return;
  const uint32_t bit = BitOf(sequence);
  const Duration leaving = ack.sent - wire::Stamp::Of(block->sent[bit]);
  const bool same = block->attempt[bit] == ack.attempt && leaving >= Duration::Zero() &&
                    leaving <= kLongestLeaving;
  if (Enabled(Check::kXtTrimCopy) && !same) {
    ctx.counters.Add(Count::kGhostEchoes);
    return;
  }
  ctx.counters.Add(Count::kTrimmedLosses);
  MarkLost(sequence, block);
  ReportLosses(ctx, cc::LossKind::kTrim);
}

// ---- Time.

Duration SrSender::ProbeAfter() const {
  const Duration rtt = flow_->smoothed_rtt();
  if (rtt <= Duration::Zero() || config_.modelled) return Duration::Zero();
  return std::max(kLeastProbe, rtt * 2) * (int64_t{1} << std::min(probes_, kMostBackoff));
}

OptionalTime SrSender::Deadline() const {
  if (rnr_waiting_) return rnr_until_;
  if (silent_) return std::nullopt;
  if (!outstanding()) {
    if (pool_empty_) return last_event_ + kPoolRetry;
    if (Fetching() && config_.base.ack_timeout > Duration::Zero()) {
      return progress_ + config_.base.ack_timeout;
    }
    return std::nullopt;
  }
  OptionalTime d = reorder_deadline_;
  const auto at = [&d](Time t) { d = d ? Earlier(*d, t) : t; };
  const Duration probe = ProbeAfter();
  if (NothingHeard() && probe > Duration::Zero()) at(last_event_ + probe);
  if (config_.base.ack_timeout > Duration::Zero()) at(progress_ + config_.base.ack_timeout);
  return d;
}

void SrSender::Probe(Context& ctx) {
  ++probes_;
  last_event_ = ctx.now;
  ctx.counters.Add(Count::kTailProbes);
  // The oldest arrived and is not acknowledged: the receiver is not ready, and will say so.
  probe_oldest_ = (blocks_.Find(una_)->delivered & MaskOf(una_)) != 0;
  if (probe_oldest_) return;
  for (uint64_t s = next_; s-- > una_;) {
    SendBlock* block = blocks_.Find(s);
    if (((block->delivered | block->lost) & MaskOf(s)) != 0) continue;
    MarkLost(s, block);
    // A question, not a loss that anybody has seen.
    block->probed |= MaskOf(s);
    newly_lost_ = Bytes(0);
    newly_lost_packets_ = 0;
    return;
  }
}

bool SrSender::OnTimeout(Context& ctx) {
  ctx.counters.Add(Count::kTimeouts);
  if (config_.fetches == nullptr && retries_left_ == 0) {
    FallSilent();
    return true;
  }
  if (!SpendRetry(ctx)) return false;
  probe_oldest_ = (blocks_.Find(una_)->delivered & MaskOf(una_)) != 0;
  for (uint64_t s = una_; s < next_; ++s) {
    SendBlock* block = blocks_.Find(s);
    if (((block->delivered | block->lost) & MaskOf(s)) != 0) continue;
    MarkLost(s, block);
  }
  ReportLosses(ctx, cc::LossKind::kTimeout);
  progress_ = last_event_ = ctx.now;
  return true;
}

// Requests are acknowledged, but nothing comes of what they ask for.
bool SrSender::OnFetchTimeout(Context& ctx) {
  ctx.counters.Add(Count::kTimeouts);
  if (!SpendRetry(ctx)) return false;
  progress_ = ctx.now;
  config_.fetches->Ask();
  return true;
}

bool SrSender::OnTimers(Context& ctx) {
  if (rnr_waiting_) {
    if (ctx.now < rnr_until_) return true;
    rnr_waiting_ = false;
    progress_ = last_event_ = ctx.now;
    return true;
  }
  const Duration timeout = config_.base.ack_timeout;
  if (silent_) return true;
  if (!outstanding()) {
    if (pool_empty_ && ctx.now >= last_event_ + kPoolRetry) {
      ctx.counters.Add(Count::kScoreboardPoolEmpty);
      last_event_ = ctx.now;
    }
    const bool overdue = Fetching() && timeout > Duration::Zero() && ctx.now >= progress_ + timeout;
    return !overdue || ctx.hold_timers || OnFetchTimeout(ctx);
  }
  if (ctx.hold_timers) return true;
  if (timeout > Duration::Zero() && ctx.now >= progress_ + timeout) return OnTimeout(ctx);
  if (reorder_deadline_ && *reorder_deadline_ <= ctx.now) {
    DetectLosses(ctx);
    ReportLosses(ctx, cc::LossKind::kSackGap);
  }
  const Duration probe = ProbeAfter();
  if (NothingHeard() && probe > Duration::Zero() && ctx.now >= last_event_ + probe) Probe(ctx);
  return true;
}

}  // namespace sluice::transport
