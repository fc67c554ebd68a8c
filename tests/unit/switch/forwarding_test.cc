#include "switch/forwarding.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/roce_frame.h"

namespace sluice::switching {
namespace {

TEST(AddressTable, FindsWhatWasAddedAndNothingElse) {
  AddressTable table;
  EXPECT_EQ(table.Find(Destination::Ipv4(1)), kNoEndpoint);
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(table.Add(Destination::Ipv4(0x0b000001 + (i << 8)), i).ok());
  }
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(table.Find(Destination::Ipv4(0x0b000001 + (i << 8))), i);
    ASSERT_EQ(table.Find(Destination::Ipv4(0x0b000002 + (i << 8))), kNoEndpoint);
  }
}

TEST(AddressTable, KindsDoNotMix) {
  AddressTable table;
  // The same 128 bits as a MAC and as an IPv6 address.
  ASSERT_TRUE(table.Add(Destination::Mac({0, 0, 0, 0, 0, 9}), 1).ok());
  std::array<uint8_t, 16> address = {};
  address[15] = 9;
  EXPECT_EQ(table.Find(Destination::Ipv6(address)), kNoEndpoint);
  ASSERT_TRUE(table.Add(Destination::Ipv6(address), 2).ok());
  EXPECT_EQ(table.Find(Destination::Mac({0, 0, 0, 0, 0, 9})), 1u);
  EXPECT_EQ(table.Find(Destination::Ipv6(address)), 2u);
}

TEST(AddressTable, RefusesASecondOwner) {
  AddressTable table;
  ASSERT_TRUE(table.Add(Destination::Ipv4(5), 1).ok());
  EXPECT_TRUE(table.Add(Destination::Ipv4(5), 1).ok());
  EXPECT_FALSE(table.Add(Destination::Ipv4(5), 2).ok());
  EXPECT_EQ(table.Find(Destination::Ipv4(5)), 1u);
}

TEST(ForwardingTable, KnowsOnlyWhatWasSet) {
  ForwardingTable table;
  EXPECT_EQ(table.Find(0), kNoPort);
  table.Set(3, 17);
  EXPECT_EQ(table.Find(3), 17);
  EXPECT_EQ(table.Find(2), kNoPort);
  EXPECT_EQ(table.Find(4), kNoPort);
  EXPECT_EQ(table.Find(kNoEndpoint), kNoPort);
}

TEST(Classify, FillsOffsetAndEndpoint) {
  AddressTable table;
  ASSERT_TRUE(table.Add(Destination::Ipv4(0x0a000002), 42).ok());
  std::vector<uint8_t> frame(support::kRoceHeaderBytes);
  support::WriteRoceHeader({.destination = 0x0a000002, .frame_length = 1058}, frame.data());
  SwitchPacket packet;
  packet.header = frame.data();
  packet.header_length = support::kRoceHeaderBytes;
  Classify(table, packet);
  EXPECT_EQ(packet.network_offset, 14);
  EXPECT_EQ(packet.endpoint, 42u);
}

}  // namespace
}  // namespace sluice::switching
