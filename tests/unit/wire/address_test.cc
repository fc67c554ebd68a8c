#include "wire/address.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {
namespace {

TEST(MacAddressTest, ParsesAndPrints) {
  const auto mac = MacAddress::Parse("52:54:00:00:00:0a");
  ASSERT_TRUE(mac.ok());
  EXPECT_EQ(mac->bytes, (std::array<uint8_t, 6>{0x52, 0x54, 0, 0, 0, 0x0a}));
  EXPECT_EQ(mac->ToString(), "52:54:00:00:00:0a");
  EXPECT_EQ(*MacAddress::Parse("FF:fe:Ab:00:9C:01"),
            (MacAddress{{0xff, 0xfe, 0xab, 0x00, 0x9c, 0x01}}));
}

TEST(MacAddressTest, ReadsAndWritesTheWire) {
  const uint8_t in[6] = {1, 2, 3, 4, 5, 6};
  uint8_t out[6] = {};
  MacAddress::Read(in).Write(out);
  EXPECT_EQ(MacAddress::Read(out), (MacAddress{{1, 2, 3, 4, 5, 6}}));
}

TEST(MacAddressTest, RefusesEverythingElseByName) {
  for (const char* text : {"", "52:54:00:00:00", "52:54:00:00:00:0a:", "52-54-00-00-00-0a",
                           "52:54:00:00:00:0g", "52:54:00:00:00:g0", " 2:54:00:00:00:0a"}) {
    const auto mac = MacAddress::Parse(text);
    ASSERT_FALSE(mac.ok()) << text;
    EXPECT_NE(std::string(mac.status().message()).find(text), std::string::npos);
  }
}

TEST(IpAddressTest, Ipv4IsMapped) {
  const auto a = IpAddress::Parse("198.51.100.1");
  ASSERT_TRUE(a.ok());
  EXPECT_TRUE(a->is_v4());
  EXPECT_EQ(a->v4(), 0xc6336401u);
  EXPECT_EQ(a->ToString(), "198.51.100.1");
  EXPECT_EQ(a->bytes(),
            (std::array<uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1}));
  EXPECT_EQ(*a, IpAddress::FromV4(0xc6336401));
  EXPECT_EQ(*a, *IpAddress::Parse("::ffff:198.51.100.1"));
}

TEST(IpAddressTest, Ipv6) {
  const auto a = IpAddress::Parse("fd00:51::1");
  ASSERT_TRUE(a.ok());
  EXPECT_FALSE(a->is_v4());
  EXPECT_EQ(a->ToString(), "fd00:51::1");
  EXPECT_EQ(a->bytes()[3], 0x51);
  EXPECT_EQ(a->bytes()[15], 1);
  // Each of the 16 bytes counts for equality and for being mapped.
  const IpAddress v4 = IpAddress::FromV4(0);
  for (size_t i = 0; i < 16; ++i) {
    uint8_t b[16];
    v4.Write(b);
    b[i] ^= 1;
    EXPECT_FALSE(IpAddress::Read(b) == v4) << i;
    EXPECT_EQ(IpAddress::Read(b).is_v4(), i >= 12) << i;
  }
}

TEST(IpAddressTest, UnspecifiedIsTheDefault) {
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_EQ(IpAddress().ToString(), "::");
  EXPECT_FALSE(IpAddress().is_v4());
  EXPECT_FALSE(IpAddress::Parse("::1")->is_unspecified());
}

TEST(IpAddressTest, ReadsAndWritesTheWire) {
  const uint8_t v4[4] = {10, 0, 0, 7};
  uint8_t out[4] = {};
  IpAddress::ReadV4(v4).WriteV4(out);
  EXPECT_EQ(IpAddress::ReadV4(out).ToString(), "10.0.0.7");
}

TEST(IpAddressTest, RefusesEverythingElseByName) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("198.51.100"), std::string_view("198.51.100.256"),
        std::string_view("fd00::1/64"), std::string_view("fe80::1%eth0"), std::string_view("host"),
        std::string_view("10.0.0.1\0", 9)}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
  EXPECT_NE(std::string(IpAddress::Parse("nowhere").status().message()).find("nowhere"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::wire
