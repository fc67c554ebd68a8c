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
    EXPECT_GT(qp->qpn() & 0xffff, 1u) << "0 and 1 are the management queue pairs";
    EXPECT_LE(qp->qpn(), 0xffffffu);
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

TEST(QpTable, ADeadNumberStaysDeadForThirtyTwoGenerationsOfItsSlot) {
  transport::CompletionRing ring(2);
  QpTable table(11, 3);
  std::set<uint32_t> seen;
  // 3 slots in turn, 32 generations each: all 96 numbers before any comes again.
  for (int i = 0; i < 96; ++i) {
    transport::QueuePair* qp = table.Create(SmallConfig(&ring));
    const uint32_t qpn = qp->qpn();
    EXPECT_TRUE(seen.insert(qpn).second) << i;
    table.Destroy(qp);
    EXPECT_EQ(table.Find(qpn), nullptr);
  }
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
