#include "transport/sr_loss.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

Time At(int64_t us) { return Time::FromPs(~uint64_t{0} - 1000) + Duration::Microseconds(us); }
constexpr Duration kRtt = Duration::Microseconds(20);

// RFC 8985: lost once something sent later has arrived, and its round trip and the reordering
// window, at first a quarter of the least round trip, have passed since.
TEST(LossClock, NothingIsLostBeforeSomethingSentLaterArrived) {
  LossClock clock;
  EXPECT_FALSE(clock.Overtaken(At(0), 1));
  clock.OnDelivered(At(25), At(5), 10);
  EXPECT_TRUE(clock.Overtaken(At(4), 9));
  EXPECT_TRUE(clock.Overtaken(At(5), 9)) << "of the same burst, before it";
  EXPECT_FALSE(clock.Overtaken(At(5), 11)) << "of the same burst, behind it";
  EXPECT_FALSE(clock.Overtaken(At(6), 3)) << "sent again later";
}

TEST(LossClock, TheWindowIsAQuarterOfTheLeastRoundTripWithoutReordering) {
  LossClock clock;
  clock.OnDelivered(At(25), At(5), 10);
  clock.OnRoundTrip(At(25), kRtt, kRtt);
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 5);
  EXPECT_EQ(clock.Deadline(At(4), kRtt), At(4 + 20 + 5));
}

TEST(LossClock, TheWindowFollowsTheLatenessSeenAndEndsAtTwoRoundTrips) {
  LossClock clock;
  clock.OnDelivered(At(25), At(5), 10);
  clock.OnRoundTrip(At(25), kRtt, kRtt);
  clock.OnLate(kRtt + Duration::Microseconds(12));
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 15) << "12 us and a quarter";
  clock.OnLate(kRtt + Duration::Microseconds(8));
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 15) << "the worst counts";
  clock.OnLate(kRtt + Duration::Microseconds(400));
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 40);
}

TEST(LossClock, ForgetsReorderingAfterTwoPeriods) {
  LossClock clock;
  clock.OnDelivered(At(25), At(5), 10);
  clock.OnRoundTrip(At(25), kRtt, kRtt);
  clock.OnLate(kRtt + Duration::Microseconds(12));
  const int64_t period = 64 * 20;
  clock.OnRoundTrip(At(25 + period), kRtt, kRtt);
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 15);
  clock.OnRoundTrip(At(25 + 2 * period), kRtt, kRtt);
  EXPECT_EQ(clock.ReorderingWindow(kRtt).us(), 5);
}

}  // namespace
}  // namespace sluice::transport
