// The way in: acknowledgements and what they complete.
#include <algorithm>

#include "base/checks.h"
#include "transport/round_trip.h"
#include "transport/send_completion.h"
#include "transport/sr_sender.h"

namespace sluice::transport {
namespace {

// Of a packet whose transmissions were not counted.
constexpr uint8_t kAnyAttempt = 254;

}  // namespace

bool SrSender::Complete(const SendWork& work, Status status) {
  if (completions_ == nullptr) return true;
  return PushSendCompletion(completions_, qpn_, work, status);
}

bool SrSender::Retire(Context& ctx) {
  while (queue_->head() != acked_) {
    const SendWork& work = queue_->At(queue_->head());
    if (work.signalled && !Complete(work, Status::kSuccess)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    if (config_.fetches != nullptr) ctx.counters.Add(Count::kMessagesSent);
    queue_->Retire();
  }
  return true;
}

bool SrSender::Flush(Context& ctx) {
  // First of all: the queue pair may be destroyed before its completions find room.
  blocks_.ReturnAll();
  una_ = next_;
  in_flight_ = 0;
  lost_ = 0;
  rnr_waiting_ = probe_oldest_ = pool_empty_ = false;
  reorder_deadline_.reset();
  if (config_.fetches != nullptr) config_.fetches->Clear();
  if (!Retire(ctx)) return false;
  while (queue_->head() != queue_->tail()) {
    if (!Complete(queue_->At(queue_->head()), failure_)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    failure_ = Status::kFlushed;
    queue_->Retire();
    acked_ = passed_ = current_ = started_ = counted_ = queue_->head();
    packet_ = 0;
    backlog_ = 0;
  }
  return true;
}

// ---- What arrived.

void SrSender::Deliver(Time now, uint64_t sequence, SendBlock* block, Gain* gain) {
  if (block == nullptr) return;  // while silent
  const uint64_t mask = MaskOf(sequence);
  if ((block->delivered & mask) != 0) return;
  const uint32_t bit = BitOf(sequence);
  block->delivered |= mask;
  gain->bytes += block->length[bit];
  ++gain->packets;
  if ((block->lost & mask) != 0) {
    block->lost &= ~mask;
    --lost_;
  } else {
    in_flight_ -= block->length[bit];
  }
  if ((block->resent & mask) != 0) return;
  if (clock_.Overtaken(block->sent[bit], sequence)) clock_.OnLate(now - block->sent[bit]);
  clock_.OnDelivered(now, block->sent[bit], sequence);
}

void SrSender::DeliverThrough(Time now, uint64_t sequence, Gain* gain) {
  for (uint64_t s = una_; s <= sequence; ++s) Deliver(now, s, blocks_.Find(s), gain);
  blocks_.Pass(una_, sequence + 1);
  una_ = sequence + 1;
  probe_oldest_ = false;
}

void SrSender::DeliverBlock(Time now, const wire::SackBlock& sack, Gain* gain) {
  const uint64_t first = SequenceNear(una_, sack.first);
  for (size_t w = 0; w < wire::SackBlock::kWords; ++w) {
    uint64_t left = sack.words[w];
    while (left != 0) {
      const uint64_t s = first + 64 * w + static_cast<uint64_t>(__builtin_ctzll(left));
      left &= left - 1;
      // Only what is outstanding counts.
      if (!Enabled(Check::kXtBlockOutstanding) || (s >= una_ && s < next_)) {
        Deliver(now, s, blocks_.Find(s), gain);
      } else if (s >= next_) {
        ++gain->ghosts;
      }
    }
  }
}

// Of a packet with that much payload, if its headers are those of the last one.
uint32_t SrSender::FrameBytes(uint32_t payload) const {
  const auto padded = [](uint32_t n) { return (n + 3) & ~3u; };
  return frame_bytes_ - padded(frame_payload_) + padded(payload);
}

void SrSender::TakeEcho(Context& ctx, const wire::ExtendedAck& ack, AckSignal* signal) {
  if (!ack.echoes()) return;
  const uint64_t sequence = SequenceNear(una_, ack.psn);
  if (Enabled(Check::kXtEchoOutstanding) &&
      (sequence >= next_ || sequence + config_.window < una_)) {
    ctx.counters.Add(Count::kGhostEchoes);
    return;
  }
  Duration rtt = wire::Stamp::Of(ctx.now) - ack.sent;
  Duration leaving;
  uint32_t frame = frame_bytes_;
  if (sequence >= una_) {
    const SendBlock& block = *blocks_.Find(sequence);
    const uint32_t bit = BitOf(sequence);
    if (block.attempt[bit] == ack.attempt) {
      // The very transmission that is written down: exact, and its delivery can be rated.
      rtt = ctx.now - block.sent[bit];
      leaving = ack.sent - wire::Stamp::Of(block.sent[bit]);
      frame = FrameBytes(block.length[bit]);
      const uint32_t since = static_cast<uint32_t>(delivered_) - block.delivered_before[bit];
      if (rtt > Duration::Zero()) signal->delivered_rate = RateOf(Bytes(since), rtt);
      signal->app_limited = (block.app_limited & MaskOf(sequence)) != 0;
    } else if (rtt > Duration::Zero()) {
      // An earlier copy arrived after all: it was given up too soon.
      clock_.OnLate(rtt);
      OnSpurious(ctx, sequence, block);
    }
  }
  if (rtt <= Duration::Zero()) return;
  clock_.OnDelivered(ctx.now, ctx.now - rtt, sequence);
  clock_.OnRoundTrip(ctx.now, rtt, flow_->smoothed_rtt());
  SetRoundTrip(ctx, rtt, leaving, signal);
  signal->sample.wire_length = frame;
  const Duration remote = ack.departed - ack.arrived;
  if (remote >= Duration::Zero()) {
    signal->sample.remote_delay = remote;
    signal->present.Add(cc::Signal::kRemoteDelay);
  }
}

// What was given up is there after all: the controller may take back what it did for it. A probe it
// never heard of.
void SrSender::OnSpurious(Context& ctx, uint64_t sequence, const SendBlock& block) {
  ctx.counters.Add(Count::kSpuriousRetransmissions);
  if ((block.probed & MaskOf(sequence)) != 0) return;
  cc::Loss loss{ctx.now, cc::LossKind::kSackGap, Bytes(block.length[BitOf(sequence)]), 1,
                in_flight()};
  loss.undo = true;
  flow_->OnLoss(loss);
}

// Running counts; acknowledgements may overtake each other, so only growth counts.
void SrSender::TakeCounts(const wire::ExtendedAck& ack, AckSignal* signal) {
  signal->present.Add(cc::Signal::kCeBytes);
  const auto packets = static_cast<int32_t>(ack.ce_packets - ce_packets_);
  if (packets > 0) {
    signal->ce_packets = static_cast<uint32_t>(packets);
    signal->ce_bytes = Bytes(std::min<int64_t>(static_cast<uint32_t>(ack.ce_bytes - ce_bytes_),
                                               int64_t{packets} * config_.base.mtu));
    signal->sample.ce = true;
    ce_packets_ = ack.ce_packets;
    ce_bytes_ = ack.ce_bytes;
  }
  if (ack.active_senders > 0) {
    signal->active_senders = ack.active_senders;
    signal->present.Add(cc::Signal::kActiveSenders);
  }
  if (ack.shares()) {
    credits_known_ = false;
  } else if (!credits_known_ || static_cast<int32_t>(ack.receives - credit_limit_) > 0) {
    credits_known_ = true;
    credit_limit_ = ack.receives;
  }
}

void SrSender::PassWorks() {
  while (passed_ < started_) {
    const SendWork& work = queue_->At(passed_);
    if (FirstOf(work) + work.packets > una_) break;
    ++passed_;
  }
  while (acked_ < passed_) {
    const SendWork& work = queue_->At(acked_);
    if (config_.fetches != nullptr && WantsData(work.op) && !config_.fetches->Answered(work.ssn)) {
      break;
    }
    ++acked_;
  }
}

void SrSender::OnProgress(Time now) {
  progress_ = last_event_ = now;
  retries_left_ = config_.base.retry_count;
  rnr_left_ = config_.base.rnr_retry;
  probes_ = 0;
}

// The scoreboard of a stream with nothing under way goes back, also while more work waits: two
// streams of an engine with few blocks may wait for each other.
void SrSender::ReleaseIdle() {
  if (outstanding()) return;
  reorder_deadline_.reset();
  // Mostly the only one.
  blocks_.Return(una_);
  blocks_.ReturnAll();
}

void SrSender::OnWorksDelivered(Context& ctx, uint64_t position) {
  if (position <= acked_) return;
  const SendWork& last = queue_->At(position - 1);
  Gain gain;
  DeliverThrough(ctx.now, FirstOf(last) + last.packets - 1, &gain);
  delivered_ += gain.bytes;
  silent_ = silent_ && outstanding();
  OnProgress(ctx.now);
  PassWorks();
  AckSignal signal;
  signal.sample.acked = Bytes(static_cast<int64_t>(gain.bytes));
  signal.packets = gain.packets;
  signal.in_flight = in_flight();
  if (gain.packets > 0) ctx.feedback.Add(flow_, signal);
  ReleaseIdle();
  Retire(ctx);
}

void SrSender::OnFetched(Context& ctx) {
  progress_ = ctx.now;
  retries_left_ = config_.base.retry_count;
  probes_ = 0;
  PassWorks();
  Retire(ctx);
}

// Nobody acknowledges the responses: whoever asked for them is gone, or will ask again. What the
// engine lent goes back, since others may wait for it.
void SrSender::FallSilent() {
  silent_ = true;
  blocks_.ReturnAll();
  in_flight_ = 0;
  lost_ = 0;
  probe_oldest_ = false;
  reorder_deadline_.reset();
}

bool SrSender::Wake(Time now) {
  if (!silent_) return true;
  uint64_t position = FindWork(una_);
  for (uint64_t s = una_; s < next_; ++s) {
    SendBlock* block = blocks_.Ensure(s);
    if (block == nullptr) {
      blocks_.ReturnAll();
      return false;
    }
    while (s >= FirstOf(queue_->At(position)) + queue_->At(position).packets) ++position;
    const SendWork& work = queue_->At(position);
    const uint64_t begin = (s - FirstOf(work)) * config_.base.mtu;
    const uint32_t bit = BitOf(s);
    block->length[bit] =
        static_cast<uint16_t>(std::min<uint64_t>(config_.base.mtu, PayloadOf(work) - begin));
    block->attempt[bit] = kAnyAttempt;
    block->sent[bit] = now;
    block->delivered_before[bit] = static_cast<uint32_t>(delivered_);
    // Everything is sent again; nobody is told of a loss that nobody saw.
    block->lost |= MaskOf(s);
    block->resent |= MaskOf(s);
    block->probed |= MaskOf(s);
  }
  silent_ = false;
  lost_ = static_cast<uint32_t>(next_ - una_);
  lost_from_ = una_;
  OnProgress(now);
  return true;
}

bool SrSender::OnAcknowledge(Context& ctx, const SrAcknowledge& answer) {
  const wire::Aeth aeth{answer.ack.syndrome, answer.ack.msn};
  if (Enabled(Check::kXtSyndrome) && !aeth.IsAck() && !aeth.IsRnr() && !aeth.IsNak()) {
    ctx.drops.Add(RxDrop::kUnsupported);
    return true;
  }
  const uint64_t through = SequenceNear(una_, answer.psn);
  if (Enabled(Check::kXtAckOutstanding) && (through >= next_ || through + config_.window < una_)) {
    ctx.counters.Add(Count::kGhostAcks);
    ctx.drops.Add(RxDrop::kPsn);
    return true;
  }
  if (!Wake(ctx.now)) return true;
  AckSignal signal;
  TakeEcho(ctx, answer.ack, &signal);
  TakeCounts(answer.ack, &signal);
  signal.sample.hops = answer.hops;
  if (!answer.hops.empty()) {
    signal.present.Add(cc::Signal::kInt).Add(cc::Signal::kHopWait);
    signal.longest_wait_ns = answer.longest_wait_ns;
  }
  if (aeth.IsAck()) ctx.counters.Add(Count::kAcksReceived);
  Gain gain;
  if (answer.has_block) DeliverBlock(ctx.now, answer.block, &gain);
  if (through >= una_) {
    DeliverThrough(ctx.now, through, &gain);
    OnProgress(ctx.now);
    PassWorks();
  }
  if (gain.ghosts > 0) ctx.counters.Add(Count::kGhostEchoes);
  // The responder was asked for responses that are late, and is there.
  if (Fetching() && !outstanding()) OnProgress(ctx.now);
  delivered_ += gain.bytes;
  if (gain.packets > 0) OnProgress(ctx.now);
  signal.sample.acked = Bytes(static_cast<int64_t>(gain.bytes));
  signal.packets = gain.packets;
  DetectLosses(ctx);
  ReportLosses(ctx, cc::LossKind::kSackGap);
  signal.in_flight = in_flight();
  if (gain.packets > 0 || signal.ce_packets > 0 || signal.sample.stamp != cc::StampSource::kNone) {
    ctx.feedback.Add(flow_, signal);
  }
  ReleaseIdle();

  bool ok = true;
  if (aeth.IsRnr()) ok = OnRnr(ctx, answer.ack);
  if (aeth.IsNak()) {
    ctx.counters.Add(Count::kNaksReceived);
    // Errors are raised in order, so it is the oldest packet that is at fault.
    if (outstanding() || Fetching()) ok = Fail(StatusOfNak(aeth.nak_code()));
  }
  Retire(ctx);
  return ok;
}

}  // namespace sluice::transport
