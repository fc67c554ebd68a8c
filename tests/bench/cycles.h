// Cycles of the time stamp counter per item, as a counter beside Google Benchmark's nanoseconds.
#ifndef SLUICE_TESTS_BENCH_CYCLES_H_
#define SLUICE_TESTS_BENCH_CYCLES_H_

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <cstdint>

namespace sluice::bench {

// Lives around the timed loop; CountItems ends it.
class Cycles {
 public:
  explicit Cycles(benchmark::State* state) : state_(state), start_(__rdtsc()) {}
  void CountItems(int64_t items) {
    const uint64_t cycles = __rdtsc() - start_;
    state_->SetItemsProcessed(items);
    state_->counters["cycles/item"] = static_cast<double>(cycles) / static_cast<double>(items);
  }

 private:
  benchmark::State* state_;
  uint64_t start_;
};

}  // namespace sluice::bench

#endif  // SLUICE_TESTS_BENCH_CYCLES_H_
