#include <iterator>

#include "absl/strings/str_format.h"
#include "perf/stream.h"

namespace sluice::perf {

void Target::Verify(uint32_t qp, uint64_t message) {
  const Options& o = end_->options();
  ++received_;
  if (!o.verify) return;
  const uint64_t wrong = end_->pattern().Mismatches(qp, message, end_->Slot(qp, message));
  mismatches_ += wrong;
  verified_bytes_ += o.size;
}

bool Target::OnMessage(const verbs::WorkCompletion& c, uint32_t qp) {
  const uint64_t message = next_[qp]++;
  if (c.byte_length != end_->options().size || c.wr_id != WorkId(qp, message)) {
    error_ = absl::StrFormat("message %d of queue pair %d arrived as number %d with %d bytes",
                             message, qp, c.wr_id & kMessageMask, c.byte_length);
    return false;
  }
  Verify(qp, message);
  return end_->PostSlot(qp, message + end_->slots()).ok();
}

bool Target::OnLap(const verbs::WorkCompletion& c, uint32_t qp) {
  if (!c.has_imm || c.imm == 0 || c.imm > end_->options().depth) {
    error_ = absl::StrFormat("a lap of %d messages arrived", c.imm);
    return false;
  }
  for (uint32_t k = 0; k < c.imm; ++k) Verify(qp, next_[qp]++);
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

// For the first `n` of done_.
void Target::LookAhead(size_t n) const {
  std::array<uint32_t, End::kAhead> qps;
  for (size_t k = 0; k < n; ++k) {
    qps[k] = QpOf(done_[k].wr_id);
    __builtin_prefetch(&next_[qps[k]], 1);
  }
  end_->LookAhead({qps.data(), n}, false);
}

bool Target::Pump() {
  size_t n;
  // All of them: a gap that closes brings more at once than a burst, and the initiator may have
  // heard already that they arrived.
  do {
    n = end_->cq().Poll(done_);
    if (end_->many()) LookAhead(n);
    for (size_t k = 0; k < n; ++k) {
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
