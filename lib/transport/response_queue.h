// ResponseQueue: the READ and atomic responses that a responder owes, in the order of their PSNs,
// and the results of the last atomics, so that a duplicate is answered and not executed again
// (IBTA 1.4, 9.7.5.1.5).
//
// Plain data, no I/O, no memory access; the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_RESPONSE_QUEUE_H_
#define SLUICE_TRANSPORT_RESPONSE_QUEUE_H_

#include <array>
#include <cstdint>

#include "base/psn.h"
#include "transport/peer_account.h"
#include "transport/read_window.h"

namespace sluice::transport {

// One request that is being answered: `packets` PSNs from `first`, of which `sent` are out.
struct ResponseJob {
  Psn first;
  uint32_t packets = 1;
  uint32_t sent = 0;
  uint64_t va = 0;  // READ: where the rest of the range began when it was asked for
  uint32_t rkey = 0;
  uint32_t length = 0;
  uint32_t msn = 0;
  uint64_t original = 0;  // atomic: the value before it
  bool atomic = false;
  bool duplicate = false;

  Psn next() const { return first + static_cast<int32_t>(sent); }
  Psn last() const { return first + static_cast<int32_t>(packets) - 1; }
};

class ResponseQueue {
 public:
  // Where the bytes of the jobs are accounted; null: nowhere. Only of an empty queue.
  void SetAccount(PeerAccount* account) { account_ = account; }

  bool empty() const { return count_ == 0; }
  uint8_t count() const { return count_; }
  bool AnyDuplicate() const;

  // The job to be served now, of the lowest PSN; not when empty().
  ResponseJob& front() { return jobs_[0]; }
  const ResponseJob& front() const { return jobs_[0]; }
  void Pop();
  void Clear() {
    while (count_ > 0) Remove(static_cast<uint8_t>(count_ - 1));
  }

  // Adds a request that arrived in order; false when there are `limit` already.
  bool Append(const ResponseJob& job, uint8_t limit);
  // Adds a duplicate where its PSN belongs. A job that it asks for again, whole or from its middle
  // on, is replaced: the requester discards what it gets behind a gap. False when there is no room.
  bool Insert(const ResponseJob& job, uint8_t limit);

 private:
  void Remove(uint8_t at);
  void Owe(const ResponseJob& job) {
    if (account_ != nullptr) account_->Owe(job.length);
  }

  std::array<ResponseJob, ReadWindow::kMaxDepth> jobs_;
  uint8_t count_ = 0;
  PeerAccount* account_ = nullptr;
};

// Results of the newest atomics, as many as can be outstanding.
class ReplayRecords {
 public:
  struct Record {
    Psn psn;
    uint32_t msn = 0;
    uint64_t original = 0;
  };
  void Clear() { count_ = 0; }
  void Add(const Record& record) { records_[count_++ % records_.size()] = record; }
  // Null: no such atomic is remembered. Newest first, since PSNs come round.
  const Record* Find(Psn psn) const;

 private:
  std::array<Record, ReadWindow::kMaxDepth> records_;
  uint32_t count_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_RESPONSE_QUEUE_H_
