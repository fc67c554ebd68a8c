#include "lab/metrics.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace sluice::lab {
namespace {

// floor(n p / 100) in integers; 100 is the last.
TEST(PercentileIndex, IsTheRuleOfTheContract) {
  const struct {
    size_t n;
    int p;
    size_t index;
  } table[] = {{1, 0, 0},   {1, 50, 0},    {1, 99, 0},     {1, 100, 0},
               {2, 49, 0},  {2, 50, 1},    {3, 50, 1},     {4, 50, 2},
               {16, 50, 8}, {16, 95, 15},  {16, 99, 15},   {100, 99, 99},
               {100, 1, 1}, {101, 99, 99}, {200, 99, 198}, {1000, 95, 950}};
  for (const auto& row : table) EXPECT_EQ(PercentileIndex(row.n, row.p), row.index);
}

TEST(Percentile, OfNothingIsNothing) {
  EXPECT_FALSE(Percentile(std::span<const double>(), 50).has_value());
}

TEST(JainIndex, KnownValues) {
  EXPECT_DOUBLE_EQ(JainIndex(std::vector<double>{5, 5, 5}), 1);
  EXPECT_DOUBLE_EQ(JainIndex(std::vector<double>{1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(JainIndex(std::vector<double>{1, 3}), 16.0 / 20);
  EXPECT_DOUBLE_EQ(JainIndex(std::vector<double>{}), 1);
  EXPECT_DOUBLE_EQ(JainIndex(std::vector<double>{0, 0}), 1);
}

FlowResult Flow(int64_t size, int64_t start_us, int64_t fct_us, int64_t ideal_us,
                bool finished = true) {
  FlowResult f;
  f.spec.size = Bytes(size);
  f.spec.start = Time::Zero() + Duration::Microseconds(start_us);
  f.fct = Duration::Microseconds(fct_us);
  f.ideal = Duration::Microseconds(ideal_us);
  f.finished = finished;
  return f;
}

TEST(Slowdown, IsNeverBelowOne) {
  EXPECT_DOUBLE_EQ(Slowdown(Flow(1, 0, 30, 10)), 3);
  EXPECT_DOUBLE_EQ(Slowdown(Flow(1, 0, 9, 10)), 1);
}

TEST(Measure, ASizeOnTheEdgeBelongsBelowIt) {
  const int64_t edges[] = {10'000, 30'000, 80'000, 200'000, 1'000'000, 5'000'000};
  for (size_t i = 0; i < 6; ++i) {
    RunResult run;
    run.flows = {Flow(edges[i], 0, 20, 10), Flow(edges[i] + 1, 0, 40, 10)};
    const Metrics m = Measure(run);
    ASSERT_EQ(m.buckets.size(), 7u);
    EXPECT_EQ(m.buckets[i].up_to_bytes, edges[i]);
    EXPECT_EQ(m.buckets[i].n, 1u);
    EXPECT_DOUBLE_EQ(*m.buckets[i].p50, 2);
    EXPECT_EQ(m.buckets[i + 1].n, 1u);
    EXPECT_DOUBLE_EQ(*m.buckets[i + 1].p99, 4);
    EXPECT_FALSE(m.buckets[6].up_to_bytes.has_value());
    EXPECT_FALSE(m.buckets[(i + 3) % 7].p50.has_value());
  }
}

// Two flows of 1 MB: posted at 0 and 10 us, done at 100 and 160 us: 2 MB in 160 us are 100 Gb/s.
TEST(Measure, GoodputCountsFromTheFirstPostToTheLastCompletion) {
  RunResult run;
  run.flows = {Flow(1'000'000, 0, 100, 90), Flow(1'000'000, 10, 150, 90)};
  run.busy = Duration::Microseconds(120);
  const Metrics m = Measure(run);
  EXPECT_EQ(m.last_finish, Duration::Microseconds(160));
  EXPECT_DOUBLE_EQ(m.goodput_gbps, 100);
  EXPECT_DOUBLE_EQ(m.utilisation, 0.75);
  EXPECT_EQ(m.fct_p50, Duration::Microseconds(150));
  EXPECT_EQ(m.fct_max, Duration::Microseconds(150));
  EXPECT_EQ(m.unfinished, 0u);
  // Rates 10 and 20/3: (50/3)^2 / (2 (100 + 400/9)) = 25/26.
  EXPECT_NEAR(m.jain, 25.0 / 26, 1e-12);
}

// It ranks as infinitely slow; the times of the whole run count it as long as it waited.
TEST(Measure, AnUnfinishedFlowIsInfinitelySlow) {
  RunResult run;
  run.flows = {Flow(1'000, 0, 10, 10), Flow(1'000, 0, 500, 10, false)};
  const Metrics m = Measure(run);
  EXPECT_EQ(m.unfinished, 1u);
  EXPECT_EQ(m.slowdown_p99, std::numeric_limits<double>::infinity());
  EXPECT_EQ(m.slowdown_mean, std::numeric_limits<double>::infinity());
  EXPECT_EQ(m.last_finish, Duration::Microseconds(500));
  EXPECT_DOUBLE_EQ(m.goodput_gbps, 1000 * 8.0 / 500'000);
  EXPECT_DOUBLE_EQ(m.jain, 0.5);
}

TEST(Measure, OnlyMeasuredFlowsCount) {
  RunResult run;
  run.flows = {Flow(1'000, 0, 20, 10), Flow(1'000, 5, 900, 10), Flow(1'000, 9, 0, 10, false)};
  run.flows[1].spec.measured = false;
  run.flows[2].spec.measured = false;
  run.flows[2].posted = false;
  const Metrics m = Measure(run);
  EXPECT_EQ(m.flows, 1u);
  EXPECT_EQ(m.unfinished, 0u);
  EXPECT_DOUBLE_EQ(m.slowdown_mean, 2);
  EXPECT_EQ(m.buckets[0].n, 1u);
  // Goodput is of all that were posted: 2000 B in 905 us.
  EXPECT_DOUBLE_EQ(m.goodput_gbps, 2000 * 8.0 / 905'000);
}

}  // namespace
}  // namespace sluice::lab
