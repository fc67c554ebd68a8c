#include "cli/values.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(ParseHostPort, TakesNamesAndAddresses) {
  EXPECT_EQ(*ParseHostPort("127.0.0.1:18516"), (HostPort{"127.0.0.1", 18516}));
  EXPECT_EQ(*ParseHostPort("host-1.example:1"), (HostPort{"host-1.example", 1}));
  EXPECT_EQ(*ParseHostPort("[fd00:51::1]:65535"), (HostPort{"fd00:51::1", 65535}));
}

TEST(ParseHostPort, RefusesTheRest) {
  for (const char* bad : {"", ":", "host", "host:", ":80", "host:0", "host:65536", "host:-1",
                          "host:80x", "fd00::1:80", "[fd00::1]", "[]:80", "[host]:80",
                          "[fd00::1:80", "a b:80", "host:+80", "http://h:80"}) {
    const absl::StatusOr<HostPort> r = ParseHostPort(bad);
    ASSERT_FALSE(r.ok()) << bad;
    EXPECT_NE(r.status().message().find("HOST:PORT"), absl::string_view::npos) << bad;
  }
}

TEST(ParseValue, GivesTheAlternativeOfTheKind) {
  EXPECT_EQ(std::get<Bytes>(*ParseValue(Kind::kSize, "4KiB", {})).count(), 4096);
  EXPECT_EQ(std::get<Duration>(*ParseValue(Kind::kTime, "2us", {})).ps(), 2'000'000);
  EXPECT_EQ(std::get<Bandwidth>(*ParseValue(Kind::kRate, "1Mbps", {})).bps(), 1'000'000);
  EXPECT_EQ(std::get<double>(*ParseValue(Kind::kProbability, "1%", {})), 0.01);
  EXPECT_EQ(std::get<double>(*ParseValue(Kind::kNumber, "2.5", {})), 2.5);
  EXPECT_EQ(std::get<int64_t>(*ParseValue(Kind::kInteger, "-3", {})), -3);
  EXPECT_EQ(std::get<uint64_t>(*ParseValue(Kind::kUnsigned, "0xff", {})), 255u);
  EXPECT_EQ(std::get<bool>(*ParseValue(Kind::kBoolean, "off", {})), false);
  EXPECT_EQ(std::get<std::string>(*ParseValue(Kind::kText, "a b", {})), "a b");
  EXPECT_EQ(std::get<HostPort>(*ParseValue(Kind::kHostPort, "h:9", {})).port, 9);
  EXPECT_FALSE(ParseValue(Kind::kText, "", {}).ok());
}

TEST(ParseValue, ChoiceNamesTheNearestAndAll) {
  constexpr std::string_view kOps[] = {"send", "write", "read"};
  EXPECT_EQ(std::get<std::string>(*ParseValue(Kind::kChoice, "read", kOps)), "read");
  EXPECT_EQ(ParseValue(Kind::kChoice, "wirte", kOps).status().message(),
            "unknown value; did you mean 'write'? (one of send, write, read)");
  EXPECT_FALSE(ParseValue(Kind::kChoice, "", kOps).ok());
  EXPECT_EQ(Placeholder(Kind::kChoice, kOps), "send|write|read");
}

TEST(Less, OrdersOneKind) {
  EXPECT_TRUE(Less(Value(Bytes(1)), Value(Bytes(2))));
  EXPECT_FALSE(Less(Value(Bytes(2)), Value(Bytes(2))));
  EXPECT_TRUE(Less(Value(-1.0), Value(0.5)));
  EXPECT_FALSE(Less(Value(int64_t{1}), Value(uint64_t{2})));
}

}  // namespace
}  // namespace sluice::cli
