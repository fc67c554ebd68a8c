#include "pcap/verify.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/pcap/capture_files.h"

namespace sluice::pcap {
namespace {

bool GoOn(double) { return true; }

using Numbers = std::vector<uint64_t>;

// The README of the captures names the three frames that are no good.
TEST(VerifyFile, GoldenCapturesAreCleanButForThreeFrames) {
  for (const std::string& path : AllGolden()) {
    const absl::StatusOr<FileVerdict> v = VerifyFile(path, GoOn);
    ASSERT_TRUE(v.ok()) << v.status();
    const bool bad_icrc = path == Golden("fault_rc_send_badicrc_v4");
    const bool reserved =
        path == Golden("inj_unsupported_opcode_v4") || path == Golden("inj_tver_1_v4");
    EXPECT_EQ(v->icrc_bad, bad_icrc ? Numbers{9} : Numbers{}) << path;
    EXPECT_EQ(v->undecoded, reserved ? Numbers{11} : Numbers{}) << path;
    EXPECT_EQ(v->reencode_diff, Numbers{}) << path;
    EXPECT_EQ(v->cut, Numbers{}) << path;
    EXPECT_EQ(v->differs(), bad_icrc) << path;
    EXPECT_EQ(v->remarks.size(), bad_icrc || reserved ? 1u : 0u) << path;
    EXPECT_TRUE(v->complete);
  }
}

TEST(VerifyFile, StopsWhenAsked) {
  int asked = 0;
  const absl::StatusOr<FileVerdict> v =
      VerifyFile(Golden("x_rc_write_300KB_mtu1024_v4"), [&](double fraction) {
        EXPECT_GT(fraction, 0.0);
        EXPECT_LE(fraction, 1.0);
        ++asked;
        return false;
      });
  ASSERT_TRUE(v.ok());
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(v->complete);
  EXPECT_LT(v->frames, 311u);
}

class VerifyFrameTest : public testing::TestWithParam<const char*> {
 protected:
  // The first RoCEv2 frame of a capture.
  static std::vector<uint8_t> FirstRoce(const std::string& name) {
    absl::StatusOr<Capture> capture = Capture::Open(Golden(name));
    CapturedFrame frame;
    while (*capture->Next(&frame)) {
      if (VerifyFrame(frame).roce) return {frame.bytes.begin(), frame.bytes.end()};
    }
    return {};
  }
  static CapturedFrame Whole(const std::vector<uint8_t>& bytes) {
    return {1, 0, static_cast<uint32_t>(bytes.size()), bytes};
  }
};

// Bits that the iCRC does not cover: MAC addresses; of IPv4 TOS, TTL and header checksum, of IPv6
// traffic class, flow label and hop limit; the UDP checksum; byte 4 of the BTH (annex A17.3.3).
bool Covered(bool ipv6, size_t at) {
  if (at < 12) return false;
  const size_t ip = 14, udp = ip + (ipv6 ? 40 : 20);
  if (!ipv6 && (at == ip + 1 || at == ip + 8 || at == ip + 10 || at == ip + 11)) return false;
  if (ipv6 && (at == ip + 1 || at == ip + 2 || at == ip + 3 || at == ip + 7)) return false;
  return at != udp + 6 && at != udp + 7 && at != udp + 12;
}

// Every single flipped bit: what the iCRC covers is found (or the frame is no RoCEv2 any more, or
// cannot be decoded), and whatever can be decoded is still re-encoded to the same bytes.
TEST_P(VerifyFrameTest, EveryFlippedBit) {
  const std::vector<uint8_t> good = FirstRoce(GetParam());
  ASSERT_FALSE(good.empty());
  const bool ipv6 = good[12] == 0x86;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::vector<uint8_t> bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const FrameVerdict v = VerifyFrame(Whole(bad));
    EXPECT_FALSE(v.reencode_diff) << "bit " << bit << ": " << v.remarks.back();
    // The high nibble of IPv6's second byte is covered with the version in the first only.
    if (Covered(ipv6, bit / 8) && !(ipv6 && bit / 8 == 14 && bit % 8 < 4)) {
      EXPECT_TRUE(v.icrc_bad || v.undecoded || !v.roce) << "bit " << bit;
    } else if (v.roce && !v.undecoded) {
      EXPECT_FALSE(v.icrc_bad) << "bit " << bit;
    }
  }
}

// A frame that claims to be whole but ends anywhere must not be read beyond its end.
TEST_P(VerifyFrameTest, EveryShorterFrame) {
  const std::vector<uint8_t> good = FirstRoce(GetParam());
  for (size_t length = 0; length < good.size(); ++length) {
    // Its own allocation, so that a sanitizer sees a read behind the end.
    const std::vector<uint8_t> part(good.begin(), good.begin() + static_cast<long>(length));
    const FrameVerdict whole = VerifyFrame(Whole(part));
    EXPECT_TRUE(whole.undecoded || whole.icrc_bad || !whole.roce) << length;
    CapturedFrame cut = Whole(part);
    cut.length = static_cast<uint32_t>(good.size());
    const FrameVerdict v = VerifyFrame(cut);
    EXPECT_EQ(v.cut, v.roce) << length;
    EXPECT_FALSE(v.differs());
    EXPECT_TRUE(v.cut || length < 62) << length;  // Ethernet, IPv6, UDP
  }
}

TEST_P(VerifyFrameTest, EthernetPaddingIsKept) {
  std::vector<uint8_t> padded = FirstRoce(GetParam());
  padded.insert(padded.end(), {1, 2, 3, 4, 5});
  const FrameVerdict v = VerifyFrame(Whole(padded));
  EXPECT_TRUE(v.roce);
  EXPECT_FALSE(v.undecoded || v.differs());
}

INSTANTIATE_TEST_SUITE_P(Captures, VerifyFrameTest,
                         testing::Values("rc_send_1B_v4", "rc_send_1B_v6", "rc_write_3B_v4",
                                         "rc_read_0B_v4", "rc_cswap_v6", "ud_send_imm_v4",
                                         "inj_cnp_to_requester_v4", "rc_send_inv_100B_v4"));

TEST(ToText, OneLineThenTheDifferences) {
  FileVerdict v;
  v.file = "a.pcap";
  v.frames = 10;
  v.roce = 4;
  EXPECT_EQ(ToText(v),
            "a.pcap: ok; 10 frames, 4 RoCEv2, 0 undecoded, 0 with a wrong iCRC, 0 re-encoded "
            "otherwise\n");
  v.icrc_bad = {3};
  v.remarks = {"frame 3: iCRC"};
  v.remarks_left_off = 7;
  const std::string text = ToText(v);
  EXPECT_NE(text.find("a.pcap: DIFFERS;"), std::string::npos);
  EXPECT_NE(text.find("\n  frame 3: iCRC\n  and 7 more"), std::string::npos);
}

TEST(ToJson, HasTheFieldsOfTheContract) {
  FileVerdict v;
  v.file = "a.pcap";
  v.frames = 2;
  v.roce = 1;
  v.undecoded = {2};
  EXPECT_EQ(ToJson(v).dump(),
            R"({"file":"a.pcap","frames":2,"roce":1,"undecoded":[2],"icrc_bad":[],)"
            R"("reencode_diff":[],"cut":[]})");
}

}  // namespace
}  // namespace sluice::pcap
