// Which acknowledgements find the stamp of their burst.
#include "transport/send_records.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

SendRecord Burst(uint32_t first, uint32_t last, uint64_t ns) {
  SendRecord r;
  r.sent = Time() + Duration::Nanoseconds(static_cast<int64_t>(ns));
  r.first = Psn(first);
  r.last = Psn(last);
  return r;
}

TEST(SendRecords, TakeFindsTheBurstAndForgetsAllBefore) {
  RecordPool pool(1);
  SendRecords records;
  records.Lend(pool.Borrow());
  records.Add(Burst(0xfffffe, 1, 10));  // across the wrap
  records.Add(Burst(2, 5, 20));
  records.Add(Burst(8, 9, 30));  // 6 and 7 were not recorded
  const SendRecord* r = records.Take(Psn(0));
  ASSERT_NE(r, nullptr);
  EXPECT_EQ(r->sent, Time() + Duration::Nanoseconds(10));
  EXPECT_EQ(records.Take(Psn(1)), nullptr) << "one sample per burst";
  EXPECT_EQ(records.Take(Psn(7)), nullptr);
  EXPECT_EQ(records.Take(Psn(3)), nullptr) << "forgotten with 7";
  r = records.Take(Psn(9));
  ASSERT_NE(r, nullptr);
  EXPECT_EQ(r->sent, Time() + Duration::Nanoseconds(30));
  pool.GiveBack(records.Return());
}

TEST(SendRecords, AFullBlockKeepsTheOldest) {
  RecordPool pool(1);
  SendRecords records;
  records.Lend(pool.Borrow());
  for (uint32_t i = 0; i < RecordBlock::kRecords + 5; ++i) records.Add(Burst(i, i, i + 1));
  EXPECT_EQ(records.Take(Psn(RecordBlock::kRecords)), nullptr);
  records.Add(Burst(500, 500, 9));
  EXPECT_NE(records.Take(Psn(500)), nullptr);
  pool.GiveBack(records.Return());
}

TEST(SendRecords, WithoutABlockNothingIsRecorded) {
  SendRecords records;
  records.Add(Burst(1, 2, 3));
  EXPECT_EQ(records.Take(Psn(1)), nullptr);
  EXPECT_EQ(records.Return(), nullptr);
}

TEST(RecordPool, LendsEachBlockOnce) {
  RecordPool pool(2);
  RecordBlock* a = pool.Borrow();
  RecordBlock* b = pool.Borrow();
  EXPECT_NE(a, b);
  EXPECT_EQ(pool.Borrow(), nullptr);
  pool.GiveBack(nullptr);
  EXPECT_EQ(pool.free_blocks(), 0u);
  pool.GiveBack(a);
  EXPECT_EQ(pool.Borrow(), a);
  pool.GiveBack(a);
  pool.GiveBack(b);
  EXPECT_EQ(pool.free_blocks(), 2u);
}

}  // namespace
}  // namespace sluice::transport
