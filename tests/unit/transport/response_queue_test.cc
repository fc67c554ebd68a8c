// The responder's list of responses owed, and its memory of atomics.
#include "transport/response_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::transport {
namespace {

ResponseJob Read(uint32_t first, uint32_t packets, uint32_t sent = 0) {
  ResponseJob j;
  j.first = Psn(first);
  j.packets = packets;
  j.sent = sent;
  return j;
}
ResponseJob Again(uint32_t first, uint32_t packets) {
  ResponseJob j = Read(first, packets);
  j.duplicate = true;
  return j;
}

std::vector<uint32_t> Order(ResponseQueue q) {
  std::vector<uint32_t> psns;
  for (; !q.empty(); q.Pop()) psns.push_back(q.front().next().value());
  return psns;
}

TEST(ResponseQueue, ServesInOrderUpToTheLimit) {
  ResponseQueue q;
  EXPECT_TRUE(q.Append(Read(10, 5), 2));
  EXPECT_TRUE(q.Append(Read(15, 1), 2));
  EXPECT_FALSE(q.Append(Read(16, 1), 2));
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{10, 15}));
}

TEST(ResponseQueue, ADuplicateOfWhatIsDoneGoesBeforeWhatIsNewer) {
  ResponseQueue q;
  q.Append(Read(15, 4, 2), 4);
  q.Append(Read(19, 1), 4);
  EXPECT_TRUE(q.Insert(Again(10, 5), 4));
  EXPECT_TRUE(q.AnyDuplicate());
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{10, 17, 19}));
}

TEST(ResponseQueue, ADuplicateTakesAJobBack) {
  // 10 to 19, of which 10 to 14 are out; the requester missed 12.
  ResponseQueue q;
  q.Append(Read(10, 10, 5), 4);
  q.Append(Read(20, 2), 4);
  EXPECT_TRUE(q.Insert(Again(12, 8), 4));
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{12, 20}));
}

TEST(ResponseQueue, ADuplicateOfWhatIsStillToComeChangesNothing) {
  ResponseQueue q;
  q.Append(Read(10, 10, 2), 1);
  EXPECT_TRUE(q.Insert(Again(12, 8), 1));
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{12}));
  EXPECT_FALSE(q.AnyDuplicate());
}

TEST(ResponseQueue, DuplicatesCountAgainstTheLimit) {
  ResponseQueue q;
  q.Append(Read(20, 1), 1);
  EXPECT_FALSE(q.Insert(Again(10, 1), 1));
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{20}));
}

TEST(ResponseQueue, OrdersAcrossTheWrapOfThePsn) {
  ResponseQueue q;
  q.Append(Read(2, 1), 4);
  EXPECT_TRUE(q.Insert(Again(0xfffffe, 3), 4));
  EXPECT_EQ(Order(q), (std::vector<uint32_t>{0xfffffe, 2}));
}

TEST(ReplayRecords, RememberTheLastSixteen) {
  ReplayRecords r;
  EXPECT_EQ(r.Find(Psn(1)), nullptr);
  for (uint32_t i = 1; i <= 20; ++i) r.Add({Psn(i), i, i * 100});
  for (uint32_t i = 1; i <= 4; ++i) EXPECT_EQ(r.Find(Psn(i)), nullptr) << i;
  for (uint32_t i = 5; i <= 20; ++i) {
    ASSERT_NE(r.Find(Psn(i)), nullptr) << i;
    EXPECT_EQ(r.Find(Psn(i))->original, i * 100);
    EXPECT_EQ(r.Find(Psn(i))->msn, i);
  }
  r.Add({Psn(20), 21, 7});
  EXPECT_EQ(r.Find(Psn(20))->original, 7u) << "the newest of two";
}

}  // namespace
}  // namespace sluice::transport
