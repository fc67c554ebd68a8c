#include "wire/frame_view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "frames.h"

namespace sluice::wire {
namespace {

DropCause Parse(std::span<const uint8_t> frame, FrameView* view) {
  return ParseFrame(frame, static_cast<uint32_t>(frame.size()), view);
}
DropCause Parse(std::span<const uint8_t> frame) {
  FrameView view;
  return Parse(frame, &view);
}

TEST(ParseFrameTest, GoldenSendOfOneByte) {
  const auto bytes = kGoldenFrames[0].bytes();
  FrameView v;
  ASSERT_EQ(Parse(bytes, &v), DropCause::kNone);
  EXPECT_EQ(v.opcode, Opcode::kRcSendOnly);
  EXPECT_EQ(v.traits, &TraitsOf(0x04));
  EXPECT_EQ(v.source().ToString(), "198.51.100.1");
  EXPECT_EQ(v.destination().ToString(), "198.51.100.2");
  EXPECT_EQ(v.source_mac().ToString(), "52:54:00:00:00:0a");
  EXPECT_EQ(v.destination_mac().ToString(), "52:54:00:00:00:0b");
  EXPECT_EQ(v.source_port(), 0xc121);
  EXPECT_EQ(v.udp_checksum(), 0);
  EXPECT_EQ(v.hop_limit(), 64);
  EXPECT_FALSE(v.ipv6 || v.has_vlan || v.solicited || v.mig_req || v.ce() || v.fecn() || v.becn());
  EXPECT_TRUE(v.ack_request);
  EXPECT_EQ(v.pkey, 0xffff);
  EXPECT_EQ(v.dest_qpn, 0x11u);
  EXPECT_EQ(v.psn, Psn(0xde779a));
  EXPECT_EQ(v.pad, 3);
  EXPECT_EQ(v.payload_length, 1u);
  EXPECT_EQ(v.header_bytes, 54u);
  EXPECT_EQ(v.transport_bytes, 20u);
  EXPECT_EQ(v.icrc_offset(), 58u);
  EXPECT_EQ(v.l3_to_payload_bytes(), 40u);
}

TEST(ParseFrameTest, GoldenExtensionHeaders) {
  const auto view_of = [](const std::vector<uint8_t>& bytes) {
    FrameView v;
    EXPECT_EQ(Parse(bytes, &v), DropCause::kNone);
    return v;
  };
  const auto write = kGoldenFrames[1].bytes();
  FrameView v = view_of(write);
  EXPECT_TRUE(v.ipv6);
  EXPECT_EQ(v.source().ToString(), "fd00:51::1");
  EXPECT_EQ(v.destination().ToString(), "fd00:51::2");
  EXPECT_EQ(v.hop_limit(), 64);
  EXPECT_EQ(v.reth(), (Reth{0x0000558ebe61c000, 0x1337, 3}));
  EXPECT_EQ(v.payload_length, 3u);
  EXPECT_EQ(v.header_bytes, 14u + 40 + 8 + 12 + 16);

  const auto atomic_ack = kGoldenFrames[2].bytes();
  v = view_of(atomic_ack);
  EXPECT_EQ(v.aeth(), (Aeth{0x1f, 1}));
  EXPECT_EQ(v.atomic_ack_eth(), (AtomicAckEth{0x322b241d160f0801}));
  EXPECT_EQ(v.payload_length, 0u);

  const auto write_imm = kGoldenFrames[3].bytes();
  v = view_of(write_imm);
  EXPECT_EQ(v.reth(), (Reth{0x00005573eb4e3000, 0x1ce4, 0}));
  EXPECT_EQ(v.imm(), 0xcafe0000u);

  const auto ud = kGoldenFrames[4].bytes();
  v = view_of(ud);
  EXPECT_EQ(v.deth(), (Deth{0x11111111, 0, 0x2f}));
  EXPECT_EQ(v.imm(), 0xcafe0000u);
  EXPECT_EQ(v.payload_length, 100u);

  const auto fetch_add = kGoldenFrames[5].bytes();
  v = view_of(fetch_add);
  EXPECT_EQ(v.atomic_eth(), (AtomicEth{0x000055ceaf910000, 0x1744, 0x1111, 0}));

  const auto cnp = kGoldenFrames[6].bytes();
  v = view_of(cnp);
  EXPECT_TRUE(v.becn());
  EXPECT_FALSE(v.fecn());
  EXPECT_EQ(v.header_bytes, cnp.size() - kIcrcBytes);

  Bth bth{.opcode = Opcode::kRcSendOnlyInvalidate};
  auto invalidate = BuildFrame(TestPath(false, false), bth, 8);
  StoreBe32(invalidate.data() + 54, 0xdeadbeef);
  EXPECT_EQ(view_of(invalidate).ieth().rkey, 0xdeadbeefu);
}

TEST(ParseFrameTest, EveryFieldOfEveryFamily) {
  const Bth bth{.opcode = Opcode::kRcWriteLastImm,
                .solicited = true,
                .mig_req = true,
                .pad_count = 1,
                .pkey = 0x7fff,
                .fecn = true,
                .dest_qpn = 0xabcdef,
                .psn = Psn(0xfffffe)};
  for (const bool ipv6 : {false, true}) {
    for (const bool tagged : {false, true}) {
      const auto bytes = BuildFrame(TestPath(ipv6, tagged), bth, 7);
      FrameView v;
      ASSERT_EQ(Parse(bytes, &v), DropCause::kNone);
      EXPECT_EQ(v.ipv6, ipv6);
      EXPECT_EQ(v.has_vlan, tagged);
      if (tagged) {
        EXPECT_EQ(v.vlan_tci, 0x6123);
      }
      EXPECT_EQ(v.dscp, 26);
      EXPECT_EQ(v.ecn, 2);
      EXPECT_FALSE(v.ce());
      EXPECT_TRUE(v.solicited && v.mig_req && v.fecn());
      EXPECT_FALSE(v.ack_request || v.becn());
      EXPECT_EQ(v.pkey, 0x7fff);
      EXPECT_EQ(v.dest_qpn, 0xabcdefu);
      EXPECT_EQ(v.psn, Psn(0xfffffe));
      EXPECT_EQ(v.frame, bytes.data());
      EXPECT_EQ(v.l3 - v.frame, tagged ? 18 : 14);
      EXPECT_EQ(v.bth - v.l3, ipv6 ? 48 : 28);
      EXPECT_EQ(v.extension - v.bth, 12);
      EXPECT_EQ(v.frame_bytes(), bytes.size());
      EXPECT_EQ(v.header_bytes + 7 + 1 + 4, bytes.size());
      EXPECT_EQ(v.payload_length, 7u);
    }
  }
}

TEST(ParseFrameTest, CeInBothFamilies) {
  for (const bool ipv6 : {false, true}) {
    PathHeader path = TestPath(ipv6, false);
    path.ecn = 3;
    const auto bytes = BuildFrame(path, Bth{.opcode = Opcode::kRcSendOnly}, 4);
    FrameView v;
    ASSERT_EQ(Parse(bytes, &v), DropCause::kNone);
    EXPECT_TRUE(v.ce());
    EXPECT_EQ(v.dscp, 26);
  }
}

// All 256 opcodes with the shortest and a padded payload: the answer follows from the traits.
TEST(ParseFrameTest, EveryOpcode) {
  for (int op = 0; op < 256; ++op) {
    SCOPED_TRACE(op);
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    Bth bth{.opcode = static_cast<Opcode>(op)};
    const auto bare = BuildFrame(TestPath(false, false), bth, 0);
    EXPECT_EQ(Parse(bare), t.known ? DropCause::kNone : DropCause::kOpcode);
    bth.pad_count = 2;
    const auto padded = BuildFrame(TestPath(true, false), bth, 6);
    EXPECT_EQ(Parse(padded), !t.known            ? DropCause::kOpcode
                             : t.payload_allowed ? DropCause::kNone
                                                 : DropCause::kPayload);
    // Payload and pad together are no multiple of 4.
    const auto odd = BuildFrame(TestPath(false, false), bth, 0);
    EXPECT_EQ(Parse(odd), !t.known            ? DropCause::kOpcode
                          : t.payload_allowed ? DropCause::kPad
                                              : DropCause::kPayload);
  }
}

constexpr Opcode kSomeOpcodes[] = {Opcode::kRcSendOnly,          Opcode::kRcWriteOnlyImm,
                                   Opcode::kRcReadRequest,       Opcode::kRcAcknowledge,
                                   Opcode::kRcAtomicAcknowledge, Opcode::kRcFetchAdd,
                                   Opcode::kRcReadResponseFirst, Opcode::kUcWriteFirst,
                                   Opcode::kUdSendOnly,          Opcode::kCnp};

// Frames of every length whose IP and UDP lengths say so, all four pad counts. Only the headers
// are there: the payload lies elsewhere.
TEST(ParseFrameTest, EveryConsistentLength) {
  for (const Opcode op : kSomeOpcodes) {
    for (const bool ipv6 : {false, true}) {
      const OpcodeTraits& t = TraitsOf(op);
      const HeaderTemplate head(TestPath(ipv6, false));
      const uint32_t headers = static_cast<uint32_t>(head.size() + Bth::kSize) + t.extension_bytes;
      std::vector<uint8_t> b(headers);
      for (uint32_t length = 0; length <= 9216; ++length) {
        const uint32_t l3_and_udp = static_cast<uint32_t>(head.size());
        if (length < l3_and_udp) continue;
        head.Write(b.data(), length - l3_and_udp);
        for (uint8_t pad = 0; pad < 4; ++pad) {
          Bth{.opcode = op, .pad_count = pad}.Write(b.data() + head.size());
          FrameView v;
          const DropCause cause = ParseFrame(b, length, &v);
          DropCause want = DropCause::kNone;
          if (length < headers + 4) {
            want = DropCause::kLength;
          } else {
            const uint32_t padded = length - headers - 4;
            if (padded > 0 && !t.payload_allowed) {
              want = DropCause::kPayload;
            } else if (padded % 4 != 0 || padded < pad) {
              want = DropCause::kPad;
            }
            if (cause == DropCause::kNone) {
              ASSERT_EQ(v.payload_length, padded - pad);
              ASSERT_EQ(v.header_bytes, headers);
              ASSERT_EQ(v.frame_bytes(), length);
            }
          }
          ASSERT_EQ(cause, want) << length << ' ' << int{pad} << ' ' << t.name;
        }
      }
    }
  }
}

// One frame, every claim about how many bytes came: too few is kLength, more is Ethernet padding.
TEST(ParseFrameTest, EveryFrameLength) {
  for (const bool ipv6 : {false, true}) {
    const auto bytes = BuildFrame(TestPath(ipv6, true), Bth{.opcode = Opcode::kRcSendOnly}, 1024);
    for (uint32_t length = 0; length <= 9216; ++length) {
      FrameView v;
      const DropCause cause = ParseFrame(bytes, length, &v);
      ASSERT_EQ(cause, length < bytes.size() ? DropCause::kLength : DropCause::kNone) << length;
      if (cause == DropCause::kNone) {
        ASSERT_EQ(v.frame_bytes(), bytes.size());
      }
    }
  }
}

// Cut at each byte, in a heap block of that size: never accepted as a whole frame; accepted as the
// headers of the longer frame exactly when all headers are there.
TEST(ParseFrameTest, TruncatedAtEachByte) {
  std::vector<std::vector<uint8_t>> frames;
  for (const GoldenFrame& g : kGoldenFrames) frames.push_back(g.bytes());
  for (const Opcode op : kSomeOpcodes) {
    const size_t payload = TraitsOf(op).payload_allowed ? 12 : 0;
    frames.push_back(BuildFrame(TestPath(false, true), Bth{.opcode = op}, payload));
    frames.push_back(BuildFrame(TestPath(true, true), Bth{.opcode = op}, payload));
  }
  for (const auto& frame : frames) {
    FrameView whole;
    ASSERT_EQ(Parse(frame, &whole), DropCause::kNone);
    for (size_t n = 0; n < frame.size(); ++n) {
      const ExactCopy part(std::span<const uint8_t>(frame).first(n));
      EXPECT_NE(Parse(part.span()), DropCause::kNone) << n;
      FrameView v;
      const DropCause cause = ParseFrame(part.span(), static_cast<uint32_t>(frame.size()), &v);
      ASSERT_EQ(cause, n < whole.header_bytes ? DropCause::kRunt : DropCause::kNone) << n;
    }
  }
}

// Random bytes, and golden frames with random damage, in exact heap blocks: no crash, no access
// beyond the block, and what is accepted lies within the frame.
TEST(ParseFrameTest, RandomDamage) {
  Rng rng(11);
  size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::vector<uint8_t> b = kGoldenFrames[rng.Below(std::size(kGoldenFrames))].bytes();
    const uint64_t hits = rng.Below(4);
    for (uint64_t i = 0; i < hits; ++i) b[rng.Below(b.size())] = static_cast<uint8_t>(rng.Next());
    if (rng.Below(4) == 0) b.resize(rng.Below(b.size() + 1));
    if (rng.Below(2) == 0 && b.size() >= 34) FixIpv4Checksum(b.data() + 14);
    const ExactCopy copy(b);
    FrameView v;
    if (Parse(copy.span(), &v) != DropCause::kNone) continue;
    ++accepted;
    ASSERT_LE(v.frame_bytes(), b.size());
    ASSERT_EQ(v.header_bytes + v.payload_length + v.pad + kIcrcBytes, v.frame_bytes());
  }
  EXPECT_GT(accepted, 10'000u);
}

// Any single flipped bit in an IPv4 header is seen.
TEST(ParseFrameTest, EveryBitOfTheIpv4HeaderIsChecked) {
  auto b = kGoldenFrames[0].bytes();
  for (size_t bit = 0; bit < 160; ++bit) {
    b[14 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(Parse(b), DropCause::kNone) << bit;
    b[14 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  EXPECT_EQ(Parse(b), DropCause::kNone);
}

// The fast sum and the plain one agree on every value of the checksum field.
TEST(ParseFrameTest, ExactlyTheRightChecksumPasses) {
  auto b = kGoldenFrames[0].bytes();
  const uint16_t right = LoadBe16(b.data() + 24);
  for (uint32_t sum = 0; sum < 0x10000; ++sum) {
    StoreBe16(b.data() + 24, static_cast<uint16_t>(sum));
    ASSERT_EQ(Parse(b), sum == right ? DropCause::kNone : DropCause::kIpChecksum) << sum;
  }
  Rng rng(12);
  for (int i = 0; i < 100'000; ++i) {
    for (size_t k : {1, 4, 5, 8, 12, 13, 14, 15, 16, 17, 18, 19}) {
      b[14 + k] = static_cast<uint8_t>(rng.Below(4) == 0 ? 0xff : rng.Next());
    }
    FixIpv4Checksum(b.data() + 14);
    ASSERT_EQ(Parse(b), DropCause::kNone);
  }
}

// What one change does to a golden frame.
struct Damage {
  DropCause want;
  const char* what;
  int frame;  // index of the golden frame: 0 IPv4, 1 IPv6
  std::function<void(std::vector<uint8_t>*)> damage;
};

std::function<void(std::vector<uint8_t>*)> Set(size_t at, uint8_t v) {
  return [at, v](std::vector<uint8_t>* b) { (*b)[at] = v; };
}

// In the IPv4 header, whose checksum is made right again.
std::function<void(std::vector<uint8_t>*)> SetIp(size_t at, uint8_t v) {
  return [at, v](std::vector<uint8_t>* b) {
    (*b)[14 + at] = v;
    FixIpv4Checksum(b->data() + 14);
  };
}

const Damage kDamages[] = {
    {DropCause::kRunt, "empty", 0, [](auto* b) { b->clear(); }},
    {DropCause::kEtherType, "ARP", 0, Set(13, 6)},
    {DropCause::kEtherType, "two tags", 0,
     [](auto* b) {
       const uint8_t tags[8] = {0x81, 0, 0, 1, 0x81, 0, 0, 2};
       b->insert(b->begin() + 12, tags, tags + 8);
     }},
    {DropCause::kEtherType, "service tag (802.1ad)", 0,
     [](auto* b) {
       const uint8_t tag[4] = {0x88, 0xa8, 0, 1};
       b->insert(b->begin() + 12, tag, tag + 4);
     }},
    {DropCause::kIpHeader, "version 6 in an IPv4 frame", 0, Set(14, 0x65)},
    {DropCause::kIpHeader, "IPv4 options", 0, Set(14, 0x46)},
    {DropCause::kIpHeader, "short IPv4 header", 0, Set(14, 0x44)},
    {DropCause::kIpHeader, "version 4 in an IPv6 frame", 1, Set(14, 0x40)},
    {DropCause::kFragment, "MF", 0, SetIp(6, 0x20)},
    {DropCause::kFragment, "offset, high part", 0, SetIp(6, 0x10)},
    {DropCause::kFragment, "offset, low part", 0, SetIp(7, 1)},
    {DropCause::kNone, "DF clear", 0, SetIp(6, 0)},
    {DropCause::kNone, "reserved flag", 0, SetIp(6, 0x80)},
    {DropCause::kFragment, "IPv6 fragment header", 1, Set(20, 44)},
    {DropCause::kNotUdp, "TCP", 0, SetIp(9, 6)},
    {DropCause::kNotUdp, "TCP in IPv6", 1, Set(20, 6)},
    {DropCause::kNotUdp, "IPv6 hop-by-hop options", 1, Set(20, 0)},
    {DropCause::kNotRoce, "port", 0, Set(37, 0)},
    {DropCause::kNotRoce, "port in IPv6", 1, Set(56, 0)},
    {DropCause::kIpChecksum, "checksum", 0, Set(24, 0)},
    {DropCause::kLength, "IPv4 length beyond the frame", 0,
     [](auto* b) {
       StoreBe16(b->data() + 16, LoadBe16(b->data() + 16) + 4);
       StoreBe16(b->data() + 38, LoadBe16(b->data() + 38) + 4);
       FixIpv4Checksum(b->data() + 14);
     }},
    {DropCause::kLength, "UDP length differs", 0, Set(39, 0x18)},
    {DropCause::kLength, "UDP length differs in IPv6", 1, Set(59, 0x28)},
    {DropCause::kLength, "IPv4 length zero", 0,
     [](auto* b) {
       StoreBe16(b->data() + 16, 0);
       FixIpv4Checksum(b->data() + 14);
     }},
    {DropCause::kLength, "UDP shorter than its header", 0,
     [](auto* b) {
       StoreBe16(b->data() + 16, 24);
       StoreBe16(b->data() + 38, 4);
       FixIpv4Checksum(b->data() + 14);
     }},
    {DropCause::kLength, "IPv6 length beyond the frame", 1,
     [](auto* b) {
       StoreBe16(b->data() + 18, LoadBe16(b->data() + 18) + 4);
       StoreBe16(b->data() + 58, LoadBe16(b->data() + 58) + 4);
     }},
    {DropCause::kTransportVersion, "TVer 1", 0, Set(43, 0x31)},
    {DropCause::kTransportVersion, "TVer comes before the opcode", 0,
     [](auto* b) {
       (*b)[42] = 0x1f;
       (*b)[43] = 1;
     }},
    {DropCause::kOpcode, "reserved opcode", 0, Set(42, 0x1f)},
    {DropCause::kOpcode, "RD", 0, Set(42, 0x44)},
    {DropCause::kOpcode, "manufacturer", 0, Set(42, 0xef)},
    {DropCause::kLength, "headers longer than the packet", 0, Set(42, 0x0b)},
    {DropCause::kPayload, "payload on a READ request", 1, Set(62, 0x0c)},
    {DropCause::kNone, "P_Key is not judged", 0, Set(44, 0x12)},
    {DropCause::kNone, "Ethernet padding", 0, [](auto* b) { b->resize(b->size() + 9); }},
};

TEST(ParseFrameTest, EachCauseByName) {
  for (const Damage& c : kDamages) {
    std::vector<uint8_t> b = kGoldenFrames[c.frame].bytes();
    c.damage(&b);
    const ExactCopy copy(b);
    EXPECT_STREQ(NameOf(Parse(copy.span())), NameOf(c.want)) << c.what;
  }
}

TEST(DropCauseTest, EveryCauseHasItsOwnName) {
  std::set<std::string> names;
  for (size_t i = 0; i < kDropCauses; ++i) names.insert(NameOf(static_cast<DropCause>(i)));
  EXPECT_EQ(names.size(), kDropCauses);
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_STREQ(NameOf(static_cast<DropCause>(kDropCauses)), "unknown");
}

// The checksum that RFC 768 and RFC 8200 ask for, from its definition over a linear buffer.
uint16_t UdpChecksum(const FrameView& v) {
  std::vector<uint8_t> b;
  const uint8_t* address = v.l3 + (v.ipv6 ? 8 : 12);
  b.insert(b.end(), address, address + (v.ipv6 ? 32 : 8));
  const uint16_t length = static_cast<uint16_t>(v.transport_bytes + 8);
  const uint8_t rest[4] = {0, 17, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
  b.insert(b.end(), rest, rest + 4);
  b.insert(b.end(), v.udp(), v.udp() + length);
  return InternetChecksum(b.data(), b.size());
}

TEST(UdpChecksumTest, RightWrongAbsentAndInPieces) {
  for (const bool ipv6 : {false, true}) {
    auto b = BuildFrame(TestPath(ipv6, false), Bth{.opcode = Opcode::kRcSendOnly}, 100);
    b.resize(b.size() + 5, 0xee);  // Ethernet padding does not count
    FrameView v;
    ASSERT_EQ(Parse(b, &v), DropCause::kNone);
    EXPECT_EQ(CheckUdpChecksum(v, b), DropCause::kNone) << "0: none";
    uint8_t* field = b.data() + (v.udp() - v.frame) + 6;
    StoreBe16(field, UdpChecksum(v));
    EXPECT_EQ(CheckUdpChecksum(v, b), DropCause::kNone);
    for (size_t cut = v.header_bytes; cut <= b.size(); ++cut) {
      const auto head = std::span<const uint8_t>(b).first(cut);
      const size_t half = (b.size() - cut) / 2;
      const ByteRun rest[] = {{b.data() + cut, half},
                              {b.data() + cut + half, b.size() - cut - half}};
      EXPECT_EQ(CheckUdpChecksum(v, head, rest), DropCause::kNone) << cut;
    }
    EXPECT_EQ(CheckUdpChecksum(v, std::span<const uint8_t>(b).first(v.header_bytes)),
              DropCause::kUdpChecksum)
        << "bytes are missing";
    StoreBe16(field, static_cast<uint16_t>(LoadBe16(field) + 1));
    EXPECT_EQ(CheckUdpChecksum(v, b), DropCause::kUdpChecksum);
  }
}

}  // namespace
}  // namespace sluice::wire
