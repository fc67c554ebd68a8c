#include "wire/header_template.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "frames.h"

namespace sluice::wire {
namespace {

// The same header from the plain values.
std::vector<uint8_t> ByHand(const PathHeader& path, uint32_t transport, uint8_t ecn) {
  std::vector<uint8_t> out(66);
  path.destination.Write(out.data());
  path.source.Write(out.data() + 6);
  size_t at = 12;
  if (path.vlan_tci) {
    StoreBe16(out.data() + at, 0x8100);
    StoreBe16(out.data() + at + 2, *path.vlan_tci);
    at += 4;
  }
  const bool ipv6 = !path.source_ip.is_v4();
  StoreBe16(out.data() + at, ipv6 ? 0x86dd : 0x0800);
  at += 2;
  if (ipv6) {
    const Ipv6Header ip{.dscp = path.dscp,
                        .ecn = ecn,
                        .flow_label = path.flow_label,
                        .payload_length = static_cast<uint16_t>(transport + 8),
                        .next_header = 17,
                        .hop_limit = path.hop_limit,
                        .source = path.source_ip,
                        .destination = path.destination_ip};
    ip.Write(out.data() + at);
    at += 40;
  } else {
    Ipv4Header ip{.dscp = path.dscp,
                  .ecn = ecn,
                  .total_length = static_cast<uint16_t>(transport + 28),
                  .identification = 0,
                  .flags = 2,
                  .fragment_offset = 0,
                  .ttl = path.hop_limit,
                  .protocol = 17,
                  .checksum = 0,
                  .source = path.source_ip,
                  .destination = path.destination_ip};
    ip.Write(out.data() + at);
    ip.checksum = InternetChecksum(out.data() + at, 20);
    ip.Write(out.data() + at);
    at += 20;
  }
  const UdpHeader udp{.source_port = path.source_port,
                      .destination_port = 4791,
                      .length = static_cast<uint16_t>(transport + 8),
                      .checksum = 0};
  udp.Write(out.data() + at);
  out.resize(at + 8);
  return out;
}

TEST(HeaderTemplateTest, EqualsThePlainHeadersAndTouchesNothingElse) {
  for (const bool ipv6 : {false, true}) {
    for (const bool tagged : {false, true}) {
      const PathHeader path = TestPath(ipv6, tagged);
      const HeaderTemplate head(path);
      const size_t size = 14u + (tagged ? 4 : 0) + (ipv6 ? 40 : 20) + 8;
      ASSERT_EQ(head.size(), size);
      ASSERT_EQ(head.l3_offset(), tagged ? 18u : 14u);
      ASSERT_EQ(head.ipv6(), ipv6);
      for (uint32_t transport = 16; transport <= 9216; transport += 4) {
        for (uint8_t ecn = 0; ecn < 4; ++ecn) {
          std::vector<uint8_t> out(size + 1, 0xc5);
          head.Write(out.data(), transport, ecn);
          ASSERT_EQ(out.back(), 0xc5);
          out.pop_back();
          ASSERT_EQ(out, ByHand(path, transport, ecn)) << transport;
        }
      }
      std::vector<uint8_t> out(size);
      head.Write(out.data(), 100);
      EXPECT_EQ(out, ByHand(path, 100, path.ecn));
    }
  }
}

TEST(HeaderTemplateTest, AnotherDscpIsAllThatChanges) {
  for (const bool ipv6 : {false, true}) {
    for (const bool tagged : {false, true}) {
      PathHeader path = TestPath(ipv6, tagged);
      const HeaderTemplate head(path);
      for (uint8_t dscp = 0; dscp < 64; ++dscp) {
        path.dscp = dscp;
        for (uint8_t ecn = 0; ecn < 4; ++ecn) {
          std::vector<uint8_t> out(head.size());
          head.WithDscp(dscp).Write(out.data(), 1040, ecn);
          ASSERT_EQ(out, ByHand(path, 1040, ecn)) << static_cast<int>(dscp);
        }
      }
    }
  }
}

// The checksum is right for every fold of the incremental sum: all total lengths and many bases.
TEST(HeaderTemplateTest, EveryIpv4LengthHasARightChecksum) {
  PathHeader path = TestPath(false, false);
  for (const uint32_t last : {0u, 1u, 0x1234u, 0x9999u, 0xfffeu, 0xffffu}) {
    path.destination_ip = IpAddress::FromV4(0xc6330000u + last);
    const HeaderTemplate head(path);
    uint8_t out[HeaderTemplate::kMaxBytes];
    for (uint32_t transport = 16; transport <= 65507; ++transport) {
      head.Write(out, transport, 3);
      ASSERT_EQ(InternetChecksum(out + 14, 20), 0) << transport << ' ' << last;
    }
  }
}

// The golden SEND: header fields as rdma_rxe writes them but for the identification, which it
// counts.
TEST(HeaderTemplateTest, GoldenHeader) {
  const std::vector<uint8_t> frame = kGoldenFrames[0].bytes();
  PathHeader path;
  path.source = *MacAddress::Parse("52:54:00:00:00:0a");
  path.destination = *MacAddress::Parse("52:54:00:00:00:0b");
  path.source_ip = *IpAddress::Parse("198.51.100.1");
  path.destination_ip = *IpAddress::Parse("198.51.100.2");
  path.source_port = 0xc121;
  std::vector<uint8_t> out(42);
  HeaderTemplate(path).Write(out.data(), static_cast<uint32_t>(frame.size() - 42));
  std::vector<uint8_t> want(frame.begin(), frame.begin() + 42);
  StoreBe16(want.data() + 18, 0);
  FixIpv4Checksum(want.data() + 14);
  EXPECT_EQ(out, want);
}

TEST(HeaderTemplateTest, FieldsWiderThanTheirBitsAreCut) {
  PathHeader path = TestPath(true, false);
  path.dscp = 0xff;
  path.ecn = 0xff;
  path.flow_label = 0xffffffff;
  uint8_t out[HeaderTemplate::kMaxBytes];
  HeaderTemplate(path).Write(out, 100);
  EXPECT_EQ(LoadBe32(out + 14), 0x6fffffffu);
}

}  // namespace
}  // namespace sluice::wire
