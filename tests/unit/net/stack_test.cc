// ARP, neighbour discovery, echo and "too big", over bytes. The golden frames were put together and
// summed by an independent program from RFC 826, 4861 and 1071.
#include "net/stack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/be.h"
#include "wire/ip_headers.h"

namespace sluice::net {
namespace {

using Bytes8 = std::vector<uint8_t>;

Bytes8 Hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes8 out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

constexpr wire::MacAddress kMacA{{0x52, 0x54, 0, 0, 0, 0x0a}};
constexpr wire::MacAddress kMacB{{0x52, 0x54, 0, 0, 0, 0x0b}};

// 198.51.100.1 asks for .2; .2 answers. Filled up to 60 bytes.
const char kArpRequest[] =
    "ffffffffffff52540000000a0806000108000604000152540000000ac6336401000000000000c6336402"
    "000000000000000000000000000000000000";
const char kArpReply[] =
    "52540000000a52540000000b0806000108000604000252540000000bc633640252540000000ac6336401"
    "000000000000000000000000000000000000";
const char kNs[] =
    "3333ff00000252540000000a86dd6000000000203afffd000051000000000000000000000001ff020000"
    "0000000000000001ff00000287002c9800000000fd000051000000000000000000000002010152540000000a";
const char kNa[] =
    "52540000000a52540000000b86dd6000000000203afffd000051000000000000000000000002fd000051"
    "0000000000000000000000018800cb4960000000fd000051000000000000000000000002020152540000000b";

Stack Make(const char* ip, const wire::MacAddress& mac) {
  StackConfig config;
  config.mac = mac;
  config.ip = *wire::IpAddress::Parse(ip);
  return Stack(config);
}

std::vector<Bytes8> Take(Stack* s) {
  std::vector<Bytes8> all;
  for (; !s->out().empty(); s->out().Pop()) {
    all.emplace_back(s->out().Front().begin(), s->out().Front().end());
  }
  return all;
}

wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

TEST(Arp, QuestionAnswerAndTheTable) {
  Stack a = Make("198.51.100.1", kMacA);
  Stack b = Make("198.51.100.2", kMacB);
  EXPECT_EQ(a.Resolve(Time(), Ip("198.51.100.2")).state, NeighbourState::kIncomplete);
  const auto asked = Take(&a);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0], Hex(kArpRequest));
  b.OnFrame(Time(), asked[0]);
  const auto answered = Take(&b);
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_EQ(answered[0], Hex(kArpReply));
  EXPECT_EQ(b.neighbours().size(), 0u) << "being asked makes no entry";
  a.OnFrame(Time(), answered[0]);
  EXPECT_EQ(a.Resolve(Time(), Ip("198.51.100.2")).state, NeighbourState::kReachable);
  EXPECT_EQ(a.Resolve(Time(), Ip("198.51.100.2")).mac, kMacB);
  EXPECT_TRUE(Take(&a).empty());
}

TEST(Arp, EveryByteOfTheFixedPartMatters) {
  for (size_t i = 14; i < 21; ++i) {
    for (int v = 0; v < 256; ++v) {
      Bytes8 f = Hex(kArpRequest);
      if (f[i] == v) continue;
      f[i] = static_cast<uint8_t>(v);
      Stack b = Make("198.51.100.2", kMacB);
      b.OnFrame(Time(), f);
      EXPECT_TRUE(Take(&b).empty()) << i << " " << v;
      EXPECT_EQ(b.count(NetCount::kMalformed), 1u);
    }
  }
}

