// What every Port must do, as a GoogleTest suite that runs over any pair of connected ports:
//   INSTANTIATE_TEST_SUITE_P(Name, PortConformance, ::testing::Values(&MakeMyRig));
#ifndef SLUICE_TESTS_SUPPORT_PORT_CONFORMANCE_H_
#define SLUICE_TESTS_SUPPORT_PORT_CONFORMANCE_H_

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "port/port.h"

namespace sluice::test {

// Two connected ports. Whatever `a` transmits arrives at `b` and the reverse.
class PortRig {
 public:
  virtual ~PortRig() = default;
  virtual port::Port& a() = 0;
  virtual port::Port& b() = 0;
  // Packets of both ports' pools that are lent or under way; 0 at rest.
  virtual size_t in_use() = 0;
};

using MakePortRig = std::unique_ptr<PortRig> (*)();

class PortConformance : public ::testing::TestWithParam<MakePortRig> {
 protected:
  using Packet = port::Packet;
  using Packets = std::vector<Packet>;

  void SetUp() override {
    rig_ = GetParam()();
    ASSERT_NE(rig_, nullptr);
    ASSERT_EQ(rig_->in_use(), 0u);
  }
  void TearDown() override {
    if (rig_ == nullptr) return;
    EXPECT_EQ(rig_->in_use(), 0u) << "packets leaked";
  }

  // A frame whose bytes are a function of its number, so that order and content can be judged.
  static void Fill(Packet* p, uint32_t number, uint32_t length) {
    for (uint32_t i = 0; i < length; ++i) p->header[i] = ByteOf(number, i);
    p->header_length = static_cast<uint16_t>(length);
    p->frame_length = length;
  }
  static uint8_t ByteOf(uint32_t number, uint32_t i) {
    return i < 4 ? static_cast<uint8_t>(number >> (8 * i)) : static_cast<uint8_t>(number * 31 + i);
  }
  static std::vector<uint8_t> BytesOf(const Packet& p) {
    std::vector<uint8_t> v(p.header, p.header + p.header_length);
    if (p.payload_length != 0) v.insert(v.end(), p.payload, p.payload + p.payload_length);
    for (size_t i = 0; i < p.more_count; ++i) {
      v.insert(v.end(), p.more[i].data, p.more[i].data + p.more[i].length);
    }
    return v;
  }
  static void ExpectFrame(const Packet& p, uint32_t number, uint32_t length) {
    const std::vector<uint8_t> got = BytesOf(p);
    ASSERT_EQ(got.size(), length);
    EXPECT_EQ(p.frame_length, length);
    EXPECT_EQ(p.elided_length, 0u);
    for (uint32_t i = 0; i < length; ++i) {
      ASSERT_EQ(got[i], ByteOf(number, i)) << "byte " << i << " of frame " << number;
    }
  }
  Packets Allocate(port::Port& from, size_t n) {
    Packets v(n);
    v.resize(from.Allocate(v));
    return v;
  }
  Packets Receive(port::Port& at, size_t most = port::kMaxBurst) {
    Packets v(most);
    v.resize(at.Receive(v));
    return v;
  }
  void SendOne(port::Port& from, uint32_t number, uint32_t length) {
    Packets p = Allocate(from, 1);
    ASSERT_EQ(p.size(), 1u);
    Fill(&p[0], number, length);
    ASSERT_EQ(from.Transmit(p), 1u);
  }

  std::unique_ptr<PortRig> rig_;
};

TEST_P(PortConformance, AllocatedPacketsAreEmptyAndHaveRoomOfTheirOwn) {
  port::Port& a = rig_->a();
  const uint32_t room = a.capabilities().linear_room;
  ASSERT_GE(room, a.capabilities().max_frame);
  Packets p = Allocate(a, 8);
  ASSERT_EQ(p.size(), 8u);
  for (size_t i = 0; i < p.size(); ++i) {
    ASSERT_NE(p[i].header, nullptr);
    EXPECT_EQ(p[i].header_length, 0u);
    EXPECT_EQ(p[i].payload_length, 0u);
    EXPECT_EQ(p[i].elided_length, 0u);
    EXPECT_EQ(p[i].frame_length, 0u);
    EXPECT_EQ(p[i].more_count, 0u);
    std::memset(p[i].header, static_cast<int>(i + 1), room);
  }
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_EQ(p[i].header[0], i + 1);
    EXPECT_EQ(p[i].header[room - 1], i + 1);
  }
  a.Release(p);
}

TEST_P(PortConformance, FramesOfEveryLengthArriveWhole) {
  port::Port& a = rig_->a();
  const uint32_t longest = a.capabilities().max_frame;
  uint32_t number = 0;
  for (uint32_t length : {60u, 61u, 62u, 64u, 74u, 122u, 310u, 1078u, 1518u, 4154u, longest}) {
    if (length > longest) continue;
    SendOne(a, number, length);
    Packets r = Receive(rig_->b());
    ASSERT_EQ(r.size(), 1u) << length;
    ExpectFrame(r[0], number, length);
    rig_->b().Release(r);
    ++number;
  }
}

TEST_P(PortConformance, BothDirectionsKeepOrderAcrossBursts) {
  uint32_t next_at[2] = {0, 0};
  uint32_t number = 0;
  for (size_t burst : {1u, 2u, 3u, 8u, 31u, 32u, 33u, 64u}) {
    for (int direction = 0; direction < 2; ++direction) {
      port::Port& from = direction == 0 ? rig_->a() : rig_->b();
      port::Port& to = direction == 0 ? rig_->b() : rig_->a();
      Packets p = Allocate(from, burst);
      ASSERT_EQ(p.size(), burst);
      for (size_t i = 0; i < burst; ++i) Fill(&p[i], number + static_cast<uint32_t>(i), 64);
      ASSERT_EQ(from.Transmit(p), burst);
      size_t got = 0;
      while (got < burst) {
        Packets r = Receive(to, 7);
        ASSERT_FALSE(r.empty());
        for (const Packet& q : r) ExpectFrame(q, next_at[direction]++, 64);
        got += r.size();
        to.Release(r);
      }
    }
    number += static_cast<uint32_t>(burst);
  }
}

