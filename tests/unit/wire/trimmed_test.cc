#include "wire/trimmed.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/be.h"
#include "frames.h"
#include "support/cut_frame.h"

namespace sluice::wire {
namespace {

using test::CutFrame;

std::vector<uint8_t> Whole(bool ipv6, bool tagged, Opcode opcode, size_t payload = 1024) {
  Bth bth;
  bth.opcode = opcode;
  bth.psn = Psn(0x123456);
  bth.dest_qpn = 0x0abcde;
  bth.ack_request = true;
  bth.pad_count = static_cast<uint8_t>((4 - payload % 4) % 4);
  return BuildFrame(TestPath(ipv6, tagged), bth, payload);
}

bool Parse(const std::vector<uint8_t>& bytes, FrameView* v) {
  const ExactCopy copy(bytes);
  EXPECT_EQ(ParseFrame(copy.span(), static_cast<uint32_t>(bytes.size()), v), DropCause::kLength);
  return ParseTrimmed(bytes, static_cast<uint32_t>(bytes.size()), v);
}

// At every length that leaves the header `data`, of every opcode with payload, the frame is refused
// by the parser of whole ones and recognised here, and tells what it was.
TEST(TrimmedTest, EveryLengthThatLeavesTheHeaders) {
  for (const bool ipv6 : {false, true}) {
    for (const bool tagged : {false, true}) {
      for (const Opcode opcode :
           {Opcode::kXtSend, Opcode::kXtSendImm, Opcode::kXtWrite, Opcode::kXtWriteImm,
            Opcode::kXtSendInvalidate, Opcode::kXtReadResponse, WithShim(Opcode::kXtWrite)}) {
        const std::vector<uint8_t> whole = Whole(ipv6, tagged, opcode, 1021);
        FrameView was;
        ASSERT_EQ(ParseFrame(whole, static_cast<uint32_t>(whole.size()), &was), DropCause::kNone);
        const size_t l3 = tagged ? 18 : 14;
        const size_t least = l3 + (ipv6 ? 40 : 20) + 8 + 12 + 24;
        EXPECT_LE(least, kLeastTrimmed + kVlanTagBytes);
        for (size_t size = least; size < whole.size(); size += size < 300 ? 1 : 97) {
          SCOPED_TRACE(size);
          FrameView v;
          const std::vector<uint8_t> cut = CutFrame(whole, size);
          ASSERT_TRUE(Parse(cut, &v));
          EXPECT_EQ(v.opcode, opcode);
          EXPECT_EQ(v.psn, was.psn);
          EXPECT_EQ(v.dest_qpn, was.dest_qpn);
          EXPECT_EQ(v.pkey, was.pkey);
          EXPECT_EQ(v.payload_length, was.payload_length);
          EXPECT_EQ(v.header_bytes, was.header_bytes);
          EXPECT_EQ(v.ipv6, ipv6);
          EXPECT_EQ(v.source(), was.source());
          EXPECT_EQ(v.extended_data(), was.extended_data());
        }
        FrameView v;
        EXPECT_FALSE(Parse(CutFrame(whole, least - 1), &v));
      }
    }
  }
}

// A switch may pad the rest, and may leave the IP length as it was: then the frame is too short for
// both.
TEST(TrimmedTest, PaddedOrWithTheOldIpLength) {
  std::vector<uint8_t> cut = CutFrame(Whole(false, false, Opcode::kXtWrite), 96);
  FrameView v;
  cut.resize(128);
  EXPECT_TRUE(Parse(cut, &v));
  cut.resize(96);
  StoreBe16(cut.data() + 16, 20 + 8 + 12 + 36 + 1024 + 4);
  FixIpv4Checksum(cut.data() + 14);
  EXPECT_TRUE(Parse(cut, &v));
}

TEST(TrimmedTest, AnythingElseIsNone) {
  const std::vector<uint8_t> good = CutFrame(Whole(false, false, Opcode::kXtWrite), 96);
  FrameView v;
  ASSERT_TRUE(Parse(good, &v));
  struct Case {
    const char* what;
    std::function<void(uint8_t* ip)> spoil;
  };
  const Case cases[] = {
      {"another codepoint", [](uint8_t* ip) { ip[1] ^= 4; }},
      {"IP options", [](uint8_t* ip) { ip[0] = 0x46; }},
      {"a fragment", [](uint8_t* ip) { ip[6] ^= 0x20; }},
      {"TCP", [](uint8_t* ip) { ip[9] = 6; }},
      {"another port", [](uint8_t* ip) { ip[23] ^= 1; }},
      {"a UDP length below its header", [](uint8_t* ip) { StoreBe16(ip + 24, 7); }},
      {"a UDP length that no packet has", [](uint8_t* ip) { ip[25] ^= 2; }},
      {"another transport version", [](uint8_t* ip) { ip[29] ^= 1; }},
      {"RC, which cannot be told of it",
       [](uint8_t* ip) { ip[28] = static_cast<uint8_t>(Opcode::kRcWriteOnly); }},
      {"no payload", [](uint8_t* ip) { ip[28] = static_cast<uint8_t>(Opcode::kXtRead); }},
      {"an acknowledgement", [](uint8_t* ip) { ip[28] = static_cast<uint8_t>(Opcode::kXtAck); }},
      {"an unknown opcode", [](uint8_t* ip) { ip[28] = 0xcf; }},
  };
  for (const Case& c : cases) {
    std::vector<uint8_t> bytes = good;
    c.spoil(bytes.data() + 14);
    FixIpv4Checksum(bytes.data() + 14);
    EXPECT_FALSE(ParseTrimmed(bytes, 96, &v)) << c.what;
  }
  std::vector<uint8_t> bytes = good;
  bytes[14 + 10] ^= 1;
  EXPECT_FALSE(ParseTrimmed(bytes, 96, &v)) << "the checksum";
}

// Whatever is there of it, nothing behind it is read.
TEST(TrimmedTest, EveryShorterSpan) {
  for (const bool ipv6 : {false, true}) {
    const std::vector<uint8_t> cut = CutFrame(Whole(ipv6, true, Opcode::kXtWrite), 140);
    for (size_t n = 0; n < cut.size(); ++n) {
      const ExactCopy copy({cut.data(), n});
      FrameView v;
      EXPECT_EQ(ParseTrimmed(copy.span(), 140, &v), n >= (ipv6 ? 102u : 82u)) << n;
    }
  }
}

// A frame whose UDP length is shorter than what is there was never cut: its lengths are wrong.
TEST(HostileXtTrim, WhatIsAllThereWasNotCut) {
  std::vector<uint8_t> bytes = CutFrame(Whole(false, false, Opcode::kXtWrite, 64), 14 + 160);
  StoreBe16(bytes.data() + 14 + 24, 8 + 12 + 36 + 64 + 4);
  FrameView v;
  EXPECT_FALSE(Parse(bytes, &v));
}

}  // namespace
}  // namespace sluice::wire
