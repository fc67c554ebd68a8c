#include <algorithm>

#include "absl/strings/str_format.h"
#include "perf/stream.h"

namespace sluice::perf {
namespace {

// One message in this many is timed from post to completion.
constexpr uint64_t kTimeEvery = 64;
constexpr uint32_t kMaxSignalEvery = 16;

}  // namespace

Initiator::Initiator(End* end, const EndAddress& peer, uint64_t limit, CycleClock cycles,
                     telemetry::Histogram* latency)
    : end_(end),
      peer_(peer),
      cycles_(std::move(cycles)),
      latency_(latency),
      lap_(end->options().depth),
      signal_every_(std::clamp<uint32_t>(end->options().depth / 4, 1, kMaxSignalEvery)),
      streams_(end->options().qps),
      turns_(streams_.size(), end->options().random_order ? end->options().seed | 1 : 0),
      upcoming_(end->many()) {
  // The messages are dealt out over the queue pairs.
  const uint64_t n = streams_.size();
  for (uint64_t i = 0; i < n; ++i) {
    streams_[i].qp = &end->qp(static_cast<uint32_t>(i));
    streams_[i].limit = limit == 0 ? kNoLimit : limit / n + (i < limit % n ? 1 : 0);
  }
}

absl::Status Initiator::Prepare() {
  if (!end_->options().write) return absl::OkStatus();
  // Lap frees: at most two laps are out at a time.
  for (uint32_t i = 0; i < streams_.size(); ++i) {
    for (int n = 0; n < 4; ++n) {
      if (absl::Status s = end_->PostEmpty(i); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

bool Initiator::MayPost(const Stream& s) const {
  if (s.posted - s.completed >= end_->options().depth) return false;
  // The third lap would overwrite the first.
  return !end_->options().write || s.laps_closed - s.laps_freed < 2;
}

void Initiator::CountLap(Stream* s, bool ends) {
  open_laps_ += s->in_lap == 0 ? 1 : 0;
  ++s->in_lap;
  if (!ends) return;
  s->in_lap = 0;
  ++s->laps_closed;
}

bool Initiator::PostOne(uint32_t i, bool more) {
  const Options& o = end_->options();
  Stream& s = streams_[i];
  const verbs::Segment segment = end_->PatternSegment(i, s.posted);
  verbs::SendRequest r;
  r.wr_id = WorkId(i, s.posted);
  r.segments = {&segment, 1};
  const bool last = stopped_ || s.posted + 1 == s.limit;
  const bool ends_lap = o.write && (s.in_lap + 1 == lap_ || last);
  r.signalled = Remainder(s.posted + 1, signal_every_) == 0 || ends_lap || last || !more;
  if (o.write) {
    r.opcode = ends_lap ? verbs::Opcode::kRdmaWriteWithImm : verbs::Opcode::kRdmaWrite;
    r.imm = s.in_lap + 1;
    r.remote_address = peer_.qps[i].va + Remainder(s.posted, end_->slots()) * o.size;
    r.rkey = peer_.qps[i].rkey;
  }
  const verbs::PostResult result = s.qp->PostSend(r, more);
  if (result == verbs::PostResult::kQueueFull) return false;
  if (result != verbs::PostResult::kOk) {
    error_ = absl::StrFormat("post send: %s", verbs::NameOf(result));
    return false;
  }
  if (!s.timing && s.posted % kTimeEvery == 0 && r.signalled) {
    s.timing = true;
    s.timed_message = s.posted;
    s.timed_at = cycles_();
  }
  ++s.posted;
  ++posted_;
  if (o.write) CountLap(&s, ends_lap);
  return true;
}

void Initiator::PostMessages(uint32_t i) {
  Stream& s = streams_[i];
  bool rung = true;
  while (!Limited(s) && MayPost(s)) {
    // The last one that fits rings the doorbell.
    const bool more = s.posted + 1 - s.completed < end_->options().depth && s.posted + 1 < s.limit;
    if (!PostOne(i, more)) break;
    rung = !more;
  }
  // A lap that was open when the run stopped gets one message more, which closes it.
  if (stopped_ && s.in_lap > 0 && MayPost(s)) {
    if (PostOne(i, false)) rung = true;
  }
  if (!rung) end_->qp(i).Doorbell();
}

bool Initiator::OnCompletion(const verbs::WorkCompletion& c) {
  if (c.status != verbs::CompletionStatus::kSuccess) {
    if (error_.empty() || error_ == "flushed") error_ = verbs::NameOf(c.status);
    return false;
  }
  if (c.receive) {
    const uint32_t i = static_cast<uint32_t>(c.imm);
    if (i >= streams_.size()) {
      error_ = "a lap was freed that does not exist";
      return false;
    }
    ++streams_[i].laps_freed;
    --open_laps_;
    turns_.Add(i);
    return end_->PostEmpty(i).ok();
  }
  const uint32_t i = QpOf(c.wr_id);
  Stream& s = streams_[i];
  turns_.Add(i);
  const uint64_t done = (c.wr_id & kMessageMask) + 1;
  completed_ += done - s.completed;
  s.completed = done;
  if (s.timing && done > s.timed_message) {
    latency_->Record(cycles_() - s.timed_at);
    s.timing = false;
  }
  return true;
}

bool Initiator::Pump() {
  const size_t n = end_->cq().Poll(done_);
  for (size_t k = 0; k < n; ++k) {
    if (!OnCompletion(done_[k])) return false;
  }
  // What cannot post now has its next turn with a completion.
  const auto fetch = [this](auto stage, uint32_t i) {
    if constexpr (stage == 0) {
      __builtin_prefetch(&streams_[i], 1);
    } else {
      streams_[i].qp->PrefetchSend(static_cast<int>(stage) - 1);
    }
  };
  while (!upcoming_.full() && !turns_.empty()) upcoming_.Add(turns_.Take(), fetch);
  for (size_t posts = 0; posts < Turns::kPerPump && !upcoming_.empty(); ++posts) {
    const uint32_t i = upcoming_.Take(fetch);
    if (MayPost(streams_[i])) PostMessages(i);
    if (!error_.empty()) return false;
  }
  return true;
}

}  // namespace sluice::perf
