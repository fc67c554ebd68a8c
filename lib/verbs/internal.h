// The implementations behind the opaque classes of verbs.h; shared by this folder's files only.
#ifndef SLUICE_VERBS_INTERNAL_H_
#define SLUICE_VERBS_INTERNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>

#include "base/block_pool.h"
#include "cc/registry.h"
#include "transport/queue_pair.h"
#include "transport/queues.h"
#include "transport/shared_receive_queue.h"
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

struct MemoryWindow::Impl {
  Device::Impl* device = nullptr;
  std::atomic<uint32_t> rkey{0};
};

struct CompletionQueue::Impl {
  explicit Impl(size_t capacity) : ring(capacity) {}
  transport::CompletionRing ring;
};

struct AddressHandle::Impl {
  wire::HeaderTemplate path;  // without a source port, which is the sender's
};

struct SharedReceiveQueue::Impl {
  Impl(Device::Impl* d, uint32_t pd_id, size_t depth, size_t max_segments)
      : device(d), pd(pd_id), shared(depth, max_segments) {}

  Device::Impl* device;
  uint32_t pd;
  transport::SharedReceiveQueue shared;
  memory::RegionTable::Hint hint;
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
      : handle(this),
        device(d),
        qp(q),
        pd(pd_id),
        max_segments(segments),
        send_lock(locked),
        receive_lock(locked) {}

  // Lies in the device's blocks.
  static void* operator new(size_t size, BlockPool* blocks) { return blocks->Allocate(size); }
  static void operator delete(void* room, BlockPool* blocks) { blocks->Free(room, sizeof(Impl)); }
  static void operator delete(Impl* impl, std::destroying_delete_t);

  // First what a post reads: one cache line.
  QueuePair handle;
  Device::Impl* device;
  transport::QueuePair* qp;
  uint32_t pd;
  uint32_t max_segments;
  uint32_t max_inline = 0;
  bool shared = false;  // receives are not posted here
  PostLock send_lock;
  PostLock receive_lock;
  // Under the locks: requests of one queue pair mostly name one region.
  memory::RegionTable::Hint send_hint;
  memory::RegionTable::Hint receive_hint;

  uint32_t initial_psn = 0;
  size_t index = 0;  // in the device's list
  // What the steps of Modify brought so far.
  transport::Connection connection;
  // Controller and receiver half read their parameters from it for as long as they live.
  std::shared_ptr<const cc::Algorithm> algorithm;
};

inline void QueuePair::Impl::operator delete(Impl* impl, std::destroying_delete_t) {
  BlockPool* const blocks = &impl->device->blocks;
  impl->~Impl();
  blocks->Free(impl, sizeof(Impl));
}

// 4.096 us * 2^timeout (IBTA 1.4, 9.7.6.1.3).
inline Duration AckTimeout(uint8_t code) {
  if (code == 0) return Duration::Zero();
  return Duration::Nanoseconds(4096) * (int64_t{1} << code);
}

// The path to a peer; errors name the text that is no address.
absl::StatusOr<wire::PathHeader> PathTo(const Device::Impl& device, const std::string& mac,
                                        const std::string& address);
// To nobody else: by it a datagram queue pair knows its own address.
wire::PathHeader OwnPath(const Device::Impl& device);
// What Connect and Modify say of congestion control, with the default of the type for "".
absl::StatusOr<std::shared_ptr<const cc::Algorithm>> AlgorithmFor(Device::Impl* device,
                                                                  transport::QpType type,
                                                                  const std::string& name);
// Signals that a base RoCEv2 peer of that type gives: of RC round trips from its ACKs, and CNPs.
cc::SignalSet BaseSignals(transport::QpType type);

// Checks the segments and puts them into the slot's room; kOk or what is wrong. Nothing is
// published by it.
template <typename Work, typename Run>
[[gnu::always_inline]] inline PostResult ResolveSegments(const Device::Impl& device, uint32_t pd,
                                                         std::span<const Segment> segments,
                                                         memory::Access access,
                                                         memory::RegionTable::Hint* hint,
                                                         Work* work, Run* room) {
  // IBTA 1.4, 9.7.2: the longest message.
  constexpr uint64_t kMaxMessage = uint64_t{1} << 31;
  uint64_t total = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    const auto va = reinterpret_cast<uintptr_t>(s.address);
    const memory::Resolution m =
        device.regions.Resolve(s.lkey, pd, va, Bytes(s.length), access, hint);
    if (m.fault != memory::Fault::kNone) return PostResult::kBadKey;
    room[i].data = static_cast<uint8_t*>(s.address);
    room[i].length = s.length;
    total += s.length;
  }
  if (total > kMaxMessage) return PostResult::kTooLong;
  work->segments = room;
  work->segment_count = static_cast<uint16_t>(segments.size());
  work->length = static_cast<uint32_t>(total);
  return PostResult::kOk;
}

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_INTERNAL_H_
