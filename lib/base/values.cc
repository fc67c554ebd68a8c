#include "base/values.h"

#include <charconv>
#include <limits>
#include <span>
#include <system_error>

#include "absl/status/status.h"
#include "base/int128.h"
#include "base/near.h"

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// A unit that people bring from other tools, and what it could have meant.
struct Foreign {
  std::string_view unit;
  std::string_view cure;
};

// One kind of quantity. `units` are in rising order of the factor.
struct Kind {
  std::string_view what;      // "a size"
  std::string_view accepted;  // "takes ..."
  std::string_view finest;    // what cannot be divided: "one byte"
  std::span<const Unit> units;
  std::span<const Foreign> foreign;
  uint64_t bare;  // factor of a number without a unit
  uint64_t max;
};

constexpr Unit kSizeUnits[] = {
    {"B", 1},
    {"KB", 1000},
    {"KiB", 1024},
    {"MB", 1000'000},
    {"MiB", 1 << 20},
    {"GB", 1000'000'000},
    {"GiB", uint64_t{1} << 30},
};
constexpr Unit kTimeUnits[] = {
    {"ps", 1}, {"ns", 1000}, {"us", 1000'000}, {"ms", 1000'000'000}, {"s", 1000'000'000'000},
};
constexpr Unit kRateUnits[] = {
    {"bps", 1},
    {"Kbps", 1000},
    {"Mbps", 1000'000},
    {"Gbps", 1000'000'000},
    {"Tbps", 1000'000'000'000},
};

constexpr Foreign kForeignSizes[] = {
    {"k", "say KB (1000) or KiB (1024)"}, {"K", "say KB (1000) or KiB (1024)"},
    {"M", "say MB (10^6) or MiB (2^20)"}, {"G", "say GB (10^9) or GiB (2^30)"},
    {"T", "say it in GB or GiB"},
};
constexpr Foreign kForeignTimes[] = {
    {"m", "say ms, or minutes as 60s each"},
    {"min", "say minutes as 60s each"},
    {"h", "say hours as 3600s each"},
    {"\xc2\xb5s", "say us"},
    {"\xce\xbcs", "say us"},
};
constexpr Foreign kForeignRates[] = {
    {"K", "say Kbps"},
    {"M", "say Mbps"},
    {"G", "say Gbps"},
    {"T", "say Tbps"},
    {"MBps", "that is bytes; say it in bits, as Mbps"},
    {"MB/s", "that is bytes; say it in bits, as Mbps"},
    {"GBps", "that is bytes; say it in bits, as Gbps"},
    {"GB/s", "that is bytes; say it in bits, as Gbps"},
    {"Gb/s", "say Gbps"},
    {"Gbit/s", "say Gbps"},
    {"pps", "packets have no rate here; say bits, as Mbps"},
};

constexpr Kind kSize = {"a size",
                        "takes B, KB, MB, GB, KiB, MiB or GiB; bare = bytes",
                        "one byte",
                        kSizeUnits,
                        kForeignSizes,
                        1,
                        std::numeric_limits<int64_t>::max()};
constexpr Kind kTime = {"a time",
                        "takes ps, ns, us, ms or s; bare = seconds",
                        "one picosecond",
                        kTimeUnits,
                        kForeignTimes,
                        1000'000'000'000,
                        static_cast<uint64_t>(Duration::Max().ps())};
constexpr Kind kRate = {"a rate",
                        "takes bps, Kbps, Mbps, Gbps or Tbps; bare = bit/s",
                        "one bit/s",
                        kRateUnits,
                        kForeignRates,
                        1,
                        std::numeric_limits<int64_t>::max()};

absl::Status Refuse(std::string_view message) {
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}

// At most 40 bytes of a foreign text, without control characters, for a message of one line.
std::string Quoted(std::string_view text) {
  std::string r = "'";
  for (char c : text.substr(0, 40)) r += (c >= 0 && c < ' ') || c == 0x7f ? '?' : c;
  r += text.size() > 40 ? "...'" : "'";
  return r;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// mantissa x 10^exponent, and how many bytes of the text it took.
struct Decimal {
  uint64_t mantissa = 0;
  int exponent = 0;
  size_t length = 0;
};

// Digits with an optional point and exponent at the start of `text`. An 'e' that no digit follows
// is left to the unit.
absl::StatusOr<Decimal> ScanDecimal(std::string_view text) {
  Decimal d;
  size_t i = 0, digits = 0;
  bool point = false;
  for (; i < text.size() && (IsDigit(text[i]) || (text[i] == '.' && !point)); ++i) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    ++digits;
    if (d.mantissa > (std::numeric_limits<uint64_t>::max() - 9) / 10) {
      return Refuse("more digits than 19, which no value here needs");
    }
    d.mantissa = d.mantissa * 10 + static_cast<uint64_t>(text[i] - '0');
    if (point) --d.exponent;
  }
  if (digits == 0) return Refuse("no number at the start");
  if (text[i - 1] == '.') return Refuse("no digit after the point");
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    const size_t sign = i + 1 < text.size() && (text[i + 1] == '-' || text[i + 1] == '+') ? 1 : 0;
    size_t j = i + 1 + sign;
    int e = 0;
    for (; j < text.size() && IsDigit(text[j]); ++j) {
      if (e < 10'000) e = e * 10 + (text[j] - '0');
    }
    if (j > i + 1 + sign) {
      d.exponent += text[i + 1] == '-' ? -e : e;
      i = j;
    }
  }
  d.length = i;
  return d;
}

absl::Status UnknownUnit(const Kind& kind, std::string_view unit) {
  std::string cure;
  for (const Foreign& f : kind.foreign) {
    if (unit == f.unit) cure.append("; ").append(f.cure);
  }
  std::string_view names[8];
  size_t n = 0;
  for (const Unit& u : kind.units) names[n++] = u.name;
  if (cure.empty()) cure = DidYouMean(unit, std::span<const std::string_view>(names, n));
  return Refuse(std::string("unknown unit ") + Quoted(unit) + cure + " (" + std::string(kind.what) +
                " " + std::string(kind.accepted) + ")");
}

// The text as a whole number of the kind's finest unit, 0 to kind.max.
absl::StatusOr<uint64_t> ParseQuantity(const Kind& kind, std::string_view text) {
  const std::string takes = " (" + std::string(kind.what) + " " + std::string(kind.accepted) + ")";
  if (text.empty()) return Refuse("empty value" + takes);
  if (text[0] == '-' || text[0] == '+') {
    return Refuse(std::string(kind.what) + " has no sign; write it without '" + text[0] + "'");
  }
  const absl::StatusOr<Decimal> decimal = ScanDecimal(text);
  if (!decimal.ok()) {
    const absl::string_view why = decimal.status().message();
    return Refuse(std::string(why.data(), why.size()) + takes);
  }
  const std::string_view suffix = text.substr(decimal->length);
  uint64_t factor = suffix.empty() ? kind.bare : 0;
  for (const Unit& u : kind.units) {
    if (suffix == u.name) factor = u.factor;
  }
  if (factor == 0) return UnknownUnit(kind, suffix);

  if (decimal->mantissa == 0) return uint64_t{0};
  Uint128 v = static_cast<Uint128>(decimal->mantissa) * factor;
  int e = decimal->exponent;
  for (; e > 0 && v <= kind.max; --e) v *= 10;
  for (; e < 0 && v % 10 == 0; ++e) v /= 10;
  if (e < 0) {
    return Refuse("no whole multiple of " + std::string(kind.finest) + ", the finest step of " +
                  std::string(kind.what));
  }
  if (v > kind.max) {
    return Refuse("too large: " + std::string(kind.what) + " is at most " +
                  std::to_string(kind.max) + " times " + std::string(kind.finest));
  }
  return static_cast<uint64_t>(v);
}

std::string QuantityText(const Kind& kind, int64_t value) {
  if (value == 0) return std::string("0").append(kind.units[0].name);
  size_t best = 0;
  for (size_t i = 0; i < kind.units.size(); ++i) {
    if (static_cast<uint64_t>(value) % kind.units[i].factor == 0) best = i;
  }
  const Unit& u = kind.units[best];
  return std::to_string(static_cast<uint64_t>(value) / u.factor) + std::string(u.name);
}

}  // namespace

absl::StatusOr<Bytes> ParseSize(std::string_view text) {
  const absl::StatusOr<uint64_t> v = ParseQuantity(kSize, text);
  if (!v.ok()) return v.status();
  return Bytes(static_cast<int64_t>(*v));
}

absl::StatusOr<Duration> ParseTime(std::string_view text) {
  const absl::StatusOr<uint64_t> v = ParseQuantity(kTime, text);
  if (!v.ok()) return v.status();
  return Duration::Picoseconds(static_cast<int64_t>(*v));
}

absl::StatusOr<Bandwidth> ParseRate(std::string_view text) {
  const absl::StatusOr<uint64_t> v = ParseQuantity(kRate, text);
  if (!v.ok()) return v.status();
  return Bandwidth::BitsPerSecond(static_cast<int64_t>(*v));
}

absl::StatusOr<double> ParseProbability(std::string_view text) {
  constexpr std::string_view kTakes = " (a probability is 0 to 1 or 0% to 100%: 0.01, 1%, 1e-5)";
  const bool percent = !text.empty() && text.back() == '%';
  const std::string_view number = percent ? text.substr(0, text.size() - 1) : text;
  const absl::StatusOr<double> v = ParseNumber(number);
  if (!v.ok()) {
    const absl::string_view why = v.status().message();
    return Refuse(std::string(why.data(), why.size()) + std::string(kTakes));
  }
  const double p = percent ? *v / 100 : *v;
  if (!(p >= 0 && p <= 1)) return Refuse("out of range" + std::string(kTakes));
  return p;
}

absl::StatusOr<int64_t> ParseInteger(std::string_view text) {
  if (text.empty()) return Refuse("empty value (a whole number is needed)");
  int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error == std::errc::result_out_of_range) {
    return Refuse("out of range (a whole number is -2^63 to 2^63 - 1)");
  }
  if (error != std::errc{}) return Refuse("not a whole number");
  if (end != text.data() + text.size()) {
    return Refuse(
        "not a whole number: " + Quoted(text.substr(static_cast<size_t>(end - text.data()))) +
        " after the digits");
  }
  return v;
}

absl::StatusOr<uint64_t> ParseUnsigned(std::string_view text) {
  if (text.empty()) return Refuse("empty value (a whole number is needed)");
  if (text[0] == '-') return Refuse("negative (a whole number from 0 on is needed)");
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  const std::string_view digits = hex ? text.substr(2) : text;
  uint64_t v = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), v, hex ? 16 : 10);
  if (error == std::errc::result_out_of_range) return Refuse("out of range (at most 2^64 - 1)");
  if (error != std::errc{}) return Refuse("not a whole number");
  if (end != digits.data() + digits.size()) {
    return Refuse(
        "not a whole number: " + Quoted(digits.substr(static_cast<size_t>(end - digits.data()))) +
        " after the digits");
  }
  return v;
}

