#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/rng.h"

namespace sluice::sim {
namespace {

Time At(uint64_t ps) { return Time::FromPs(ps); }

TEST(EventQueue, EqualTimesGoBySourceWhateverTheOrderOfCalls) {
  EventQueue queue(Time::Zero(), 7);
  EXPECT_TRUE(queue.empty());
  for (const Source s : {5u, 0u, 6u, 3u, 1u, 4u, 2u}) queue.Schedule(s, At(9));
  for (Source s = 0; s < 7; ++s) {
    ASSERT_FALSE(queue.empty());
    EXPECT_EQ(queue.next_source(), s);
    EXPECT_EQ(queue.next_time(), At(9));
    queue.Cancel(s);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, OneSourceIsEnough) {
  EventQueue queue(Time::Zero(), 1);
  queue.Schedule(0, At(5));
  EXPECT_EQ(queue.next_time(), At(5));
  queue.Schedule(0, At(8));
  EXPECT_EQ(queue.next_time(), At(8));
  queue.Cancel(0);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, NoSourceIsEmpty) { EXPECT_TRUE(EventQueue(Time::Zero(), 0).empty()); }

// Against the plainest model, with few distinct times so that ties are common, across the wrap of
// Time.
TEST(EventQueue, AgreesWithALinearScan) {
  for (const size_t sources : {2u, 3u, 8u, 33u, 100u}) {
    const Time origin = At(0 - uint64_t{500});
    EventQueue queue(origin, sources);
    std::vector<std::optional<uint64_t>> model(sources);
    Rng rng(3, sources);
    for (int step = 0; step < 20'000; ++step) {
      const auto s = static_cast<Source>(rng.Below(sources));
      if (rng.Below(4) == 0) {
        model[s].reset();
        queue.Cancel(s);
      } else {
        model[s] = rng.Below(1000);
        queue.Schedule(s, origin + Duration::Picoseconds(static_cast<int64_t>(*model[s])));
      }
      std::optional<Source> first;
      for (Source i = 0; i < sources; ++i) {
        if (model[i] && (!first || *model[i] < *model[*first])) first = i;
      }
      ASSERT_EQ(queue.empty(), !first);
      if (!first) continue;
      ASSERT_EQ(queue.next_source(), *first);
      ASSERT_EQ((queue.next_time() - origin).ps(), static_cast<int64_t>(*model[*first]));
    }
  }
}

}  // namespace
}  // namespace sluice::sim
