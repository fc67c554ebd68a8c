#include "switch/shared_buffer.h"

#include <gtest/gtest.h>

namespace sluice::switching {
namespace {

using Verdict = SharedBuffer::Verdict;

SwitchPacket Packet(uint32_t length, PortIndex ingress = 0, uint8_t priority = 0) {
  SwitchPacket p;
  p.wire_length = length;
  p.ingress = ingress;
  p.priority = priority;
  return p;
}

// Choudhury and Hahne, equation 3: n queues that overflow settle at alpha B / (1 + n alpha) each.
TEST(SharedBuffer, DynamicThresholdsSettleWhereThePaperSays) {
  for (const int queues : {1, 2, 7}) {
    for (const double alpha : {0.5, 1.0, 8.0}) {
      SharedBuffer buffer(8, {.size = Bytes(1'000'000), .alpha = alpha});
      std::vector<Bytes> waiting(static_cast<size_t>(queues));
      const SwitchPacket p = Packet(100);
      for (int i = 0; i < 20'000; ++i) {
        for (Bytes& queue : waiting) {
          if (buffer.Judge(p, queue) == Verdict::kDrop) continue;
          buffer.Add(p, Verdict::kPool);
          queue += p.length();
        }
      }
      for (const Bytes queue : waiting) {
        EXPECT_NEAR(static_cast<double>(queue.count()), alpha * 1e6 / (1 + queues * alpha),
                    100 * (1 + alpha));
      }
    }
  }
}

TEST(SharedBuffer, WithoutAlphaOnlyTheEndOfThePoolDrops) {
  SharedBuffer buffer(2, {.size = Bytes(1000)});
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(buffer.Judge(Packet(100), Bytes(i * 100)), Verdict::kPool);
    buffer.Add(Packet(100), Verdict::kPool);
  }
  EXPECT_EQ(buffer.Judge(Packet(1), Bytes(0)), Verdict::kDrop);
}

// One lossless priority, two ports: 10,000 B less 2 x 1000 of headroom and 2 x 500 of reserve make
// a pool of 7000. With alpha = 1/2 an ingress of frames of 100 B pauses at the first x in the pool
// with x > (7000 - x) / 2: 2400 (2300 = 2350 - 50 is below). So the 29th frame, 500 + 2400 B,
// pauses.
BufferConfig Lossless() {
  return {.size = Bytes(10'000),
          .lossless = 1,
          .pfc_alpha = 0.5,
          .reserve = Bytes(500),
          .resume_offset = Bytes(300),
          .headroom = Bytes(1000)};
}

TEST(SharedBuffer, PausesWhereArithmeticSays) {
  SharedBuffer buffer(2, Lossless());
  EXPECT_EQ(buffer.free_pool(), Bytes(7000));
  for (int i = 1; i <= 28; ++i) {
    ASSERT_TRUE(buffer.Easy(Packet(100), Bytes(0))) << i;
    ASSERT_EQ(buffer.Judge(Packet(100), Bytes(0)), Verdict::kPool);
    ASSERT_FALSE(buffer.Add(Packet(100), Verdict::kPool)) << i;
  }
  EXPECT_FALSE(buffer.Easy(Packet(100), Bytes(0)));
  // 2400 > (7000 - 2300) / 2
  EXPECT_EQ(buffer.Judge(Packet(100), Bytes(0)), Verdict::kHeadroom);
}

// x = (6900 - x) / 2 at 2300: the 28th frame reaches the threshold, and nothing is in the headroom.
TEST(SharedBuffer, ThePauseBeginsAtTheThreshold) {
  BufferConfig config = Lossless();
  config.size = Bytes(9'900);
  SharedBuffer buffer(2, config);
  for (int i = 1; i <= 27; ++i) ASSERT_FALSE(buffer.Add(Packet(100), Verdict::kPool)) << i;
  EXPECT_FALSE(buffer.Easy(Packet(100), Bytes(0)));
  ASSERT_EQ(buffer.Judge(Packet(100), Bytes(0)), Verdict::kPool);
  EXPECT_TRUE(buffer.Add(Packet(100), Verdict::kPool));
}

TEST(SharedBuffer, HeadroomIsUsedAfterThePauseAndThenDrops) {
  SharedBuffer buffer(2, Lossless());
  int pauses = 0;
  int admitted = 0;
  int headroom = 0;
  while (true) {
    const Verdict verdict = buffer.Judge(Packet(100), Bytes(0));
    if (verdict == Verdict::kDrop) break;
    headroom += verdict == Verdict::kHeadroom;
    pauses += buffer.Add(Packet(100), verdict);
    ++admitted;
  }
  EXPECT_EQ(pauses, 1);
  EXPECT_EQ(headroom, 10);  // 1000 B
  EXPECT_TRUE(buffer.paused(0, 0));
  // The other ingress has its own headroom and reserve and is not paused.
  EXPECT_FALSE(buffer.paused(1, 0));
  EXPECT_EQ(buffer.Judge(Packet(100, 1), Bytes(0)), Verdict::kPool);
  // It goes on when the headroom is empty and x + 300 <= (7000 - x) / 2, that is at x <= 2133.
  const int in_pool = admitted - headroom - 5;
  int left = 0;
  while (!buffer.Remove(Packet(100))) ++left;
  ++left;
  EXPECT_EQ(left, headroom + in_pool - 21);
  EXPECT_FALSE(buffer.paused(0, 0));
  EXPECT_EQ(buffer.paused_count(), 0u);
}

TEST(SharedBuffer, WhatComesInGoesOut) {
  SharedBuffer buffer(2, Lossless());
  std::vector<SwitchPacket> stored;
  for (int i = 0; i < 200; ++i) {
    const SwitchPacket p = Packet(static_cast<uint32_t>(37 + i % 90), static_cast<PortIndex>(i % 2),
                                  static_cast<uint8_t>(i % 3 == 0 ? 1 : 0));
    const Verdict verdict = buffer.Judge(p, Bytes(0));
    if (verdict == Verdict::kDrop) continue;
    buffer.Add(p, verdict);
    stored.push_back(p);
  }
  EXPECT_GT(stored.size(), 100u);
  for (const SwitchPacket& p : stored) buffer.Remove(p);
  EXPECT_EQ(buffer.used(), Bytes(0));
  EXPECT_EQ(buffer.free_pool(), Bytes(7000));
  EXPECT_EQ(buffer.paused_count(), 0u);
}

TEST(BufferConfig, ValidateNamesWhatIsWrong) {
  EXPECT_TRUE(BufferConfig{}.Validate().ok());
  EXPECT_FALSE(BufferConfig{.size = Bytes(0)}.Validate().ok());
  EXPECT_FALSE(BufferConfig{.alpha = -1}.Validate().ok());
  EXPECT_FALSE((BufferConfig{.lossless = 1, .pfc_alpha = 0}.Validate().ok()));
  EXPECT_FALSE((BufferConfig{.lossless = 1, .reserve = Bytes(-1)}.Validate().ok()));
  EXPECT_FALSE((BufferConfig{.lossless = 1, .resume_offset = Bytes(-1)}.Validate().ok()));
}

}  // namespace
}  // namespace sluice::switching
