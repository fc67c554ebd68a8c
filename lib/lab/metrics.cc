#include "lab/metrics.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace sluice::lab {
namespace {

double Ratio(Duration a, Duration b) {
  return static_cast<double>(a.ps()) / static_cast<double>(b.ps());
}

double Sum(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum;
}

std::vector<Bucket> MakeBuckets(const RunResult& run) {
  constexpr size_t kEdges = std::size(kBucketEdges);
  std::vector<std::vector<double>> values(kEdges + 1);
  for (const FlowResult& f : run.flows) {
    if (!f.spec.measured) continue;
    const auto* edge =
        std::lower_bound(std::begin(kBucketEdges), std::end(kBucketEdges), f.spec.size.count());
    values[static_cast<size_t>(edge - std::begin(kBucketEdges))].push_back(Slowdown(f));
  }
  std::vector<Bucket> buckets;
  for (size_t i = 0; i <= kEdges; ++i) {
    Bucket b;
    if (i < kEdges) b.up_to_bytes = kBucketEdges[i];
    std::sort(values[i].begin(), values[i].end());
    const std::span<const double> sorted = values[i];
    b.n = sorted.size();
    b.p50 = Percentile(sorted, 50);
    b.p95 = Percentile(sorted, 95);
    b.p99 = Percentile(sorted, 99);
    buckets.push_back(b);
  }
  return buckets;
}

void MeasureTimes(const RunResult& run, Metrics* m) {
  std::vector<Duration> fct;
  std::vector<double> slowdown, rates;
  for (const FlowResult& f : run.flows) {
    if (!f.spec.measured) continue;
    fct.push_back(f.fct);
    slowdown.push_back(Slowdown(f));
    if (!f.finished) ++m->unfinished;
    const double size = static_cast<double>(f.spec.size.count());
    rates.push_back(f.finished ? size / static_cast<double>(f.fct.ps()) : 0);
  }
  std::sort(fct.begin(), fct.end());
  std::sort(slowdown.begin(), slowdown.end());
  const std::span<const Duration> t = fct;
  const std::span<const double> s = slowdown;
  m->fct_p50 = *Percentile(t, 50);
  m->fct_p99 = *Percentile(t, 99);
  m->fct_max = fct.back();
  m->slowdown_p50 = *Percentile(s, 50);
  m->slowdown_p95 = *Percentile(s, 95);
  m->slowdown_p99 = *Percentile(s, 99);
  m->slowdown_mean = Sum(s) / static_cast<double>(s.size());
  m->jain = JainIndex(rates);
}

}  // namespace

size_t PercentileIndex(size_t n, int p) {
  return std::min(n * static_cast<size_t>(p) / 100, n - 1);
}

double Slowdown(const FlowResult& flow) {
  if (!flow.finished) return std::numeric_limits<double>::infinity();
  return std::max(1.0, Ratio(flow.fct, flow.ideal));
}

double JainIndex(std::span<const double> x) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  if (squares == 0) return 1;
  const double sum = Sum(x);
  return sum * sum / (static_cast<double>(x.size()) * squares);
}

Metrics Measure(const RunResult& run) {
  Metrics m;
  for (const FlowResult& f : run.flows) m.flows += f.spec.measured ? 1 : 0;
  m.buckets = MakeBuckets(run);
  if (m.flows == 0) return m;
  MeasureTimes(run, &m);

  OptionalTime first;
  Time last;
  int64_t payload = 0;
  for (const FlowResult& f : run.flows) {
    if (!f.posted) continue;
    const Time end = f.spec.start + f.fct;
    last = first ? Later(last, end) : end;
    first = first ? Earlier(*first, f.spec.start) : f.spec.start;
    if (f.finished) payload += f.spec.size.count();
  }
  if (!first) return m;
  m.last_finish = last - *first;
  if (m.last_finish > Duration::Zero()) {
    // Bytes per picosecond are terabytes per second.
    m.goodput_gbps =
        static_cast<double>(payload) * 8000.0 / static_cast<double>(m.last_finish.ps());
    m.utilisation = std::min(1.0, Ratio(run.busy, m.last_finish));
  }
  return m;
}

}  // namespace sluice::lab
