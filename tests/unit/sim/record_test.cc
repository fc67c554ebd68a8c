#include "sim/record.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/roce_frame.h"
#include "switch/headers.h"

namespace sluice::sim {
namespace {

TEST(RecordPool, LendsUpToItsLimit) {
  RecordPool pool(100, 300);
  EXPECT_EQ(pool.room(), 128u);
  std::vector<Record*> taken;
  while (Record* record = pool.Take()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(record) % 64, 0u);
    EXPECT_EQ(record->header, record->bytes());
    record->header[127] = 1;
    taken.push_back(record);
  }
  EXPECT_EQ(taken.size(), 300u);
  EXPECT_EQ(pool.in_use(), 300u);
  for (Record* record : taken) pool.Put(record);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(pool.Take(), taken.back());
  EXPECT_EQ(pool.allocated(), 300u);
}

TEST(RecordPool, TakesFreshBookkeeping) {
  RecordPool pool(64, 1);
  Record* record = pool.Take();
  record->lost = true;
  record->elided_length = 7;
  record->endpoint = 3;
  pool.Put(record);
  record = pool.Take();
  EXPECT_FALSE(record->lost);
  EXPECT_EQ(record->elided_length, 0u);
  EXPECT_EQ(record->endpoint, switching::kNoEndpoint);
}

TEST(TrafficOf, GoesByTheOpcodeOfRoce) {
  std::vector<uint8_t> frame(support::kRoceHeaderBytes);
  for (int opcode = 0; opcode < 256; ++opcode) {
    support::WriteRoceHeader({.opcode = static_cast<uint8_t>(opcode), .frame_length = 62},
                             frame.data());
    // XT_ACK, XT_SACK, those of responses and what tells of trimmed packets, 0xd0 to 0xd5, and the
    // same with telemetry.
    const bool extended = (opcode & 0xdc) == 0xd0 || (opcode & 0xde) == 0xd4;
    const Traffic expected = opcode == 0x11 || opcode == 0x12 || extended ? Traffic::kAck
                             : opcode == 0x81                             ? Traffic::kCnp
                                                                          : Traffic::kData;
    EXPECT_EQ(TrafficOf(frame, 14), expected) << opcode;
  }
}

TEST(TrafficOf, OtherFramesAreOther) {
  std::vector<uint8_t> frame(support::kRoceHeaderBytes);
  support::WriteRoceHeader({.frame_length = 62}, frame.data());
  EXPECT_EQ(TrafficOf(frame, 0), Traffic::kOther);
  for (size_t n = 34; n < frame.size(); ++n) {
    EXPECT_EQ(TrafficOf({frame.data(), n}, 14), Traffic::kOther) << n;
  }
  auto other = frame;
  other[37] ^= 1;  // UDP port 4790
  EXPECT_EQ(TrafficOf(other, 14), Traffic::kOther);
  other = frame;
  other[23] = 6;  // TCP
  EXPECT_EQ(TrafficOf(other, 14), Traffic::kOther);
  other = frame;
  other[14] = 0x4f;  // options up to beyond the span
  EXPECT_EQ(TrafficOf(other, 14), Traffic::kOther);
}

TEST(TrafficOf, ReadsIpv6) {
  std::vector<uint8_t> frame(14 + 40 + 8 + 12);
  frame[14] = 0x60;
  frame[20] = 17;
  StoreBe16(&frame[56], 4791);
  frame[62] = 0x11;
  EXPECT_EQ(TrafficOf(frame, 14), Traffic::kAck);
}

}  // namespace
}  // namespace sluice::sim
