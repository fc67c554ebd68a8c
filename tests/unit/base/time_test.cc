#include "base/time.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Time, OrderAndDifferenceCrossTheWrap) {
  const Time before = Time::FromPs(~uint64_t{0} - 10);
  const Time after = before + Duration::Picoseconds(20);
  EXPECT_EQ(after.ps(), 9u);
  EXPECT_LT(before, after);
  EXPECT_GT(after, before);
  EXPECT_EQ((after - before).ps(), 20);
  EXPECT_EQ((before - after).ps(), -20);
  EXPECT_EQ(Earlier(before, after), before);
  EXPECT_EQ(Later(before, after), after);
}

TEST(Duration, NamedUnits) {
  EXPECT_EQ(Duration::Microseconds(55).ps(), 55'000'000);
  EXPECT_EQ(Duration::Seconds(1).ps(), 1'000'000'000'000);
  EXPECT_DOUBLE_EQ(Duration::Nanoseconds(1500).us(), 1.5);
}

}  // namespace
}  // namespace sluice
