#include "switch/trim.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "switch/headers.h"
#include "switch/output_queues.h"
#include "wire/header_template.h"
#include "wire/trimmed.h"

namespace sluice::switching {
namespace {

using wire::Opcode;

// A frame of `length` bytes, of which the record carries the headers, as in the simulator, or all.
struct Frame {
  explicit Frame(Opcode opcode, uint32_t length = 1114, bool ipv6 = false, bool carried = false,
                 uint32_t psn = 7) {
    wire::PathHeader path;
    path.source_ip = *wire::IpAddress::Parse(ipv6 ? "fd00::1" : "10.0.0.1");
    path.destination_ip = *wire::IpAddress::Parse(ipv6 ? "fd00::2" : "10.0.0.2");
    path.ecn = 3;
    const wire::HeaderTemplate head(path);
    bytes.resize(carried ? length
                         : head.size() + wire::Bth::kSize + wire::TraitsOf(opcode).extension_bytes);
    head.Write(bytes.data(), static_cast<uint32_t>(length - head.size()));
    wire::Bth bth;
    bth.opcode = opcode;
    bth.psn = Psn(psn);
    bth.Write(bytes.data() + head.size());
    packet.header = bytes.data();
    packet.header_length = static_cast<uint16_t>(bytes.size());
    packet.wire_length = length;
    packet.network_offset = FindNetworkHeader(bytes);
  }
  bool IsTrimmed(wire::FrameView* v) const {
    return wire::ParseFrame(packet.header_span(), packet.wire_length, v) ==
               wire::DropCause::kLength &&
           wire::ParseTrimmed(packet.header_span(), packet.wire_length, v);
  }
  std::vector<uint8_t> bytes;
  SwitchPacket packet;
};

constexpr TrimConfig kTo128{.size = Bytes(128), .priority = 1};
constexpr Time At(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

// What a receiver's parser takes for a trimmed packet, and for the one that it was.
TEST(Trim, LeavesWhatAReceiverNeeds) {
  for (const bool ipv6 : {false, true}) {
    for (const bool carried : {false, true}) {
      for (const Opcode op : {Opcode::kXtSend, Opcode::kXtWriteImm, Opcode::kXtReadResponse,
                              wire::WithShim(Opcode::kXtWrite)}) {
        Frame f(op, 1134 + 4 * wire::TraitsOf(op).extension_bytes, ipv6, carried);
        wire::FrameView whole, v;
        ASSERT_EQ(wire::ParseFrame(f.packet.header_span(), f.packet.wire_length, &whole),
                  wire::DropCause::kNone);
        ASSERT_TRUE(Trim(kTo128, f.packet));
        EXPECT_EQ(f.packet.wire_length, 128u);
        EXPECT_LE(f.packet.header_length, 128);
        EXPECT_EQ(f.packet.priority, 1);
        ASSERT_TRUE(f.IsTrimmed(&v));
        EXPECT_EQ(v.psn, Psn(7));
        EXPECT_EQ(v.opcode, op);
        EXPECT_EQ(v.payload_length, whole.payload_length);
        EXPECT_EQ(v.ecn, 3) << "a mark stays";
        const SwitchPacket before = f.packet;
        EXPECT_FALSE(Trim({.size = Bytes(110), .priority = 2}, f.packet)) << "once";
        EXPECT_EQ(f.packet.wire_length, before.wire_length);
        EXPECT_EQ(f.packet.priority, before.priority);
      }
    }
  }
}

TEST(Trim, LeavesOthersAlone) {
  for (const Opcode op : {Opcode::kRcWriteOnly, Opcode::kXtAck, Opcode::kXtSack, Opcode::kXtRead,
                          Opcode::kCnp, Opcode::kUdSendOnly}) {
    Frame f(op, 512);
    const std::vector<uint8_t> before = f.bytes;
    EXPECT_FALSE(Trim(kTo128, f.packet)) << wire::NameOf(op);
    EXPECT_EQ(f.bytes, before);
    EXPECT_EQ(f.packet.wire_length, 512u);
  }
  Frame small(Opcode::kXtSend, 128);
  EXPECT_FALSE(Trim(kTo128, small.packet)) << "nothing to cut";
  Frame cut(Opcode::kXtSend);
  cut.packet.header_length = 14 + 20 + 8 + 12 + 23;
  EXPECT_FALSE(Trim(kTo128, cut.packet));
  Frame other(Opcode::kXtSend);
  other.packet.network_offset = 0;
  EXPECT_FALSE(Trim(kTo128, other.packet));
}

TEST(Trim, SizesThatAReceiverCannotUseAreRefused) {
  EXPECT_TRUE(TrimConfig{}.Validate().ok());
  EXPECT_TRUE(TrimConfig{.size = Bytes(102)}.Validate().ok());
  EXPECT_FALSE(TrimConfig{.size = Bytes(101)}.Validate().ok());
  EXPECT_TRUE(TrimConfig{.size = Bytes(1024)}.Validate().ok());
  EXPECT_FALSE(TrimConfig{.size = Bytes(1025)}.Validate().ok());
  EXPECT_FALSE(TrimConfig{.size = Bytes(-1)}.Validate().ok());
}

// 4,000 B, of which 256 are kept: three frames of 1,114 B find room, then two headers of 128 B do
// in what is kept and two more in what is left of the rest, and the next is dropped. Headers go
// first.
TEST(Trim, HeadersTakeWhatIsKeptAndGoFirst) {
  OutputQueues queues(1, {.size = Bytes(4000), .kept = Bytes(256), .kept_for = 1}, {.queues = 2}, 1,
                      0);
  queues.SetTrim(kTo128);
  std::deque<Frame> frames;
  using Admission = OutputQueues::Admission;
  // 3,342 B of data and the kept 256 leave 402 B: 5 headers in 658 B.
  for (uint32_t i = 0; i < 9; ++i) {
    frames.emplace_back(Opcode::kXtWrite, 1114, false, false, i);
    EXPECT_EQ(queues.Enqueue(At(0), frames.back().packet, 0),
              i < 8 ? Admission::kQueued : Admission::kDropped)
        << i;
  }
  EXPECT_EQ(queues.counters(0).trimmed, 5u);
  EXPECT_EQ(queues.counters(0).dropped, 1u);
  EXPECT_EQ(queues.counters(0).enqueued, 8u);
  EXPECT_EQ(queues.used(), Bytes(3 * 1114 + 5 * 128));
  for (const uint32_t psn : {3, 4, 5, 6, 7, 0, 1, 2}) {
    EXPECT_EQ(queues.Dequeue(At(1), 0), &frames[psn].packet) << psn;
  }
  EXPECT_EQ(queues.used(), Bytes(0));
}

// What nobody may cut is dropped as ever, also from what is kept.
TEST(Trim, OthersAreDropped) {
  OutputQueues queues(1, {.size = Bytes(2000), .kept = Bytes(500), .kept_for = 1}, {.queues = 2}, 1,
                      0);
  queues.SetTrim(kTo128);
  Frame first(Opcode::kRcWriteOnly), second(Opcode::kRcWriteOnly);
  EXPECT_EQ(queues.Enqueue(At(0), first.packet, 0), OutputQueues::Admission::kQueued);
  EXPECT_EQ(queues.Enqueue(At(0), second.packet, 0), OutputQueues::Admission::kDropped);
  EXPECT_EQ(queues.counters(0).trimmed, 0u);
}

}  // namespace
}  // namespace sluice::switching
