#include "dpdk/tsc_clock.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace sluice::dpdk {

namespace {

struct Sample {
  uint64_t tsc = 0;
  int64_t ns = 0;
};

int64_t RawNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Both clocks at one moment: of several tries the one with the narrowest bracket, which was not
// interrupted in between.
Sample Take() {
  Sample best;
  uint64_t narrowest = UINT64_MAX;
  for (int i = 0; i < 64; ++i) {
    const uint64_t before = __rdtsc();
    const int64_t ns = RawNs();
    const uint64_t after = __rdtsc();
    if (after - before < narrowest) {
      narrowest = after - before;
      best = {before + (after - before) / 2, ns};
    }
  }
  return best;
}

void SleepUntil(int64_t ns) {
  for (int64_t left = ns - RawNs(); left > 0; left = ns - RawNs()) {
    const timespec t = {left / 1'000'000'000, left % 1'000'000'000};
    nanosleep(&t, nullptr);
  }
}

double HzBetween(const Sample& a, const Sample& b) {
  return static_cast<double>(b.tsc - a.tsc) * 1e9 / static_cast<double>(b.ns - a.ns);
}

}  // namespace

TscClock::TscClock(uint64_t start, double hz)
    : start_(start),
      ps_per_count_q32_(static_cast<uint64_t>(std::llround(1e12 / hz * 0x1p32))),
      hz_(hz) {}

absl::StatusOr<TscClock> TscClock::Calibrate(Duration duration) {
  const int64_t ns = std::max<int64_t>(duration.ps() / 1000, 1'000'000);
  const Sample begin = Take();
  SleepUntil(begin.ns + ns / 2);
  const Sample middle = Take();
  SleepUntil(begin.ns + ns);
  const Sample end = Take();
  const double first = HzBetween(begin, middle);
  const double second = HzBetween(middle, end);
  const double hz = HzBetween(begin, end);
  if (!(hz > 1e8) || std::fabs(first - second) > hz * 1e-3) {
    return absl::UnavailableError(absl::StrCat(
        "the time stamp counter is not steady (", first * 1e-6, " MHz, then ", second * 1e-6,
        " MHz); run on a machine with an invariant TSC (constant_tsc in /proc/cpuinfo)"));
  }
  return TscClock(end.tsc, hz);
}

}  // namespace sluice::dpdk
