#include "wheel/wheel.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "base/rng.h"

namespace sluice::wheel {
namespace {

constexpr Time At(uint64_t ps) { return Time::FromPs(ps); }

std::vector<Entry*> TakeAll(Wheel* wheel, Time now) {
  std::vector<Entry*> all;
  Entry* batch[7];
  while (const size_t n = wheel->Due(now, batch)) all.insert(all.end(), batch, batch + n);
  return all;
}

TEST(Wheel, EmptyHasNothingDueAndNoDeadline) {
  Wheel wheel(At(5));
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_TRUE(TakeAll(&wheel, At(uint64_t{1} << 62)).empty());
  Entry e;
  EXPECT_FALSE(e.armed());
  wheel.Cancel(&e);
  EXPECT_EQ(wheel.size(), 0u);
}

// A deadline at every power of two, one below and one above it: due at that picosecond, not before.
TEST(Wheel, IsExactToThePicosecondAtEveryDistance) {
  for (const uint64_t start : {uint64_t{0}, uint64_t{0x0123456789abcdef}, ~uint64_t{0}}) {
    for (int bit = 0; bit < 62; ++bit) {
      for (int off = -1; off <= 1; ++off) {
        const uint64_t distance = (uint64_t{1} << bit) + static_cast<uint64_t>(off);
        if (distance == 0) continue;
        Wheel wheel(At(start));
        Entry e;
        wheel.Arm(&e, At(start + distance));
        EXPECT_TRUE(e.armed());
        EXPECT_EQ(wheel.NextDeadline(), At(start + distance));
        EXPECT_TRUE(TakeAll(&wheel, At(start + distance - 1)).empty());
        EXPECT_EQ(wheel.NextDeadline(), At(start + distance));
        EXPECT_EQ(TakeAll(&wheel, At(start + distance)), std::vector<Entry*>{&e});
        EXPECT_FALSE(e.armed());
        EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
      }
    }
  }
}

TEST(Wheel, EqualDeadlinesComeInTheOrderOfTheirOrder) {
  Wheel wheel(At(0));
  std::vector<std::unique_ptr<Entry>> entries;
  for (uint64_t i = 0; i < 101; ++i) {
    entries.push_back(std::make_unique<Entry>(i * 37 % 101));  // a permutation: 101 is prime
  }
  // Half of them armed from far away, half from near by: the same deadline from two levels.
  const Time deadline = At(1'000'000'000);
  for (size_t i = 0; i < 50; ++i) wheel.Arm(entries[i].get(), deadline);
  EXPECT_TRUE(TakeAll(&wheel, At(999'999'000)).empty());
  for (size_t i = 50; i < 101; ++i) wheel.Arm(entries[i].get(), deadline);
  const std::vector<Entry*> due = TakeAll(&wheel, deadline);
  ASSERT_EQ(due.size(), 101u);
  for (size_t i = 0; i < due.size(); ++i) EXPECT_EQ(due[i]->order, i);
}

TEST(Wheel, AnEarlierDeadlineBeatsALowerOrder) {
  Wheel wheel(At(0));
  Entry a(1), b(2);
  wheel.Arm(&a, At(1001));
  wheel.Arm(&b, At(1000));  // the same slot
  EXPECT_EQ(TakeAll(&wheel, At(5000)), (std::vector<Entry*>{&b, &a}));
}

TEST(Wheel, APastDeadlineIsDueAtOnceAndFirst) {
  Wheel wheel(At(0));
  EXPECT_TRUE(TakeAll(&wheel, At(1'000'000'000)).empty());
  Entry now(1), late(2), later(3);
  wheel.Arm(&now, At(1'000'000'000));
  wheel.Arm(&late, At(999'000'000));
  wheel.Arm(&later, At(1));
  EXPECT_EQ(wheel.NextDeadline(), At(1));
  EXPECT_EQ(TakeAll(&wheel, At(1'000'000'000)), (std::vector<Entry*>{&later, &late, &now}));
}

TEST(Wheel, ArmMovesBothWays) {
  Wheel wheel(At(0));
  Entry a(1), b(2);
  wheel.Arm(&a, At(500'000));
  wheel.Arm(&b, At(900'000));
  wheel.Arm(&a, At(7'000'000'000));
  EXPECT_EQ(wheel.size(), 2u);
  EXPECT_EQ(wheel.NextDeadline(), At(900'000));
  wheel.Arm(&a, At(100));
  EXPECT_EQ(wheel.NextDeadline(), At(100));
  EXPECT_EQ(a.deadline(), At(100));
  EXPECT_EQ(TakeAll(&wheel, At(8'000'000'000)), (std::vector<Entry*>{&a, &b}));
}

TEST(Wheel, ArmEarlierOnlyMovesForward) {
  Wheel wheel(At(0));
  Entry a;
  wheel.ArmEarlier(&a, At(1000));
  EXPECT_EQ(a.deadline(), At(1000));
  wheel.ArmEarlier(&a, At(2000));
  EXPECT_EQ(wheel.NextDeadline(), At(1000));
  wheel.ArmEarlier(&a, At(400));
  EXPECT_EQ(wheel.NextDeadline(), At(400));
  wheel.Cancel(&a);
  wheel.ArmEarlier(&a, At(2000));
  EXPECT_EQ(wheel.NextDeadline(), At(2000));
  EXPECT_EQ(wheel.size(), 1u);
}

TEST(Wheel, CancelUncoversTheNextDeadline) {
  Wheel wheel(At(0));
  Entry a(1), b(2), c(3);
  wheel.Arm(&a, At(10));
  wheel.Arm(&b, At(20));
  wheel.Arm(&c, At(900'000'000'000));
  wheel.Cancel(&a);
  wheel.Cancel(&a);
  EXPECT_EQ(wheel.NextDeadline(), At(20));
  wheel.Cancel(&b);
  EXPECT_EQ(wheel.NextDeadline(), At(900'000'000'000));
  wheel.Cancel(&c);
  EXPECT_EQ(wheel.NextDeadline(), std::nullopt);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(Wheel, ABatchMayRearmCancelAndDestroy) {
  Wheel wheel(At(0));
  std::vector<std::unique_ptr<Entry>> entries;
  for (uint64_t i = 0; i < 6; ++i) {
    entries.push_back(std::make_unique<Entry>(i));
    wheel.Arm(entries.back().get(), At(100 + i));
  }
  Entry* batch[4];
  ASSERT_EQ(wheel.Due(At(1000), batch), 4u);
  EXPECT_EQ(wheel.size(), 2u);
  wheel.Arm(batch[0], At(101));  // before those that still wait
  wheel.Cancel(batch[1]);        // already out
  entries[2].reset();            // taken out, never looked at again
  wheel.Cancel(entries[4].get());
  entries[4].reset();  // would have been in the next batch
  EXPECT_EQ(wheel.NextDeadline(), At(101));
  EXPECT_EQ(TakeAll(&wheel, At(1000)), (std::vector<Entry*>{entries[0].get(), entries[5].get()}));
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(Wheel, AnEmptyBatchTakesNothing) {
  Wheel wheel(At(0));
  Entry a;
  wheel.Arm(&a, At(10));
  EXPECT_EQ(wheel.Due(At(20), {}), 0u);
  EXPECT_TRUE(a.armed());
}

TEST(Wheel, TimeThatRunsBackwardsTakesOnlyWhatIsDueThen) {
  Wheel wheel(At(0));
  EXPECT_TRUE(TakeAll(&wheel, At(1'000'000'000)).empty());
  Entry a(1), b(2);
  wheel.Arm(&a, At(600'000'000));
  wheel.Arm(&b, At(400'000'000));
  EXPECT_EQ(TakeAll(&wheel, At(500'000'000)), std::vector<Entry*>{&b});
  EXPECT_EQ(wheel.NextDeadline(), At(600'000'000));
  EXPECT_EQ(TakeAll(&wheel, At(1'000'000'000)), std::vector<Entry*>{&a});
}

// The farthest deadlines, while the wheel's position lags because an entry has not been taken: the
// last level holds one before the wrap and one behind it.
TEST(Wheel, TheLastLevelIsACircle) {
  const Time start = At(uint64_t{3} << 62) - Duration::Picoseconds(10);
  const Time now = start + Duration::Seconds(1);
  Wheel wheel(start);
  Entry waiting(0), before(1), behind(2);
  wheel.Arm(&waiting, start);
  EXPECT_EQ(wheel.Due(now, {}), 0u);
  wheel.Arm(&behind, now + Duration::Max());
  wheel.Arm(&before, now + Duration::Seconds(5));
  EXPECT_LT(behind.deadline().ps(), before.deadline().ps());
  Entry* one[1];
  ASSERT_EQ(wheel.Due(start, one), 1u);
  EXPECT_EQ(wheel.NextDeadline(), before.deadline());
  EXPECT_EQ(TakeAll(&wheel, before.deadline()), std::vector<Entry*>{&before});
  EXPECT_EQ(TakeAll(&wheel, behind.deadline()), std::vector<Entry*>{&behind});
}

// The wheel against a sorted set of (deadline, order, index), both driven by the same random
// operations. Times are told as distances from the start, so that the model does not wrap.
class Model {
 public:
  Model(uint64_t start, uint64_t seed, size_t entries)
      : start_(start), rng_(seed), wheel_(At(start)), armed_at_(entries, 0) {
    for (size_t i = 0; i < entries; ++i) {
      entries_.push_back(std::make_unique<Entry>(i * 7919 % entries));
    }
  }

  void Step() {
    const size_t i = rng_.Below(entries_.size());
    switch (rng_.Below(8)) {
      case 0:
      case 1:
      case 2:
        Arm(i, now_ + Distance(50));
        break;
      case 3:
        Arm(i, now_ - Distance(40));
        break;
      case 4: {
        const int64_t at = now_ + Distance(50);
        wheel_.ArmEarlier(entries_[i].get(), ToTime(at));
        if (!Has(i) || at < armed_at_[i]) Insert(i, at);
        break;
      }
      case 5:
        wheel_.Cancel(entries_[i].get());
        Erase(i);
        break;
      default:
        now_ += Distance(rng_.Below(16) == 0 ? 46 : 24);
        Due(rng_.Below(20));
    }
    ASSERT_EQ(wheel_.size(), sorted_.size());
    const auto next = wheel_.NextDeadline();
    ASSERT_EQ(next.has_value(), !sorted_.empty());
    if (next) {
      ASSERT_EQ(next->ps(), ToTime(std::get<0>(*sorted_.begin())).ps());
    }
    ASSERT_EQ(entries_[i]->armed(), Has(i));
  }

  void Finish() {
    now_ += int64_t{1} << 51;
    while (!sorted_.empty()) ASSERT_NO_FATAL_FAILURE(Due(8));
    EXPECT_EQ(wheel_.size(), 0u);
    EXPECT_EQ(wheel_.NextDeadline(), std::nullopt);
  }

  Time now() const { return ToTime(now_); }

 private:
  using Key = std::tuple<int64_t, uint64_t, size_t>;

  Time ToTime(int64_t distance) const { return At(start_ + static_cast<uint64_t>(distance)); }
  // Spread evenly over the orders of magnitude, with few low bits in half of the cases: ties.
  int64_t Distance(int bits) {
    const uint64_t width = rng_.Below(static_cast<uint64_t>(bits));
    uint64_t d = rng_.Below(uint64_t{1} << width);
    if (rng_.Below(2) == 0) d &= ~uint64_t{0} << (width / 2);
    return static_cast<int64_t>(d);
  }
  Key KeyOf(size_t i) const { return {armed_at_[i], entries_[i]->order, i}; }
  bool Has(size_t i) const { return sorted_.count(KeyOf(i)) != 0; }
  void Erase(size_t i) { sorted_.erase(KeyOf(i)); }
  void Insert(size_t i, int64_t at) {
    Erase(i);
    armed_at_[i] = at;
    sorted_.insert(KeyOf(i));
  }
  void Arm(size_t i, int64_t at) {
    wheel_.Arm(entries_[i].get(), ToTime(at));
    Insert(i, at);
  }
  void Due(size_t room) {
    std::vector<Entry*> batch(room);
    const size_t n = wheel_.Due(ToTime(now_), batch);
    for (size_t k = 0; k < n; ++k) {
      ASSERT_FALSE(sorted_.empty());
      const auto [at, order, i] = *sorted_.begin();
      ASSERT_EQ(batch[k], entries_[i].get());
      ASSERT_EQ(batch[k]->deadline(), ToTime(at));
      ASSERT_LE(at, now_);
      ASSERT_FALSE(batch[k]->armed());
      sorted_.erase(sorted_.begin());
    }
    if (n < room && !sorted_.empty()) {
      ASSERT_GT(std::get<0>(*sorted_.begin()), now_);
    }
  }

  const uint64_t start_;
  Rng rng_;
  Wheel wheel_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<int64_t> armed_at_;
  std::set<Key> sorted_;
  int64_t now_ = 0;
};

TEST(Wheel, AgreesWithASortedSet) {
  struct Case {
    uint64_t start;
    size_t entries;
  };
  // From zero; across the wrap, soon and late; across the sign change; many and few entries.
  for (const Case& c :
       {Case{0, 300}, Case{0 - (uint64_t{1} << 40), 300}, Case{0 - (uint64_t{1} << 50), 40},
        Case{(uint64_t{1} << 63) - 99, 2000}, Case{0 - uint64_t{1}, 5}}) {
    SCOPED_TRACE(c.start);
    Model model(c.start, c.start + c.entries, c.entries);
    for (int i = 0; i < 200'000; ++i) ASSERT_NO_FATAL_FAILURE(model.Step()) << "step " << i;
    // The run went far enough to cross every wrap above (2^50 ps are 19 minutes).
    EXPECT_GT(model.now() - At(c.start), Duration::Picoseconds(int64_t{1} << 50));
    ASSERT_NO_FATAL_FAILURE(model.Finish());
  }
}

}  // namespace
}  // namespace sluice::wheel
