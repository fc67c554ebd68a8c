// DoorbellList: how application threads tell an engine which queue pairs have new work: a stack of
// many producers and one consumer. A queue pair is in it at most once, so posting a burst costs
// one exchange on the queue pair's own flag.
#ifndef SLUICE_ENGINE_DOORBELL_H_
#define SLUICE_ENGINE_DOORBELL_H_

#include <array>
#include <atomic>
#include <cstddef>

#include "base/look_ahead.h"
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

  // The engine's core: the last one that was rung, from which next_doorbell leads to those before.
  const transport::QueuePair* newest() const { return head_.load(std::memory_order_acquire); }

  // The engine's core: calls `each` for every queue pair that was rung since the last time, in the
  // order in which they rang. Work published before its call of Ring is seen by `each`. `ahead` is
  // called with a stage and a queue pair as by LookAhead (base/look_ahead.h).
  template <size_t... kSteps, typename Ahead, typename Each>
  void Drain(const Ahead& ahead, const Each& each) {
    if (head_.load(std::memory_order_relaxed) == nullptr) return;
    transport::QueuePair* next = InOrder(head_.exchange(nullptr, std::memory_order_acquire));
    std::array<transport::QueuePair*, sizeof...(kSteps)> lead;
    const auto look = [&](bool first) {
      ForEachStage<kSteps...>([&](auto stage, size_t steps) {
        transport::QueuePair*& at = lead[stage];
        const size_t n = first ? steps + 1 : 1;
        for (size_t k = 0; k < n && at != nullptr; ++k, at = at->next_doorbell) ahead(stage, at);
      });
    };
    lead.fill(next);
    for (bool first = true; next != nullptr; first = false) {
      look(first);
      transport::QueuePair* const qp = next;
      next = qp->next_doorbell;
      // Cleared before the queue is read: a post from here on rings again.
      qp->doorbell.exchange(false, std::memory_order_seq_cst);
      each(qp);
    }
  }
  template <typename Each>
  void Drain(const Each& each) {
    Drain<>([](auto, transport::QueuePair*) {}, each);
  }

 private:
  // Oldest first.
  static transport::QueuePair* InOrder(transport::QueuePair* newest) {
    transport::QueuePair* oldest = nullptr;
    while (newest != nullptr) {
      transport::QueuePair* const next = newest->next_doorbell;
      newest->next_doorbell = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  std::atomic<transport::QueuePair*> head_{nullptr};
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_DOORBELL_H_
