#include "telemetry/trace.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::telemetry {
namespace {

TEST(TraceRing, KeepsOrderAndContent) {
  TraceRing ring(8);
  ring.Emit({Time::FromPs(5), 7, 3, 11, 12});
  ring.Emit({Time::FromPs(6), 8, 4, 13, 14});
  TraceRecord out[8];
  ASSERT_EQ(ring.Take(out), 2u);
  EXPECT_EQ(out[0].time, Time::FromPs(5));
  EXPECT_EQ(out[0].entity, 7u);
  EXPECT_EQ(out[0].code, 3u);
  EXPECT_EQ(out[0].a, 11u);
  EXPECT_EQ(out[0].b, 12u);
  EXPECT_EQ(out[1].entity, 8u);
  EXPECT_EQ(ring.Take(out), 0u);
  EXPECT_EQ(ring.dropped(), 0u);
}

TEST(TraceRing, AFullRingDropsTheNewestAndCounts) {
  TraceRing ring(4);
  for (uint64_t i = 0; i < 7; ++i) ring.Emit({Time::Zero(), 0, 0, i, 0});
  EXPECT_EQ(ring.dropped(), 7 - ring.capacity());
  TraceRecord out[8];
  ASSERT_EQ(ring.Take(out), ring.capacity());
  for (uint64_t i = 0; i < ring.capacity(); ++i) EXPECT_EQ(out[i].a, i);
  ring.Emit({Time::Zero(), 0, 0, 99, 0});
  ASSERT_EQ(ring.Take(out), 1u);
  EXPECT_EQ(out[0].a, 99u);
}

TEST(TraceRing, TakenAndDroppedAreAllThatWasEmitted) {
  constexpr uint64_t kRecords = 200'000;
  TraceRing ring(64);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t i = 1; i <= kRecords; ++i) ring.Emit({Time::FromPs(i), 0, 0, i, ~i});
    done.store(true, std::memory_order_release);
  });
  uint64_t taken = 0, last = 0;
  TraceRecord out[16];
  for (bool finished = false; !finished;) {
    finished = done.load(std::memory_order_acquire);
    while (const size_t n = ring.Take(out)) {
      finished = false;
      taken += n;
      for (size_t i = 0; i < n; ++i) {
        EXPECT_GT(out[i].a, last);
        EXPECT_EQ(out[i].b, ~out[i].a);
        last = out[i].a;
      }
    }
  }
  writer.join();
  EXPECT_EQ(taken + ring.dropped(), kRecords);
}

}  // namespace
}  // namespace sluice::telemetry
