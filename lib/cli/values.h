// Values of options: which kinds there are, and a text of each kind as a typed value. The grammar
// of sizes, times, rates and numbers is base/values.h.
#ifndef SLUICE_CLI_VALUES_H_
#define SLUICE_CLI_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "base/values.h"

namespace sluice::cli {

enum class Kind : uint8_t {
  kSwitch,       // no value; given or not
  kBoolean,      // on, off
  kText,         // anything that is not empty
  kChoice,       // one of a list of names
  kInteger,      // -3
  kUnsigned,     // 7, 0xff: seeds, keys
  kNumber,       // 0.25
  kSize,         // 4KiB
  kTime,         // 55us
  kRate,         // 40Mbps
  kProbability,  // 0.01, 1%
  kHostPort,     // 127.0.0.1:18516, [fd00::1]:18516
};

struct HostPort {
  std::string host;  // a name or an address, without the brackets of IPv6
  uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

// HOST:PORT with port 1-65535; an IPv6 address stands in brackets. Nothing is looked up.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// The alternative follows from the kind: bool, string (text, choice), int64_t, uint64_t, double
// (number, probability), Bytes, Duration, Bandwidth, HostPort.
using Value = std::variant<bool, std::string, int64_t, uint64_t, double, Bytes, Duration, Bandwidth,
                           HostPort>;

// The text as a value of that kind; `choices` matter to kChoice only.
absl::StatusOr<Value> ParseValue(Kind kind, std::string_view text,
                                 std::span<const std::string_view> choices);

// a < b for two values of one ordered kind (integer, unsigned, number, size, time, rate).
bool Less(const Value& a, const Value& b);

// What stands for the value in help: "SIZE", "on|off", ... Empty for a switch.
std::string Placeholder(Kind kind, std::span<const std::string_view> choices);

// A foreign text for a message: control characters become '?', and what goes beyond `most` bytes
// is cut off, so that the message stays one line.
std::string OneLine(std::string_view text, size_t most = 60);

}  // namespace sluice::cli

#endif  // SLUICE_CLI_VALUES_H_
