#include "sim/queue_probe.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::sim {
namespace {

Time At(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

TEST(QueueProbe, WeightsByTime) {
  QueueProbe probe(At(100), Duration::Zero());
  EXPECT_EQ(probe.mean_bytes(), 0);
  EXPECT_EQ(probe.Percentile(99), Bytes(0));
  probe.OnLevel(At(110), Bytes(100));  // 0 for 10 ns
  probe.OnLevel(At(150), Bytes(200));  // 100 for 40 ns
  probe.OnLevel(At(199), Bytes(50));   // 200 for 49 ns
  probe.Finish(At(200));               // 50 for 1 ns
  EXPECT_EQ(probe.max(), Bytes(200));
  EXPECT_DOUBLE_EQ(probe.mean_bytes(), (100 * 40 + 200 * 49 + 50 * 1) / 100.0);
  EXPECT_EQ(probe.Percentile(10), Bytes(0));
  EXPECT_EQ(probe.Percentile(11), Bytes(50));
  EXPECT_EQ(probe.Percentile(12), Bytes(100));
  EXPECT_EQ(probe.Percentile(51), Bytes(100));
  EXPECT_EQ(probe.Percentile(52), Bytes(200));
  EXPECT_EQ(probe.Percentile(100), Bytes(200));
  EXPECT_TRUE(probe.samples().empty());
}

TEST(QueueProbe, ALevelWithoutDurationIsNoMaximum) {
  QueueProbe probe(At(0), Duration::Zero());
  probe.OnLevel(At(5), Bytes(1000));
  probe.OnLevel(At(5), Bytes(0));
  probe.Finish(At(10));
  EXPECT_EQ(probe.max(), Bytes(0));
}

TEST(QueueProbe, PercentileIsRoundedDownByLessThanOnePercent) {
  for (int64_t level = 1; level < (int64_t{1} << 40); level += 1 + level / 3) {
    QueueProbe probe(At(0), Duration::Zero());
    probe.OnLevel(At(0), Bytes(level));
    probe.Finish(At(1));
    const int64_t p = probe.Percentile(50).count();
    EXPECT_LE(p, level);
    EXPECT_GT(static_cast<double>(p), 0.99 * static_cast<double>(level));
    if (level < 256) {
      EXPECT_EQ(p, level);
    }
  }
}

TEST(QueueProbe, SamplesAtTheIntervalAndCountsWhatWasSent) {
  QueueProbe probe(At(0), Duration::Nanoseconds(10));
  probe.OnLevel(At(5), Bytes(300));
  probe.OnLevel(At(10), Bytes(100));  // 200 left at the moment of a sample, which holds it
  probe.OnLevel(At(31), Bytes(0));
  probe.Finish(At(40));
  std::vector<std::vector<int64_t>> samples;
  for (const auto& s : probe.samples()) {
    samples.push_back({(s.time - At(0)).ps() / 1000, s.waiting.count(), s.sent.count()});
  }
  const std::vector<std::vector<int64_t>> expected = {
      {0, 0, 0}, {10, 100, 200}, {20, 100, 200}, {30, 100, 200}};
  EXPECT_EQ(samples, expected);
}

}  // namespace
}  // namespace sluice::sim
