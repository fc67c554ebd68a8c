#include "base/optional_time.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice {
namespace {

constexpr Time kEarly = Time::FromPs(std::numeric_limits<uint64_t>::max() - 5);
constexpr Time kLate = Time::FromPs(3);  // 9 ps later: times wrap

TEST(OptionalTime, IsNoneOrATime) {
  OptionalTime t;
  EXPECT_FALSE(t.has_value());
  EXPECT_EQ(t, std::nullopt);
  EXPECT_EQ(t.value_or(kLate), kLate);
  t = kEarly;
  EXPECT_TRUE(t.has_value());
  EXPECT_EQ(*t, kEarly);
  EXPECT_EQ(t->ps(), kEarly.ps());
  EXPECT_EQ(t.value_or(kLate), kEarly);
  EXPECT_NE(t, OptionalTime(kLate));
  EXPECT_NE(OptionalTime(Time::Zero()), std::nullopt) << "zero is a time";
  *t += Duration::Picoseconds(9);
  EXPECT_EQ(t, kLate) << "changed where it lies";
  t.reset();
  EXPECT_EQ(t, OptionalTime());
  t = kLate;
  t = std::nullopt;
  EXPECT_FALSE(static_cast<bool>(t));
}

TEST(OptionalTime, NoneComesAfterAllTimes) {
  EXPECT_EQ(Earlier(OptionalTime(kEarly), OptionalTime(kLate)), kEarly);
  EXPECT_EQ(Earlier(OptionalTime(kLate), OptionalTime(kEarly)), kEarly);
  EXPECT_EQ(Earlier(OptionalTime(), OptionalTime(kLate)), kLate);
  EXPECT_EQ(Earlier(OptionalTime(kLate), OptionalTime()), kLate);
  EXPECT_EQ(Earlier(OptionalTime(), OptionalTime()), std::nullopt);
}

}  // namespace
}  // namespace sluice
