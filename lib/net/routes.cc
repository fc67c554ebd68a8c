#include "net/routes.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::net {
namespace {

using wire::IpAddress;

int Bits(const IpAddress& ip) { return ip.is_v4() ? 32 : 128; }

// `ip` with all bits behind the first `bits` cleared; those of IPv4 are the last 32 of the 128.
IpAddress Masked(const IpAddress& ip, int bits) {
  if (ip.is_v4()) bits += 96;
  uint8_t b[16];
  ip.Write(b);
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(bits - 8 * i, 0, 8);
    b[i] = static_cast<uint8_t>(b[i] & (0xff00 >> keep));
  }
  return IpAddress::Read(b);
}

bool Holds(const Route& r, const IpAddress& ip) {
  return r.prefix.is_v4() == ip.is_v4() && Masked(ip, r.bits) == r.prefix;
}

std::string Text(const Route& r) { return absl::StrCat(r.prefix.ToString(), "/", r.bits); }

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("route: ", std::string(what)));
}

absl::Status CheckOne(const IpAddress& own, const Route& r) {
  if (r.prefix.is_v4() != own.is_v4()) {
    return Wrong(absl::StrCat(Text(r), " is not of the family of our address ", own.ToString()));
  }
  if (r.bits < 0 || r.bits > Bits(own)) {
    return Wrong(absl::StrCat(Text(r), ": a prefix has 0 to ", Bits(own), " bits"));
  }
  if (Masked(r.prefix, r.bits) != r.prefix) {
    return Wrong(absl::StrCat(Text(r), " has bits behind the prefix; did you mean ",
                              Masked(r.prefix, r.bits).ToString(), "/", r.bits, "?"));
  }
  if (r.next_hop && *r.next_hop == own) return Wrong(absl::StrCat(Text(r), " leads to ourselves"));
  return absl::OkStatus();
}

absl::StatusOr<Route> ParseRoute(std::string_view text) {
  constexpr std::string_view kVia = " via ";
  const size_t at = text.find(kVia);
  if (at == std::string_view::npos) {
    return Wrong(
        absl::StrCat("'", std::string(text),
                     "': write a prefix and its router, \"10.0.0.0/8 via 198.51.100.253\""));
  }
  const absl::StatusOr<AddressAndPrefix> prefix = ParseAddress(text.substr(0, at));
  if (!prefix.ok()) return prefix.status();
  const absl::StatusOr<IpAddress> hop = IpAddress::Parse(text.substr(at + kVia.size()));
  if (!hop.ok()) return hop.status();
  return Route{prefix->address, prefix->bits.value_or(Bits(prefix->address)), *hop};
}

}  // namespace

absl::StatusOr<AddressAndPrefix> ParseAddress(std::string_view text) {
  const size_t slash = text.find('/');
  const absl::StatusOr<IpAddress> ip = IpAddress::Parse(text.substr(0, slash));
  if (!ip.ok()) return ip.status();
  AddressAndPrefix a{*ip, std::nullopt};
  if (slash == std::string_view::npos) return a;
  int bits = 0;
  const std::string digits(text.substr(slash + 1));
  const bool number =
      !digits.empty() && digits.size() <= 3 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      absl::SimpleAtoi(digits, &bits);
  if (!number || bits > Bits(*ip)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", std::string(text), "': behind the slash 0 to ", Bits(*ip), " bits are meant"));
  }
  a.bits = bits;
  return a;
}

absl::StatusOr<RouteTable> RouteTable::Make(const IpAddress& own, std::span<const Route> routes) {
  if (routes.size() > kMaxRoutes) {
    return Wrong(absl::StrCat(routes.size(), " of them; at most ", kMaxRoutes, " fit"));
  }
  RouteTable table;
  for (const Route& r : routes) {
    if (absl::Status s = CheckOne(own, r); !s.ok()) return s;
    for (const Route& other : table.routes_) {
      if (other.bits == r.bits && other.prefix == r.prefix) {
        return Wrong(absl::StrCat("two lead to ", Text(r)));
      }
    }
    table.routes_.push_back(r);
  }
  std::stable_sort(table.routes_.begin(), table.routes_.end(),
                   [](const Route& a, const Route& b) { return a.bits > b.bits; });
  for (const Route& r : table.routes_) {
    if (!r.next_hop) continue;
    const bool near = std::any_of(table.routes_.begin(), table.routes_.end(), [&r](const Route& l) {
      return !l.next_hop && Holds(l, *r.next_hop);
    });
    if (!near) {
      return Wrong(absl::StrCat("the router ", r.next_hop->ToString(), " of ", Text(r),
                                " is not on the link; give our address the prefix of the link"));
    }
  }
  return table;
}

absl::StatusOr<RouteTable> RouteTable::Parse(std::string_view own, std::string_view gateway,
                                             std::span<const std::string> routes) {
  const absl::StatusOr<AddressAndPrefix> us = ParseAddress(own);
  if (!us.ok()) return us.status();
  if (!us->bits) {
    if (gateway.empty() && routes.empty()) return RouteTable();
    return Wrong(absl::StrCat("a router is of use only if the link is known: write our address as ",
                              us->address.ToString(), us->address.is_v4() ? "/24" : "/64"));
  }
  std::vector<Route> all = {{Masked(us->address, *us->bits), *us->bits, std::nullopt}};
  if (!gateway.empty()) {
    const absl::StatusOr<IpAddress> hop = IpAddress::Parse(gateway);
    if (!hop.ok()) return hop.status();
    const IpAddress everything = Masked(us->address, 0);
    all.push_back({everything, 0, *hop});
  }
  for (const std::string& text : routes) {
    const absl::StatusOr<Route> route = ParseRoute(text);
    if (!route.ok()) return route.status();
    all.push_back(*route);
  }
  return Make(us->address, all);
}

std::optional<IpAddress> RouteTable::NextHop(const IpAddress& ip) const {
  if (routes_.empty()) return ip;
  for (const Route& r : routes_) {
    if (Holds(r, ip)) return r.next_hop ? *r.next_hop : ip;
  }
  return std::nullopt;
}

}  // namespace sluice::net
