#include "switch/headers.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/be.h"
#include "support/roce_frame.h"

namespace sluice::switching {
namespace {

std::vector<uint8_t> Ipv4Frame(uint8_t tos, int tags = 0) {
  std::vector<uint8_t> frame(support::kRoceHeaderBytes);
  support::WriteRoceHeader(
      {.source = 0x0a000001, .destination = 0x0a000002, .ecn = tos, .frame_length = 1058},
      frame.data());
  const uint8_t tag[4] = {0x81, 0x00, 0x20, 0x05};
  for (int i = 0; i < tags; ++i) frame.insert(frame.begin() + 12, tag, tag + 4);
  return frame;
}

std::vector<uint8_t> Ipv6Frame(uint8_t traffic_class) {
  std::vector<uint8_t> frame(14 + 40 + 20);
  StoreBe16(&frame[12], 0x86dd);
  StoreBe32(&frame[14], 0x60000000u | static_cast<uint32_t>(traffic_class) << 20 | 0x12345);
  for (uint8_t i = 0; i < 16; ++i) frame[14 + 24 + i] = static_cast<uint8_t>(0xa0 + i);
  return frame;
}

TEST(FindNetworkHeader, SkipsUpToTwoTags) {
  EXPECT_EQ(FindNetworkHeader(Ipv4Frame(0)), 14);
  EXPECT_EQ(FindNetworkHeader(Ipv4Frame(0, 1)), 18);
  EXPECT_EQ(FindNetworkHeader(Ipv4Frame(0, 2)), 22);
  EXPECT_EQ(FindNetworkHeader(Ipv4Frame(0, 3)), 0);
  EXPECT_EQ(FindNetworkHeader(Ipv6Frame(0)), 14);
}

TEST(FindNetworkHeader, RefusesEveryTruncation) {
  for (const auto& frame : {Ipv4Frame(0, 1), Ipv6Frame(0)}) {
    const size_t whole = frame == Ipv6Frame(0) ? 14 + 40 : 18 + 20;
    for (size_t n = 0; n <= frame.size(); ++n) {
      const std::vector<uint8_t> cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(n));
      EXPECT_EQ(FindNetworkHeader(cut) != 0, n >= whole) << n;
    }
  }
}

TEST(FindNetworkHeader, RefusesAVersionThatContradictsTheType) {
  auto frame = Ipv4Frame(0);
  frame[14] = 0x65;
  EXPECT_EQ(FindNetworkHeader(frame), 0);
}

TEST(DestinationOf, ReadsIpBeforeMac) {
  EXPECT_EQ(DestinationOf(Ipv4Frame(0), 14), Destination::Ipv4(0x0a000002));
  std::array<uint8_t, 16> address;
  for (uint8_t i = 0; i < 16; ++i) address[i] = static_cast<uint8_t>(0xa0 + i);
  EXPECT_EQ(DestinationOf(Ipv6Frame(0), 14), Destination::Ipv6(address));

  std::vector<uint8_t> arp(42);
  arp[12] = 0x08;
  arp[13] = 0x06;
  const std::array<uint8_t, 6> mac = {2, 0, 0, 0, 1, 7};
  std::copy(mac.begin(), mac.end(), arp.begin());
  EXPECT_EQ(FindNetworkHeader(arp), 0);
  EXPECT_EQ(DestinationOf(arp, 0), Destination::Mac(mac));
  EXPECT_EQ(DestinationOf({arp.data(), 5}, 0), Destination());
}

// All 256 values of the field: CE is set exactly on ECT, nothing else changes, the checksum holds.
TEST(MarkCe, Ipv4Exhaustive) {
  for (int tos = 0; tos < 256; ++tos) {
    const auto before = Ipv4Frame(static_cast<uint8_t>(tos));
    ASSERT_EQ(support::InternetChecksum({&before[14], 20}), 0);
    auto after = before;
    const bool ect = (tos & 3) == 1 || (tos & 3) == 2;
    EXPECT_EQ(MarkCe(after, 14), ect) << tos;
    EXPECT_EQ(after[15], ect ? tos | 3 : tos);
    EXPECT_EQ(support::InternetChecksum({&after[14], 20}), 0) << tos;
    auto restored = after;
    restored[15] = before[15];
    restored[24] = before[24];
    restored[25] = before[25];
    EXPECT_EQ(restored, before) << "only the ECN field and the checksum may change";
  }
}

// The incremental update must hold for every checksum, the carries included.
TEST(MarkCe, Ipv4ChecksumOfEveryIdentification) {
  auto frame = Ipv4Frame(2);
  for (int id = 0; id < 65536; ++id) {
    frame[15] = 2;
    StoreBe16(&frame[18], static_cast<uint16_t>(id));
    StoreBe16(&frame[24], 0);
    StoreBe16(&frame[24], support::InternetChecksum({&frame[14], 20}));
    ASSERT_TRUE(MarkCe(frame, 14));
    ASSERT_EQ(support::InternetChecksum({&frame[14], 20}), 0) << id;
  }
}

TEST(MarkCe, Ipv6Exhaustive) {
  for (int tc = 0; tc < 256; ++tc) {
    auto frame = Ipv6Frame(static_cast<uint8_t>(tc));
    const bool ect = (tc & 3) == 1 || (tc & 3) == 2;
    EXPECT_EQ(static_cast<int>(EcnOf(frame, 14)), tc & 3);
    EXPECT_EQ(MarkCe(frame, 14), ect);
    EXPECT_EQ(frame, Ipv6Frame(static_cast<uint8_t>(ect ? tc | 3 : tc)));
  }
}

TEST(MarkCe, LeavesOtherFramesAlone) {
  std::vector<uint8_t> frame(60, 0x55);
  const auto before = frame;
  EXPECT_FALSE(MarkCe(frame, 0));
  EXPECT_EQ(frame, before);
}

}  // namespace
}  // namespace sluice::switching