absl::StatusOr<double> ParseNumber(std::string_view text) {
  if (text.empty()) return Refuse("empty value (a number is needed)");
  const std::string_view magnitude = text[0] == '-' ? text.substr(1) : text;
  const char first = magnitude.empty() ? ' ' : magnitude[0];
  // from_chars would also take inf and nan.
  if (!IsDigit(first) && first != '.') return Refuse("not a number");
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error == std::errc::result_out_of_range) return Refuse("out of range of a number");
  if (error != std::errc{}) return Refuse("not a number");
  if (end != text.data() + text.size()) {
    return Refuse("not a number: " + Quoted(text.substr(static_cast<size_t>(end - text.data()))) +
                  " after the digits");
  }
  if (*(end - 1) == '.') return Refuse("no digit after the point");
  return v;
}

absl::StatusOr<bool> ParseBoolean(std::string_view text) {
  for (std::string_view yes : {"on", "true", "yes", "1"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"off", "false", "no", "0"}) {
    if (text == no) return false;
  }
  constexpr std::string_view kWords[] = {"on", "off", "true", "false", "yes", "no"};
  return Refuse(text.empty()
                    ? std::string("empty value (say on or off)")
                    : "neither yes nor no" + DidYouMean(text, kWords) + " (say on or off)");
}

std::string SizeText(Bytes size) { return QuantityText(kSize, size.count()); }
std::string TimeText(Duration time) { return QuantityText(kTime, time.ps()); }
std::string RateText(Bandwidth rate) { return QuantityText(kRate, rate.bps()); }

std::string NumberText(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc{} ? std::string(buffer, end) : std::string();
}

}  // namespace sluice
