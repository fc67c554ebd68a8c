#include "base/look_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

namespace sluice {
namespace {

// When each stage of each object ran: the step of the loop before which it did.
using Seen = std::map<std::pair<size_t, size_t>, size_t>;

template <size_t... kSteps>
Seen Walk(size_t n) {
  Seen seen;
  for (size_t i = 0; i < n; ++i) {
    LookAhead<kSteps...>(i, n, [&](auto stage, size_t j) {
      EXPECT_TRUE(seen.insert({{stage, j}, i}).second) << "stage " << stage << " of " << j;
      if (stage > 0) {
        EXPECT_EQ(seen.count({stage - 1, j}), 1u) << "stage " << stage << " of " << j;
      }
    });
  }
  return seen;
}

TEST(LookAhead, EachStageOfEachObjectOnceAtItsDistance) {
  constexpr std::array<size_t, 3> kAhead{7, 3, 1};
  for (const size_t n : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 40u}) {
    const Seen seen = Walk<7, 3, 1>(n);
    EXPECT_EQ(seen.size(), 3 * n);
    for (size_t j = 0; j < n; ++j) {
      for (size_t s = 0; s < 3; ++s) {
        const size_t expected = j < kAhead[s] ? 0 : j - kAhead[s];
        EXPECT_EQ(seen.at({s, j}), expected) << "stage " << s << " of " << j << " of " << n;
      }
    }
  }
}

TEST(LookAhead, DistancesBeyondTheEndAreAllBeforeTheFirstStep) {
  for (const auto& [what, step] : Walk<32, 32>(5)) EXPECT_EQ(step, 0u) << what.second;
}

// Objects 0, 1, 2, ... come as long as there is room and `total` is not reached; what is taken is
// noted with the stages that ran for it, at the distance from its turn that they had.
struct Passage {
  std::vector<uint32_t> taken;
  std::map<uint32_t, std::vector<size_t>> distances;
  size_t most = 0;
};

Passage TakeAll(bool ahead, uint32_t total) {
  Upcoming<uint32_t, 4, 6, 3, 1> upcoming(ahead);
  Passage run;
  std::deque<uint32_t> waiting;
  const auto stage = [&](auto s, uint32_t item) {
    const auto at = std::find(waiting.begin(), waiting.end(), item);
    std::vector<size_t>& of = run.distances[item];
    EXPECT_EQ(of.size(), s);  // in their order
    of.push_back(static_cast<size_t>(at - waiting.begin()));
  };
  uint32_t next = 0;
  for (;;) {
    while (!upcoming.full() && next < total) {
      waiting.push_back(next);
      upcoming.Add(next++, stage);
    }
    run.most = std::max(run.most, waiting.size());
    if (upcoming.empty()) return run;
    const uint32_t expected = waiting.front();
    waiting.pop_front();
    const uint32_t item = upcoming.Take(stage);
    EXPECT_EQ(item, expected);
    run.taken.push_back(item);
  }
}

TEST(Upcoming, OldestFirstEachStageAtItsDistance) {
  const Passage run = TakeAll(true, 100);
  EXPECT_EQ(run.taken.size(), 100u);
  EXPECT_EQ(run.most, 6u + 4u);
  for (uint32_t item = 0; item < 100; ++item) {
    // The first ones are closer than that when they come.
    const std::vector<size_t> expected{std::min<size_t>(item, 6), std::min<size_t>(item, 3),
                                       std::min<size_t>(item, 1)};
    EXPECT_EQ(run.distances.at(item), expected) << item;
  }
}

TEST(Upcoming, FewWaitWithoutStages) {
  const Passage run = TakeAll(false, 100);
  EXPECT_EQ(run.taken.size(), 100u);
  EXPECT_EQ(run.most, 4u);
  EXPECT_TRUE(run.distances.empty());
}

}  // namespace
}  // namespace sluice