TEST(Arp, RefusesConflictsGroupsAndOtherTargets) {
  Stack b = Make("198.51.100.2", kMacB);
  Bytes8 conflict = Hex(kArpRequest);
  conflict[31] = 2;
  b.OnFrame(Time(), conflict);
  EXPECT_EQ(b.count(NetCount::kAddressConflict), 1u);
  Bytes8 group = Hex(kArpRequest);
  group[22] |= 1;
  b.OnFrame(Time(), group);
  EXPECT_EQ(b.count(NetCount::kMalformed), 1u);
  Bytes8 other = Hex(kArpRequest);
  other[41] = 3;
  b.OnFrame(Time(), other);
  Bytes8 not_to_us = Hex(kArpRequest);
  not_to_us[0] = 2;
  b.OnFrame(Time(), not_to_us);
  EXPECT_EQ(b.count(NetCount::kOther), 1u);
  EXPECT_TRUE(Take(&b).empty());
  Bytes8 probe = Hex(kArpRequest);  // RFC 5227: is .2 free?
  std::fill(probe.begin() + 28, probe.begin() + 32, 0);
  b.OnFrame(Time(), probe);
  EXPECT_EQ(Take(&b).size(), 1u);
}

TEST(NeighbourDiscovery, SolicitationAndAdvertisement) {
  Stack a = Make("fd00:51::1", kMacA);
  Stack b = Make("fd00:51::2", kMacB);
  a.Resolve(Time(), Ip("fd00:51::2"));
  const auto asked = Take(&a);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0], Hex(kNs));
  b.OnFrame(Time(), asked[0]);
  const auto answered = Take(&b);
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_EQ(answered[0], Hex(kNa));
  EXPECT_EQ(b.neighbours().size(), 0u);
  a.OnFrame(Time(), answered[0]);
  EXPECT_EQ(a.Resolve(Time(), Ip("fd00:51::2")).mac, kMacB);
}

// Writes the checksum anew, so that the check behind it is the one that is seen.
Bytes8 Resum(Bytes8 f) {
  StoreBe16(f.data() + 56, 0);
  Bytes8 pseudo(f.begin() + 22, f.begin() + 54);
  const auto n = static_cast<uint32_t>(f.size() - 54);
  for (const uint32_t v : {n >> 24, n >> 16, n >> 8, n, 0u, 0u, 0u, 58u}) {
    pseudo.push_back(static_cast<uint8_t>(v));
  }
  pseudo.insert(pseudo.end(), f.begin() + 54, f.end());
  StoreBe16(f.data() + 56, wire::InternetChecksum(pseudo.data(), pseudo.size()));
  return f;
}

TEST(NeighbourDiscovery, OnlyFromTheLinkAndWithRightSums) {
  for (int hop = 0; hop < 256; ++hop) {
    Stack b = Make("fd00:51::2", kMacB);
    Bytes8 f = Hex(kNs);
    f[21] = static_cast<uint8_t>(hop);
    b.OnFrame(Time(), f);
    EXPECT_EQ(Take(&b).size(), hop == 255 ? 1u : 0u) << hop;
    EXPECT_EQ(b.count(NetCount::kHopLimit), hop == 255 ? 0u : 1u);
  }
  for (size_t bit = 22 * 8; bit < Hex(kNs).size() * 8; ++bit) {
    Stack b = Make("fd00:51::2", kMacB);
    Bytes8 f = Hex(kNs);
    f[bit / 8] = static_cast<uint8_t>(f[bit / 8] ^ 0x80 >> bit % 8);
    b.OnFrame(Time(), f);
    EXPECT_TRUE(Take(&b).empty()) << "flipped bit " << bit;
  }
}

