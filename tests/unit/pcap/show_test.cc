#include "pcap/show.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/pcap/capture_files.h"

namespace sluice::pcap {
namespace {

std::vector<Packet> PacketsOf(const std::string& name) {
  std::vector<Packet> packets;
  absl::StatusOr<Capture> capture = Capture::Open(Golden(name));
  CapturedFrame frame;
  while (*capture->Next(&frame)) {
    if (std::optional<Packet> p = ReadPacket(frame)) packets.push_back(*std::move(p));
  }
  return packets;
}

// The command was `rxv -o write -z 3 -n 2`: two WRITEs of 3 bytes, two ACKs with MSN 1 and 2.
TEST(Show, JsonOfAWriteAndItsAck) {
  const std::vector<Packet> packets = PacketsOf("rc_write_3B_v4");
  ASSERT_EQ(packets.size(), 4u);
  const cli::Json write = ToJson(packets[0]);
  EXPECT_EQ(write["opcode"], "RC_WRITE_ONLY");
  EXPECT_EQ(write["source"], "198.51.100.1");
  EXPECT_EQ(write["destination"], "198.51.100.2");
  EXPECT_EQ(write["qpn"], 22);
  EXPECT_EQ(write["ackreq"], true);
  EXPECT_EQ(write["ecn"], 0);
  EXPECT_EQ(write["aeth"], nullptr);
  EXPECT_EQ(write["reth"]["length_bytes"], 3);
  EXPECT_EQ(write["payload_bytes"], 3);
  EXPECT_EQ(write["length_bytes"], 14 + 20 + 8 + 12 + 16 + 3 + 1 + 4);
  EXPECT_EQ(write["icrc_ok"], true);
  EXPECT_FALSE(write.contains("undecoded"));
  const cli::Json ack = ToJson(packets[3]);
  EXPECT_EQ(ack["opcode"], "RC_ACKNOWLEDGE");
  EXPECT_EQ(ack["aeth"], cli::Json::parse(R"({"syndrome": 31, "kind": "ack", "msn": 2})"));
  EXPECT_EQ(ack["reth"], nullptr);
}

TEST(Show, KeysOfAPacketAreAlwaysTheSame) {
  for (const char* name : {"rc_send_1B_v4", "rc_read_10KB_mtu1024_v6", "inj_tver_1_v4"}) {
    for (const Packet& p : PacketsOf(name)) {
      const cli::Json j = ToJson(p);
      for (const char* key :
           {"frame", "time_ns", "length_bytes", "source", "destination", "opcode", "qpn", "psn",
            "ackreq", "ecn", "aeth", "reth", "payload_bytes", "icrc_ok"}) {
        EXPECT_TRUE(j.contains(key)) << key;
      }
    }
  }
}

TEST(Show, RareHeaders) {
  const cli::Json swap = ToJson(PacketsOf("rc_cswap_v6")[2]);
  EXPECT_EQ(swap["opcode"], "RC_COMPARE_SWAP");
  EXPECT_EQ(swap["atomic_eth"]["compare"], 0x1122334455667788u);
  const cli::Json reply = ToJson(PacketsOf("rc_cswap_v6")[3]);
  EXPECT_EQ(reply["atomic_ack_eth"]["original"], 0x1122334455667788u);
  EXPECT_TRUE(ToJson(PacketsOf("ud_send_imm_v4")[0]).contains("imm"));
  EXPECT_EQ(ToJson(PacketsOf("ud_wrong_qkey_v4")[0])["deth"]["qkey"], 0x22222222);
  EXPECT_TRUE(ToJson(PacketsOf("rc_send_inv_100B_v4")[0]).contains("ieth"));
}

TEST(Show, UndecodedSaysWhyAndStillShowsTheTransportHeader) {
  int undecoded = 0;
  for (const Packet& p : PacketsOf("inj_unsupported_opcode_v4")) {
    const cli::Json j = ToJson(p);
    if (!j.contains("undecoded")) continue;
    ++undecoded;
    EXPECT_EQ(j["undecoded"], "opcode");
    EXPECT_EQ(j["opcode"], "RESERVED_0x1f");
    EXPECT_EQ(j["icrc_ok"], true);
  }
  EXPECT_EQ(undecoded, 1);
}

TEST(Show, MarksAreVisible) {
  bool ce = false, becn = false, bad = false;
  LineWriter lines;
  for (const Packet& p : PacketsOf("inj_ce_marked_v4")) {
    ce |= lines.Line(p).find(" ce ") != std::string::npos;
  }
  for (const Packet& p : PacketsOf("inj_becn_bit_v4")) {
    becn |= lines.Line(p).find(" becn") != std::string::npos;
  }
  for (const Packet& p : PacketsOf("fault_rc_send_badicrc_v4")) {
    bad |= lines.Line(p).find("icrc=BAD") != std::string::npos;
  }
  EXPECT_TRUE(ce);
  EXPECT_TRUE(becn);
  EXPECT_TRUE(bad);
}

TEST(Show, LinesStandInColumns) {
  LineWriter lines;
  size_t column = 0;
  for (const Packet& p : PacketsOf("rc_write_10KB_mtu1024_v4")) {
    const std::string line = lines.Line(p);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const size_t here = line.find("icrc=");
    if (column == 0) column = here;
    EXPECT_EQ(here, column) << line;
  }
}

TEST(Show, ACutPacketIsReported) {
  absl::StatusOr<Capture> capture = Capture::Open(Golden("rc_send_1024B_mtu1024_v4"));
  CapturedFrame frame;
  std::optional<Packet> packet;
  while (!packet && *capture->Next(&frame)) {
    if (frame.length > 1000) {
      frame.bytes = frame.bytes.first(70);
      packet = ReadPacket(frame);
    }
  }
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(ToJson(*packet)["undecoded"], "cut to 70 of 1082 bytes by the capture");
  EXPECT_NE(LineWriter().Line(*packet).find("cut to 70"), std::string::npos);
}

}  // namespace
}  // namespace sluice::pcap
