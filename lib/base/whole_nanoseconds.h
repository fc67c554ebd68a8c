// Times in whole nanoseconds as the ns-3 simulator counts them, for runs that are compared with its
// (sim/ns3_wire.h): it keeps seconds in a double and cuts what is below a nanosecond. Where the
// exact time is a whole number of nanoseconds, the double next to it may lie below, and what is
// left is one less: 975 bytes at 100 Gb/s take 77 ns, not 78. On the way there it keeps 64 binary
// places and cuts the others, so that below 2^-12 s a double above the whole number mostly falls
// under it, too: 1056 bytes at 1.2 Gb/s take 7039 ns, though the double next to 7.04 us is above.
// Exact in every rounding mode and on every machine: the cuts are made in integers.
#ifndef SLUICE_BASE_WHOLE_NANOSECONDS_H_
#define SLUICE_BASE_WHOLE_NANOSECONDS_H_

#include <bit>
#include <cstdint>

#include "base/time.h"
#include "base/units.h"

namespace sluice {

// 0 <= seconds < 2^33.
constexpr int64_t WholeNanoseconds(double seconds) {
  constexpr int kMantissa = 52;
  constexpr int kBias = 1023;
  constexpr int kKept = 64;
  const auto bits = std::bit_cast<uint64_t>(seconds);
  int places = kMantissa + kBias - static_cast<int>(bits >> kMantissa);  // behind the point
  uint64_t digits = (bits & ((uint64_t{1} << kMantissa) - 1)) | uint64_t{1} << kMantissa;
  if (places >= 128) return 0;  // less than 2^-75, or zero
  if (places > kKept) {
    digits >>= places - kKept;
    places = kKept;
  }
  return static_cast<int64_t>(static_cast<Uint128>(digits) * 1'000'000'000 >> places);
}

// What n bytes take at that rate.
constexpr Duration WholeNanoseconds(Bytes n, Bandwidth rate) {
  const double seconds = static_cast<double>(n.count()) * 8 / static_cast<double>(rate.bps());
  return Duration::Nanoseconds(WholeNanoseconds(seconds));
}

}  // namespace sluice

#endif  // SLUICE_BASE_WHOLE_NANOSECONDS_H_
