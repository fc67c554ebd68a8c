#include "transport/response_queue.h"

#include <algorithm>

namespace sluice::transport {

bool ResponseQueue::AnyDuplicate() const {
  return std::any_of(jobs_.begin(), jobs_.begin() + count_,
                     [](const ResponseJob& j) { return j.duplicate; });
}

void ResponseQueue::Remove(uint8_t at) {
  if (account_ != nullptr) account_->Settle(jobs_[at].length);
  std::copy(jobs_.begin() + at + 1, jobs_.begin() + count_, jobs_.begin() + at);
  --count_;
}

void ResponseQueue::Pop() { Remove(0); }

bool ResponseQueue::Append(const ResponseJob& job, uint8_t limit) {
  if (count_ >= limit) return false;
  jobs_[count_++] = job;
  Owe(job);
  return true;
}

bool ResponseQueue::Insert(const ResponseJob& job, uint8_t limit) {
  for (uint8_t i = 0; i < count_; ++i) {
    const ResponseJob& old = jobs_[i];
    if (!(old.last() == job.last()) || old.atomic != job.atomic) continue;
    // A copy of a request of which nothing that it asks for is out yet.
    if (old.next() <= job.first) return true;
    Remove(i);
    break;
  }
  if (count_ >= limit) return false;
  uint8_t at = 0;
  while (at < count_ && jobs_[at].last() < job.last()) ++at;
  std::copy_backward(jobs_.begin() + at, jobs_.begin() + count_, jobs_.begin() + count_ + 1);
  jobs_[at] = job;
  ++count_;
  Owe(job);
  return true;
}

const ReplayRecords::Record* ReplayRecords::Find(Psn psn) const {
  const uint32_t n = std::min<uint32_t>(count_, static_cast<uint32_t>(records_.size()));
  for (uint32_t i = 1; i <= n; ++i) {
    const Record& r = records_[(count_ - i) % records_.size()];
    if (r.psn == psn) return &r;
  }
  return nullptr;
}

}  // namespace sluice::transport
