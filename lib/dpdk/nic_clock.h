// NicClock: turns the counts with which a NIC stamps received packets into times of the poll loop's
// clock.
//
// The two clocks share no zero and their rates differ by parts per million, and asking a NIC for
// its clock may be a system call. So the zero is learned from the packets themselves: a packet is
// seen when it has arrived or later, never before, so of all differences between the moment of
// sight and the count, the smallest is the zero, plus the shortest way from the wire to the poll
// that ever was. It is the smallest of the last one to two windows, so that a drift of the rates is
// followed: 1 ppm in 20 ms is 20 ns.
//
// No EAL. One thread; no allocation.
#ifndef SLUICE_DPDK_NIC_CLOCK_H_
#define SLUICE_DPDK_NIC_CLOCK_H_

#include <cstdint>

#include "base/int128.h"
#include "base/time.h"

namespace sluice::dpdk {

class NicClock {
 public:
  static constexpr Duration kWindow = Duration::Milliseconds(10);

  NicClock() = default;
  // `hz` > 0 counts per second.
  explicit NicClock(double hz)
      // NOLINTNEXTLINE(bugprone-incorrect-roundings): it is positive, and far below 2^53 / 2
      : ps_per_count_q32_(static_cast<uint64_t>(1e12 / hz * 0x1p32 + 0.5)) {}

  // A packet with this count was seen at `seen`; calls come in the order of `seen`.
  void Observe(uint64_t count, Time seen);
  // When it came in, not after `seen`. Only after the first Observe.
  Time At(uint64_t count, Time seen) const {
    const Time t = zero_ + Since(count);
    return t < seen ? t : seen;
  }

 private:
  // From the base to this count, either way.
  Duration Since(uint64_t count) const {
    const auto counts = static_cast<Int128>(static_cast<int64_t>(count - base_));
    return Duration::Picoseconds(
        static_cast<int64_t>(counts * static_cast<Int128>(ps_per_count_q32_) >> 32));
  }

  uint64_t ps_per_count_q32_ = 0;
  uint64_t base_ = 0;  // moves up, so that the product stays short and the rate's error small
  bool begun_ = false;
  Time zero_;    // what is believed: when the base was, by the smaller of the two below
  Time before_;  // of the window before,
  Time newest_;  // and of this one
  Time window_end_;
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_NIC_CLOCK_H_
