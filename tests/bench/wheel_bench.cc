// What one insert plus one expiry cost: `flows` entries, each armed again when it comes due. The
// budget of docs/architecture.md is 15 ns for 1000 entries with horizons of 0.1 us to 1 ms.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/math.h"
#include "base/rng.h"
#include "cycles.h"
#include "wheel/wheel.h"

namespace sluice::wheel {
namespace {

// An entry as it lies in practice: inside a flow of a few cache lines.
struct alignas(64) Flow {
  Entry entry;
  char rest[192];
};

enum Spread { kEven, kMagnitudes };

// Horizons drawn beforehand, so that the generator does not count.
std::vector<Duration> Horizons(Spread spread) {
  Rng rng(1);
  std::vector<Duration> h;
  for (int i = 0; i < 8192; ++i) {
    const double ps = spread == kEven ? 1e5 + rng.Uniform() * (1e9 - 1e5)
                                      : 1e5 * Exp(rng.Uniform() * Ln(1e4));  // 0.1 us to 1 ms
    h.push_back(Duration::Picoseconds(static_cast<int64_t>(ps)));
  }
  return h;
}

// Arguments: entries, spread of horizons, picoseconds from poll to poll (0: straight to the next
// deadline, as virtual time does).
void InsertAndExpire(benchmark::State& state) {
  const size_t count = static_cast<size_t>(state.range(0));
  const std::vector<Duration> horizons = Horizons(static_cast<Spread>(state.range(1)));
  const Duration step = Duration::Picoseconds(state.range(2));
  const auto flows = std::make_unique<Flow[]>(count);
  const auto wheel = std::make_unique<Wheel>(Time::Zero());
  Time now;
  size_t h = 0;
  for (size_t i = 0; i < count; ++i) {
    flows[i].entry.order = i;
    wheel->Arm(&flows[i].entry, now + horizons[h++ % 8192]);
  }
  int64_t items = 0;
  Entry* batch[32];
  const auto poll = [&] {
    now = step == Duration::Zero() ? *wheel->NextDeadline() : now + step;
    size_t n;
    do {
      n = wheel->Due(now, batch);
      for (size_t i = 0; i < n; ++i) wheel->Arm(batch[i], now + horizons[h++ % 8192]);
      items += static_cast<int64_t>(n);
    } while (n == 32);
  };
  while (items < 100'000) poll();
  items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) poll();
  cycles.CountItems(items);
}
BENCHMARK(InsertAndExpire)
    ->ArgNames({"entries", "magnitudes", "step_ps"})
    ->ArgsProduct({{1000}, {kEven, kMagnitudes}, {0, 100'000, 1'000'000}})
    ->Args({64, kMagnitudes, 100'000})
    ->Args({100'000, kEven, 100'000});

void InsertAndCancel(benchmark::State& state) {
  constexpr size_t kCount = 1000;
  const std::vector<Duration> horizons = Horizons(kMagnitudes);
  const auto flows = std::make_unique<Flow[]>(kCount);
  Wheel wheel{Time::Zero()};
  size_t h = 0;
  for (size_t i = 0; i < kCount; ++i) wheel.Arm(&flows[i].entry, Time::Zero() + horizons[h++]);
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    Entry* entry = &flows[static_cast<size_t>(items) % kCount].entry;
    wheel.Cancel(entry);
    wheel.Arm(entry, Time::Zero() + horizons[h++ % 8192]);
    ++items;
  }
  cycles.CountItems(items);
}
BENCHMARK(InsertAndCancel);

// A poll at which nothing is due.
void IdlePoll(benchmark::State& state) {
  Entry entry;
  Wheel wheel{Time::Zero()};
  Time now;
  wheel.Arm(&entry, now + Duration::Seconds(100'000));
  Entry* batch[32];
  int64_t items = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    now += Duration::Nanoseconds(100);
    benchmark::DoNotOptimize(wheel.Due(now, batch));
    ++items;
  }
  cycles.CountItems(items);
}
BENCHMARK(IdlePoll);

}  // namespace
}  // namespace sluice::wheel

BENCHMARK_MAIN();
