#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "cc/parts/alpha.h"
#include "cc/parts/round.h"
#include "cc/parts/slope.h"
#include "cc/parts/windowed_min.h"

namespace sluice::cc {
namespace {

constexpr Time At(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

TEST(AlphaEstimatorTest, DecayInOneStepIsDecayOneByOne) {
  for (int64_t n : {0, 1, 2, 3, 7, 64, 1000}) {
    AlphaEstimator at_once(1.0 / 256), stepwise(1.0 / 256);
    at_once.Decay(n);
    for (int64_t i = 0; i < n; ++i) stepwise.Decay(1);
    EXPECT_NEAR(at_once.value(), stepwise.value(), 1e-12) << n;
  }
}

TEST(AlphaEstimatorTest, MarksDriveItBackToOne) {
  AlphaEstimator alpha(0.5);
  alpha.Decay(2);
  EXPECT_DOUBLE_EQ(alpha.value(), 0.25);
  alpha.Mark();
  EXPECT_DOUBLE_EQ(alpha.value(), 0.625);  // (1 - g) alpha + g
}

TEST(WindowedMinTest, RemembersForOneToTwoHalves) {
  WindowedMin min;
  EXPECT_FALSE(min.known());
  min.Add(5);
  min.Add(7);
  EXPECT_EQ(min.value(), 5);
  min.Roll();
  min.Add(9);
  EXPECT_EQ(min.value(), 5);
  min.Roll();
  EXPECT_EQ(min.value(), 9);
  min.Roll();
  EXPECT_FALSE(min.known());
}

// A window of 32 packets, acknowledged in bursts of 1, 4 and 32: rounds end with acknowledgements
// 1, 33, 65, ..., 3169.
TEST(RoundTest, ABatchHasAsManyRoundsAsItsSamplesOneByOne) {
  constexpr int64_t kPacket = 1000, kWindow = 32;
  for (const size_t batch : {1, 4, 32}) {
    Round round;
    std::vector<int> ends;
    std::vector<Sample> samples(batch);
    for (Sample& sample : samples) sample.acked = Bytes(kPacket);
    for (int at = 0; at < 3200;) {
      Feedback feedback;
      feedback.samples = samples;
      feedback.acked = Bytes(kPacket * static_cast<int64_t>(batch));
      // What was acknowledged has left, and nothing new has been sent yet.
      feedback.in_flight = Bytes(kPacket * (kWindow - static_cast<int64_t>(batch)));
      BatchInFlight in_flight(feedback);
      for (const Sample& sample : samples) {
        ++at;
        if (round.Ends(sample.acked, in_flight.After(sample))) ends.push_back(at);
      }
    }
    ASSERT_EQ(ends.size(), 100u) << batch;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(ends[static_cast<size_t>(i)], 1 + 32 * i) << batch;
  }
}

TEST(SlopeTest, ExactOnALine) {
  Slope slope;
  // 2000 ps more per 1000 ns: 0.002 per picosecond-of-picosecond.
  for (int i = 0; i < 5; ++i) {
    slope.Add(At(1000 * i), 8e6 + 2000.0 * i, Duration::Microseconds(4));
  }
  EXPECT_NEAR(slope.value(), 0.002, 1e-6);
}

TEST(SlopeTest, NothingBeforeTheWindowAndThePoints) {
  Slope slope;
  for (int i = 0; i < 3; ++i) slope.Add(At(5000 * i), 1e6 * i, Duration::Microseconds(4));
  EXPECT_EQ(slope.value(), 0);  // ten microseconds, but three points
  slope.Add(At(15000), 3e6, Duration::Microseconds(4));
  EXPECT_NEAR(slope.value(), 0.2, 1e-6);
}

// One microsecond of uniform noise on a flat delay, 12 points in 4 us: the error of each fit is
// about 0.29 us / (4 us * sqrt(12 / 12)) = 7 %, without bias.
TEST(SlopeTest, NoiseIsDividedAndUnbiased) {
  Slope slope;
  Rng rng(1);
  double sum = 0, squares = 0;
  int fits = 0;
  double last = 0;
  for (int i = 0; i < 20000; ++i) {
    slope.Add(At(330 * i), 8e6 + 1e6 * rng.Uniform(), Duration::Microseconds(4));
    if (slope.value() == last) continue;
    last = slope.value();
    sum += last;
    squares += last * last;
    ++fits;
  }
  EXPECT_GT(fits, 1000);
  EXPECT_NEAR(sum / fits, 0, 0.01);
  EXPECT_LT(squares / fits, 0.1 * 0.1);
}

TEST(SlopeTest, AGapBeginsAnew) {
  Slope slope;
  for (int i = 0; i < 5; ++i) slope.Add(At(1000 * i), 1e6 * i, Duration::Microseconds(4));
  EXPECT_GT(slope.value(), 0);
  slope.Add(At(100'000), 0, Duration::Microseconds(4));
  EXPECT_EQ(slope.value(), 0);
}

}  // namespace
}  // namespace sluice::cc
