#include <iterator>

#include "absl/strings/str_format.h"
#include "perf/stream.h"

namespace sluice::perf {

Target::Target(End* end) : end_(end), streams_(end->options().qps) {
  for (uint32_t i = 0; i < streams_.size(); ++i) streams_[i] = {&end->qp(i), 0};
}

void Target::Verify(uint32_t qp, uint64_t message) {
  const Options& o = end_->options();
  ++received_;
  if (!o.verify) return;
  const uint64_t wrong = end_->pattern().Mismatches(qp, message, end_->Slot(qp, message));
  mismatches_ += wrong;
  verified_bytes_ += o.size;
}

bool Target::OnMessage(const verbs::WorkCompletion& c, uint32_t qp) {
  const uint64_t message = streams_[qp].next++;
  if (c.byte_length != end_->options().size || c.wr_id != WorkId(qp, message)) {
    error_ = absl::StrFormat("message %d of queue pair %d arrived as number %d with %d bytes",
                             message, qp, c.wr_id & kMessageMask, c.byte_length);
    return false;
  }
  Verify(qp, message);
  return end_->PostSlot(streams_[qp].qp, qp, message + end_->slots()).ok();
}

bool Target::OnLap(const verbs::WorkCompletion& c, uint32_t qp) {
  if (!c.has_imm || c.imm == 0 || c.imm > end_->options().depth) {
    error_ = absl::StrFormat("a lap of %d messages arrived", c.imm);
    return false;
  }
  for (uint32_t k = 0; k < c.imm; ++k) Verify(qp, streams_[qp].next++);
  if (!end_->PostEmpty(qp).ok()) return false;
  verbs::SendRequest free;
  free.opcode = verbs::Opcode::kSendWithImm;
  free.imm = qp;
  const verbs::PostResult r = end_->qp(qp).PostSend(free);
  if (r != verbs::PostResult::kOk) {
    error_ = absl::StrFormat("post send: %s", verbs::NameOf(r));
    return false;
  }
  return true;
}

bool Target::Pump() {
  // Receives are posted in less time than a line takes to come: each stage for all of them at once.
  constexpr size_t kAll = std::tuple_size_v<decltype(done_)>;
  const bool ahead = end_->many();
  size_t n;
  const auto fetch = [this](auto stage, size_t k) {
    const uint32_t qp = QpOf(done_[k].wr_id);
    if constexpr (stage == 0) {
      __builtin_prefetch(&streams_[qp], 1);
    } else {
      streams_[qp].qp->PrefetchReceive(static_cast<int>(stage) - 1);
    }
  };
  // All of them: a gap that closes brings more at once than a burst, and the initiator may have
  // heard already that they arrived.
  do {
    n = end_->cq().Poll(done_);
    for (size_t k = 0; k < n; ++k) {
      if (ahead) LookAhead<kAll, kAll, kAll, kAll>(k, n, fetch);
      const verbs::WorkCompletion& c = done_[k];
      if (c.status != verbs::CompletionStatus::kSuccess) {
        if (error_.empty()) error_ = verbs::NameOf(c.status);
        return false;
      }
      if (!c.receive) continue;  // a lap free went out
      const uint32_t qp = QpOf(c.wr_id);
      if (!(end_->options().write ? OnLap(c, qp) : OnMessage(c, qp))) return false;
    }
  } while (n == done_.size());
  return true;
}

}  // namespace sluice::perf
