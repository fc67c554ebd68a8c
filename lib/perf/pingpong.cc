#include "perf/pingpong.h"

#include "absl/strings/str_format.h"

namespace sluice::perf {

Pinger::Pinger(End* end, const EndAddress& peer, bool serves, uint64_t limit, CycleClock cycles,
               telemetry::Histogram* latency)
    : end_(end),
      peer_(peer),
      serves_(serves),
      limit_(limit),
      cycles_(std::move(cycles)),
      latency_(latency),
      next_send_(end->options().qps),
      next_receive_(end->options().qps) {}

bool Pinger::Send(uint32_t qp) {
  const Options& o = end_->options();
  const uint64_t message = next_send_[qp]++;
  const verbs::Segment segment = end_->PatternSegment(qp, message);
  verbs::SendRequest r;
  r.wr_id = message;
  r.segments = {&segment, 1};
  if (o.write) {
    r.opcode = verbs::Opcode::kRdmaWriteWithImm;
    r.remote_address = peer_.qps[qp].va + Remainder(message, end_->slots()) * o.size;
    r.rkey = peer_.qps[qp].rkey;
  }
  const verbs::PostResult result = end_->qp(qp).PostSend(r);
  if (result != verbs::PostResult::kOk) {
    error_ = absl::StrFormat("post send: %s", verbs::NameOf(result));
    return false;
  }
  ++sent_;
  return true;
}

bool Pinger::Receive(const verbs::WorkCompletion& c) {
  const Options& o = end_->options();
  const uint32_t i = QpOf(c.wr_id);
  const uint64_t message = next_receive_[i]++;
  if (c.byte_length != o.size) {
    error_ = absl::StrFormat("message %d of queue pair %d has %d bytes", message, i, c.byte_length);
    return false;
  }
  if (serves_) {
    latency_->Record(cycles_() - sent_at_);
    waiting_ = false;
  } else if (!Send(i)) {
    return false;
  }
  ++received_;
  if (o.verify) {
    mismatches_ += end_->pattern().Mismatches(i, message, end_->Slot(i, message));
    verified_bytes_ += o.size;
  }
  absl::Status s = o.write ? end_->PostEmpty(i) : end_->PostSlot(i, message + end_->slots());
  return s.ok();
}

bool Pinger::Pump() {
  const size_t n = end_->cq().Poll(done_);
  for (size_t k = 0; k < n; ++k) {
    const verbs::WorkCompletion& c = done_[k];
    if (c.status != verbs::CompletionStatus::kSuccess) {
      if (error_.empty()) error_ = verbs::NameOf(c.status);
      return false;
    }
    if (!c.receive) {
      ++completed_sends_;
    } else if (!Receive(c)) {
      return false;
    }
  }
  // The next ping waits until the acknowledgement of the last one is in: the send queue is short.
  if (!serves_ || waiting_ || stopped_ || (limit_ != 0 && sent_ >= limit_)) return true;
  if (sent_ - completed_sends_ >= 4) return true;
  waiting_ = true;
  sent_at_ = cycles_();
  const uint32_t i = turn_;
  if (++turn_ == next_send_.size()) turn_ = 0;
  return Send(i);
}

}  // namespace sluice::perf
