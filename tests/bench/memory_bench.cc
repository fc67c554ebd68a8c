#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "cycles.h"
#include "memory/region_table.h"

namespace sluice::memory {
namespace {

// Argument: regions, resolved in turn. `dependent`: the next address hangs on the last answer,
// which shows the latency; otherwise calls overlap as they do in a burst.
void Resolve(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  const bool dependent = state.range(1) != 0;
  std::vector<uint8_t> bytes(4096);
  RegionTable table(1, count);
  std::vector<uint32_t> keys;
  for (size_t i = 0; i < count; ++i) {
    const auto k = table.Register(1, bytes.data(), Bytes(4096), kLocalWrite | kRemoteWrite);
    if (!k.ok()) return state.SkipWithError("no region");
    keys.push_back(k->rkey);
  }
  const uint64_t va = reinterpret_cast<uint64_t>(bytes.data());
  size_t i = 0;
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    const Resolution r = table.Resolve(keys[i], 1, va + 64, Bytes(1024), kRemoteWrite);
    benchmark::DoNotOptimize(r.address);
    i = i + 1 == count ? 0 : i + 1;
    if (dependent) i += static_cast<size_t>(r.fault);
    ++items;
  }
  cycles.CountItems(items);
}
BENCHMARK(Resolve)->ArgNames({"regions", "dependent"})->ArgsProduct({{1, 64, 10'000}, {0, 1}});

}  // namespace
}  // namespace sluice::memory

BENCHMARK_MAIN();
