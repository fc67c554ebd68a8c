// DoorbellList: how application threads tell an engine which queue pairs have new work: a stack of
// many producers and one consumer. A queue pair is in it at most once, so posting a burst costs
// one exchange on the queue pair's own flag.
#ifndef SLUICE_ENGINE_DOORBELL_H_
#define SLUICE_ENGINE_DOORBELL_H_

#include <atomic>

#include "transport/queue_pair.h"

namespace sluice::engine {

class DoorbellList {
 public:
  // Any thread, after the work was published.
  void Ring(transport::QueuePair* qp) {
    if (qp->doorbell.exchange(true, std::memory_order_seq_cst)) return;
    transport::QueuePair* head = head_.load(std::memory_order_relaxed);
    do {
      qp->next_doorbell = head;
    } while (!head_.compare_exchange_weak(head, qp, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  // The engine's core: calls `each` for every queue pair that was rung since the last time, in the
  // order in which they rang. Work published before its call of Ring is seen by `each`.
  // `ahead` is called with all of them before `at_hand` is with the first, and that before `each`.
  template <typename Ahead, typename AtHand, typename Each>
  void Drain(const Ahead& ahead, const AtHand& at_hand, const Each& each) {
    if (head_.load(std::memory_order_relaxed) == nullptr) return;
    transport::QueuePair* newest = head_.exchange(nullptr, std::memory_order_acquire);
    transport::QueuePair* oldest = nullptr;
    while (newest != nullptr) {
      transport::QueuePair* next = newest->next_doorbell;
      newest->next_doorbell = oldest;
      ahead(newest);
      oldest = newest;
      newest = next;
    }
    for (transport::QueuePair* qp = oldest; qp != nullptr; qp = qp->next_doorbell) at_hand(qp);
    while (oldest != nullptr) {
      transport::QueuePair* next = oldest->next_doorbell;
      // Cleared before the queue is read: a post from here on rings again.
      oldest->doorbell.exchange(false, std::memory_order_seq_cst);
      each(oldest);
      oldest = next;
    }
  }
  template <typename Each>
  void Drain(const Each& each) {
    const auto nothing = [](transport::QueuePair*) {};
    Drain(nothing, nothing, each);
  }

 private:
  std::atomic<transport::QueuePair*> head_{nullptr};
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_DOORBELL_H_
