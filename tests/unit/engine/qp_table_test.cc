// QPNs: unique, reserved ones never given, dead ones not found, order of reuse.
#include "engine/qp_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace sluice::engine {
namespace {

transport::QueuePairConfig SmallConfig(transport::CompletionRing* ring) {
  transport::QueuePairConfig c;
  c.send_depth = c.receive_depth = 2;
  c.send_completions = c.receive_completions = ring;
  return c;
}

TEST(QpTable, FillsUpWithUniqueNumbersAndFindsEachOfThem) {
  transport::CompletionRing ring(2);
  QpTable table(7, 500);
  std::set<uint32_t> qpns;
  for (int i = 0; i < 500; ++i) {
    transport::QueuePair* qp = table.Create(SmallConfig(&ring));
    ASSERT_NE(qp, nullptr);
    EXPECT_TRUE(qpns.insert(qp->qpn()).second);
    EXPECT_GT(qp->qpn(), 1u) << "0 and 1 are the management queue pairs";
    EXPECT_LT(qp->qpn(), 0xffffffu) << "that is multicast";
    EXPECT_EQ(table.Find(qp->qpn()), qp);
  }
  EXPECT_EQ(table.Create(SmallConfig(&ring)), nullptr);
  EXPECT_EQ(table.size(), 500u);
}

TEST(QpTable, FindsNothingForAnyOtherNumber) {
  transport::CompletionRing ring(2);
  QpTable table(9, 4);
  transport::QueuePair* qp = table.Create(SmallConfig(&ring));
  size_t found = 0;
  for (uint32_t qpn = 0; qpn <= 0xffffff; ++qpn) found += table.Find(qpn) != nullptr;
  EXPECT_EQ(found, 1u);
  EXPECT_EQ(table.Find(qp->qpn()), qp);
}

TEST(QpTable, ADeadNumberStaysDeadFor128GenerationsOfItsSlot) {
  transport::CompletionRing ring(2);
  QpTable table(11, 3);
  std::set<uint32_t> seen;
  // 3 slots in turn, 128 generations each.
  for (int i = 0; i < 3 * 128; ++i) {
    transport::QueuePair* qp = table.Create(SmallConfig(&ring));
    const uint32_t qpn = qp->qpn();
    EXPECT_TRUE(seen.insert(qpn).second) << i;
    table.Destroy(qp);
    EXPECT_EQ(table.Find(qpn), nullptr);
  }
}

// At 2^17 queue pairs seven bits of generation are left, and then a number comes again.
TEST(QpTable, TheLargestTableKeepsSevenBitsOfGeneration) {
  const NumberPermutation p(5);
  EXPECT_EQ(p.kMask + 1, QpTable::kMaxCapacity << 7);
}

// A blind attacker who knows 1,000 numbers of one engine guesses the next one no better from them:
// neither the last number nor a step between two known ones leads to an unknown one more than
// chance (1,000 * 999 pairs into 2^24 numbers) would.
TEST(QpTable, KnownNumbersDoNotLeadToTheNext) {
  transport::CompletionRing ring(2);
  QpTable table(77, 2000);
  std::vector<uint32_t> known;
  for (int i = 0; i < 1000; ++i) known.push_back(table.Create(SmallConfig(&ring))->qpn());
  std::set<uint32_t> rest;
  for (int i = 0; i < 1000; ++i) rest.insert(table.Create(SmallConfig(&ring))->qpn());
  int hits = 0;
  uint64_t guesses = 0;
  for (size_t i = 1; i < known.size(); ++i) {
    // The next as the last one plus each step seen so far, and plus and minus small numbers.
    const uint32_t step = (known[i] - known[i - 1]) & 0xffffff;
    hits += static_cast<int>(rest.count((known.back() + step) & 0xffffff));
    hits += static_cast<int>(rest.count((known[i] + 1) & 0xffffff));
    hits += static_cast<int>(rest.count((known[i] - 1) & 0xffffff));
    hits += static_cast<int>(rest.count(known[i] ^ 1));
    hits += static_cast<int>(rest.count((known[i] + 0x10000) & 0xffffff));
    guesses += 5;
  }
  // Chance: 4,995 guesses, 1,000 in 2^24 right: 0.3.
  EXPECT_LE(hits, 3) << "of " << guesses;
}

TEST(QpTable, TheSeedDecidesTheOrder) {
  transport::CompletionRing ring(2);
  const auto numbers = [&](uint64_t seed) {
    QpTable table(seed, 64);
    std::vector<uint32_t> v;
    for (int i = 0; i < 64; ++i) v.push_back(table.Create(SmallConfig(&ring))->qpn());
    return v;
  };
  EXPECT_EQ(numbers(1), numbers(1));
  EXPECT_NE(numbers(1), numbers(2));
}

}  // namespace
}  // namespace sluice::engine
