// Times in whole nanoseconds as the ns-3 simulator counts them, for runs that are compared with its
// (sim/ns3_wire.h): it keeps seconds in a double and cuts what is below a nanosecond. Where the
// exact time is a whole number of nanoseconds, the double next to it may lie below, and what is
// left is one less: 975 bytes at 100 Gb/s take 77 ns, not 78. Exact in every rounding mode and on
// every machine: the cut itself is made in integers.
#ifndef SLUICE_BASE_WHOLE_NANOSECONDS_H_
#define SLUICE_BASE_WHOLE_NANOSECONDS_H_

#include <bit>
#include <cstdint>

#include "base/time.h"
#include "base/units.h"

namespace sluice {

// 0 <= seconds < 2^33.
constexpr int64_t WholeNanoseconds(double seconds) {
  constexpr int kFraction = 52;
  constexpr int kBias = 1023;
  const auto bits = std::bit_cast<uint64_t>(seconds);
  const int exponent = static_cast<int>(bits >> kFraction) - kBias - kFraction;  // of the last bit
  const uint64_t mantissa = (bits & ((uint64_t{1} << kFraction) - 1)) | uint64_t{1} << kFraction;
  if (exponent <= -128) return 0;  // less than 2^-75, or zero
  const Uint128 product = static_cast<Uint128>(mantissa) * 1'000'000'000;
  return static_cast<int64_t>(product >> -exponent);
}

// What n bytes take at that rate.
constexpr Duration WholeNanoseconds(Bytes n, Bandwidth rate) {
  const double seconds = static_cast<double>(n.count()) * 8 / static_cast<double>(rate.bps());
  return Duration::Nanoseconds(WholeNanoseconds(seconds));
}

}  // namespace sluice

#endif  // SLUICE_BASE_WHOLE_NANOSECONDS_H_
