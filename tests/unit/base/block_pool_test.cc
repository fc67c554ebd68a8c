// Blocks: apart from each other, on cache lines, from the heap first; arenas that come and go.
#include "base/block_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr size_t kArena = BlockPool::kArena;

uintptr_t Address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

TEST(BlockPool, ABlockIsAnOddNumberOfLines) {
  EXPECT_EQ(BlockPool::Rounded(1), 64u);
  EXPECT_EQ(BlockPool::Rounded(64), 64u);
  EXPECT_EQ(BlockPool::Rounded(65), 3 * 64u);
  EXPECT_EQ(BlockPool::Rounded(4096), 65 * 64u);
}

TEST(BlockPool, TheHeapGivesTheFirstBytes) {
  BlockPool pool(3 * 64 + 64);
  void* a = pool.Allocate(100);
  void* b = pool.Allocate(1);
  EXPECT_EQ(pool.arenas(), 0u);
  EXPECT_EQ(pool.heap_bytes(), 4 * 64u);
  void* c = pool.Allocate(1);
  EXPECT_EQ(pool.arenas(), 1u);
  pool.Free(a, 100);
  EXPECT_EQ(pool.heap_bytes(), 64u);
  // What was given back may be taken from the heap again.
  void* d = pool.Allocate(100);
  EXPECT_EQ(pool.arenas(), 1u);
  EXPECT_EQ(pool.heap_bytes(), 4 * 64u);
  pool.Free(b, 1);
  pool.Free(c, 1);
  pool.Free(d, 100);
  EXPECT_EQ(pool.heap_bytes(), 0u);
}

TEST(BlockPool, BlocksOfAnArenaDoNotOverlapAndKeepWhatIsWritten) {
  constexpr size_t kSize = 2500;
  constexpr size_t kPerArena = kArena / BlockPool::Rounded(kSize);
  BlockPool pool(0);
  std::vector<uint8_t*> blocks;
  std::set<uintptr_t> arenas;
  for (size_t i = 0; i < 2 * kPerArena + 1; ++i) {
    blocks.push_back(static_cast<uint8_t*>(pool.Allocate(kSize)));
    ASSERT_EQ(Address(blocks.back()) % BlockPool::kLine, 0u);
    std::memset(blocks.back(), static_cast<int>(i % 251), kSize);
    arenas.insert(Address(blocks.back()) / kArena);
    ASSERT_EQ(Address(blocks.back()) / kArena, (Address(blocks.back()) + kSize - 1) / kArena);
  }
  EXPECT_EQ(arenas.size(), 3u);
  EXPECT_EQ(pool.arenas(), 3u);
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (size_t k = 0; k < kSize; ++k) ASSERT_EQ(blocks[i][k], i % 251) << i << ' ' << k;
  }
  for (uint8_t* b : blocks) pool.Free(b, kSize);
  // One stays for the next block of that size.
  EXPECT_EQ(pool.arenas(), 1u);
}

TEST(BlockPool, FreedBlocksAreLentAgainBeforeAnArenaIsMade) {
  constexpr size_t kSize = 64 * 1025;
  constexpr size_t kPerArena = kArena / kSize;
  BlockPool pool(0);
  std::vector<void*> blocks;
  for (size_t i = 0; i < 2 * kPerArena; ++i) blocks.push_back(pool.Allocate(kSize));
  ASSERT_EQ(pool.arenas(), 2u);
  // One of each arena, both of them full.
  const std::set<void*> freed{blocks[3], blocks[kPerArena + 5]};
  for (void* b : freed) pool.Free(b, kSize);
  const std::set<void*> again{pool.Allocate(kSize), pool.Allocate(kSize)};
  EXPECT_EQ(again, freed);
  pool.Allocate(kSize);
  EXPECT_EQ(pool.arenas(), 3u);
}

TEST(BlockPool, SizesHaveArenasOfTheirOwnAndLargeBlocksHaveNone) {
  BlockPool pool(0);
  pool.Allocate(64);
  pool.Allocate(192);
  EXPECT_EQ(pool.arenas(), 2u);
  void* large = pool.Allocate(BlockPool::kLargest + 1);
  EXPECT_EQ(pool.arenas(), 2u);
  EXPECT_GT(pool.heap_bytes(), BlockPool::kLargest);
  std::memset(large, 1, BlockPool::kLargest + 1);
  pool.Free(large, BlockPool::kLargest + 1);
  EXPECT_EQ(pool.heap_bytes(), 0u);
}

// Blocks come and go at random; each keeps a mark of its own for as long as it is lent.
TEST(BlockPool, AnyOrderOfLendingAndReturning) {
  BlockPool pool(10'000);
  const size_t sizes[] = {40, 1000, 30'000};
  std::vector<std::pair<uint8_t*, size_t>> lent;
  uint64_t x = 88172645463325252u;
  const auto draw = [&x] { return x ^= x << 13, x ^= x >> 7, x ^= x << 17; };
  for (int i = 0; i < 20'000; ++i) {
    if (lent.empty() || draw() % 9 < 5) {
      const size_t size = sizes[draw() % 3];
      uint8_t* b = static_cast<uint8_t*>(pool.Allocate(size));
      b[0] = b[size - 1] = static_cast<uint8_t>(Address(b) >> 6);
      lent.push_back({b, size});
    } else {
      std::swap(lent[draw() % lent.size()], lent.back());
      const auto [b, size] = lent.back();
      lent.pop_back();
      ASSERT_EQ(b[0], static_cast<uint8_t>(Address(b) >> 6));
      ASSERT_EQ(b[size - 1], b[0]);
      pool.Free(b, size);
    }
  }
  for (const auto& [b, size] : lent) pool.Free(b, size);
  EXPECT_EQ(pool.heap_bytes(), 0u);
  EXPECT_LE(pool.arenas(), 3u);
}

}  // namespace
}  // namespace sluice
