#include "wire/source_port.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "frames.h"

namespace sluice::wire {
namespace {

// 0xabcde: 0x3cde ^ 0x2a = 0x3cf4, and 0xC000 + 0x3cf4 = 64756, as captured from rdma_rxe.
TEST(SourcePortTest, FlowLabel) {
  EXPECT_EQ(SourcePortOfFlowLabel(0xabcde), 64756);
  EXPECT_EQ(ConnectedSourcePort(0xabcde, 17, 17), 64756);
  EXPECT_EQ(SourcePortOfFlowLabel(0), 0xc000);
  EXPECT_EQ(SourcePortOfFlowLabel(0xfff00000), 0xc000) << "only 20 bits count";
}

// 17 * 17 = 289 = 0x121: nothing to fold.
TEST(SourcePortTest, QueuePairNumbers) {
  EXPECT_EQ(FlowLabelOfQpns(17, 17), 0x121u);
  EXPECT_EQ(ConnectedSourcePort(0, 17, 17), 0xc121);
  // 0xffffff^2 = 0xfffffe000001; ^ >> 20 (0xfffffe0) = 0xfffff1ffffe1; ^ >> 40 (0xff) ends in
  // 0xfff1e after the mask.
  EXPECT_EQ(FlowLabelOfQpns(0xffffff, 0xffffff), 0xfff1eu);
}

TEST(SourcePortTest, BothEndsAgree) {
  for (uint32_t a = 0; a < 200; ++a) {
    for (uint32_t b : {0u, 1u, 17u, 0x1234u, 0xffffffu}) {
      EXPECT_EQ(ConnectedSourcePort(0, a, b), ConnectedSourcePort(0, b, a));
      EXPECT_GE(ConnectedSourcePort(0, a, b), 0xc000);
    }
  }
}

// QP1: 0x61C88647 >> 18 = 0x1872; 0xC000 + 0x1872 = 55410, as captured from RDMA-CM.
TEST(SourcePortTest, Datagram) {
  EXPECT_EQ(DatagramSourcePort(1), 55410);
  EXPECT_EQ(DatagramSourcePort(0), 0xc000);
}

// The ports of captured frames; the two ends of a connection had the same QPN.
TEST(SourcePortTest, GoldenFrames) {
  for (const GoldenFrame& g : kGoldenFrames) {
    const auto bytes = g.bytes();
    const bool ipv6 = LoadBe16(bytes.data() + 12) == kEtherTypeIpv6;
    const uint8_t* udp = bytes.data() + kEthernetBytes + (ipv6 ? 40 : 20);
    const uint8_t* bth = udp + UdpHeader::kSize;
    const uint32_t qpn = Bth::Read(bth).dest_qpn;
    if (TraitsOf(g.opcode).service == Service::kRc) {
      EXPECT_EQ(LoadBe16(udp), ConnectedSourcePort(0, qpn, qpn)) << g.name;
    } else if (TraitsOf(g.opcode).service == Service::kUd) {
      EXPECT_EQ(LoadBe16(udp), DatagramSourcePort(Deth::Read(bth + Bth::kSize).source_qpn));
    }
  }
}

}  // namespace
}  // namespace sluice::wire
