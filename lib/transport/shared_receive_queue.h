// SharedReceiveQueue: receives that several queue pairs of one device draw from (IBTA 1.4, 10.2.9).
//
// A receive is bound to a message at its first packet: it then moves into the receive queue of the
// message's queue pair, where everything else finds it as if it had been posted there. So the slot
// here is free at once and the shared queue stays a ring, although messages of several queue pairs
// end in any order; what was bound is flushed with its queue pair, what was not stays. A message
// that is given up (UC, or a datagram that did not fit) leaves its receive bound to the same queue
// pair, for its next message.
//
// Threads: one posts, the core of the engine binds. The limit may be armed by any thread.
#ifndef SLUICE_TRANSPORT_SHARED_RECEIVE_QUEUE_H_
#define SLUICE_TRANSPORT_SHARED_RECEIVE_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "transport/queues.h"

namespace sluice::transport {

class SharedReceiveQueue {
 public:
  SharedReceiveQueue(size_t depth, size_t max_segments) : queue_(depth, max_segments) {}

  // Where receives are posted.
  ReceiveQueue& queue() { return queue_; }
  size_t max_segments() const { return queue_.max_segments(); }

  // Moves the oldest receive behind those in `own`; false when there is none, or no room there.
  bool Bind(ReceiveQueue* own) {
    const uint64_t head = queue_.head();
    const uint64_t tail = queue_.tail();
    if (head == tail) return false;
    const ReceiveWork& from = queue_.At(head);
    ReceiveWork* to = own->Claim();
    if (to == nullptr) return false;
    to->wr_id = from.wr_id;
    own->PutSegments(to, {from.segments, from.segment_count});
    own->Publish();
    queue_.Retire();
    const uint32_t limit = limit_.load(std::memory_order_relaxed);
    if (limit != 0 && tail - head - 1 < limit) [[unlikely]]
      Fire();
    return true;
  }

  // Armed, an event comes once as soon as fewer than `limit` receives are left; at once if it is so
  // already. 0 disarms.
  void Arm(uint32_t limit) {
    limit_.store(limit, std::memory_order_seq_cst);
    if (limit != 0 && queue_.tail() - queue_.head() < limit) Fire();
  }
  // Whether the event came since the last call.
  bool TakeLimitEvent() { return event_.exchange(false, std::memory_order_acq_rel); }

 private:
  void Fire() {
    if (limit_.exchange(0, std::memory_order_seq_cst) != 0) {
      event_.store(true, std::memory_order_release);
    }
  }

  ReceiveQueue queue_;
  std::atomic<uint32_t> limit_{0};
  std::atomic<bool> event_{false};
};

// Whether a receive is there for a new message; one of the shared queue is bound by this.
inline bool FindReceive(ReceiveQueue* own, SharedReceiveQueue* shared) {
  if (own->head() != own->tail()) [[likely]]
    return true;
  return shared != nullptr && shared->Bind(own);
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SHARED_RECEIVE_QUEUE_H_
