// The requester's list of outstanding READs and atomics.
#include "transport/read_window.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(ReadWindow, HoldsTheDepthAndNoMore) {
  ReadWindow w;
  w.Start(2);
  EXPECT_TRUE(w.empty());
  w.Add(Psn(10), Psn(19));
  EXPECT_FALSE(w.full());
  w.Add(Psn(22), Psn(22));
  EXPECT_TRUE(w.full());
  EXPECT_EQ(w.count(), 2);
  ReadWindow cut;
  cut.Start(200);
  EXPECT_EQ(cut.depth(), 16);
  ReadWindow none;
  none.Start(0);
  EXPECT_TRUE(none.full());
}

TEST(ReadWindow, KnowsWhatOnlyAResponseCanAcknowledge) {
  ReadWindow w;
  w.Start(4);
  w.Add(Psn(10), Psn(19));
  w.Add(Psn(22), Psn(22));
  EXPECT_EQ(w.FirstMissing(Psn(5)), Psn(10));
  EXPECT_EQ(w.FirstMissing(Psn(14)), Psn(14));
  w.Advance(Psn(19));
  EXPECT_EQ(w.FirstMissing(Psn(19)), Psn(19));
  w.Advance(Psn(20));
  EXPECT_EQ(w.FirstMissing(Psn(20)), Psn(22));
  w.Advance(Psn(23));
  EXPECT_TRUE(w.empty());
}

TEST(ReadWindow, FindsWhereARequestEnds) {
  ReadWindow w;
  w.Start(4);
  w.Add(Psn(0xfffff8), Psn(2));  // across the wrap
  w.Add(Psn(5), Psn(9));
  Psn last;
  EXPECT_TRUE(w.Find(Psn(0xfffffe), &last));
  EXPECT_EQ(last, Psn(2));
  EXPECT_FALSE(w.Find(Psn(3), &last)) << "between the two";
  EXPECT_TRUE(w.Find(Psn(9), &last));
  EXPECT_EQ(last, Psn(9));
  EXPECT_FALSE(w.Find(Psn(10), &last));
}

TEST(ReadWindow, TellsAFenceWhatIsBeforeIt) {
  ReadWindow w;
  w.Start(4);
  EXPECT_FALSE(w.AnyBefore(Psn(100)));
  w.Add(Psn(10), Psn(19));
  EXPECT_TRUE(w.AnyBefore(Psn(20)));
  EXPECT_FALSE(w.AnyBefore(Psn(10)));
}

TEST(ReadWindow, GoesRoundItsRing) {
  ReadWindow w;
  w.Start(16);
  for (uint32_t i = 0; i < 1000; ++i) {
    w.Add(Psn(i * 3), Psn(i * 3 + 1));
    if (w.full()) w.Advance(Psn((i - 7) * 3));
    ASSERT_FALSE(w.full());
  }
  EXPECT_EQ(w.FirstMissing(Psn(0)).value() % 3, 0u);
}

}  // namespace
}  // namespace sluice::transport
