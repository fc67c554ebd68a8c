// The map from a NIC's counts to our time, held against clocks whose offset and drift are known.
#include "dpdk/nic_clock.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace sluice::dpdk {
namespace {

Time At(Duration d) {
  return Time::FromPs(~uint64_t{0} - 5'000'000'000'000) + d;
}  // wraps after 5 s

// A NIC that counts `hz` per second, as it is, and begins at `offset`.
uint64_t CountAt(Duration d, double hz, uint64_t offset) {
  return offset + static_cast<uint64_t>(static_cast<double>(d.ps()) * 1e-12 * hz);
}

TEST(NicClock, TheLeastWaitIsTheZero) {
  NicClock clock(1e9);
  // Arrivals every us, seen 300 ns to 5.3 us later, one of them after exactly 300 ns.
  Rng rng(7);
  for (int i = 0; i < 1000; ++i) {
    const Duration arrived = Duration::Microseconds(i);
    const Duration wait =
        Duration::Nanoseconds(i == 100 ? 300 : 300 + static_cast<int64_t>(rng.Below(5000)));
    const uint64_t count = CountAt(arrived, 1e9, 1ull << 63);
    clock.Observe(count, At(arrived + wait));
    if (i <= 100) continue;
    // 1 ns of the counts is lost in rounding.
    const Duration error =
        clock.At(count, At(arrived + wait)) - At(arrived + Duration::Nanoseconds(300));
    EXPECT_LE(error.ps(), 1000);
    EXPECT_GE(error.ps(), -1000);
  }
}

TEST(NicClock, IsNeverAheadOfWhatWasSeen) {
  NicClock clock(1e9);
  clock.Observe(1000, At(Duration::Microseconds(50)));
  // 10 us later by the NIC, seen 5 us later: the zero lies 5 us earlier than was thought.
  clock.Observe(11'000, At(Duration::Microseconds(55)));
  EXPECT_EQ(clock.At(11'000, At(Duration::Microseconds(55))), At(Duration::Microseconds(55)));
  EXPECT_EQ(clock.At(1000, At(Duration::Microseconds(55))), At(Duration::Microseconds(45)));
}

// 50 ppm off: 1 us in each window of 10 ms and the one before, not 500 us after 10 s.
TEST(NicClock, FollowsADrift) {
  for (const double rate : {156.25e6 * (1 + 50e-6), 156.25e6 * (1 - 50e-6)}) {
    NicClock clock(156.25e6);
    for (int i = 0; i < 100'000; ++i) {
      const Duration arrived = Duration::Microseconds(100) * i;
      const Duration wait = Duration::Nanoseconds(i % 7 == 0 ? 200 : 4000);
      const uint64_t count = CountAt(arrived, rate, ~uint64_t{0} - 1'000'000);  // wraps
      clock.Observe(count, At(arrived + wait));
      const Duration error = clock.At(count, At(arrived + wait)) - At(arrived);
      ASSERT_LE(error.ps(), 4'000'000) << i;
      if (i <= 7) continue;
      ASSERT_GE(error.ps(), 200'000 - 1'050'000) << i;
      ASSERT_LE(error.ps(), 200'000 + 1'050'000) << i;
    }
  }
}

// What was learned before a silence is not believed after it: the rates have drifted apart.
TEST(NicClock, BeginsAnewAfterASilence) {
  NicClock clock(1e9);
  clock.Observe(0, At(Duration::Zero()));
  const Duration later = Duration::Seconds(100);
  // 100 ppm slow: it counts 10 ms less.
  const uint64_t count = 100'000'000'000 - 10'000'000;
  clock.Observe(count, At(later));
  EXPECT_EQ(clock.At(count, At(later)), At(later));
}

}  // namespace
}  // namespace sluice::dpdk
