// Which acknowledgements find the stamp of the packet that asked for them.
#include "transport/send_records.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

SendRecord Asked(uint32_t psn, uint64_t ns) {
  SendRecord r;
  r.sent = Time() + Duration::Nanoseconds(static_cast<int64_t>(ns));
  r.psn = Psn(psn);
  return r;
}

TEST(SendRecords, TakeFindsThePacketAndForgetsAllBefore) {
  RecordPool pool(1);
  SendRecords records;
  records.Lend(pool.Borrow());
  records.Add(Asked(0xffffff, 10));  // across the wrap
  records.Add(Asked(1, 20));
  records.Add(Asked(5, 30));
  records.Add(Asked(9, 40));
  EXPECT_EQ(records.Take(Psn(0xfffffe)), nullptr) << "did not ask";
  const SendRecord* r = records.Take(Psn(0xffffff));
  ASSERT_NE(r, nullptr);
  EXPECT_EQ(r->sent, Time() + Duration::Nanoseconds(10));
  EXPECT_EQ(records.Take(Psn(0xffffff)), nullptr) << "one sample for each";
  EXPECT_EQ(records.Take(Psn(3)), nullptr) << "the one that asked at 1 has waited";
  EXPECT_EQ(records.Take(Psn(1)), nullptr) << "forgotten with 3";
  r = records.Take(Psn(9));
  ASSERT_NE(r, nullptr);
  EXPECT_EQ(r->sent, Time() + Duration::Nanoseconds(40));
  pool.GiveBack(records.Return());
}

TEST(SendRecords, AFullBlockKeepsTheOldest) {
  RecordPool pool(1);
  SendRecords records;
  records.Lend(pool.Borrow());
  for (uint32_t i = 0; i < RecordBlock::kRecords + 5; ++i) records.Add(Asked(i, i + 1));
  EXPECT_EQ(records.Take(Psn(RecordBlock::kRecords)), nullptr);
  records.Add(Asked(500, 9));
  EXPECT_NE(records.Take(Psn(500)), nullptr);
  pool.GiveBack(records.Return());
}

TEST(SendRecords, WithoutABlockNothingIsRecorded) {
  SendRecords records;
  records.Add(Asked(1, 3));
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
