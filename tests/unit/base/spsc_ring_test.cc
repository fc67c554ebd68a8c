#include "base/spsc_ring.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice {
namespace {

TEST(SpscRing, RefusesWhenFullAndKeepsOrder) {
  SpscRing<int> ring(3);
  ASSERT_EQ(ring.capacity(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.Push(i));
  EXPECT_FALSE(ring.Push(4));
  int v = -1;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(ring.Pop(&v));
    EXPECT_EQ(v, i);
  }
  EXPECT_FALSE(ring.Pop(&v));
  EXPECT_TRUE(ring.Empty());
}

TEST(SpscRing, PopBulkTakesWhatIsThere) {
  SpscRing<int> ring(8);
  for (int i = 0; i < 5; ++i) ring.Push(i);
  int out[8];
  EXPECT_EQ(ring.PopBulk(std::span<int>(out, 3)), 3u);
  EXPECT_EQ(ring.PopBulk(out), 2u);
  EXPECT_EQ(out[1], 4);
  EXPECT_EQ(ring.FreeSlots(), 8u);
}

TEST(SpscRing, FrontStaysUntilItIsDropped) {
  SpscRing<int> ring(2);
  EXPECT_EQ(ring.Front(), nullptr);
  ring.Push(7);
  ring.Push(8);
  ASSERT_NE(ring.Front(), nullptr);
  EXPECT_EQ(*ring.Front(), 7);
  EXPECT_EQ(*ring.Front(), 7);
  EXPECT_FALSE(ring.Push(9));  // its slot is still taken
  ring.DropFront();
  EXPECT_TRUE(ring.Push(9));
  EXPECT_EQ(*ring.Front(), 8);
  int v = 0;
  EXPECT_TRUE(ring.Pop(&v));
  EXPECT_EQ(v, 8);
}

TEST(SpscRing, TwoThreadsSeeEveryItemInOrder) {
  SpscRing<uint64_t> ring(64);
  constexpr uint64_t kItems = 200000;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kItems;) {
      if (ring.Push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint64_t expected = 0;
  uint64_t out[16];
  while (expected < kItems) {
    const size_t n = ring.PopBulk(out);
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], expected++);
    if (n == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_TRUE(ring.Empty());
}

}  // namespace
}  // namespace sluice