TEST(NeighbourDiscovery, RulesOfASolicitation) {
  const auto answers = [](const Bytes8& f) {
    Stack b = Make("fd00:51::2", kMacB);
    b.OnFrame(Time(), f);
    return Take(&b);
  };
  ASSERT_EQ(answers(Resum(Hex(kNs))).size(), 1u);
  Bytes8 code = Hex(kNs);
  code[55] = 1;
  EXPECT_TRUE(answers(Resum(code)).empty());
  Bytes8 empty_option = Hex(kNs);
  empty_option[79] = 0;
  EXPECT_TRUE(answers(Resum(empty_option)).empty());
  Bytes8 long_option = Hex(kNs);
  long_option[79] = 2;
  EXPECT_TRUE(answers(Resum(long_option)).empty());
  Bytes8 group_link = Hex(kNs);
  group_link[80] |= 1;
  EXPECT_TRUE(answers(Resum(group_link)).empty());
  // Duplicate address detection: source ::, which must not name a link, to the group; the answer
  // goes to all nodes.
  Bytes8 nobody = Hex(kNs);
  std::fill(nobody.begin() + 22, nobody.begin() + 38, 0);
  EXPECT_TRUE(answers(Resum(nobody)).empty());
  nobody.resize(78);
  StoreBe16(nobody.data() + 18, 24);
  const auto defence = answers(Resum(nobody));
  ASSERT_EQ(defence.size(), 1u);
  EXPECT_EQ(wire::MacAddress::Read(defence[0].data()).ToString(), "33:33:00:00:00:01");
  EXPECT_EQ(defence[0][58], 0x20) << "override, not solicited";
}

TEST(NeighbourDiscovery, AdvertisementsThatNobodyAskedForTeachNothing) {
  Stack a = Make("fd00:51::1", kMacA);
  a.OnFrame(Time(), Hex(kNa));
  EXPECT_EQ(a.neighbours().size(), 0u);
  Bytes8 conflict = Hex(kNa);
  conflict[77] = 1;
  a.OnFrame(Time(), Resum(conflict));
  EXPECT_EQ(a.count(NetCount::kAddressConflict), 1u);
}

Bytes8 PingV4(size_t payload) {
  Bytes8 f(14 + 20 + 8 + payload);
  kMacB.Write(f.data());
  kMacA.Write(f.data() + 6);
  StoreBe16(f.data() + 12, 0x0800);
  wire::Ipv4Header ip;
  ip.total_length = static_cast<uint16_t>(f.size() - 14);
  ip.protocol = 1;
  ip.identification = 77;
  ip.source = Ip("198.51.100.1");
  ip.destination = Ip("198.51.100.2");
  ip.Write(f.data() + 14);
  StoreBe16(f.data() + 24, wire::InternetChecksum(f.data() + 14, 20));
  f[34] = 8;
  for (size_t i = 38; i < f.size(); ++i) f[i] = static_cast<uint8_t>(i);
  StoreBe16(f.data() + 36, wire::InternetChecksum(f.data() + 34, f.size() - 34));
  return f;
}

TEST(Icmp, EchoOfEveryLengthThatFits) {
  for (size_t n = 0; n <= 1480; ++n) {
    Stack b = Make("198.51.100.2", kMacB);
    const Bytes8 ping = PingV4(n);
    b.OnFrame(Time(), ping);
    const auto out = Take(&b);
    ASSERT_EQ(out.size(), n <= 1472 ? 1u : 0u) << n;
    if (out.empty()) continue;
    const Bytes8& pong = out[0];
    ASSERT_EQ(pong.size(), ping.size());
    EXPECT_EQ(wire::MacAddress::Read(pong.data()), kMacA);
    EXPECT_EQ(wire::InternetChecksum(pong.data() + 14, 20), 0);
    EXPECT_EQ(wire::InternetChecksum(pong.data() + 34, pong.size() - 34), 0);
    EXPECT_EQ(pong[34], 0);
    EXPECT_EQ(wire::IpAddress::ReadV4(pong.data() + 30), Ip("198.51.100.1"));
    EXPECT_TRUE(std::equal(pong.begin() + 38, pong.end(), ping.begin() + 38));
  }
}

TEST(Icmp, EchoV6) {
  Stack b = Make("fd00:51::2", kMacB);
  Bytes8 f = Hex(kNs);
  kMacB.Write(f.data());
  Ip("fd00:51::2").Write(f.data() + 38);
  f[54] = 128;
  f[21] = 3;
  b.OnFrame(Time(), Resum(f));
  const auto out = Take(&b);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0][54], 129);
  EXPECT_EQ(out[0], Resum(out[0]));
  EXPECT_TRUE(std::equal(out[0].begin() + 58, out[0].end(), f.begin() + 58));
}

