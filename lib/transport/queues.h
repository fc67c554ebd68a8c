// The rings between an application's thread and the core that owns a queue pair: send queue,
// receive queue and completion queue. Each has one producer and one consumer thread; all room is
// allocated when they are made.
#ifndef SLUICE_TRANSPORT_QUEUES_H_
#define SLUICE_TRANSPORT_QUEUES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/spsc_ring.h"
#include "transport/work.h"

namespace sluice::transport {

// A ring of work requests whose slots stay readable by the consumer until it retires them: a
// retransmission reads a request long after it was first sent. `Work` is SendWork or ReceiveWork,
// `Run` the matching segment type.
//
// Positions are 64-bit counts: slot i of the stream lives at i mod depth. A slot is whole cache
// lines: the request, its segments, its inline data, so that one message touches few of them.
template <typename Work, typename Run>
class WorkQueue {
 public:
  // Holds at least `depth` requests of up to `max_segments` segments each, with room for
  // `inline_bytes` of data copied into each. `room`: RoomFor(...) bytes on a cache line that
  // outlive the queue; null: from the heap.
  WorkQueue(size_t depth, size_t max_segments, size_t inline_bytes = 0, std::byte* room = nullptr) {
    const size_t bytes = RoomFor(depth, max_segments, inline_bytes);
    if (room == nullptr) {
      consumer_.owned.reset(static_cast<std::byte*>(::operator new(bytes, kOnALine)));
      room = consumer_.owned.get();
    }
    producer_.slots = consumer_.slots = room;
    producer_.mask = consumer_.mask = static_cast<uint32_t>(RoundUp(depth) - 1);
    producer_.slot_bytes = consumer_.slot_bytes =
        static_cast<uint32_t>(SlotBytes(max_segments, inline_bytes));
    producer_.max_segments = static_cast<uint32_t>(max_segments);
    producer_.inline_bytes = static_cast<uint32_t>(inline_bytes);
    for (uint32_t i = 0; i <= producer_.mask; ++i) {
      Work* const work = ::new (static_cast<void*>(room + i * producer_.slot_bytes)) Work();
      std::uninitialized_value_construct_n(Room(work), max_segments);
      std::memset(InlineRoom(work), 0, inline_bytes);
    }
  }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  static size_t RoomFor(size_t depth, size_t max_segments, size_t inline_bytes = 0) {
    return RoundUp(depth) * SlotBytes(max_segments, inline_bytes);
  }

  size_t depth() const { return size_t{producer_.mask} + 1; }
  size_t max_segments() const { return producer_.max_segments; }

  // Producer. Claim gives the next slot, or null when the queue is full; PutSegments copies the
  // request's segments into the slot's room (at most max_segments); Publish hands it over.
  Work* Claim() {
    const uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    if (tail - producer_.head > producer_.mask) {
      producer_.head = consumer_.head.load(std::memory_order_acquire);
      if (tail - producer_.head > producer_.mask) return nullptr;
    }
    return Slot(producer_, tail);
  }
  void PutSegments(Work* work, std::span<const Run> segments) {
    Run* room = Room(work);
    uint32_t length = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
      room[i] = segments[i];
      length += segments[i].length;
    }
    work->segments = room;
    work->segment_count = static_cast<uint16_t>(segments.size());
    work->length = length;
  }
  // The slot's room for segments (max_segments of them), for a producer that fills it in place and
  // sets segments, segment_count and length itself.
  static Run* Room(Work* work) { return reinterpret_cast<Run*>(work + 1); }
  // The slot's room for data that is copied when it is posted; inline_bytes() of it.
  uint8_t* InlineRoom(const Work* work) const {
    return reinterpret_cast<uint8_t*>(Room(const_cast<Work*>(work)) + producer_.max_segments);
  }
  size_t inline_bytes() const { return producer_.inline_bytes; }
  // Which of the depth() slots it is.
  size_t IndexOf(const Work* work) const {
    return static_cast<size_t>(reinterpret_cast<const std::byte*>(work) - producer_.slots) /
           producer_.slot_bytes;
  }
  void Publish() {
    producer_.tail.store(producer_.tail.load(std::memory_order_relaxed) + 1,
                         std::memory_order_release);
  }

  // Consumer. Positions in [head, tail) may be read (and their consumer's part written).
  uint64_t head() const { return consumer_.head.load(std::memory_order_relaxed); }
  uint64_t tail() const { return producer_.tail.load(std::memory_order_acquire); }
  Work& At(uint64_t position) { return *Slot(consumer_, position); }
  const Work& At(uint64_t position) const { return *Slot(consumer_, position); }
  // Gives the oldest slot back to the producer.
  void Retire() { consumer_.head.store(head() + 1, std::memory_order_release); }

  // Fetches what the producer's next post touches: first the queue's own line, then, once it is
  // here, the slot. (It looks at the consumer's line only when the queue seems full.)
  void PrefetchEnds() const { __builtin_prefetch(&producer_, 1); }
  void PrefetchClaim() const {
    PrefetchSlot(Slot(producer_, producer_.tail.load(std::memory_order_relaxed)));
  }
  // The consumer's: the oldest slot.
  void PrefetchHead() const { PrefetchSlot(Slot(consumer_, head())); }

 private:
  static constexpr size_t kLine = 64;
  static constexpr std::align_val_t kOnALine{kLine};
  static_assert(sizeof(Work) % alignof(Run) == 0 && std::is_trivially_destructible_v<Work>);
  struct Delete {
    void operator()(std::byte* room) const { ::operator delete(room, kOnALine); }
  };
  // One line for each side, with all that it reads of the other's nature.
  struct alignas(kLine) Producer {
    std::atomic<uint64_t> tail{0};
    uint64_t head = 0;  // as last read
    std::byte* slots = nullptr;
    uint32_t mask = 0;
    uint32_t slot_bytes = 0;
    uint32_t max_segments = 0;
    uint32_t inline_bytes = 0;
  };
  struct alignas(kLine) Consumer {
    std::atomic<uint64_t> head{0};
    std::byte* slots = nullptr;
    uint32_t mask = 0;
    uint32_t slot_bytes = 0;
    std::unique_ptr<std::byte, Delete> owned;
  };

  static size_t RoundUp(size_t n) {
    size_t p = 2;
    while (p < n) p <<= 1;
    return p;
  }
  static size_t SlotBytes(size_t max_segments, size_t inline_bytes) {
    const size_t bytes = sizeof(Work) + max_segments * sizeof(Run) + inline_bytes;
    return (bytes + kLine - 1) / kLine * kLine;
  }
  template <typename Side>
  static Work* Slot(const Side& side, uint64_t position) {
    const size_t at = static_cast<size_t>(position & side.mask) * side.slot_bytes;
    return reinterpret_cast<Work*>(side.slots + at);
  }
  static void PrefetchSlot(const Work* work) {
    __builtin_prefetch(work, 1);
    if (sizeof(Work) + sizeof(Run) > kLine) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(work) + kLine, 1);
    }
  }

  Producer producer_;
  Consumer consumer_;
};

using SendQueue = WorkQueue<SendWork, Segment>;
using ReceiveQueue = WorkQueue<ReceiveWork, MutableSegment>;

// One worker's share of a completion queue.
using CompletionRing = SpscRing<Completion>;

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_QUEUES_H_
