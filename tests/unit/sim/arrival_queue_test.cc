#include "sim/arrival_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"

namespace sluice::sim {
namespace {

Time At(int64_t ps) { return Time::Zero() + Duration::Picoseconds(ps); }

TEST(ArrivalQueue, GoesByTimeThenSourceThenSequence) {
  ArrivalQueue queue(Time::Zero());
  queue.Push(At(20), 1, 2, nullptr);
  queue.Push(At(20), 1, 1, nullptr);
  queue.Push(At(20), 0, 9, nullptr);
  queue.Push(At(10), 7, 0, nullptr);
  std::vector<uint64_t> orders;
  for (; !queue.empty(); queue.Pop()) orders.push_back(queue.Front().order);
  EXPECT_EQ(orders, (std::vector<uint64_t>{7ull << 32, 9, 1ull << 32 | 1, 1ull << 32 | 2}));
}

TEST(ArrivalQueue, OneThatComesBeforeTheFirstIsFirst) {
  ArrivalQueue queue(Time::Zero());
  queue.Push(At(1'000'000'000'000), 0, 0, nullptr);
  EXPECT_EQ(queue.TimeOf(queue.Front()), At(1'000'000'000'000));
  queue.Push(At(5'000'000), 0, 0, nullptr);
  EXPECT_EQ(queue.TimeOf(queue.Front()), At(5'000'000));
  queue.Push(At(6'000'000), 0, 0, nullptr);
  queue.Push(At(4), 0, 0, nullptr);
  for (const int64_t ps : {int64_t{4}, int64_t{5'000'000}, int64_t{6'000'000}}) {
    EXPECT_EQ(queue.TimeOf(queue.Front()), At(ps));
    queue.Pop();
  }
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.Ahead(1), nullptr);
}

// Against a sorted list, over densities that make the buckets wider and narrower, and times that
// lie beyond all of them.
TEST(ArrivalQueue, AgreesWithASortedList) {
  for (const int64_t span : {int64_t{200}, int64_t{1'000'000}, int64_t{50'000'000'000}}) {
    ArrivalQueue queue(Time::Zero());
    std::vector<Arrival> list;  // the first one last
    Rng rng(static_cast<uint64_t>(span));
    Time now;
    const auto later = [](const Arrival& a, const Arrival& b) { return b.Before(a); };
    for (uint32_t i = 0; i < 60'000; ++i) {
      const bool far = rng.Below(50) == 0;
      const auto wait =
          static_cast<int64_t>(rng.Below(static_cast<uint64_t>(far ? span * 1000 : span)));
      const Arrival a = queue.Make(now + Duration::Picoseconds(wait),
                                   static_cast<Source>(rng.Below(9)), i, nullptr);
      queue.Push(a);
      list.insert(std::upper_bound(list.begin(), list.end(), a, later), a);
      while (list.size() > 300 || (!list.empty() && rng.Below(3) == 0)) {
        ASSERT_EQ(queue.Front().order, list.back().order);
        ASSERT_EQ(queue.size(), list.size());
        now = queue.TimeOf(queue.Front());
        queue.Pop();
        list.pop_back();
      }
    }
    size_t counted = 0;
    queue.ForEach([&counted](const Arrival&) { ++counted; });
    EXPECT_EQ(counted, list.size());
  }
}

}  // namespace
}  // namespace sluice::sim
