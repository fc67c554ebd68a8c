#include "sim/arrival_queue.h"

#include <bit>
#include <utility>

namespace sluice::sim {
namespace {

constexpr size_t kChunksPerBlock = 256;
constexpr size_t kRoom = 1024;  // arrivals, at first
// How full buckets should be, and how many arrivals are sorted between two looks.
constexpr uint64_t kFew = 8;
constexpr uint64_t kMany = 40;
constexpr uint64_t kLook = 16384;
constexpr int kMinShift = 4;
constexpr int kMaxShift = 40;
// Beyond it insertion takes too long.
constexpr size_t kInsertionSort = 64;

// They come nearly in order.
void Sort(std::vector<Arrival>& arrivals) {
  if (arrivals.size() > kInsertionSort) {
    std::sort(arrivals.begin(), arrivals.end(),
              [](const Arrival& a, const Arrival& b) { return a.Before(b); });
    return;
  }
  for (size_t i = 1; i < arrivals.size(); ++i) {
    const Arrival moved = arrivals[i];
    size_t to = i;
    for (; to > 0 && moved.Before(arrivals[to - 1]); --to) arrivals[to] = arrivals[to - 1];
    arrivals[to] = moved;
  }
}

}  // namespace

ArrivalQueue::ArrivalQueue(Time origin) : origin_(origin) {
  sorted_.reserve(kRoom);
  far_.reserve(kRoom);
  own_.reserve(64);
}

ArrivalQueue::Chunk* ArrivalQueue::AddChunk(size_t slot) {
  if (free_ == nullptr) {
    blocks_.push_back(std::make_unique<Chunk[]>(kChunksPerBlock));
    for (size_t i = kChunksPerBlock; i-- > 0;) {
      blocks_.back()[i].next = free_;
      free_ = &blocks_.back()[i];
    }
  }
  Chunk* const chunk = std::exchange(free_, free_->next);
  chunk->next = buckets_[slot];
  chunk->count = 0;
  buckets_[slot] = chunk;
  used_[slot / 64] |= uint64_t{1} << slot % 64;
  return chunk;
}

// Before the bucket that is sorted, into it, or beyond the last one.
void ArrivalQueue::PushElsewhere(uint64_t bucket, const Arrival& arrival) {
  if (bucket < current_) {
    // The first one is another one than it seemed: what was sorted goes back.
    for (size_t i = head_; i < sorted_.size(); ++i) PutIn(current_, sorted_[i]);
    sorted_.clear();
    head_ = 0;
    current_ = base_;
  }
  if (bucket != current_) return PutIn(bucket, arrival);
  sorted_.push_back(arrival);
  size_t to = sorted_.size() - 1;
  for (; to > head_ && arrival.Before(sorted_[to - 1]); --to) sorted_[to] = sorted_[to - 1];
  sorted_[to] = arrival;
}

// A bucket after base_.
void ArrivalQueue::PutIn(uint64_t bucket, const Arrival& arrival) {
  if (bucket - base_ < kBuckets) return Append(bucket, arrival);
  ++went_far_;
  far_.push_back(arrival);
  std::push_heap(far_.begin(), far_.end(), ComesLater);
}

// Onto the end of sorted_, in the order in which they came.
void ArrivalQueue::Empty(size_t slot) {
  Chunk* chunk = nullptr;
  for (Chunk* last = buckets_[slot]; last != nullptr;) {
    Chunk* const before = std::exchange(last->next, chunk);
    chunk = std::exchange(last, before);
  }
  while (chunk != nullptr) {
    sorted_.insert(sorted_.end(), chunk->arrivals.begin(), chunk->arrivals.begin() + chunk->count);
    Chunk* const next = chunk->next;
    chunk->next = free_;
    free_ = chunk;
    chunk = next;
  }
  buckets_[slot] = nullptr;
  used_[slot / 64] &= ~(uint64_t{1} << slot % 64);
}

// The first bucket of the array that is not empty, from base_ on; there is one.
uint64_t ArrivalQueue::NextBucket() const {
  const size_t first = base_ % kBuckets;
  size_t word = first / 64;
  uint64_t bits = used_[word] & ~uint64_t{0} << first % 64;
  while (bits == 0) {
    word = (word + 1) % kWords;
    bits = used_[word];
    if (word == first / 64) bits &= (uint64_t{1} << first % 64) - 1;
  }
  const size_t slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
  return base_ + (slot + kBuckets - first) % kBuckets;
}

// Sorts the bucket of the first one; nothing is sorted, and something is there.
void ArrivalQueue::Activate() {
  sorted_.clear();
  head_ = 0;
  if (sorted_in_all_ >= kLook) Tune();
  if (size_ > far_.size()) {
    current_ = NextBucket();
    Empty(current_ % kBuckets);
    Sort(sorted_);
  } else {
    current_ = far_.front().offset >> shift_;
    while (!far_.empty() && far_.front().offset >> shift_ == current_) {
      sorted_.push_back(far_.front());
      std::pop_heap(far_.begin(), far_.end(), ComesLater);
      far_.pop_back();
    }
  }
  ++activated_;
  sorted_in_all_ += sorted_.size();
}

// Whether the next bucket ends until `last` and is small: then it is in sorted_, as its arrivals
// came, and counts as popped. Nothing is sorted.
bool ArrivalQueue::OpenBucket(uint64_t last) {
  if (sorted_in_all_ >= kLook || size_ == far_.size()) return false;
  const uint64_t bucket = NextBucket();
  if (((bucket + 1) << shift_) - 1 > last) return false;
  size_t count = 0;
  for (const Chunk* c = buckets_[bucket % kBuckets]; c != nullptr; c = c->next) count += c->count;
  if (count > kRough) return false;
  sorted_.clear();
  head_ = 0;
  current_ = bucket;
  last_ = bucket << shift_;
  Empty(bucket % kBuckets);
  ++activated_;
  sorted_in_all_ += count;
  MoveBase();
  return true;
}

// The first of current_ has been popped: nothing will come before it any more.
void ArrivalQueue::MoveBase() {
  base_ = current_;
  while (!far_.empty() && (far_.front().offset >> shift_) - base_ < kBuckets) {
    Append(far_.front().offset >> shift_, far_.front());
    std::pop_heap(far_.begin(), far_.end(), ComesLater);
    far_.pop_back();
  }
}

void ArrivalQueue::Tune() {
  const uint64_t each = sorted_in_all_ / activated_;
  const bool far = went_far_ > sorted_in_all_ / 4;
  activated_ = sorted_in_all_ = went_far_ = 0;
  if ((each < kFew || far) && shift_ < kMaxShift) Rebuild(shift_ + 1);
  if (each > kMany && !far && shift_ > kMinShift) Rebuild(shift_ - 1);
}

void ArrivalQueue::Rebuild(int shift) {
  for (size_t slot = 0; slot < kBuckets; ++slot) Empty(slot);
  sorted_.insert(sorted_.end(), far_.begin(), far_.end());
  far_.clear();
  shift_ = shift;
  base_ = current_ = last_ >> shift_;
  for (const Arrival& arrival : sorted_) {
    const uint64_t bucket = arrival.offset >> shift_;
    if (bucket - base_ < kBuckets) {
      Append(bucket, arrival);
    } else {
      far_.push_back(arrival);
      std::push_heap(far_.begin(), far_.end(), ComesLater);
    }
  }
  sorted_.clear();
}

}  // namespace sluice::sim
