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
  EXPECT_EQ(table.Find(0, 0), kNoPort);
  table.Set(3, std::vector<PortIndex>{17});
  table.Set(4, std::vector<PortIndex>{});
  EXPECT_EQ(table.Find(3, 99), 17);
  EXPECT_FALSE(table.Knows(2));
  EXPECT_EQ(table.Find(2, 0), kNoPort);
  EXPECT_TRUE(table.Knows(4));
  EXPECT_EQ(table.Find(4, 0), kNoPort);
  EXPECT_EQ(table.Find(kNoEndpoint, 0), kNoPort);
  table.Clear();
  EXPECT_EQ(table.Find(3, 99), kNoPort);
}

// The key depends on addresses, protocol and ports, and on nothing else.
TEST(FlowKeyOf, IsAFunctionOfTheFiveTuple) {
  std::vector<uint8_t> frame(support::kRoceHeaderBytes);
  support::WriteRoceHeader({.source = 1, .destination = 2, .frame_length = 1058}, frame.data());
  const uint32_t key = FlowKeyOf(frame, 14);
  for (size_t i = 0; i < frame.size(); ++i) {
    std::vector<uint8_t> other = frame;
    other[i] ^= 0x40;
    if (i == 14 || i == 20 || i == 21) continue;  // version; fragment fields
    const bool in_tuple = i == 14 + 9 || (i >= 14 + 12 && i < 14 + 24);
    EXPECT_EQ(FlowKeyOf(other, 14) != key, in_tuple) << i;
  }
  for (size_t length = 0; length <= 14; ++length) FlowKeyOf({frame.data(), length}, 0);
  FlowKeyOf({frame.data(), 34}, 14);  // no ports
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
