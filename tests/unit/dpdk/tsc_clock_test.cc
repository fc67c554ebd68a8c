#include "dpdk/tsc_clock.h"

#include "gtest/gtest.h"

namespace sluice::dpdk {
namespace {

TEST(TscClockTest, ConvertsCountsToPicoseconds) {
  const TscClock clock(1000, 2.5e9);  // 400 ps per count
  EXPECT_EQ(clock.At(1000).ps(), 0u);
  EXPECT_EQ(clock.At(1001).ps(), 400u);
  // A day: 2.5e9 * 86400 counts. Rounding the factor to 2^-32 ps costs less than 0.1 ppb.
  const uint64_t day = 216'000'000'000'000;
  EXPECT_NEAR(static_cast<double>(clock.At(1000 + day).ps()), 86400e12, 86400e12 * 1e-10);
  // 200 days, where count x factor is far beyond 64 bits.
  EXPECT_NEAR(static_cast<double>(clock.At(1000 + 200 * day).ps()), 200 * 86400e12,
              200 * 86400e12 * 1e-10);
}

TEST(TscClockTest, TheCounterMayWrap) {
  const TscClock clock(UINT64_MAX - 9, 1e9);
  EXPECT_EQ(clock.At(10).ps(), 20'000u);
}

TEST(TscClockTest, TwoCalibrationsAgreeAndTimeGoesOn) {
  // On a loaded machine a calibration may be refused; three in a row may not.
  absl::StatusOr<TscClock> a = TscClock::Calibrate(Duration::Milliseconds(40));
  for (int i = 0; i < 3 && !a.ok(); ++i) a = TscClock::Calibrate(Duration::Milliseconds(40));
  ASSERT_TRUE(a.ok()) << a.status();
  absl::StatusOr<TscClock> b = TscClock::Calibrate(Duration::Milliseconds(40));
  for (int i = 0; i < 3 && !b.ok(); ++i) b = TscClock::Calibrate(Duration::Milliseconds(40));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_NEAR(a->hz(), b->hz(), a->hz() * 2e-4);
  EXPECT_GT(a->hz(), 5e8);
  EXPECT_LT(a->hz(), 1e10);
  Time last = a->Now();
  for (int i = 0; i < 10000; ++i) {
    const Time now = a->Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace sluice::dpdk
