#include "transport/sr_scoreboard.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(Sequence, IsTheNearestWithThatPsn) {
  constexpr uint64_t kRound = uint64_t{1} << 24;
  for (const uint64_t near : {kRound, kRound + 5, 3 * kRound - 1, 7 * kRound + 0x800000}) {
    for (const int64_t d : {-8388607, -300, -1, 0, 1, 64, 8388607}) {
      const uint64_t want = near + static_cast<uint64_t>(d);
      EXPECT_EQ(SequenceNear(near, PsnOf(want)), want) << near << " " << d;
    }
  }
}

TEST(BlockPool, LendsEachBlockOnceAndEmptyOnes) {
  BlockPool<SendBlock> pool;
  EXPECT_EQ(pool.Borrow(), nullptr);
  pool.Reserve(2);
  pool.Reserve(1);
  EXPECT_EQ(pool.size(), 2u);
  SendBlock* a = pool.Borrow();
  SendBlock* b = pool.Borrow();
  ASSERT_TRUE(a != nullptr && b != nullptr && a != b);
  EXPECT_EQ(pool.Borrow(), nullptr);
  a->delivered = a->lost = a->resent = a->app_limited = 1;
  pool.GiveBack(a);
  EXPECT_EQ(pool.free_blocks(), 1u);
  a = pool.Borrow();
  EXPECT_EQ(a->delivered | a->lost | a->resent | a->app_limited, 0u);
  pool.GiveBack(a);
  pool.GiveBack(b);
}

TEST(BlockWindow, KeepsABlockUntilItIsPassed) {
  BlockPool<ReceiveBlock> pool;
  pool.Reserve(2);
  {
    BlockWindow<ReceiveBlock> window;
    window.Start(&pool, 64);
    const uint64_t first = 1000;  // in the middle of block 15
    EXPECT_EQ(window.Find(first), nullptr);
    ReceiveBlock* a = window.Ensure(first);
    EXPECT_EQ(window.Ensure(first + 10), a);
    ReceiveBlock* b = window.Ensure(first + 63);
    EXPECT_NE(a, b);
    EXPECT_EQ(pool.free_blocks(), 0u);
    window.Pass(first, 1023);
    EXPECT_EQ(window.Find(first), a) << "its last packet is still to come";
    window.Pass(1023, 1024);
    EXPECT_EQ(window.Find(first), nullptr);
    EXPECT_EQ(window.Find(first + 63), b);
    EXPECT_EQ(pool.free_blocks(), 1u);
  }
  EXPECT_EQ(pool.free_blocks(), 2u) << "the window gives back what it holds";
}

}  // namespace
}  // namespace sluice::transport
