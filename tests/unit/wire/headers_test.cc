#include "wire/headers.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/rng.h"
#include "frames.h"

namespace sluice::wire {
namespace {

// Read then Write gives the bytes back, for every single bit alone and for random patterns: no bit
// of the header is lost and none is made up.
template <typename Header>
void ExpectEveryBitRoundTrips() {
  std::array<uint8_t, Header::kSize> in{};
  const auto check = [&in] {
    std::array<uint8_t, Header::kSize> out;
    out.fill(0xa5);
    Header::Read(in.data()).Write(out.data());
    EXPECT_EQ(in, out);
    EXPECT_EQ(Header::Read(in.data()), Header::Read(out.data()));
  };
  check();
  for (size_t bit = 0; bit < 8 * Header::kSize; ++bit) {
    in.fill(0);
    in[bit / 8] = static_cast<uint8_t>(1 << bit % 8);
    const Header one = Header::Read(in.data());
    check();
    in.fill(0);
    EXPECT_FALSE(one == Header::Read(in.data())) << "bit " << bit << " is no part of the value";
  }
  Rng rng(1, Header::kSize);
  for (int i = 0; i < 1000; ++i) {
    for (uint8_t& b : in) b = static_cast<uint8_t>(rng.Next());
    check();
  }
}

TEST(HeadersTest, EveryBitRoundTrips) {
  ExpectEveryBitRoundTrips<Bth>();
  ExpectEveryBitRoundTrips<Reth>();
  ExpectEveryBitRoundTrips<Aeth>();
  ExpectEveryBitRoundTrips<AtomicEth>();
  ExpectEveryBitRoundTrips<AtomicAckEth>();
  ExpectEveryBitRoundTrips<Deth>();
  ExpectEveryBitRoundTrips<Ieth>();
  ExpectEveryBitRoundTrips<ImmDt>();
  ExpectEveryBitRoundTrips<UdpHeader>();
}

// The first nibble(s) are the version, which the value does not hold.
TEST(HeadersTest, IpHeadersRoundTrip) {
  Rng rng(2);
  for (int i = 0; i < 2000; ++i) {
    uint8_t in[40];
    uint8_t out[40] = {};
    for (uint8_t& b : in) b = static_cast<uint8_t>(rng.Next());
    in[0] = 0x45;
    Ipv4Header::Read(in).Write(out);
    EXPECT_EQ(std::memcmp(in, out, Ipv4Header::kSize), 0);
    in[0] = static_cast<uint8_t>(0x60 | (in[1] & 15));
    Ipv6Header::Read(in).Write(out);
    EXPECT_EQ(std::memcmp(in, out, Ipv6Header::kSize), 0);
  }
}

TEST(HeadersTest, SizesAreThoseOfTheStandard) {
  EXPECT_EQ(Bth::kSize, 12u);
  EXPECT_EQ(Reth::kSize, 16u);
  EXPECT_EQ(Aeth::kSize, 4u);
  EXPECT_EQ(AtomicEth::kSize, 28u);
  EXPECT_EQ(AtomicAckEth::kSize, 8u);
  EXPECT_EQ(Deth::kSize, 8u);
  EXPECT_EQ(Ieth::kSize, 4u);
  EXPECT_EQ(ImmDt::kSize, 4u);
}

TEST(BthTest, FieldsLieWhereTheStandardPutsThem) {
  const Bth h{.opcode = Opcode::kRcSendOnly,
              .solicited = true,
              .mig_req = false,
              .pad_count = 2,
              .version = 5,
              .pkey = 0x1234,
              .fecn = true,
              .becn = false,
              .reserved6 = 0x2a,
              .dest_qpn = 0xabcdef,
              .ack_request = true,
              .reserved7 = 0x11,
              .psn = Psn(0x010203)};
  uint8_t b[12];
  h.Write(b);
  const uint8_t want[12] = {0x04, 0xa5, 0x12, 0x34, 0xaa, 0xab, 0xcd, 0xef, 0x91, 0x01, 0x02, 0x03};
  EXPECT_EQ(std::memcmp(b, want, 12), 0);
  EXPECT_EQ(Bth::Read(b), h);
}

TEST(BthTest, ValuesWiderThanTheirFieldAreCut) {
  Bth h;
  h.pad_count = 0xff;
  h.version = 0xf0;
  h.reserved6 = 0xc0;
  h.dest_qpn = 0xff000001;
  h.reserved7 = 0x80;
  uint8_t b[12];
  h.Write(b);
  const uint8_t want[12] = {0x00, 0x30, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00};
  EXPECT_EQ(std::memcmp(b, want, 12), 0);
}

TEST(AethTest, EverySyndromeIsOfOneKind) {
  for (int s = 0; s < 256; ++s) {
    SCOPED_TRACE(s);
    const Aeth a{static_cast<uint8_t>(s), 0};
    // IBTA 1.4, table 44: bits 6-5 are 00 ACK, 01 RNR NAK, 10 reserved, 11 NAK; bit 7 is 0.
    EXPECT_EQ(a.IsAck(), s < 0x20);
    EXPECT_EQ(a.IsRnr(), s >= 0x20 && s < 0x40);
    EXPECT_EQ(a.IsNak(), s >= 0x60 && s < 0x80);
    if (a.IsAck()) {
      EXPECT_EQ(Aeth::AckSyndrome(a.credit_code()), s);
    }
    if (a.IsRnr()) {
      EXPECT_EQ(Aeth::RnrSyndrome(a.rnr_timer()), s);
    }
    if (a.IsNak()) {
      EXPECT_EQ(Aeth::NakSyndrome(a.nak_code()), s);
    }
  }
}

// The syndromes that rdma_rxe was seen to send.
TEST(AethTest, KnownSyndromes) {
  EXPECT_EQ(Aeth::AckSyndrome(Aeth::kCreditUnlimited), 0x1f);
  EXPECT_EQ(Aeth::NakSyndrome(NakCode::kPsnSequenceError), 0x60);
  EXPECT_EQ(Aeth::NakSyndrome(NakCode::kInvalidRequest), 0x61);
  EXPECT_EQ(Aeth::NakSyndrome(NakCode::kRemoteAccessError), 0x62);
  EXPECT_EQ(Aeth::NakSyndrome(NakCode::kRemoteOperationalError), 0x63);
  EXPECT_EQ(Aeth::RnrSyndrome(12), 0x2c);
}

// Table 45: after 3, each count is 1.33 or 1.5 times the one before.
TEST(AethTest, CreditTable) {
  const uint32_t want[31] = {0,    1,    2,    3,    4,    6,     8,     12,    16,   24,   32,
                             48,   64,   96,   128,  192,  256,   384,   512,   768,  1024, 1536,
                             2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768};
  for (uint8_t code = 0; code < 31; ++code) {
    EXPECT_EQ(CreditCount(code), want[code]);
    EXPECT_EQ(CreditCount(static_cast<uint8_t>(code | 0xe0)), want[code]);
    EXPECT_EQ(CreditCode(want[code]), code);
  }
  EXPECT_EQ(CreditCount(31), kUnlimitedCredits);
  // For any count: the code's count does not exceed it, the next one's does.
  for (uint32_t n = 0; n < 33000; ++n) {
    const uint8_t code = CreditCode(n);
    ASSERT_LE(CreditCount(code), n);
    if (code < 30) {
      ASSERT_GT(want[code + 1], n);
    }
  }
  EXPECT_EQ(CreditCode(kUnlimitedCredits), 30);
}

TEST(AethTest, RnrTimerTable) {
  // Table 46, in hundredths of a millisecond.
  const int64_t want[32] = {65536, 1,    2,    3,    4,    6,     8,     12,    16,    24,   32,
                            48,    64,   96,   128,  192,  256,   384,   512,   768,   1024, 1536,
                            2048,  3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152};
  for (uint8_t code = 0; code < 32; ++code) {
    const Duration d = RnrTimer(code);
    EXPECT_EQ(d.ps(), want[code] * 10'000'000) << int{code};
    EXPECT_EQ(RnrTimer(static_cast<uint8_t>(code | 0x20)), d);
    EXPECT_EQ(RnrTimerCode(d), code);
    // One picosecond more needs the next longer timer; code 0 is the longest.
    const uint8_t next = code == 0 ? 0 : code == 31 ? 0 : static_cast<uint8_t>(code + 1);
    EXPECT_EQ(RnrTimerCode(d + Duration::Picoseconds(1)), next);
  }
  EXPECT_EQ(RnrTimerCode(Duration::Zero()), 1);
  EXPECT_EQ(RnrTimerCode(Duration::Seconds(10)), 0);
}

// RFC 1071, section 3: the example's sum is 0xddf2.
TEST(InternetChecksumTest, ExampleOfRfc1071) {
  const uint8_t b[8] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(InternetChecksum(b, 8), 0xffff - 0xddf2);
  // An odd byte counts as the upper half of a word.
  const uint8_t odd[3] = {0x00, 0x01, 0xf2};
  EXPECT_EQ(InternetChecksum(odd, 3), 0xffff - 0xf201);
  EXPECT_EQ(InternetChecksum(b, 0), 0xffff);
}

TEST(InternetChecksumTest, GoldenHeadersSumToZero) {
  for (const GoldenFrame& g : kGoldenFrames) {
    const auto bytes = g.bytes();
    if (LoadBe16(bytes.data() + 12) != kEtherTypeIpv4) continue;
    EXPECT_EQ(InternetChecksum(bytes.data() + kEthernetBytes, Ipv4Header::kSize), 0) << g.name;
  }
}

}  // namespace
}  // namespace sluice::wire
