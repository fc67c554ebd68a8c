#include "cli/values.h"

#include <utility>

#include "absl/status/status.h"
#include "base/near.h"

namespace sluice::cli {
namespace {

absl::Status Refuse(std::string_view message) {
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}

std::string Joined(std::span<const std::string_view> words, std::string_view between) {
  std::string r;
  for (std::string_view w : words) {
    if (!r.empty()) r.append(between);
    r.append(w);
  }
  return r;
}

template <typename T>
absl::StatusOr<Value> Lift(absl::StatusOr<T> v) {
  if (!v.ok()) return v.status();
  return Value(*std::move(v));
}

absl::StatusOr<Value> ParseChoice(std::string_view text,
                                  std::span<const std::string_view> choices) {
  for (std::string_view c : choices) {
    if (text == c) return Value(std::string(text));
  }
  return Refuse((text.empty() ? std::string("empty value") : std::string("unknown value")) +
                DidYouMean(text, choices) + " (one of " + Joined(choices, ", ") + ")");
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  constexpr std::string_view kTakes = " (say HOST:PORT, as 127.0.0.1:18516 or [fd00::1]:18516)";
  const auto refuse = [&](std::string why) { return Refuse(why.append(kTakes)); };
  const size_t colon = text.rfind(':');
  if (text.empty()) return refuse("empty value");
  if (colon == std::string_view::npos || text.back() == ']') return refuse("no port");
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return refuse("no IPv6 address in the brackets");
    }
  } else if (host.find(':') != std::string_view::npos) {
    return refuse("an IPv6 address stands in brackets");
  } else if (host.find_first_of("[] \t\n/") != std::string_view::npos) {
    return refuse("no host name");
  }
  if (host.empty()) return refuse("no host");
  const absl::StatusOr<uint64_t> port = ParseUnsigned(text.substr(colon + 1));
  if (!port.ok() || *port < 1 || *port > 65535 || text[colon + 1] == '+') {
    return refuse("the port is not 1 to 65535");
  }
  return HostPort{std::string(host), static_cast<uint16_t>(*port)};
}

absl::StatusOr<Value> ParseValue(Kind kind, std::string_view text,
                                 std::span<const std::string_view> choices) {
  switch (kind) {
    case Kind::kSwitch:
    case Kind::kBoolean:
      return Lift(ParseBoolean(text));
    case Kind::kText:
      if (text.empty()) return Refuse("empty value");
      return Value(std::string(text));
    case Kind::kChoice:
      return ParseChoice(text, choices);
    case Kind::kInteger:
      return Lift(ParseInteger(text));
    case Kind::kUnsigned:
      return Lift(ParseUnsigned(text));
    case Kind::kNumber:
      return Lift(ParseNumber(text));
    case Kind::kSize:
      return Lift(ParseSize(text));
    case Kind::kTime:
      return Lift(ParseTime(text));
    case Kind::kRate:
      return Lift(ParseRate(text));
    case Kind::kProbability:
      return Lift(ParseProbability(text));
    case Kind::kHostPort:
      return Lift(ParseHostPort(text));
  }
  return Refuse("unknown kind of value");
}

bool Less(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, HostPort>) {
          return false;
        } else {
          return x < std::get<T>(b);
        }
      },
      a);
}

std::string Placeholder(Kind kind, std::span<const std::string_view> choices) {
  switch (kind) {
    case Kind::kSwitch:
      return "";
    case Kind::kBoolean:
      return "on|off";
    case Kind::kText:
      return "TEXT";
    case Kind::kChoice:
      return Joined(choices, "|");
    case Kind::kInteger:
    case Kind::kUnsigned:
      return "N";
    case Kind::kNumber:
      return "X";
    case Kind::kSize:
      return "SIZE";
    case Kind::kTime:
      return "TIME";
    case Kind::kRate:
      return "RATE";
    case Kind::kProbability:
      return "P";
    case Kind::kHostPort:
      return "HOST:PORT";
  }
  return "";
}

std::string OneLine(std::string_view text, size_t most) {
  std::string r;
  for (char c : text.substr(0, most)) r += (c >= 0 && c < ' ') || c == 0x7f ? '?' : c;
  return text.size() > most ? r + "..." : r;
}

}  // namespace sluice::cli
