// The implementations behind the opaque classes of verbs.h; shared by this folder's files only.
#ifndef SLUICE_VERBS_INTERNAL_H_
#define SLUICE_VERBS_INTERNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "cc/registry.h"
#include "transport/queue_pair.h"
#include "transport/queues.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::verbs {

struct MemoryRegion::Impl {
  Device::Impl* device = nullptr;
  memory::Keys keys;
  uint32_t pd = 0;
  const uint8_t* base = nullptr;
  size_t length = 0;
  bool registered = true;
};

struct CompletionQueue::Impl {
  explicit Impl(size_t capacity) : ring(capacity) {}
  transport::CompletionRing ring;
};

// A lock for posts from several threads; free while the queue pair is single-threaded.
class PostLock {
 public:
  explicit PostLock(bool needed) : needed_(needed) {}
  void lock() {
    if (!needed_) return;
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() {
    if (needed_) flag_.clear(std::memory_order_release);
  }

 private:
  const bool needed_;
  std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};

struct QueuePair::Impl {
  Impl(Device::Impl* d, transport::QueuePair* q, uint32_t pd_id, uint32_t segments, bool locked)
      : device(d),
        qp(q),
        pd(pd_id),
        max_segments(segments),
        send_lock(locked),
        receive_lock(locked) {}

  Device::Impl* device;
  transport::QueuePair* qp;
  uint32_t pd;
  uint32_t max_segments;
  uint32_t max_inline = 0;
  uint32_t initial_psn = 0;
  // Controller and receiver half read their parameters from it for as long as they live.
  std::shared_ptr<const cc::Algorithm> algorithm;
  PostLock send_lock;
  PostLock receive_lock;
  // Under the locks: requests of one queue pair mostly name one region.
  memory::RegionTable::Hint send_hint;
  memory::RegionTable::Hint receive_hint;
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_INTERNAL_H_