TEST(Icmp, AnswersAreLimitedInRateAndRoom) {
  StackConfig config;
  config.mac = kMacB;
  config.ip = Ip("198.51.100.2");
  config.answers_per_second = 1000;
  config.answers_at_once = 4;
  config.queued_frames = 3;
  Stack b(config);
  for (int i = 0; i < 10; ++i) b.OnFrame(Time(), PingV4(8));
  EXPECT_EQ(Take(&b).size(), 3u);
  EXPECT_EQ(b.count(NetCount::kQueueFull), 1u);
  EXPECT_EQ(b.count(NetCount::kRateLimited), 6u);
  b.OnFrame(Time() + Duration::Microseconds(999), PingV4(8));
  EXPECT_TRUE(Take(&b).empty());
  b.OnFrame(Time() + Duration::Milliseconds(1), PingV4(8));
  EXPECT_EQ(Take(&b).size(), 1u);
  // However long it was quiet, not more than the burst.
  for (int i = 0; i < 10; ++i) {
    b.OnFrame(Time() + Duration::Seconds(100), PingV4(8));
    b.out().Pop();
    if (b.out().empty()) b.OnFrame(Time() + Duration::Seconds(100), Hex(kArpRequest));
  }
  EXPECT_EQ(b.count(NetCount::kEchoAnswered) + b.count(NetCount::kArpAnswered), 3u + 1u + 4u);
}

TEST(Icmp, NoEchoToGroupsFragmentsOrBadSums) {
  const auto silent = [](Bytes8 f, bool resum) {
    if (resum) {
      StoreBe16(f.data() + 24, 0);
      StoreBe16(f.data() + 24, wire::InternetChecksum(f.data() + 14, 20));
    }
    Stack b = Make("198.51.100.2", kMacB);
    b.OnFrame(Time(), f);
    return Take(&b).empty();
  };
  EXPECT_FALSE(silent(PingV4(8), true));
  Bytes8 f = PingV4(8);
  f[26] = 224;
  EXPECT_TRUE(silent(f, true)) << "multicast source";
  f = PingV4(8);
  f[20] = 0x20;
  EXPECT_TRUE(silent(f, true)) << "fragment";
  f = PingV4(8);
  f[24] ^= 1;
  EXPECT_TRUE(silent(f, false)) << "header checksum";
  f = PingV4(8);
  f[45] ^= 1;
  EXPECT_TRUE(silent(f, true)) << "ICMP checksum";
  f = PingV4(8);
  f[33] = 255;
  EXPECT_TRUE(silent(f, true)) << "another destination";
  f = PingV4(8);
  f[17] = 200;
  EXPECT_TRUE(silent(f, true)) << "length beyond the frame";
}

// A router at .254 gives back the first `kept` bytes behind the IP header of our packet to .2.
Bytes8 TooBigV4(size_t kept, uint16_t mtu) {
  Bytes8 f(14 + 20 + 8 + 20 + kept);
  kMacA.Write(f.data());
  kMacB.Write(f.data() + 6);
  StoreBe16(f.data() + 12, 0x0800);
  wire::Ipv4Header ip;
  ip.total_length = static_cast<uint16_t>(f.size() - 14);
  ip.protocol = 1;
  ip.source = Ip("198.51.100.254");
  ip.destination = Ip("198.51.100.1");
  ip.Write(f.data() + 14);
  StoreBe16(f.data() + 24, wire::InternetChecksum(f.data() + 14, 20));
  f[34] = 3;
  f[35] = 4;
  StoreBe16(f.data() + 40, mtu);
  ip.protocol = 17;
  ip.source = Ip("198.51.100.1");
  ip.destination = Ip("198.51.100.2");
  ip.Write(f.data() + 42);
  if (kept >= 4) StoreBe16(f.data() + 64, 4791);
  if (kept >= 16) StoreBe24(f.data() + 62 + 13, 0x12345);
  if (kept >= 20) StoreBe24(f.data() + 62 + 17, 0xabcdef);
  StoreBe16(f.data() + 36, wire::InternetChecksum(f.data() + 34, f.size() - 34));
  return f;
}

