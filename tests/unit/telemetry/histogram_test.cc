#include "telemetry/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace sluice::telemetry {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

uint64_t Distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

// |estimate - v| <= v / 64, without overflow.
bool Close(uint64_t estimate, uint64_t v) { return Distance(estimate, v) <= v / 64; }

TEST(HistogramBucket, BucketsTileTheWholeRange) {
  uint64_t next = 0;
  const size_t last = HistogramBucket(kMax);
  EXPECT_EQ(last, 60u * 32 - 1);  // 32 single values and 59 powers of two of 32 buckets
  for (size_t i = 0; i <= last; ++i) {
    EXPECT_EQ(HistogramBucketLow(i), next);
    EXPECT_EQ(HistogramBucket(next), i);
    next += HistogramBucketWidth(i);
    EXPECT_EQ(HistogramBucket(next - 1), i);
  }
  EXPECT_EQ(next, 0u);  // 2^64
}

// The worst value of a bucket is its lowest: the middle lies half a width above.
TEST(Histogram, RelativeErrorIsAtMostOneIn64) {
  for (size_t i = 0; i <= HistogramBucket(kMax); ++i) {
    const uint64_t low = HistogramBucketLow(i);
    for (const uint64_t v : {low, low + HistogramBucketWidth(i) - 1}) {
      Histogram h;
      h.Record(0);
      h.Record(v);
      h.Record(kMax);
      EXPECT_TRUE(Close(h.Snapshot().AtRank(1), v)) << v;
    }
  }
}

TEST(Histogram, EmptyIsZeroEverywhere) {
  const HistogramSnapshot s = Histogram().Snapshot();
  EXPECT_EQ(s.count(), 0u);
  EXPECT_EQ(s.min(), 0u);
  EXPECT_EQ(s.max(), 0u);
  EXPECT_EQ(s.mean(), 0);
  EXPECT_EQ(s.AtRank(0), 0u);
  EXPECT_EQ(s.Quantile(500'000), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (uint64_t v = 1; v <= 20; ++v) h.Record(v);
  const HistogramSnapshot s = h.Snapshot();
  EXPECT_EQ(s.count(), 20u);
  EXPECT_EQ(s.min(), 1u);
  EXPECT_EQ(s.max(), 20u);
  EXPECT_EQ(s.mean(), 10.5);
  for (uint64_t r = 0; r < 20; ++r) EXPECT_EQ(s.AtRank(r), r + 1);
  // Rank floor(20 * p): the median is the 11th value.
  EXPECT_EQ(s.Quantile(0), 1u);
  EXPECT_EQ(s.Quantile(500'000), 11u);
  EXPECT_EQ(s.Quantile(990'000), 20u);
  EXPECT_EQ(s.Quantile(1'000'000), 20u);
}

TEST(Histogram, QuantilesOfARandomSampleAreClose) {
  Rng rng(1);
  Histogram h;
  std::vector<uint64_t> all;
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(rng.Next() >> rng.Below(60));
    h.Record(all.back());
  }
  std::sort(all.begin(), all.end());
  const HistogramSnapshot s = h.Snapshot();
  EXPECT_EQ(s.min(), all.front());
  EXPECT_EQ(s.max(), all.back());
  for (const uint32_t q : {1u, 10'000u, 250'000u, 500'000u, 950'000u, 999'000u, 999'999u}) {
    const uint64_t truth = all[all.size() * q / 1'000'000];
    EXPECT_TRUE(Close(s.Quantile(q), truth)) << q << " " << truth << " " << s.Quantile(q);
  }
}

TEST(Histogram, TheSumCarriesBeyond64Bits) {
  Histogram h;
  Uint128 sum = 0;
  for (int i = 0; i < 5; ++i) {
    h.Record(kMax - 1);
    h.Record(3);
    sum += kMax - 1;
    sum += 3;
  }
  EXPECT_TRUE(h.Snapshot().sum() == sum);
  EXPECT_DOUBLE_EQ(h.Snapshot().mean(), 0x1p63);
}

TEST(Histogram, MergeIsAsIfOneHadSeenBoth) {
  Rng rng(2);
  Histogram a, b, both;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t v = rng.Next() >> rng.Below(64);
    (i % 3 == 0 ? a : b).Record(v);
    both.Record(v);
  }
  HistogramSnapshot merged = a.Snapshot();
  merged.Merge(b.Snapshot());
  const HistogramSnapshot s = both.Snapshot();
  EXPECT_EQ(merged.buckets(), s.buckets());
  EXPECT_EQ(merged.count(), s.count());
  EXPECT_EQ(merged.min(), s.min());
  EXPECT_EQ(merged.max(), s.max());
  EXPECT_TRUE(merged.sum() == s.sum());

  HistogramSnapshot empty;
  empty.Merge(s);
  EXPECT_EQ(empty.buckets(), s.buckets());
  EXPECT_EQ(empty.min(), s.min());
  merged.Merge(HistogramSnapshot());
  EXPECT_EQ(merged.count(), s.count());
  EXPECT_EQ(merged.min(), s.min());
}

TEST(Histogram, ALimitedOneCountsLargeValuesInItsLastBucket) {
  Histogram h(10);  // up to 1023
  h.Record(1000);
  h.Record(1024);
  h.Record(kMax);
  const HistogramSnapshot s = h.Snapshot();
  EXPECT_EQ(s.buckets().size(), HistogramBucket(1023) + 1);
  EXPECT_EQ(s.buckets().back(), 2u);
  EXPECT_EQ(s.count(), 3u);
  EXPECT_EQ(s.max(), kMax);
  EXPECT_TRUE(Close(s.AtRank(0), 1000));
  HistogramSnapshot merged = s;
  Histogram wide;
  wide.Record(1 << 20);
  merged.Merge(wide.Snapshot());
  EXPECT_EQ(merged.count(), 4u);
}

// Each record adds 2^63 to the sum: every second one carries. A reader never sees half a carry,
// which would show as a sum that runs backwards.
TEST(Histogram, AReaderSeesWholeCarries) {
  constexpr int kRecords = 50'000;
  Histogram h;
  std::thread writer([&h] {
    for (int i = 0; i < kRecords; ++i) h.Record(uint64_t{1} << 63);
  });
  Uint128 last_sum = 0;
  uint64_t last_count = 0;
  while (last_count < kRecords) {
    const HistogramSnapshot s = h.Snapshot();
    EXPECT_TRUE(s.sum() >= last_sum);
    EXPECT_GE(s.count(), last_count);
    last_sum = s.sum();
    last_count = s.count();
  }
  writer.join();
  EXPECT_TRUE(h.Snapshot().sum() == static_cast<Uint128>(kRecords) << 63);
}

}  // namespace
}  // namespace sluice::telemetry
