#include "perf/fetcher.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"

namespace sluice::perf {
namespace {

constexpr uint64_t kTimeEvery = 64;
constexpr uint32_t kMaxSignalEvery = 16;
// The message of a read-back.
constexpr uint64_t kCheck = kMessageMask;
// Odd, so that neighbouring messages differ in all bits.
constexpr uint64_t kMix = 0x9e3779b97f4a7c15;

}  // namespace

Fetcher::Fetcher(End* end, const EndAddress& peer, uint64_t limit, CycleClock cycles,
                 telemetry::Histogram* latency)
    : end_(end),
      peer_(peer),
      cycles_(std::move(cycles)),
      latency_(latency),
      signal_every_(std::clamp<uint32_t>(end->options().depth / 4, 1, kMaxSignalEvery)),
      time_every_(end->options().test == Test::kLatency ? 1 : kTimeEvery),
      streams_(end->options().qps),
      turns_(streams_.size(), end->options().random_order ? end->options().seed | 1 : 0) {
  const uint64_t n = streams_.size();
  for (uint64_t i = 0; i < n; ++i) {
    streams_[i].limit = limit == 0 ? ~uint64_t{0} : limit / n + (i < limit % n ? 1 : 0);
  }
}

// What an atomic leaves in the word.
uint64_t Fetcher::After(uint32_t i, uint64_t message, uint64_t before) const {
  const uint64_t number = (message + 1) * kMix + i;
  return end_->options().fetch == Fetch::kAdd ? before + number : number;
}

bool Fetcher::Post(uint32_t i, const verbs::SendRequest& r, bool more) {
  const verbs::PostResult result = end_->qp(i).PostSend(r, more);
  if (result == verbs::PostResult::kOk) return true;
  if (result != verbs::PostResult::kQueueFull) {
    error_ = absl::StrFormat("post send: %s", verbs::NameOf(result));
  }
  return false;
}

bool Fetcher::PostOne(uint32_t i, bool more) {
  const Options& o = end_->options();
  Stream& s = streams_[i];
  const verbs::Segment segment = end_->SlotSegment(i, s.posted);
  verbs::SendRequest r;
  r.wr_id = WorkId(i, s.posted);
  r.segments = {&segment, 1};
  const bool last = stopped_ || s.posted + 1 == s.limit;
  r.signalled = Remainder(s.posted + 1, signal_every_) == 0 || last || !more;
  r.rkey = peer_.qps[i].rkey;
  r.remote_address = peer_.qps[i].va;
  const uint64_t after = After(i, s.posted, s.left);
  if (o.fetch == Fetch::kRead) {
    r.opcode = verbs::Opcode::kRdmaRead;
    r.remote_address = end_->pattern().AddressOf(peer_.qps[i].va, i, s.posted);
  } else {
    r.opcode =
        o.fetch == Fetch::kAdd ? verbs::Opcode::kAtomicFetchAdd : verbs::Opcode::kAtomicCompareSwap;
    r.add = after - s.left;
    r.compare = s.left;
    r.swap = after;
  }
  if (!Post(i, r, more)) return false;
  if (!s.timing && r.signalled && s.posted >= s.timed_message) {
    s.timing = true;
    s.timed_message = s.posted;
    s.timed_at = cycles_();
  }
  s.left = after;
  ++s.posted;
  ++posted_;
  return true;
}

void Fetcher::PostMessages(uint32_t i) {
  const uint32_t depth = end_->options().depth;
  Stream& s = streams_[i];
  bool rung = true;
  while (!Over(s) && s.posted - s.completed < depth) {
    // The last one that fits rings the doorbell.
    const bool more = s.posted + 1 - s.completed < depth && s.posted + 1 < s.limit;
    if (!PostOne(i, more)) break;
    rung = !more;
  }
  if (!rung) end_->qp(i).Doorbell();
}

void Fetcher::PostCheck(uint32_t i) {
  const verbs::Segment segment = end_->SlotSegment(i, 0);
  verbs::SendRequest r;
  r.wr_id = WorkId(i, kCheck);
  r.segments = {&segment, 1};
  r.opcode = verbs::Opcode::kRdmaRead;
  r.rkey = peer_.qps[i].rkey;
  r.remote_address = peer_.qps[i].va;
  streams_[i].checking = Post(i, r, false);
}

void Fetcher::VerifyWord(const uint8_t* got, uint64_t want) {
  uint64_t word = 0;
  std::memcpy(&word, got, sizeof word);
  if (word != want) mismatches_ += sizeof word;
}

void Fetcher::Verify(uint32_t i, uint64_t message) {
  const Options& o = end_->options();
  Stream& s = streams_[i];
  if (!o.verify) return;
  verified_bytes_ += o.size;
  const uint8_t* got = end_->Slot(i, message);
  if (o.fetch == Fetch::kRead) {
    mismatches_ += end_->pattern().Mismatches(i, message, got);
    return;
  }
  VerifyWord(got, s.found);
  s.found = After(i, message, s.found);
}

bool Fetcher::OnCompletion(const verbs::WorkCompletion& c) {
  if (c.status != verbs::CompletionStatus::kSuccess) {
    if (error_.empty() || error_ == "flushed") error_ = verbs::NameOf(c.status);
    return false;
  }
  const uint32_t i = QpOf(c.wr_id);
  Stream& s = streams_[i];
  turns_.Add(i);
  if ((c.wr_id & kMessageMask) == kCheck) {
    s.checked = true;
    ++checked_;
    VerifyWord(end_->Slot(i, 0), s.left);
    return true;
  }
  // Those before it that asked for no completion are done as well.
  const uint64_t done = (c.wr_id & kMessageMask) + 1;
  if (s.timing && done > s.timed_message) {
    latency_->Record(cycles_() - s.timed_at);
    s.timing = false;
    s.timed_message += time_every_;
  }
  for (; s.completed < done; ++s.completed, ++completed_) Verify(i, s.completed);
  return true;
}

bool Fetcher::Pump() {
  const size_t n = end_->cq().Poll(done_);
  for (size_t k = 0; k < n; ++k) {
    if (!OnCompletion(done_[k])) return false;
  }
  const Options& o = end_->options();
  // What cannot post now has its next turn with a completion.
  for (size_t k = 0; k < Turns::kPerPump && !turns_.empty(); ++k) {
    const uint32_t i = turns_.Take();
    PostMessages(i);
    const Stream& s = streams_[i];
    if (o.atomic() && Over(s) && s.completed == s.posted && !s.checking) PostCheck(i);
    if (!error_.empty()) return false;
  }
  return true;
}

bool Fetcher::Drained() const {
  if (completed_ != posted_) return false;
  return !end_->options().atomic() || checked_ == streams_.size();
}

bool Holder::Pump() {
  verbs::WorkCompletion done[1];
  if (end_->cq().Poll(done) > 0) {
    error_ = verbs::NameOf(done[0].status);
    return false;
  }
  // One after the other: there may be very many.
  looked_at_ = (looked_at_ + 1) % end_->options().qps;
  if (!end_->qp(looked_at_).in_error()) return true;
  error_ = "a request of the initiator was refused";
  return false;
}

}  // namespace sluice::perf
