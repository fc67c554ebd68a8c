// TscClock: the Clock beside a poll loop: the processor's time stamp counter in picoseconds.
//
// The frequency is measured against CLOCK_MONOTONIC_RAW, because DPDK's own figure is rounded to
// 10 MHz. Conversion is one 64x64->128 multiplication.
// Needs no EAL. One object may be read by several threads where the counters of the cores agree,
// as they do on every x86 processor with an invariant TSC.
#ifndef SLUICE_DPDK_TSC_CLOCK_H_
#define SLUICE_DPDK_TSC_CLOCK_H_

#include <x86intrin.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/int128.h"
#include "base/time.h"

namespace sluice::dpdk {

class TscClock : public Clock {
 public:
  // Takes `duration` (>= 1 ms) and is then good to about 100 ns in that time: 0.5 ppm for the
  // default. Unavailable when two halves of it disagree by more than 0.1 %: the counter is not
  // steady, or the machine stood still.
  static absl::StatusOr<TscClock> Calibrate(Duration duration = Duration::Milliseconds(200));

  // A clock whose zero is the count `start`, at `hz` > 0 counts per second.
  TscClock(uint64_t start, double hz);

  // Since the end of the calibration.
  Time Now() override { return At(__rdtsc()); }
  Time At(uint64_t count) const { return Time::FromPs(Scale(count - start_)); }
  // The length of `count` counts.
  Duration Span(uint64_t count) const {
    return Duration::Picoseconds(static_cast<int64_t>(Scale(count)));
  }
  double hz() const { return hz_; }

 private:
  uint64_t Scale(uint64_t count) const {
    return static_cast<uint64_t>((static_cast<Uint128>(count) * ps_per_count_q32_) >> 32);
  }
  uint64_t start_;
  uint64_t ps_per_count_q32_;
  double hz_;
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_TSC_CLOCK_H_
