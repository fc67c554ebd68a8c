#include "switch/scheduler.h"

#include <gtest/gtest.h>

namespace sluice::switching {
namespace {

using Lengths = std::array<uint32_t, kPriorities>;

Lengths All(uint32_t length) {
  Lengths lengths;
  lengths.fill(length);
  return lengths;
}

// Every mask of strict queues: the highest.
TEST(Scheduler, StrictQueuesGoByNumber) {
  Scheduler scheduler({.queues = 8});
  for (int mask = 1; mask < 256; ++mask) {
    int highest = 7;
    while ((mask >> highest & 1) == 0) --highest;
    EXPECT_EQ(scheduler.Pick(static_cast<uint8_t>(mask), All(1500)), highest) << mask;
  }
}

// Weights 1 : 2 : 5 and frames of unlike length share the bytes 1 : 2 : 5: after many turns the
// error is at most a quantum and a frame.
TEST(Scheduler, WeightsShareBytesNotFrames) {
  Scheduler scheduler({.queues = 3, .weight = {1, 2, 5}});
  const Lengths lengths = {1500, 64, 9000};
  std::array<int64_t, 3> sent = {};
  for (int i = 0; i < 200'000; ++i) {
    const uint8_t q = scheduler.Pick(7, lengths);
    sent[q] += lengths[q];
  }
  const int64_t total = sent[0] + sent[1] + sent[2];
  for (size_t q = 0; q < 3; ++q) {
    const int64_t weight = q == 0 ? 1 : q == 1 ? 2 : 5;
    EXPECT_NEAR(static_cast<double>(sent[q]), static_cast<double>(total * weight / 8), 20'000);
  }
}

TEST(Scheduler, StrictGoesBeforeWeighted) {
  Scheduler scheduler({.queues = 3, .weight = {1, 1, 0}});
  EXPECT_EQ(scheduler.Pick(7, All(1000)), 2);
  EXPECT_EQ(scheduler.Pick(7, All(1000)), 2);
  EXPECT_EQ(scheduler.Pick(3, All(1024)), 0);
  EXPECT_EQ(scheduler.Pick(3, All(1024)), 1);
}

// A queue that was idle has saved nothing: it gets no more than its turn.
TEST(Scheduler, AnIdleQueueSavesNothing) {
  Scheduler scheduler({.queues = 2, .weight = {1, 1}});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(scheduler.Pick(1, All(1024)), 0);
  int first = 0;
  for (int i = 0; i < 100; ++i) first += scheduler.Pick(3, All(1024)) == 0;
  EXPECT_EQ(first, 50);
}

TEST(Scheduler, ValidateNamesWhatIsWrong) {
  EXPECT_TRUE(SchedulerConfig{}.Validate().ok());
  EXPECT_FALSE(SchedulerConfig{.queues = 0}.Validate().ok());
  EXPECT_FALSE(SchedulerConfig{.queues = 9}.Validate().ok());
  EXPECT_FALSE((SchedulerConfig{.queues = 2, .weight = {1025}}.Validate().ok()));
}

}  // namespace
}  // namespace sluice::switching
