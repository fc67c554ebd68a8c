// SpscRing: a bounded queue between exactly one producer thread and one consumer thread.
//
// Our own on std::atomic, because ThreadSanitizer understands it (it reports false races in
// rte_ring). Capacity is a power of two, fixed at construction; no allocation afterwards.
// Each side caches the other's index, so an uncontended operation touches one shared line.
#ifndef SLUICE_BASE_SPSC_RING_H_
#define SLUICE_BASE_SPSC_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace sluice {

template <typename T>
class SpscRing {
 public:
  // Holds at least `capacity` items (rounded up to a power of two, at least 2).
  explicit SpscRing(size_t capacity)
      : mask_(RoundUp(capacity) - 1), slots_(std::make_unique<T[]>(mask_ + 1)) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  size_t capacity() const { return mask_ + 1; }

  // Producer: adds one item; false when full (nothing is changed then).
  bool Push(const T& item) {
    const uint64_t tail = producer_.index.load(std::memory_order_relaxed);
    if (tail - producer_.other > mask_) {
      producer_.other = consumer_.index.load(std::memory_order_acquire);
      if (tail - producer_.other > mask_) return false;
    }
    slots_[tail & mask_] = item;
    producer_.index.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Producer: free slots, at least; may grow at any time.
  size_t FreeSlots() {
    producer_.other = consumer_.index.load(std::memory_order_acquire);
    return mask_ + 1 - (producer_.index.load(std::memory_order_relaxed) - producer_.other);
  }

  // Consumer: takes one item; false when empty.
  bool Pop(T* item) {
    const uint64_t head = consumer_.index.load(std::memory_order_relaxed);
    if (head == consumer_.other) {
      consumer_.other = producer_.index.load(std::memory_order_acquire);
      if (head == consumer_.other) return false;
    }
    *item = slots_[head & mask_];
    consumer_.index.store(head + 1, std::memory_order_release);
    return true;
  }

  // Consumer: the oldest item where it lies, until DropFront; null when empty.
  const T* Front() {
    const uint64_t head = consumer_.index.load(std::memory_order_relaxed);
    if (head == consumer_.other) {
      consumer_.other = producer_.index.load(std::memory_order_acquire);
      if (head == consumer_.other) return nullptr;
    }
    return &slots_[head & mask_];
  }
  // Consumer: takes the item that Front returned.
  void DropFront() {
    consumer_.index.store(consumer_.index.load(std::memory_order_relaxed) + 1,
                          std::memory_order_release);
  }

  // Consumer: takes up to out.size() items; returns how many.
  size_t PopBulk(std::span<T> out) {
    const uint64_t head = consumer_.index.load(std::memory_order_relaxed);
    if (consumer_.other - head < out.size()) {
      consumer_.other = producer_.index.load(std::memory_order_acquire);
    }
    const size_t available = static_cast<size_t>(consumer_.other - head);
    const size_t n = available < out.size() ? available : out.size();
    for (size_t i = 0; i < n; ++i) out[i] = slots_[(head + i) & mask_];
    if (n > 0) consumer_.index.store(head + n, std::memory_order_release);
    return n;
  }

  // Consumer: true when nothing can be popped now.
  bool Empty() const {
    return consumer_.index.load(std::memory_order_relaxed) ==
           producer_.index.load(std::memory_order_acquire);
  }

  // Either side, or a third thread that only wants an estimate.
  size_t SizeEstimate() const {
    const uint64_t head = consumer_.index.load(std::memory_order_acquire);
    return static_cast<size_t>(producer_.index.load(std::memory_order_acquire) - head);
  }

 private:
  static size_t RoundUp(size_t n) {
    size_t p = 2;
    while (p < n) p <<= 1;
    return p;
  }
  // One side's index and its copy of the other's, on a pair of lines of their own (the spatial
  // prefetcher fetches lines in pairs).
  struct alignas(128) Side {
    std::atomic<uint64_t> index{0};
    uint64_t other = 0;
  };

  const size_t mask_;
  std::unique_ptr<T[]> slots_;
  Side producer_;
  Side consumer_;
};

}  // namespace sluice

#endif  // SLUICE_BASE_SPSC_RING_H_
