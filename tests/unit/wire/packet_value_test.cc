#include "wire/packet_value.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "frames.h"

namespace sluice::wire {
namespace {

TEST(DecodeTest, GoldenFramesRoundTrip) {
  for (const GoldenFrame& g : kGoldenFrames) {
    SCOPED_TRACE(g.name);
    const auto bytes = g.bytes();
    EXPECT_TRUE(IsRoce(bytes));
    const auto f = Decode(bytes);
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_TRUE(f->decoded());
    EXPECT_EQ(f->bth.opcode, g.opcode);
    EXPECT_TRUE(f->IcrcOk());
    EXPECT_EQ(f->Encode(), bytes);
  }
}

TEST(DecodeTest, ValuesOfTheGoldenSend) {
  const auto f = Decode(kGoldenFrames[0].bytes());
  ASSERT_TRUE(f.ok());
  ASSERT_NE(f->ipv4_header(), nullptr);
  EXPECT_EQ(f->ipv4_header()->identification, 0x52a2);
  EXPECT_EQ(f->ipv4_header()->flags, Ipv4Header::kDontFragment);
  EXPECT_EQ(f->ipv4_header()->ttl, 64);
  EXPECT_EQ(f->ipv4_header()->checksum, 0x93b0);
  EXPECT_EQ(f->source_ip().ToString(), "198.51.100.1");
  EXPECT_EQ(f->destination_ip().ToString(), "198.51.100.2");
  EXPECT_EQ(f->ecn(), 0);
  EXPECT_EQ(f->dscp(), 0);
  EXPECT_EQ(f->payload, std::vector<uint8_t>{5});
  EXPECT_EQ(f->pad, (std::vector<uint8_t>{0, 0, 0}));
  EXPECT_EQ(f->icrc, 0xce00acd7u);
  EXPECT_FALSE(f->reth || f->aeth || f->imm || f->deth || f->atomic_eth || f->cnp_reserved);
}

TEST(DecodeTest, ValuesOfTheGoldenWriteAndCnp) {
  const auto write = Decode(kGoldenFrames[1].bytes());
  ASSERT_TRUE(write.ok());
  ASSERT_NE(write->ipv6_header(), nullptr);
  EXPECT_EQ(write->reth, (Reth{0x0000558ebe61c000, 0x1337, 3}));
  EXPECT_EQ(write->source_ip().ToString(), "fd00:51::1");
  EXPECT_EQ(write->payload, (std::vector<uint8_t>{5, 8, 11}));
  const auto cnp = Decode(kGoldenFrames[6].bytes());
  ASSERT_TRUE(cnp.ok());
  EXPECT_TRUE(cnp->bth.becn);
  ASSERT_TRUE(cnp->cnp_reserved.has_value());
  EXPECT_EQ(*cnp->cnp_reserved, (std::array<uint8_t, 16>{}));
}

// Every byte behind the family and length fields may be anything, as far as the frame is still
// decoded: pad bytes, reserved bits, checksums, identification, trailing bytes are values.
TEST(DecodeTest, EveryKnownOpcodeRoundTripsWithRandomFields) {
  Rng rng(21);
  for (int op = 0; op < 256; ++op) {
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    if (!t.known) continue;
    for (int round = 0; round < 40; ++round) {
      Bth bth = Bth::Read(std::vector<uint8_t>(12, static_cast<uint8_t>(rng.Next())).data());
      bth.opcode = static_cast<Opcode>(op);
      bth.version = 0;
      bth.pad_count = t.payload_allowed ? static_cast<uint8_t>(rng.Below(4)) : 0;
      const size_t payload = t.payload_allowed ? 4 * (1 + rng.Below(20)) - bth.pad_count : 0;
      const bool ipv6 = round % 2 == 0;
      auto bytes = BuildFrame(TestPath(ipv6, round % 4 < 2), bth, payload);
      for (size_t i = 0; i < rng.Below(9); ++i) bytes.push_back(static_cast<uint8_t>(rng.Next()));
      const ExactCopy copy(bytes);
      const auto f = Decode(copy.span());
      ASSERT_TRUE(f.ok()) << f.status();
      ASSERT_TRUE(f->decoded());
      EXPECT_EQ(f->bth, bth);
      EXPECT_TRUE(f->IcrcOk());
      EXPECT_EQ(f->payload.size(), payload);
      EXPECT_EQ(f->Encode(), bytes);
      EXPECT_EQ(*Decode(f->Encode()), *f);
    }
  }
}

// Each field is used by Encode: altering it alters the bytes.
TEST(DecodeTest, EncodeUsesEveryField) {
  const auto original =
      BuildFrame(TestPath(false, true), Bth{.opcode = Opcode::kRcWriteOnlyImm, .pad_count = 1}, 3);
  const auto alter = [&original](auto change) {
    DecodedFrame f = *Decode(original);
    change(&f);
    return f.Encode() != original;
  };
  EXPECT_FALSE(alter([](DecodedFrame*) {}));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->destination.bytes[0] ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->source.bytes[5] ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->vlan_tci.reset(); }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { std::get<Ipv4Header>(f->ip).checksum ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->udp.checksum ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->bth.reserved7 ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->reth->length ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->imm->value ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->payload[0] ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->pad[0] ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->icrc ^= 1; }));
  EXPECT_TRUE(alter([](DecodedFrame* f) { f->trailing.push_back(0); }));
}

