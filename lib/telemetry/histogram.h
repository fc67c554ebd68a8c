// Histogram: log-linear buckets over uint64 with one writer, readable without locks.
//
// Values below 32 have a bucket each; above, each power of two is cut into 32 equal buckets and a
// value is told as the middle of its bucket: relative error at most 2^-6. Minimum, maximum, count
// and sum are exact.
#ifndef SLUICE_TELEMETRY_HISTOGRAM_H_
#define SLUICE_TELEMETRY_HISTOGRAM_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/int128.h"

namespace sluice::telemetry {

inline constexpr int kHistogramSubBits = 5;

// The bucket of a value: without a branch, and in the order of the values.
constexpr size_t HistogramBucket(uint64_t v) {
  const int shift = std::bit_width(v | (1u << kHistogramSubBits)) - 1 - kHistogramSubBits;
  return (static_cast<size_t>(shift) << kHistogramSubBits) + static_cast<size_t>(v >> shift);
}
// The smallest value of bucket i.
uint64_t HistogramBucketLow(size_t i);
// How many values fall into bucket i.
uint64_t HistogramBucketWidth(size_t i);

// What a reader took from one or more histograms: a value without atomics, one thread.
class HistogramSnapshot {
 public:
  // Adds the other's records to these, as if one histogram had seen both.
  void Merge(const HistogramSnapshot& other);

  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  Uint128 sum() const { return sum_; }
  // 0 when empty.
  double mean() const;
  // The value of that rank among the sorted records (from 0), to the histogram's error and within
  // [min, max]; ranks beyond the last give the maximum, an empty histogram 0.
  uint64_t AtRank(uint64_t rank) const;
  // The value of rank floor(count * per_million / 10^6): 500'000 is the median, 999'000 p99.9.
  uint64_t Quantile(uint32_t per_million) const;
  // Counts by bucket (HistogramBucketLow, Width); trailing buckets may be missing.
  const std::vector<uint64_t>& buckets() const { return buckets_; }

 private:
  friend class Histogram;
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t min_ = std::numeric_limits<uint64_t>::max();
  uint64_t max_ = 0;
  Uint128 sum_ = 0;
};

class Histogram {
 public:
  // Values of 2^max_bits and above count in the last bucket (minimum, maximum and sum stay exact).
  // 5 < max_bits <= 64; takes (max_bits - 4) * 256 bytes, all at construction.
  explicit Histogram(int max_bits = 64);
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  // The writer thread.
  void Record(uint64_t v) {
    const size_t bucket = HistogramBucket(v);
    Bump(&buckets_[bucket < last_ ? bucket : last_], 1);
    const uint64_t low = sum_low_.load(std::memory_order_relaxed) + v;
    if (low < v) [[unlikely]] {
      Carry(low);
    } else {
      sum_low_.store(low, std::memory_order_release);  // after the carries that went before
    }
    if (v < min_.load(std::memory_order_relaxed)) min_.store(v, std::memory_order_relaxed);
    if (v > max_.load(std::memory_order_relaxed)) max_.store(v, std::memory_order_relaxed);
  }

  // Any thread. The parts of a snapshot may differ by the records made while it was being taken;
  // the percentiles of one snapshot always agree with its count.
  HistogramSnapshot Snapshot() const;

 private:
  static void Bump(std::atomic<uint64_t>* a, uint64_t n) {
    a->store(a->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Carry(uint64_t low);

  const size_t last_;
  const std::unique_ptr<std::atomic<uint64_t>[]> buckets_;
  std::atomic<uint64_t> min_{std::numeric_limits<uint64_t>::max()};
  std::atomic<uint64_t> max_{0};
  // The sum has 128 bits; carries are rare, and a sequence lock keeps readers from half a carry.
  std::atomic<uint64_t> sum_low_{0};
  std::atomic<uint64_t> sum_high_{0};
  std::atomic<uint64_t> carries_{0};  // odd while a carry is under way
};

}  // namespace sluice::telemetry

#endif  // SLUICE_TELEMETRY_HISTOGRAM_H_
