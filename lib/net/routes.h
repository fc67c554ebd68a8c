// RouteTable: which neighbour a packet to an IP address is handed to: the longest prefix that holds
// the address says so (RFC 1812, 5.2.4.3). Without a route every address is taken for a neighbour.
// A plain value; small, searched in order; no I/O.
#ifndef SLUICE_NET_ROUTES_H_
#define SLUICE_NET_ROUTES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/address.h"

namespace sluice::net {

struct Route {
  wire::IpAddress prefix;
  int bits = 0;                             // of the prefix: 0 to 32 or 128
  std::optional<wire::IpAddress> next_hop;  // nothing: its addresses are on the link
};

// "198.51.100.1/24": an address and how much of it the link shares; without "/": all of it, so that
// every address is a neighbour. Errors name the text.
struct AddressAndPrefix {
  wire::IpAddress address;
  std::optional<int> bits;
};
absl::StatusOr<AddressAndPrefix> ParseAddress(std::string_view text);

class RouteTable {
 public:
  static constexpr size_t kMaxRoutes = 64;

  RouteTable() = default;

  // InvalidArgument: not of the family of `own`, more bits than an address has, bits set behind the
  // prefix, two routes to one prefix, a next hop that is `own`, or that no route on the link holds,
  // more than kMaxRoutes.
  static absl::StatusOr<RouteTable> Make(const wire::IpAddress& own, std::span<const Route> routes);

  // From text: the link is that of `own` ("198.51.100.1/24"), `gateway` takes what no route does
  // ("" for none), each of `routes` is "10.0.0.0/8 via 198.51.100.253". Without a prefix in `own`
  // there may be no gateway and no route.
  static absl::StatusOr<RouteTable> Parse(std::string_view own, std::string_view gateway,
                                          std::span<const std::string> routes);

  // Whom to ask for a MAC address to reach `ip`; nothing: no route holds it.
  std::optional<wire::IpAddress> NextHop(const wire::IpAddress& ip) const;

  size_t size() const { return routes_.size(); }

 private:
  std::vector<Route> routes_;  // the longest prefix first
};

}  // namespace sluice::net

#endif  // SLUICE_NET_ROUTES_H_