TEST_P(PortConformance, NothingToReceiveIsZero) {
  EXPECT_TRUE(Receive(rig_->a()).empty());
  std::array<Packet, 1> none;
  EXPECT_EQ(rig_->a().Receive(std::span<Packet>(none.data(), size_t{0})), 0u);
  EXPECT_EQ(rig_->a().Allocate(std::span<Packet>(none.data(), size_t{0})), 0u);
  EXPECT_EQ(rig_->a().Transmit(std::span<Packet>(none.data(), size_t{0})), 0u);
  rig_->a().Release(std::span<Packet>(none.data(), size_t{0}));
}

TEST_P(PortConformance, RefusedPacketsStayWithTheCallerAndGoLaterInOrder) {
  port::Port& a = rig_->a();
  Packets waiting;
  uint32_t number = 0;
  bool refused = false;
  // The peer does not receive: sooner or later the port refuses, or the pool is dry.
  while (!refused) {
    Packets p = Allocate(a, 16);
    if (p.empty()) break;
    for (Packet& q : p) Fill(&q, number++, 64);
    const size_t taken = a.Transmit(p);
    ASSERT_LE(taken, p.size());
    refused = taken < p.size();
    waiting.assign(p.begin() + static_cast<std::ptrdiff_t>(taken), p.end());
    ASSERT_LT(number, 1u << 20);
  }
  uint32_t expected = 0;
  while (expected < number) {
    Packets r = Receive(rig_->b());
    for (const Packet& q : r) ExpectFrame(q, expected++, 64);
    rig_->b().Release(r);
    if (!waiting.empty()) {
      const size_t taken = a.Transmit(waiting);
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(taken));
    } else {
      ASSERT_FALSE(r.empty() && expected < number);
    }
  }
}

TEST_P(PortConformance, AnEmptyPoolLendsFewerAndRecovers) {
  port::Port& a = rig_->a();
  for (int round = 0; round < 3; ++round) {
    Packets held;
    for (;;) {
      Packets p = Allocate(a, 64);
      held.insert(held.end(), p.begin(), p.end());
      if (p.size() < 64) break;
      ASSERT_LT(held.size(), size_t{1} << 20);
    }
    EXPECT_TRUE(Allocate(a, 1).empty()) << "round " << round;
    ASSERT_GT(held.size(), 0u);
    for (size_t i = 0; i < held.size(); i += port::kMaxBurst) {
      const size_t n = std::min(port::kMaxBurst, held.size() - i);
      a.Release(std::span<Packet>(held.data() + i, n));
    }
    SendOne(a, 7, 64);
    Packets r = Receive(rig_->b());
    ASSERT_EQ(r.size(), 1u);
    ExpectFrame(r[0], 7, 64);
    rig_->b().Release(r);
  }
}

TEST_P(PortConformance, SegmentsArriveInOrder) {
  port::Port& a = rig_->a();
  if (!a.capabilities().segments) {
    // Then a whole frame must fit what it lends.
    EXPECT_GE(a.capabilities().linear_room, a.capabilities().max_frame);
    return;
  }
  const uint32_t length = 1078;
  std::vector<uint8_t> memory(length);
  for (uint32_t i = 0; i < length; ++i) memory[i] = ByteOf(9, i);
  const std::array<port::Segment, 2> more = {port::Segment{memory.data() + 600, 78},
                                             port::Segment{memory.data() + 678, 400}};
  Packets p = Allocate(a, 1);
  ASSERT_EQ(p.size(), 1u);
  std::copy(memory.begin(), memory.begin() + 54, p[0].header);
  p[0].header_length = 54;
  p[0].payload = memory.data() + 54;
  p[0].payload_length = 546;
  p[0].more = more.data();
  p[0].more_count = 2;
  p[0].frame_length = length;
  ASSERT_EQ(a.Transmit(p), 1u);
  Packets r = Receive(rig_->b());
  ASSERT_EQ(r.size(), 1u);
  ExpectFrame(r[0], 9, length);
  rig_->b().Release(r);
}

TEST_P(PortConformance, AReceivedPacketMayBeSentBack) {
  SendOne(rig_->a(), 5, 122);
  Packets r = Receive(rig_->b());
  ASSERT_EQ(r.size(), 1u);
  ASSERT_EQ(rig_->b().Transmit(r), 1u);
  Packets back = Receive(rig_->a());
  ASSERT_EQ(back.size(), 1u);
  ExpectFrame(back[0], 5, 122);
  rig_->a().Release(back);
}

TEST_P(PortConformance, TheReceiverMayHoldPacketsWhileOthersPass) {
  SendOne(rig_->a(), 1, 64);
  SendOne(rig_->a(), 2, 64);
  Packets held = Receive(rig_->b(), 1);
  ASSERT_EQ(held.size(), 1u);
  Packets second = Receive(rig_->b(), 1);
  ASSERT_EQ(second.size(), 1u);
  rig_->b().Release(second);
  for (uint32_t i = 3; i < 200; ++i) {
    SendOne(rig_->a(), i, 64);
    Packets r = Receive(rig_->b());
    ASSERT_EQ(r.size(), 1u);
    rig_->b().Release(r);
  }
  ExpectFrame(held[0], 1, 64);
  rig_->b().Release(held);
}

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_PORT_CONFORMANCE_H_
