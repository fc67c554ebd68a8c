// Layout of the messages of connection management: every bit is a field of its own or reserved, as
// the tables of IBTA 1.4, 12.6, have it; and what is no such message is refused by name.
#include "wire/cm_messages.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "frames.h"

namespace sluice::wire {
namespace {

struct Table {
  CmAttribute attribute;
  int reserved_bits;  // counted in the specification's table of the message
};

// REQ: 32 + 32, per path 6 behind the flow label and 3 behind the service level, 3 and 2 behind the
// acknowledgement timeouts. REP: 3 x 8, 4. LAP: 32, 3, 32, 4, 2, 3, 3.
constexpr Table kTables[] = {
    {CmAttribute::kReq, 87},     {CmAttribute::kMra, 9},      {CmAttribute::kRej, 7},
    {CmAttribute::kRep, 28},     {CmAttribute::kRtu, 0},      {CmAttribute::kDreq, 8},
    {CmAttribute::kDrep, 0},     {CmAttribute::kLap, 79},     {CmAttribute::kApr, 16},
    {CmAttribute::kSidrReq, 16}, {CmAttribute::kSidrRep, 24},
};

std::vector<uint8_t> Blank(CmAttribute attribute) {
  MadHeader header;
  header.attribute_id = static_cast<uint16_t>(attribute);
  std::vector<uint8_t> mad(kMadBytes);
  header.Write(mad.data());
  return mad;
}

TEST(CmLayout, EveryBitIsOneFieldsOrReserved) {
  for (const Table& t : kTables) {
    CmMad blank;
    ASSERT_EQ(DecodeCm(Blank(t.attribute), &blank), MadFault::kNone);
    int lost = 0;
    for (size_t bit = MadHeader::kSize * 8; bit < kMadBytes * 8; ++bit) {
      std::vector<uint8_t> mad = Blank(t.attribute);
      mad[bit / 8] = static_cast<uint8_t>(0x80 >> bit % 8);
      CmMad decoded;
      ASSERT_EQ(DecodeCm(mad, &decoded), MadFault::kNone);
      EXPECT_EQ(decoded.attribute(), t.attribute);
      const auto again = EncodeCm(decoded);
      if (decoded == blank) {
        ++lost;
        EXPECT_EQ(again, EncodeCm(blank));
      } else {
        EXPECT_TRUE(std::equal(again.begin(), again.end(), mad.begin()))
            << NameOf(t.attribute) << " bit " << bit;
      }
    }
    EXPECT_EQ(lost, t.reserved_bits) << NameOf(t.attribute);
  }
}

TEST(CmLayout, HeaderDecidesWhatIsAMessage) {
  CmMad out;
  EXPECT_EQ(DecodeCm({}, &out), MadFault::kLength);
  for (size_t n = 0; n < 600; ++n) {
    std::vector<uint8_t> mad = Blank(CmAttribute::kReq);
    mad.resize(n);
    EXPECT_EQ(DecodeCm(mad, &out), n == kMadBytes ? MadFault::kNone : MadFault::kLength) << n;
  }
  const struct {
    size_t byte;
    uint8_t legal;
    MadFault fault;
  } rules[] = {{0, 1, MadFault::kVersion},
               {1, 7, MadFault::kClass},
               {2, 2, MadFault::kCmVersion},
               {3, 3, MadFault::kMethod}};
  for (const auto& r : rules) {
    for (int v = 0; v < 256; ++v) {
      std::vector<uint8_t> mad = Blank(CmAttribute::kRtu);
      mad[r.byte] = static_cast<uint8_t>(v);
      EXPECT_EQ(DecodeCm(mad, &out), v == r.legal ? MadFault::kNone : r.fault);
    }
  }
  for (int v = 0; v < 65536; ++v) {
    const MadFault f = DecodeCm(Blank(static_cast<CmAttribute>(v)), &out);
    EXPECT_EQ(f, v >= 0x10 && v <= 0x1a ? MadFault::kNone : MadFault::kAttribute) << v;
  }
}

TEST(CmLayout, ValuesAreCutToTheirFields) {
  CmReq req;
  req.local_qpn = 0xff000005;
  req.mtu = 0xf5;
  req.rnr_retry = 0xff;
  CmMad out;
  ASSERT_EQ(DecodeCm(EncodeCm({{}, req}), &out), MadFault::kNone);
  const auto& again = std::get<CmReq>(out.message);
  EXPECT_EQ(again.local_qpn, 5u);
  EXPECT_EQ(again.mtu, 5);
  EXPECT_EQ(again.rnr_retry, 7);
  EXPECT_EQ(again.responder_resources, 0);
  EXPECT_FALSE(again.rdc_exists);
}

TEST(IpCm, HeaderOfBothFamilies) {
  IpCmHeader v4;
  v4.source_port = 0x9712;
  v4.source = *IpAddress::Parse("198.51.100.1");
  v4.destination = *IpAddress::Parse("198.51.100.2");
  uint8_t bytes[IpCmHeader::kSize];
  v4.Write(bytes);
  // As rdma_client sent it (capture cm_rdma_client_v4, frame 1).
  const std::vector<uint8_t> golden =
      Hex("00409712000000000000000000000000c6336401000000000000000000000000c6336402");
  EXPECT_EQ(std::vector<uint8_t>(bytes, bytes + sizeof(bytes)), golden);
  EXPECT_EQ(IpCmHeader::Read(bytes), v4);

  IpCmHeader v6{6, 7, *IpAddress::Parse("fd00:51::1"), *IpAddress::Parse("fd00:51::2")};
  v6.Write(bytes);
  EXPECT_EQ(IpCmHeader::Read(bytes), v6);
}

TEST(IpCm, OtherVersionsAndWrongFamiliesAreRefused) {
  IpCmHeader v4{4, 1, IpAddress::FromV4(1), IpAddress::FromV4(2)};
  uint8_t golden[IpCmHeader::kSize];
  v4.Write(golden);
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      uint8_t bytes[IpCmHeader::kSize];
      std::copy(std::begin(golden), std::end(golden), bytes);
      bytes[0] = static_cast<uint8_t>(first);
      bytes[1] = static_cast<uint8_t>(second);
      const bool legal = first == 0 && (second == 0x40 || second == 0x60);
      EXPECT_EQ(IpCmHeader::Read(bytes).has_value(), legal);
    }
  }
  for (const size_t at : {4u, 15u, 20u, 31u}) {
    uint8_t bytes[IpCmHeader::kSize];
    std::copy(std::begin(golden), std::end(golden), bytes);
    bytes[at] = 1;
    EXPECT_FALSE(IpCmHeader::Read(bytes).has_value()) << at;
  }
}

