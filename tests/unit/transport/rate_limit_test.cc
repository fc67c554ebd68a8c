#include "transport/rate_limit.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

using Limit = RateLimit<10, 4>;

Time At(int64_t us) { return Time::FromPs(static_cast<uint64_t>(us) * 1'000'000); }

TEST(RateLimit, ABurstAndThenOnePerInterval) {
  Limit limit;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(limit.Take(At(1000))) << i;
  EXPECT_FALSE(limit.Take(At(1000)));
  EXPECT_FALSE(limit.Take(At(1009)));
  EXPECT_TRUE(limit.Take(At(1010)));
  EXPECT_FALSE(limit.Take(At(1010)));
}

TEST(RateLimit, LongRunIsTheRate) {
  Limit limit;
  int taken = 0;
  for (int64_t us = 0; us < 10'000; ++us) taken += limit.Take(At(us)) ? 1 : 0;
  EXPECT_EQ(taken, 1000 + 3);
}

// The count of microseconds wraps in 71 minutes; a pause of any length frees the whole burst.
TEST(RateLimit, AnyPauseFreesIt) {
  for (const int64_t pause :
       {40LL, 1'000'000LL, 2'147'483'648LL, 3'000'000'000LL, 4'294'967'295LL}) {
    Limit limit;
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(limit.Take(At(4'000'000'000LL)));
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(limit.Take(At(4'000'000'000LL + pause))) << pause;
  }
}

}  // namespace
}  // namespace sluice::transport
