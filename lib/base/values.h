// The value grammar: how people write sizes, times, rates and numbers, on a command line, in an
// algorithm's parameters or in a file.
//
//   size         64  4KB = 4000  4KiB = 4096  B KB MB GB (powers of ten) KiB MiB GiB; bare = bytes
//   time         55us  1.5ms  ps ns us ms s; bare = seconds
//   rate         40Mbps  2.5Gbps  bps Kbps Mbps Gbps Tbps; bare = bit/s
//   probability  0.01  1%  1e-5
//
// The arithmetic is in integers and exact: a value that is no whole number of bytes, picoseconds or
// bit/s is refused, never rounded, as are signs, unknown units, blanks, anything after the unit and
// whatever does not fit. A refusal is InvalidArgument; its message says what is wrong and the cure,
// and leaves it to the caller to say where ("--size=5X: ..."). For set-up only.
#ifndef SLUICE_BASE_VALUES_H_
#define SLUICE_BASE_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"

namespace sluice {

absl::StatusOr<Bytes> ParseSize(std::string_view text);
// At most Duration::Max().
absl::StatusOr<Duration> ParseTime(std::string_view text);
absl::StatusOr<Bandwidth> ParseRate(std::string_view text);
// 0 to 1, both included.
absl::StatusOr<double> ParseProbability(std::string_view text);

// Decimal digits with an optional minus sign.
absl::StatusOr<int64_t> ParseInteger(std::string_view text);
// Decimal digits, or 0x and hexadecimal digits (seeds, QPNs, keys).
absl::StatusOr<uint64_t> ParseUnsigned(std::string_view text);
// A finite decimal number with optional minus sign, point and exponent; the nearest double.
absl::StatusOr<double> ParseNumber(std::string_view text);
// on, off, true, false, yes, no, 1, 0.
absl::StatusOr<bool> ParseBoolean(std::string_view text);

// The reverse: a whole number in the largest unit that holds the value exactly ("1500us", "4KiB",
// "40Mbps"), so that parsing the text gives the value back. Not for negative values.
std::string SizeText(Bytes size);
std::string TimeText(Duration time);
std::string RateText(Bandwidth rate);
// The shortest decimal text that ParseNumber turns back into the same double. Finite values only.
std::string NumberText(double value);

}  // namespace sluice

#endif  // SLUICE_BASE_VALUES_H_
