// Metrics: the figures of one run, computed from its flows and counters.
//
// Only + - * / on doubles in a fixed order, so that the bits are the same everywhere.
#ifndef SLUICE_LAB_METRICS_H_
#define SLUICE_LAB_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lab/runner.h"

namespace sluice::lab {

// The place of percentile p among n sorted values: floor(n p / 100), in integers, and the last one
// for p = 100. n > 0, 0 <= p <= 100.
size_t PercentileIndex(size_t n, int p);

// Of values that are sorted, the smallest first; nullopt if there are none.
template <typename T>
std::optional<T> Percentile(std::span<const T> sorted, int p) {
  if (sorted.empty()) return std::nullopt;
  return sorted[PercentileIndex(sorted.size(), p)];
}

// max(1, fct / ideal); infinity for a flow that has not finished.
double Slowdown(const FlowResult& flow);

// (sum x)^2 / (n sum x^2); 1 if all are zero or there are none. Jain, Chiu, Hawe: "A Quantitative
// Measure of Fairness", DEC-TR-301, 1984.
double JainIndex(std::span<const double> x);

// Flows by size. A flow belongs to the first bucket whose edge is not below its size.
struct Bucket {
  std::optional<int64_t> up_to_bytes;  // nullopt: the rest
  size_t n = 0;
  std::optional<double> p50, p95, p99;  // of slowdown
};
inline constexpr int64_t kBucketEdges[] = {10'000, 30'000, 80'000, 200'000, 1'000'000, 5'000'000};

struct Metrics {
  // Measured flows (FlowSpec::measured) count, and no others, in everything up to `buckets` and in
  // `jain`.
  size_t flows = 0;
  size_t unfinished = 0;
  // Of an unfinished flow the time until the end of the run, a lower bound.
  Duration fct_p50, fct_p99, fct_max;
  // An unfinished flow is infinitely slow: it ranks last, and the mean is infinite.
  double slowdown_p50 = 0, slowdown_p95 = 0, slowdown_p99 = 0, slowdown_mean = 0;
  std::vector<Bucket> buckets;
  // Of all flows that were posted.
  Duration last_finish;     // last completion since the first post; to the end if unfinished
  double goodput_gbps = 0;  // payload of finished flows / last_finish
  double utilisation = 0;   // of the watched line, over last_finish; at most 1
  double jain = 1;          // of size / fct, 0 for an unfinished flow
};

Metrics Measure(const RunResult& run);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_METRICS_H_
