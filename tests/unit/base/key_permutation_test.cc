#include "base/key_permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <vector>

namespace sluice {
namespace {

TEST(KeyPermutation, DecryptUndoesEncrypt) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const KeyPermutation p(seed);
    for (uint64_t v = 0; v < uint64_t{1} << 32; v += 65'521) {
      const uint32_t plain = static_cast<uint32_t>(v);
      ASSERT_EQ(p.Decrypt(p.Encrypt(plain)), plain);
    }
  }
}

// Consecutive numbers: no two share an image, and the differences between the images of neighbours
// do not repeat as those of a counter would. Among n = 2^16 differences out of 2^32 chance gives
// about n^2 / 2^33 = 0.5 repetitions.
TEST(KeyPermutation, NeighboursLandFarApart) {
  const KeyPermutation p(1);
  std::vector<uint32_t> differences;
  for (uint32_t v = 0; v < 65'536; ++v) differences.push_back(p.Encrypt(v + 1) - p.Encrypt(v));
  std::sort(differences.begin(), differences.end());
  int repeated = 0;
  for (size_t i = 1; i < differences.size(); ++i) repeated += differences[i] == differences[i - 1];
  EXPECT_LT(repeated, 200);
}

// One input bit flips half of the output bits on average.
TEST(KeyPermutation, EachInputBitReachesTheOutput) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const KeyPermutation p(seed);
    for (int bit = 0; bit < 32; ++bit) {
      int flipped = 0;
      for (uint32_t v = 0; v < 1000; ++v) {
        flipped += std::popcount(p.Encrypt(v * 2'654'435'761u) ^
                                 p.Encrypt((v * 2'654'435'761u) ^ (1u << bit)));
      }
      EXPECT_GT(flipped, 14'000) << "seed " << seed << " bit " << bit;
      EXPECT_LT(flipped, 18'000) << "seed " << seed << " bit " << bit;
    }
  }
}

TEST(KeyPermutation, SeedsGiveDifferentPermutations) {
  const KeyPermutation a(1), b(2);
  int same = 0;
  for (uint32_t v = 0; v < 65'536; ++v) same += a.Encrypt(v) == b.Encrypt(v);
  EXPECT_LT(same, 5);
}

// All 2^24 numbers: none twice, each found again.
TEST(NumberPermutation, IsABijectionOf24Bits) {
  const NumberPermutation p(3);
  std::vector<bool> seen(size_t{1} << 24);
  for (uint32_t v = 0; v <= 0xffffff; ++v) {
    const uint32_t number = p.Encrypt(v);
    ASSERT_LE(number, 0xffffffu);
    ASSERT_FALSE(seen[number]);
    seen[number] = true;
    ASSERT_EQ(p.Decrypt(number), v);
  }
}

TEST(NumberPermutation, NeighboursLandFarApart) {
  const NumberPermutation p(1);
  std::vector<uint32_t> differences;
  for (uint32_t v = 0; v < 4'096; ++v) {
    differences.push_back((p.Encrypt(v + 1) - p.Encrypt(v)) & 0xffffff);
  }
  std::sort(differences.begin(), differences.end());
  int repeated = 0;
  for (size_t i = 1; i < differences.size(); ++i) repeated += differences[i] == differences[i - 1];
  EXPECT_LT(repeated, 20);  // chance: n^2 / 2^25 = 0.5
}

}  // namespace
}  // namespace sluice
