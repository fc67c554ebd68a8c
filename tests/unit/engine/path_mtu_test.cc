// What routers say of connected queue pairs' packets: believed only if the packet is under way, and
// then no more than the name of a failure.
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/be.h"
#include "engine/control_plane.h"
#include "support/lone_end.h"
#include "verbs/cm.h"
#include "wire/ip_headers.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

constexpr uint32_t kPsn = 1000;  // of LoneEnd's first packet

struct Report {
  uint32_t ip_mtu = 600;  // 512 bytes of payload fit: 20 IP, 8 UDP, 12 BTH, 20 RETH, imm, 4 iCRC
  uint32_t dest_qpn = LoneEnd::kPeerQpn;
  uint32_t psn = kPsn;
  size_t quoted = 20;  // bytes behind the quoted IP header: UDP and BTH
  bool other_peer = false;
};

uint32_t Sum(std::vector<uint8_t> bytes) {
  if (bytes.size() % 2 != 0) bytes.push_back(0);
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) sum += LoadBe16(bytes.data() + i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// UDP and BTH of a packet of ours, as far as the router gives them back.
std::vector<uint8_t> Quote(const Report& r) {
  std::vector<uint8_t> q(20);
  StoreBe16(q.data() + 2, 4791);
  StoreBe24(q.data() + 8 + 5, r.dest_qpn);
  StoreBe24(q.data() + 8 + 9, r.psn);
  q.resize(r.quoted);
  return q;
}

// RFC 792: destination unreachable, fragmentation needed and DF set; RFC 1191 for the MTU.
std::vector<uint8_t> FrameV4(const Report& r) {
  const std::vector<uint8_t> quote = Quote(r);
  std::vector<uint8_t> f(14 + 20 + 8 + 20);
  wire::MacAddress::Parse("02:00:00:00:00:01")->Write(f.data());
  wire::MacAddress::Parse("02:00:00:00:00:fe")->Write(f.data() + 6);
  StoreBe16(f.data() + 12, 0x0800);
  wire::Ipv4Header ip;
  ip.total_length = static_cast<uint16_t>(f.size() - 14 + quote.size());
  ip.protocol = 1;
  ip.source = *wire::IpAddress::Parse("198.51.100.254");
  ip.destination = *wire::IpAddress::Parse("198.51.100.1");
  ip.Write(f.data() + 14);
  StoreBe16(f.data() + 24, wire::InternetChecksum(f.data() + 14, 20));
  f[34] = 3;
  f[35] = 4;
  StoreBe16(f.data() + 40, static_cast<uint16_t>(r.ip_mtu));
  ip.protocol = 17;
  ip.source = ip.destination;
  ip.destination = *wire::IpAddress::Parse(r.other_peer ? "198.51.100.3" : "198.51.100.2");
  ip.Write(f.data() + 42);
  f.insert(f.end(), quote.begin(), quote.end());
  StoreBe16(f.data() + 36, wire::InternetChecksum(f.data() + 34, f.size() - 34));
  return f;
}

// RFC 4443, 3.2.
std::vector<uint8_t> FrameV6(const Report& r) {
  const std::vector<uint8_t> quote = Quote(r);
  std::vector<uint8_t> icmp(8 + 40);
  icmp[0] = 2;
  StoreBe32(icmp.data() + 4, r.ip_mtu);
  wire::Ipv6Header ip;
  ip.next_header = 17;
  ip.source = *wire::IpAddress::Parse("2001:db8::1");
  ip.destination = *wire::IpAddress::Parse(r.other_peer ? "2001:db8::3" : "2001:db8::2");
  ip.Write(icmp.data() + 8);
  icmp.insert(icmp.end(), quote.begin(), quote.end());
  std::vector<uint8_t> f(14 + 40);
  wire::MacAddress::Parse("02:00:00:00:00:01")->Write(f.data());
  wire::MacAddress::Parse("02:00:00:00:00:fe")->Write(f.data() + 6);
  StoreBe16(f.data() + 12, 0x86dd);
  ip.next_header = 58;
  ip.payload_length = static_cast<uint16_t>(icmp.size());
  ip.destination = ip.source;
  ip.source = *wire::IpAddress::Parse("2001:db8::fe");
  ip.Write(f.data() + 14);
  std::vector<uint8_t> covered(f.begin() + 14 + 8, f.end());  // both addresses
  covered.resize(covered.size() + 8);
  StoreBe32(covered.data() + 32, static_cast<uint32_t>(icmp.size()));
  StoreBe32(covered.data() + 36, 58);
  covered.insert(covered.end(), icmp.begin(), icmp.end());
  StoreBe16(icmp.data() + 2, static_cast<uint16_t>(~Sum(covered)));
  f.insert(f.end(), icmp.begin(), icmp.end());
  return f;
}

class PathMtu : public testing::TestWithParam<bool> {
 protected:
  PathMtu() : end_(Options()) { EXPECT_TRUE(verbs::Answer(end_.device.get()).ok()); }
  static LoneEndOptions Options() {
    LoneEndOptions o;
    o.ipv6 = GetParam();
    o.connect.retry_count = 2;
    return o;
  }
  void Tell(const Report& r) {
    end_.fake.Inject(GetParam() ? FrameV6(r) : FrameV4(r));
    end_.Poll();
  }
  // The status with which the request completes if nobody answers any more.
  CompletionStatus Exhausted() {
    for (int i = 0; i < 20; ++i) {
      for (const auto& c : end_.Completions()) return c.status;
      end_.Wait(Duration::Milliseconds(2));
      end_.Poll();
    }
    ADD_FAILURE() << "it does not fail";
    return CompletionStatus::kSuccess;
  }
  uint8_t Code() {
    const auto peer = *wire::IpAddress::Parse(GetParam() ? "2001:db8::2" : "198.51.100.2");
    return end_.device->impl().engine.control()->MtuTo(end_.now(), peer);
  }

  LoneEnd end_;
};
INSTANTIATE_TEST_SUITE_P(Families, PathMtu, testing::Bool());

TEST_P(PathMtu, NamesTheCauseAndNarrowsTheNextConnection) {
  ASSERT_EQ(end_.Post(Opcode::kSend, 3000), PostResult::kOk);
  end_.Poll();
  Tell({.ip_mtu = 620, .psn = kPsn + 2});
  EXPECT_EQ(end_.Count("path_mtu_reports_total"), 1u);
  EXPECT_FALSE(end_.qp->in_error()) << "a report alone ends nothing";
  EXPECT_EQ(Code(), 2) << "512 bytes";
  EXPECT_EQ(Exhausted(), CompletionStatus::kPathMtuExceeded);
}

TEST_P(PathMtu, WhatIsAnsweredAllTheSameFits) {
  ASSERT_EQ(end_.Post(Opcode::kSend, 3000), PostResult::kOk);
  end_.Poll();
  Tell({});
  end_.Ack(kPsn);
  end_.Poll();
  EXPECT_EQ(Exhausted(), CompletionStatus::kRetryExceeded);
}

TEST_P(PathMtu, OnlyAPacketThatIsUnderWayCounts) {
  ASSERT_EQ(end_.Post(Opcode::kSend, 3000), PostResult::kOk);  // PSNs 1000 to 1002
  end_.Poll();
  const Report wrong[] = {{.psn = kPsn - 1},
                          {.psn = kPsn + 3},
                          {.dest_qpn = LoneEnd::kPeerQpn + 1},
                          {.other_peer = true},
                          {.quoted = 19}};  // after the four that are looked at at once
  for (const Report& r : wrong) {
    Tell(r);
    end_.Wait(Duration::Microseconds(1));
  }
  EXPECT_EQ(end_.Count("path_mtu_reports_total"), 0u);
  EXPECT_EQ(end_.Count("path_mtu_reports_ignored_total"), std::size(wrong));
  EXPECT_EQ(Code(), 3) << "a report that may be forged narrows to 1024 bytes, no further";
  EXPECT_EQ(Exhausted(), CompletionStatus::kRetryExceeded);
}

TEST_P(PathMtu, WhatNoLinkHasIsNotBelieved) {
  const uint32_t header = GetParam() ? 40 : 20;
  ASSERT_EQ(end_.Post(Opcode::kSend, 8), PostResult::kOk);
  end_.Poll();
  Tell({.ip_mtu = header + 44 + 255});
  EXPECT_EQ(end_.Count("path_mtu_reports_total"), 0u);
  EXPECT_EQ(Code(), 3);
  Tell({.ip_mtu = header + 44 + 256});
  EXPECT_EQ(end_.Count("path_mtu_reports_total"), 1u);
  EXPECT_EQ(Code(), 1);
}

TEST_P(PathMtu, AReportOfAPathThatIsWideEnoughNamesNoCause) {
  ASSERT_EQ(end_.Post(Opcode::kSend, 8), PostResult::kOk);
  end_.Poll();
  Tell({.ip_mtu = 1500});
  EXPECT_EQ(Exhausted(), CompletionStatus::kRetryExceeded);
}

TEST_P(PathMtu, AFloodIsLookedAtSlowly) {
  ASSERT_EQ(end_.Post(Opcode::kSend, 8), PostResult::kOk);
  end_.Poll();
  for (int i = 0; i < 1000; ++i) Tell({});
  EXPECT_EQ(end_.Count("path_mtu_reports_total"), 4u) << "at once; then 10 in a second";
  EXPECT_EQ(end_.Count("path_mtu_reports_ignored_total"), 996u);
  EXPECT_EQ(Code(), 2) << "what was believed is not widened by what was not looked at";
}

}  // namespace
}  // namespace sluice::test