TEST(DecodeTest, ABadIcrcIsAValue) {
  auto bytes = kGoldenFrames[0].bytes();
  bytes.back() ^= 1;
  const auto f = Decode(bytes);
  ASSERT_TRUE(f.ok());
  EXPECT_TRUE(f->decoded());
  EXPECT_FALSE(f->IcrcOk());
  EXPECT_EQ(f->Encode(), bytes);
}

// Reserved opcodes, a foreign transport version, impossible pads: undecoded, by cause, and still
// the same bytes again.
TEST(DecodeTest, UndecodedFramesKeepTheirBytes) {
  struct Case {
    DropCause want;
    size_t at;
    uint8_t value;
  };
  for (const Case& c :
       {Case{DropCause::kOpcode, 42, 0x1f}, Case{DropCause::kOpcode, 42, 0xef},
        Case{DropCause::kTransportVersion, 43, 0x31}, Case{DropCause::kLength, 42, 0x0b},
        Case{DropCause::kPayload, 42, 0x11}, Case{DropCause::kIpChecksum, 24, 0}}) {
    auto bytes = kGoldenFrames[0].bytes();
    // Long enough for an AETH and something behind it, if the opcode says so.
    bytes[c.at] = c.value;
    if (c.want == DropCause::kPayload) {
      bytes = BuildFrame(TestPath(false, false), Bth{.opcode = Opcode::kRcAcknowledge}, 8);
    }
    SealFrame(bytes.data(), 14, false, bytes.size() - kIcrcBytes);
    EXPECT_TRUE(IsRoce(bytes));
    const auto f = Decode(bytes);
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_FALSE(f->decoded());
    EXPECT_STREQ(NameOf(f->cause), NameOf(c.want));
    EXPECT_TRUE(f->IcrcOk());
    EXPECT_EQ(f->Encode(), bytes);
  }
}

// After a wrong IP checksum the rest has a meaning all the same.
TEST(DecodeTest, TransportIsDecodedBehindABadIpHeader) {
  for (const auto& [at, value, want] :
       {std::tuple{24, 0, DropCause::kIpChecksum}, std::tuple{20, 0x20, DropCause::kFragment}}) {
    auto bytes = kGoldenFrames[3].bytes();
    bytes[static_cast<size_t>(at)] = static_cast<uint8_t>(value);
    const auto f = Decode(bytes);
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_EQ(f->cause, want);
    EXPECT_EQ(f->reth, (Reth{0x00005573eb4e3000, 0x1ce4, 0}));
    EXPECT_EQ(f->Encode(), bytes);
  }
}

