// ArrivalQueue: the frames that are on links, in the order in which they arrive.
//
// They come out by (time, source, sequence), whatever the order of the calls. A calendar queue
// (Brown, CACM 31(10), 1988): buckets of equal width in time, of which the first is sorted when its
// time has come; what lies beyond the last bucket waits in a heap. The width follows the traffic,
// so that a bucket holds a few dozen frames: adding one writes into a bucket, taking the first one
// reads the next of a sorted array. A whole stretch of time is taken out without sorting: whoever
// deals it out to many nodes has less to sort. Memory grows to what was ever needed at once. One
// thread.
#ifndef SLUICE_SIM_ARRIVAL_QUEUE_H_
#define SLUICE_SIM_ARRIVAL_QUEUE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "sim/event_queue.h"
#include "sim/record.h"

namespace sluice::sim {

struct Arrival {
  uint64_t offset = 0;       // of its time from the origin of the queue
  uint64_t order = 0;        // source << 32 | sequence; under Ns3Wire::exact a PlannedOrder's
  Record* record = nullptr;  // or none: something else of that source happens

  // Added to a source: behind all others of that moment.
  static constexpr Source kLate = Source{1} << 31;

  Source source() const { return static_cast<Source>(order >> 32) & ~kLate; }
  bool Before(const Arrival& other) const {
    return offset != other.offset ? offset < other.offset : order < other.order;
  }
};

class ArrivalQueue {
 public:
  // All times lie between origin and origin + 106 days.
  explicit ArrivalQueue(Time origin);
  ArrivalQueue(const ArrivalQueue&) = delete;
  ArrivalQueue& operator=(const ArrivalQueue&) = delete;

  // t is no earlier than that of the last one popped. Of one source the sequence ascends.
  void Push(Time t, Source source, uint32_t sequence, Record* record) {
    Push(Make(t, source, sequence, record));
  }
  // For this queue or another one with the same origin.
  Arrival Make(Time t, Source source, uint32_t sequence, Record* record) const {
    return {static_cast<uint64_t>((t - origin_).ps()), uint64_t{source} << 32 | sequence, record};
  }
  // The same with a PlannedOrder's.
  Arrival Make(Time t, uint64_t order, Record* record) const {
    return {static_cast<uint64_t>((t - origin_).ps()), order, record};
  }
  void Push(const Arrival& arrival) {
    ++size_;
    const uint64_t bucket = arrival.offset >> shift_;
    if (bucket > current_ && bucket - base_ < kBuckets) {
      Append(bucket, arrival);
    } else {
      PushElsewhere(bucket, arrival);
    }
  }

  // Takes out all that come until `offset`, included: each(arrival), in an order of time that is
  // rough (within kRough neighbours), and exact for those of one source. Until `Release`, what a
  // node does itself in that time is kept apart (PushOwn).
  template <typename Each>
  void TakeUntil(uint64_t offset, const Each& each) {
    taken_ = offset + 1;
    while (size_ != 0) {
      if (head_ == sorted_.size() && OpenBucket(offset)) {
        for (const Arrival& arrival : sorted_) each(arrival);
        size_ -= sorted_.size();
        head_ = sorted_.size();
        continue;
      }
      const Arrival first = Front();
      if (first.offset > offset) return;
      Pop();
      each(first);
    }
  }
  void Release() { taken_ = 0; }
  // Of whoever is taken care of now, who takes it out again with TakeOwn if it belongs to the time
  // that was taken out.
  void PushOwn(const Arrival& arrival) {
    if (arrival.offset >= taken_) return Push(arrival);
    own_.push_back(arrival);
    std::push_heap(own_.begin(), own_.end(), ComesLater);
  }
  const Arrival* FirstOwn() const { return own_.empty() ? nullptr : &own_.front(); }
  Arrival TakeOwn() {
    std::pop_heap(own_.begin(), own_.end(), ComesLater);
    const Arrival first = own_.back();
    own_.pop_back();
    return first;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // The first one; only when not empty. Valid until the next call that is not const.
  const Arrival& Front() {
    if (head_ == sorted_.size()) Activate();
    return sorted_[head_];
  }
  // Takes away what Front gave.
  void Pop() {
    --size_;
    last_ = sorted_[head_++].offset;
    if (base_ != current_) MoveBase();
  }
  Time TimeOf(const Arrival& arrival) const {
    return origin_ + Duration::Picoseconds(static_cast<int64_t>(arrival.offset));
  }

  // All that are in it, in no order.
  template <typename Each>
  void ForEach(const Each& each) const {
    std::for_each(sorted_.begin() + static_cast<ptrdiff_t>(head_), sorted_.end(), each);
    for (const Chunk* chunk : buckets_) {
      for (; chunk != nullptr; chunk = chunk->next) {
        std::for_each(chunk->arrivals.begin(), chunk->arrivals.begin() + chunk->count, each);
      }
    }
    std::for_each(far_.begin(), far_.end(), each);
  }

 private:
  static constexpr size_t kRough = 64;

  static bool ComesLater(const Arrival& a, const Arrival& b) { return b.Before(a); }

  static constexpr size_t kBuckets = 4096;
  static constexpr size_t kWords = kBuckets / 64;
  // A piece of a bucket; 256 bytes.
  struct alignas(64) Chunk {
    Chunk* next = nullptr;
    uint32_t count = 0;
    std::array<Arrival, 10> arrivals;
  };

  void Append(uint64_t bucket, const Arrival& arrival) {
    const size_t slot = bucket % kBuckets;
    Chunk* chunk = buckets_[slot];
    if (chunk == nullptr || chunk->count == chunk->arrivals.size()) chunk = AddChunk(slot);
    chunk->arrivals[chunk->count++] = arrival;
  }
  Chunk* AddChunk(size_t slot);
  void PutIn(uint64_t bucket, const Arrival& arrival);
  void PushElsewhere(uint64_t bucket, const Arrival& arrival);
  void Activate();
  bool OpenBucket(uint64_t last);
  void MoveBase();
  void Empty(size_t slot);
  uint64_t NextBucket() const;
  void Tune();
  void Rebuild(int shift);

  Time origin_;
  int shift_ = 14;  // a bucket is 2^shift_ ps wide
  // Buckets by offset >> shift_: that of the last one popped, and the one that is sorted. The array
  // holds those from base_ on, current_ apart.
  uint64_t base_ = 0;
  uint64_t current_ = 0;
  uint64_t last_ = 0;  // offset of the last one popped
  size_t size_ = 0;
  std::vector<Arrival> sorted_;  // the bucket current_; those before head_ are gone
  size_t head_ = 0;
  std::array<uint64_t, kWords> used_ = {};  // a bit for each bucket of the array that is not empty
  std::array<Chunk*, kBuckets> buckets_ = {};
  std::vector<Arrival> far_;  // a heap, the first one on top
  uint64_t taken_ = 0;        // what comes before is out (TakeUntil)
  std::vector<Arrival> own_;  // a heap
  Chunk* free_ = nullptr;
  std::vector<std::unique_ptr<Chunk[]>> blocks_;
  uint64_t activated_ = 0;  // buckets and arrivals since the width was looked at
  uint64_t sorted_in_all_ = 0;
  uint64_t went_far_ = 0;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_ARRIVAL_QUEUE_H_
