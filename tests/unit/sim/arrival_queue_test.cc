#include "sim/arrival_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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
}

// Also where both lie beyond the last bucket.
TEST(ArrivalQueue, FarOnesComeInOrderToo) {
  ArrivalQueue queue(Time::Zero());
  queue.Push(At(1'000'000'000'000), 0, 0, nullptr);
  EXPECT_EQ(queue.TimeOf(queue.Front()), At(1'000'000'000'000));
  queue.Push(At(500'000'000'000), 0, 0, nullptr);
  queue.Push(At(700'000'000'000), 0, 0, nullptr);
  queue.Push(At(600'000'000'000), 0, 0, nullptr);
  for (const int64_t ms : {500, 600, 700, 1000}) {
    ASSERT_FALSE(queue.empty());
    EXPECT_EQ(queue.TimeOf(queue.Front()), At(ms * 1'000'000'000));
    queue.Pop();
  }
  EXPECT_TRUE(queue.empty());
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

// Taken out by stretches of time, against a sorted list.
TEST(ArrivalQueue, TakesOutAStretchOfTime) {
  for (const int64_t span : {int64_t{200}, int64_t{1'000'000}, int64_t{50'000'000'000}}) {
    ArrivalQueue queue(Time::Zero());
    std::vector<Arrival> waiting;
    std::array<Time, 9> last_of = {};
    Rng rng(static_cast<uint64_t>(span));
    Time now;
    uint32_t sequence = 0;
    for (int round = 0; round < 2000; ++round) {
      for (size_t i = rng.Below(60); i > 0; --i) {
        const auto source = static_cast<Source>(rng.Below(last_of.size()));
        const bool far = rng.Below(50) == 0;
        const auto wait = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(span)));
        // Of one source the times ascend.
        const Time at =
            Later(last_of[source], now + Duration::Picoseconds(far ? wait * 500 : wait + 1));
        last_of[source] = at;
        waiting.push_back(queue.Make(at, source, ++sequence, nullptr));
        queue.Push(waiting.back());
      }
      now += Duration::Picoseconds(static_cast<int64_t>(rng.Below(static_cast<uint64_t>(span))));
      const uint64_t until = queue.Make(now, 0, 0, nullptr).offset;
      std::vector<Arrival> taken;
      std::array<uint64_t, 9> order_of = {};
      queue.TakeUntil(until, [&](const Arrival& a) {
        EXPECT_LT(order_of[a.source()], a.order) << "of one source in order";
        order_of[a.source()] = a.order;
        taken.push_back(a);
      });
      queue.Release();
      const auto rest = std::partition(waiting.begin(), waiting.end(),
                                       [until](const Arrival& a) { return a.offset > until; });
      const auto orders = [](auto begin, auto end) {
        std::vector<uint64_t> all;
        for (; begin != end; ++begin) all.push_back(begin->order);
        std::sort(all.begin(), all.end());
        return all;
      };
      ASSERT_EQ(orders(taken.begin(), taken.end()), orders(rest, waiting.end()));
      waiting.erase(rest, waiting.end());
      ASSERT_EQ(queue.size(), waiting.size());
    }
    std::sort(waiting.begin(), waiting.end(),
              [](const Arrival& a, const Arrival& b) { return a.Before(b); });
    for (const Arrival& a : waiting) {
      ASSERT_EQ(queue.Front().order, a.order);
      queue.Pop();
    }
    EXPECT_TRUE(queue.empty());
  }
}

TEST(ArrivalQueue, KeepsWhatANodeDoesItselfApart) {
  ArrivalQueue queue(Time::Zero());
  for (const int64_t ps : {10, 90, 200}) queue.Push(At(ps), 1, static_cast<uint32_t>(ps), nullptr);
  std::vector<uint64_t> taken;
  queue.TakeUntil(100, [&taken](const Arrival& a) { taken.push_back(a.offset); });
  EXPECT_EQ(taken, (std::vector<uint64_t>{10, 90}));
  EXPECT_EQ(queue.FirstOwn(), nullptr);
  for (const int64_t ps : {50, 40, 100, 101}) {
    queue.PushOwn(queue.Make(At(ps), 2, static_cast<uint32_t>(ps), nullptr));
  }
  for (const uint64_t offset : {40u, 50u, 100u}) {
    ASSERT_NE(queue.FirstOwn(), nullptr);
    EXPECT_EQ(queue.TakeOwn().offset, offset);
  }
  EXPECT_EQ(queue.FirstOwn(), nullptr);
  queue.Release();
  EXPECT_EQ(queue.Front().offset, 101u) << "after the stretch: as any other";
  queue.PushOwn(queue.Make(At(100), 2, 7, nullptr));
  EXPECT_EQ(queue.Front().offset, 100u) << "no stretch is out any more";
}

}  // namespace
}  // namespace sluice::sim