TEST(DecodeTest, RefusesWhatHasNoValue) {
  const auto with = [](size_t at, uint8_t v) {
    auto b = kGoldenFrames[0].bytes();
    b[at] = v;
    return b;
  };
  const auto message = [](const std::vector<uint8_t>& b) {
    return std::string(Decode(b).status().message());
  };
  EXPECT_NE(message({}).find("runt"), std::string::npos);
  EXPECT_NE(message(with(13, 6)).find("ethertype"), std::string::npos);
  EXPECT_NE(message(with(23, 6)).find("not_udp"), std::string::npos);
  EXPECT_NE(message(with(37, 0)).find("not_roce"), std::string::npos);
  EXPECT_NE(message(with(14, 0x44)).find("ip_header"), std::string::npos);
  EXPECT_NE(message(with(17, 0x31)).find("length"), std::string::npos);
  EXPECT_NE(message(with(39, 0x1d)).find("length"), std::string::npos);
  // IPv4 options in front of a UDP header that names the port.
  auto options = kGoldenFrames[0].bytes();
  options[14] = 0x46;
  options.insert(options.begin() + 34, 4, 1);
  EXPECT_TRUE(IsRoce(options));
  EXPECT_NE(message(options).find("ip_header"), std::string::npos);
}

TEST(DecodeTest, TruncatedAtEachByte) {
  for (const GoldenFrame& g : kGoldenFrames) {
    const auto bytes = g.bytes();
    for (size_t n = 0; n < bytes.size(); ++n) {
      const ExactCopy part(std::span<const uint8_t>(bytes).first(n));
      EXPECT_FALSE(Decode(part.span()).ok()) << n;
      // The port is the last thing that IsRoce reads; the UDP header must be whole.
      const size_t udp_end = LoadBe16(bytes.data() + 12) == kEtherTypeIpv6 ? 62 : 42;
      EXPECT_EQ(IsRoce(part.span()), n >= udp_end) << n;
    }
  }
}

TEST(IsRoceTest, Edges) {
  auto b = kGoldenFrames[0].bytes();
  EXPECT_TRUE(IsRoce(b));
  EXPECT_TRUE(IsRoce(BuildFrame(TestPath(false, true), Bth{}, 0)));
  EXPECT_TRUE(IsRoce(BuildFrame(TestPath(true, true), Bth{}, 0)));
  b[14] = 0x44;
  EXPECT_FALSE(IsRoce(b)) << "header length below 20";
  b[14] = 0x65;
  EXPECT_FALSE(IsRoce(b)) << "wrong version";
  b[14] = 0x45;
  b[21] = 1;
  EXPECT_FALSE(IsRoce(b)) << "a later fragment has no UDP header";
  b = kGoldenFrames[1].bytes();
  b[14] = 0x45;
  EXPECT_FALSE(IsRoce(b)) << "wrong version";
  const ExactCopy tag(
      std::span<const uint8_t>(BuildFrame(TestPath(false, true), Bth{}, 0)).first(17));
  EXPECT_FALSE(IsRoce(tag.span()));
}

// Random damage in exact heap blocks: Decode never reads beyond, and what it gives re-encodes.
TEST(DecodeTest, RandomDamageRoundTrips) {
  Rng rng(22);
  size_t values = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::vector<uint8_t> b = kGoldenFrames[rng.Below(std::size(kGoldenFrames))].bytes();
    for (uint64_t i = rng.Below(4); i > 0; --i) b[rng.Below(b.size())] ^= 1 << rng.Below(8);
    if (rng.Below(8) == 0) b.resize(rng.Below(b.size() + 1));
    const ExactCopy copy(b);
    const auto f = Decode(copy.span());
    if (!f.ok()) continue;
    ++values;
    ASSERT_EQ(f->Encode(), b);
  }
  EXPECT_GT(values, 10'000u);
}

}  // namespace
}  // namespace sluice::wire