TEST(IpCm, ServiceIds) {
  EXPECT_EQ(IpServiceId(kServiceTcp, 7471), 0x0000000001061d2fu);
  EXPECT_EQ(IpServiceId(kServiceUdp, 7174), 0x0000000001111c06u);
  EXPECT_TRUE(IsIpServiceId(0x0000000001061d2f));
  EXPECT_FALSE(IsIpServiceId(0x1000000001061d2f));
  EXPECT_FALSE(IsIpServiceId(0x0000000002061d2f));
}

TEST(CmNames, AreDistinct) {
  std::set<std::string> names;
  for (int i = 0; i <= 33; ++i) names.insert(NameOf(static_cast<CmReason>(i)));
  EXPECT_EQ(names.size(), 34u);
  EXPECT_STREQ(NameOf(static_cast<CmReason>(34)), "reason");
  EXPECT_STREQ(NameOf(CmReason::kConsumer), "consumer_reject");
  EXPECT_STREQ(NameOf(CmReason::kAlternateFlowLabel), "alternate_flow_label");
  for (const Table& t : kTables) names.insert(NameOf(t.attribute));
  EXPECT_EQ(names.size(), 45u);
  EXPECT_STREQ(NameOf(CmAttribute::kSidrRep), "SIDR_REP");
  EXPECT_STREQ(NameOf(static_cast<CmAttribute>(0)), "CM_UNKNOWN");
  EXPECT_STREQ(NameOf(MadFault::kAttribute), "cm_attribute");
}

}  // namespace
}  // namespace sluice::wire
