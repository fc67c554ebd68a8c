// The rings between an application's thread and the core that owns a queue pair: send queue,
// receive queue and completion queue. Each has one producer and one consumer thread; all room is
// allocated when they are made.
#ifndef SLUICE_TRANSPORT_QUEUES_H_
#define SLUICE_TRANSPORT_QUEUES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/spsc_ring.h"
#include "transport/work.h"

namespace sluice::transport {

// A ring of work requests whose slots stay readable by the consumer until it retires them: a
// retransmission reads a request long after it was first sent. `Work` is SendWork or ReceiveWork,
// `Run` the matching segment type.
//
// Positions are 64-bit counts: slot i of the stream lives at i mod depth.
template <typename Work, typename Run>
class WorkQueue {
 public:
  // Holds at least `depth` requests of up to `max_segments` segments each, with room for
  // `inline_bytes` of data copied into each.
  WorkQueue(size_t depth, size_t max_segments, size_t inline_bytes = 0)
      : mask_(RoundUp(depth) - 1),
        max_segments_(max_segments),
        inline_bytes_(inline_bytes),
        works_(mask_ + 1),
        runs_((mask_ + 1) * max_segments),
        inline_((mask_ + 1) * inline_bytes) {}
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  size_t depth() const { return mask_ + 1; }
  size_t max_segments() const { return max_segments_; }

  // Producer. Claim gives the next slot, or null when the queue is full; PutSegments copies the
  // request's segments into the slot's room (at most max_segments); Publish hands it over.
  Work* Claim() {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - producer_head_ > mask_) {
      producer_head_ = head_.load(std::memory_order_acquire);
      if (tail - producer_head_ > mask_) return nullptr;
    }
    return &works_[tail & mask_];
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
  Run* Room(Work* work) {
    return &runs_[static_cast<size_t>(work - works_.data()) * max_segments_];
  }
  // The slot's room for data that is copied when it is posted; inline_bytes() of it.
  uint8_t* InlineRoom(const Work* work) {
    return inline_.data() + static_cast<size_t>(work - works_.data()) * inline_bytes_;
  }
  size_t inline_bytes() const { return inline_bytes_; }
  // Which of the depth() slots it is.
  size_t IndexOf(const Work* work) const { return static_cast<size_t>(work - works_.data()); }
  void Publish() {
    tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Consumer. Positions in [head, tail) may be read (and their consumer's part written).
  uint64_t head() const { return head_.load(std::memory_order_relaxed); }
  uint64_t tail() const { return tail_.load(std::memory_order_acquire); }
  Work& At(uint64_t position) { return works_[position & mask_]; }
  const Work& At(uint64_t position) const { return works_[position & mask_]; }
  // Gives the oldest slot back to the producer.
  void Retire() { head_.store(head() + 1, std::memory_order_release); }

 private:
  static size_t RoundUp(size_t n) {
    size_t p = 2;
    while (p < n) p <<= 1;
    return p;
  }

  const size_t mask_;
  const size_t max_segments_;
  const size_t inline_bytes_;
  std::vector<Work> works_;
  std::vector<Run> runs_;
  std::vector<uint8_t> inline_;
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t producer_head_ = 0;
  alignas(64) std::atomic<uint64_t> head_{0};
};

using SendQueue = WorkQueue<SendWork, Segment>;
using ReceiveQueue = WorkQueue<ReceiveWork, MutableSegment>;

// One worker's share of a completion queue.
using CompletionRing = SpscRing<Completion>;

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_QUEUES_H_
