#include "telemetry/histogram.h"

#include <algorithm>

namespace sluice::telemetry {
namespace {

constexpr size_t kSubBuckets = size_t{1} << kHistogramSubBits;

constexpr int ShiftOf(size_t bucket) {
  return bucket < kSubBuckets ? 0 : static_cast<int>(bucket >> kHistogramSubBits) - 1;
}

}  // namespace

uint64_t HistogramBucketLow(size_t i) {
  const int shift = ShiftOf(i);
  return static_cast<uint64_t>(i - (static_cast<size_t>(shift) << kHistogramSubBits)) << shift;
}

uint64_t HistogramBucketWidth(size_t i) { return uint64_t{1} << ShiftOf(i); }

void HistogramSnapshot::Merge(const HistogramSnapshot& other) {
  if (buckets_.size() < other.buckets_.size()) buckets_.resize(other.buckets_.size());
  for (size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double HistogramSnapshot::mean() const {
  if (count_ == 0) return 0;
  const double sum = static_cast<double>(static_cast<uint64_t>(sum_ >> 64)) * 0x1p64 +
                     static_cast<double>(static_cast<uint64_t>(sum_));
  return sum / static_cast<double>(count_);
}

uint64_t HistogramSnapshot::AtRank(uint64_t rank) const {
  if (count_ == 0) return 0;
  if (rank >= count_ - 1) return max_;
  size_t i = 0;
  for (uint64_t seen = buckets_[0]; seen <= rank; seen += buckets_[i]) ++i;
  const uint64_t middle = HistogramBucketLow(i) + HistogramBucketWidth(i) / 2;
  return std::max(min_, std::min(middle, max_));
}

uint64_t HistogramSnapshot::Quantile(uint32_t per_million) const {
  return AtRank(static_cast<uint64_t>(static_cast<Uint128>(count_) * per_million / 1'000'000));
}

Histogram::Histogram(int max_bits)
    : last_(HistogramBucket(std::numeric_limits<uint64_t>::max() >>
                            (64 - std::clamp(max_bits, kHistogramSubBits + 1, 64)))),
      buckets_(std::make_unique<std::atomic<uint64_t>[]>(last_ + 1)) {}

void Histogram::Carry(uint64_t low) {
  Bump(&carries_, 1);
  sum_high_.store(sum_high_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  sum_low_.store(low, std::memory_order_release);
  carries_.store(carries_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

HistogramSnapshot Histogram::Snapshot() const {
  HistogramSnapshot s;
  s.buckets_.resize(last_ + 1);
  for (size_t i = 0; i <= last_; ++i) {
    s.buckets_[i] = buckets_[i].load(std::memory_order_relaxed);
    s.count_ += s.buckets_[i];
  }
  s.min_ = min_.load(std::memory_order_relaxed);
  s.max_ = max_.load(std::memory_order_relaxed);
  uint64_t before, after;
  do {
    before = carries_.load(std::memory_order_acquire);
    s.sum_ = static_cast<Uint128>(sum_high_.load(std::memory_order_acquire)) << 64 |
             sum_low_.load(std::memory_order_acquire);
    after = carries_.load(std::memory_order_relaxed);
  } while (before != after || (before & 1) != 0);
  return s;
}

}  // namespace sluice::telemetry
