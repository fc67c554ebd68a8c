#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "cycles.h"
#include "telemetry/counter.h"
#include "telemetry/histogram.h"
#include "telemetry/trace.h"

namespace sluice::telemetry {
namespace {

void CounterAdd(benchmark::State& state) {
  Counter counters[8];
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    counters[items++ & 7].Add();
    benchmark::ClobberMemory();
  }
  cycles.CountItems(items);
}
BENCHMARK(CounterAdd);

void HistogramRecord(benchmark::State& state) {
  Rng rng(1);
  std::vector<uint64_t> values;
  values.reserve(4096);
  for (int i = 0; i < 4096; ++i) values.push_back(1'000'000 + rng.Below(50'000'000));
  Histogram h;
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) h.Record(values[static_cast<size_t>(items++) & 4095]);
  cycles.CountItems(items);
}
BENCHMARK(HistogramRecord);

// Fills and empties by turns; the half that takes counts as well.
void TraceEmitAndTake(benchmark::State& state) {
  TraceRing ring(1024);
  TraceRecord out[32];
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    for (uint64_t i = 0; i < 32; ++i) ring.Emit({Time::FromPs(i), 1, 2, i, i});
    items += static_cast<int64_t>(ring.Take(out));
    benchmark::DoNotOptimize(out[0]);
  }
  cycles.CountItems(items);
}
BENCHMARK(TraceEmitAndTake);

}  // namespace
}  // namespace sluice::telemetry

BENCHMARK_MAIN();
