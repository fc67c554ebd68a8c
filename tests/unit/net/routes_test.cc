// Which neighbour leads where, and texts that name no route.
#include "net/routes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/stack.h"

namespace sluice::net {
namespace {

wire::IpAddress Ip(const std::string& text) { return *wire::IpAddress::Parse(text); }

std::string HopOf(const RouteTable& t, const std::string& to) {
  const auto hop = t.NextHop(Ip(to));
  return hop ? hop->ToString() : "none";
}

TEST(Routes, WithoutAnyEverybodyIsANeighbour) {
  const RouteTable t = *RouteTable::Parse("198.51.100.1", "", {});
  EXPECT_EQ(t.size(), 0u);
  EXPECT_EQ(HopOf(t, "203.0.113.9"), "203.0.113.9");
}

TEST(Routes, TheLongestPrefixLeads) {
  const std::vector<std::string> routes = {"10.0.0.0/8 via 198.51.100.125",
                                           "10.9.0.0/16 via 198.51.100.124",
                                           "10.9.8.7/32 via 198.51.100.123"};
  const RouteTable t = *RouteTable::Parse("198.51.100.1/25", "198.51.100.126", routes);
  // Host by host at the edges of each prefix.
  EXPECT_EQ(HopOf(t, "198.51.100.0"), "198.51.100.0");
  EXPECT_EQ(HopOf(t, "198.51.100.127"), "198.51.100.127");
  EXPECT_EQ(HopOf(t, "198.51.100.128"), "198.51.100.126");
  EXPECT_EQ(HopOf(t, "198.51.99.255"), "198.51.100.126");
  EXPECT_EQ(HopOf(t, "10.0.0.0"), "198.51.100.125");
  EXPECT_EQ(HopOf(t, "10.8.255.255"), "198.51.100.125");
  EXPECT_EQ(HopOf(t, "10.9.0.0"), "198.51.100.124");
  EXPECT_EQ(HopOf(t, "10.9.8.7"), "198.51.100.123");
  EXPECT_EQ(HopOf(t, "10.9.8.8"), "198.51.100.124");
  EXPECT_EQ(HopOf(t, "10.10.0.0"), "198.51.100.125");
  EXPECT_EQ(HopOf(t, "11.0.0.0"), "198.51.100.126");
}

TEST(Routes, IPv6) {
  const std::vector<std::string> routes = {"fd00:99::/33 via fd00:51::fe"};
  const RouteTable t = *RouteTable::Parse("fd00:51::1/64", "fd00:51::ff", routes);
  EXPECT_EQ(HopOf(t, "fd00:51::ffff"), "fd00:51::ffff");
  EXPECT_EQ(HopOf(t, "fd00:51:0:1::1"), "fd00:51::ff");
  EXPECT_EQ(HopOf(t, "fd00:99:7fff::1"), "fd00:51::fe");
  EXPECT_EQ(HopOf(t, "fd00:99:8000::1"), "fd00:51::ff");
}

TEST(Routes, WithoutAGatewayTheRestIsUnreachable) {
  const RouteTable t = *RouteTable::Parse("198.51.100.1/24", "", {});
  EXPECT_EQ(HopOf(t, "198.51.100.200"), "198.51.100.200");
  EXPECT_EQ(HopOf(t, "198.51.101.1"), "none");
}

TEST(Routes, WhatIsWrongIsNamedWithItsCure) {
  struct Case {
    const char* own;
    const char* gateway;
    std::vector<std::string> routes;
    const char* said;
  };
  const Case cases[] = {
      {"198.51.100.1", "198.51.100.254", {}, "198.51.100.1/24"},
      {"fd00::1", "fd00::2", {}, "fd00::1/64"},
      {"198.51.100.1/33", "", {}, "0 to 32 bits"},
      {"198.51.100.1/", "", {}, "0 to 32 bits"},
      {"198.51.100.1/2x", "", {}, "0 to 32 bits"},
      {"198.51.100.1/-1", "", {}, "0 to 32 bits"},
      {"fd00::1/129", "", {}, "0 to 128 bits"},
      {"198.51.100/24", "", {}, "198.51.100"},
      {"198.51.100.1/24", "198.51.100.256", {}, "198.51.100.256"},
      {"198.51.100.1/24", "198.51.101.1", {}, "not on the link"},
      {"198.51.100.1/24", "fd00::1", {}, "not on the link"},
      {"198.51.100.1/24", "198.51.100.1", {}, "ourselves"},
      {"198.51.100.1/24", "", {"10.0.0.0/8"}, " via "},
      {"198.51.100.1/24", "", {"10.0.0.1/8 via 198.51.100.2"}, "10.0.0.0/8"},
      {"198.51.100.1/24", "", {"fd00::/8 via 198.51.100.2"}, "family"},
      {"198.51.100.1/24", "", {"10.0.0.0/8 via 10.0.0.1"}, "not on the link"},
      {"198.51.100.1/24", "198.51.100.2", {"0.0.0.0/0 via 198.51.100.3"}, "two lead"},
  };
  for (const Case& c : cases) {
    const absl::Status s = RouteTable::Parse(c.own, c.gateway, c.routes).status();
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << c.own << " " << c.gateway;
    EXPECT_NE(std::string(s.message()).find(c.said), std::string::npos) << s;
  }
  std::vector<std::string> many;
  for (int i = 0; i < 64; ++i)
    many.push_back("10." + std::to_string(i) + ".0.0/16 via 198.51.100.2");
  EXPECT_FALSE(RouteTable::Parse("198.51.100.1/24", "", many).ok());
  many.pop_back();
  EXPECT_TRUE(RouteTable::Parse("198.51.100.1/24", "", many).ok());
}

// The stack asks for the router, and for it only, whichever host behind it is meant.
TEST(Routes, TheStackAsksForTheRouter) {
  StackConfig config;
  config.mac = {{0x52, 0x54, 0, 0, 0, 0x0a}};
  config.ip = Ip("198.51.100.1");
  config.routes = *RouteTable::Parse("198.51.100.1/24", "198.51.100.254", {});
  Stack stack(config);
  EXPECT_FALSE(stack.Resolve(Time(), Ip("203.0.113.9")).usable());
  ASSERT_FALSE(stack.out().empty());
  // The target of an ARP question stands in its bytes 38 to 41.
  EXPECT_EQ(wire::IpAddress::ReadV4(stack.out().Front().data() + 38), Ip("198.51.100.254"));
  stack.out().Pop();
  EXPECT_FALSE(stack.Resolve(Time(), Ip("192.0.2.1")).usable());
  EXPECT_TRUE(stack.out().empty()) << "the router is asked for already";
  EXPECT_FALSE(stack.Resolve(Time(), Ip("198.51.100.7")).usable());
  ASSERT_FALSE(stack.out().empty());
  EXPECT_EQ(wire::IpAddress::ReadV4(stack.out().Front().data() + 38), Ip("198.51.100.7"));
}

TEST(Routes, TheStackDoesNotAskForWhatNoRouteHolds) {
  StackConfig config;
  config.mac = {{0x52, 0x54, 0, 0, 0, 0x0a}};
  config.ip = Ip("198.51.100.1");
  config.routes = *RouteTable::Parse("198.51.100.1/24", "", {});
  Stack stack(config);
  EXPECT_EQ(stack.Resolve(Time(), Ip("203.0.113.9")).state, NeighbourState::kFailed);
  EXPECT_TRUE(stack.out().empty());
}

}  // namespace
}  // namespace sluice::net