TEST(Icmp, TooBigIsReportedWhenItCanBeOurs) {
  for (size_t kept = 0; kept <= 20; ++kept) {
    Stack a = Make("198.51.100.1", kMacA);
    a.OnFrame(Time(), TooBigV4(kept, 1400));
    TooBig report;
    ASSERT_EQ(a.TakeTooBig(&report), kept >= 8) << kept;
    if (kept < 8) continue;
    EXPECT_EQ(report.peer, Ip("198.51.100.2"));
    EXPECT_EQ(report.ip_mtu, 1400u);
    EXPECT_EQ(report.dest_qpn, kept >= 16 ? 0x12345u : 0u);
    EXPECT_EQ(report.psn, kept >= 20 ? std::optional<uint32_t>(0xabcdef) : std::nullopt);
    EXPECT_FALSE(a.TakeTooBig(&report));
  }
  Stack foreign = Make("198.51.100.1", kMacA);
  Bytes8 f = TooBigV4(16, 1400);
  StoreBe16(f.data() + 64, 53);
  StoreBe16(f.data() + 36, 0);
  StoreBe16(f.data() + 36, wire::InternetChecksum(f.data() + 34, f.size() - 34));
  foreign.OnFrame(Time(), f);
  EXPECT_EQ(foreign.count(NetCount::kTooBigForeign), 1u);
}

TEST(Icmp, TooBigReportsAreBoundedAndInOrder) {
  Stack a = Make("198.51.100.1", kMacA);
  for (uint16_t i = 0; i < 20; ++i) a.OnFrame(Time(), TooBigV4(8, static_cast<uint16_t>(1000 + i)));
  TooBig report;
  for (uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(a.TakeTooBig(&report));
    EXPECT_EQ(report.ip_mtu, 1000 + i);
  }
  EXPECT_FALSE(a.TakeTooBig(&report));
}

TEST(Stack, AnyTruncationOfAnyFrameIsHarmless) {
  for (const bool v6 : {false, true}) {
    for (const Bytes8& f :
         {Hex(kArpRequest), Hex(kArpReply), Hex(kNs), Hex(kNa), PingV4(20), TooBigV4(16, 1400)}) {
      for (size_t n = 0; n < f.size(); ++n) {
        Stack s = v6 ? Make("fd00:51::2", kMacB) : Make("198.51.100.2", kMacB);
        // In a block of its own size, so that a sanitizer sees the first byte too many.
        const Bytes8 part(f.begin(), f.begin() + static_cast<ptrdiff_t>(n));
        s.OnFrame(Time(), part);
        const bool arp_without_filling = f[13] == 6 && n >= 42 && !v6;
        if (arp_without_filling) continue;
        EXPECT_TRUE(Take(&s).empty()) << n;
      }
    }
  }
}

TEST(Stack, AddressesThatNoQuestionCanFind) {
  Stack a = Make("198.51.100.1", kMacA);
  for (const char* ip : {"fd00:51::2", "0.0.0.0", "255.255.255.255", "224.0.0.1"}) {
    EXPECT_EQ(a.Resolve(Time(), Ip(ip)).state, NeighbourState::kFailed) << ip;
  }
  EXPECT_TRUE(Take(&a).empty());
  EXPECT_EQ(a.Resolve(Time(), Ip("198.51.100.1")).mac, kMacA) << "ourselves";
  EXPECT_EQ(a.neighbours().size(), 0u);
}

TEST(Stack, CountsHaveNames) {
  EXPECT_STREQ(NameOf(NetCount::kArpAnswered), "arp_answered");
  EXPECT_STREQ(NameOf(NetCount::kEchoAnswered), "echo_answered");
  EXPECT_STREQ(NameOf(NetCount::kHopLimit), "hop_limit");
  EXPECT_STREQ(NameOf(NetCount::kQueueFull), "queue_full");
}

}  // namespace
}  // namespace sluice::net
