#include "perf/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace sluice::perf {
namespace {

std::vector<uint32_t> TakeAll(Turns* turns) {
  std::vector<uint32_t> taken;
  while (!turns->empty()) taken.push_back(turns->Take());
  return taken;
}

TEST(Turns, OldestFirstAndEachOnce) {
  Turns turns(3, 0);
  turns.Add(1);  // has its turn already
  EXPECT_EQ(TakeAll(&turns), (std::vector<uint32_t>{0, 1, 2}));
  turns.Add(2);
  turns.Add(0);
  turns.Add(2);
  EXPECT_EQ(TakeAll(&turns), (std::vector<uint32_t>{2, 0}));
}

TEST(Turns, OneThatWasTakenMayComeAgainBeforeTheOthers) {
  Turns turns(2, 0);
  EXPECT_EQ(turns.Take(), 0u);
  turns.Add(0);
  EXPECT_EQ(TakeAll(&turns), (std::vector<uint32_t>{1, 0}));
}

TEST(Turns, RandomOrderIsAPermutationThatTheSeedDecides) {
  constexpr uint32_t kMany = 1000;
  Turns a(kMany, 7), b(kMany, 7), c(kMany, 8);
  const std::vector<uint32_t> first = TakeAll(&a);
  EXPECT_EQ(first, TakeAll(&b));
  EXPECT_NE(first, TakeAll(&c));
  std::vector<uint32_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  std::vector<uint32_t> all(kMany);
  std::iota(all.begin(), all.end(), 0u);
  EXPECT_EQ(sorted, all);
  EXPECT_NE(first, all);
}

}  // namespace
}  // namespace sluice::perf
