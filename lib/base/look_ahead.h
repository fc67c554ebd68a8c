// LookAhead: a loop over many objects that lie in memory asks for those to come while it works on
// one, in stages of which each reads where the next one's lines are.
//
// A core keeps few lines under way at a time (24 on the machine of docs/decisions/0006), and hints
// far beyond them are lost on it. So the lines of a burst are not asked for at once, before the
// loop: each step asks for those of one object, as many as come while it works.
#ifndef SLUICE_BASE_LOOK_AHEAD_H_
#define SLUICE_BASE_LOOK_AHEAD_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace sluice {

// run(s, steps) for each stage s, an integral_constant, and its number of steps, in order.
template <size_t... kSteps, typename Run>
[[gnu::always_inline]] inline void ForEachStage(const Run& run) {
  [&]<size_t... kStage>(std::index_sequence<kStage...>) {
    (run(std::integral_constant<size_t, kStage>{}, kSteps), ...);
  }
  (std::make_index_sequence<sizeof...(kSteps)>{});
}

// For a loop over [0, n), before its step i; called for 0, 1, 2, ... in turn. Stage s, of as many
// as there are `kSteps`, runs for each object j at kSteps[s] steps before its own (before step 0 if
// there are none): `stage(s, j)`, s an integral_constant; earlier stages of an object first.
template <size_t... kSteps, typename Stage>
[[gnu::always_inline]] inline void LookAhead(size_t i, size_t n, const Stage& stage) {
  ForEachStage<kSteps...>([&](auto s, size_t steps) {
    const size_t end = std::min(n, i + steps + 1);
    for (size_t j = i == 0 ? 0 : i + steps; j < end; ++j) stage(s, j);
  });
}

// Upcoming: objects on the way to their turn, for a loop that knows more of them than it works off
// at once, which is `kBatch` at most: the same stages at the same distances, but never all of them
// at a beginning. Holds copies; one thread; allocates nothing. Without `ahead` no stage runs and no
// more than a batch wait.
template <typename T, size_t kBatch, size_t... kSteps>
class Upcoming {
 public:
  explicit Upcoming(bool ahead) : ahead_(ahead) {}

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == (ahead_ ? kMost : kBatch); }
  // Only when not full.
  template <typename Stage>
  void Add(const T& item, const Stage& stage) {
    const size_t position = count_++;
    ring_[(head_ + position) % kRing] = item;
    if (!ahead_) return;
    ForEachStage<kSteps...>([&](auto s, size_t steps) {
      if (position <= steps) stage(s, item);
    });
  }
  // Only when not empty.
  template <typename Stage>
  T Take(const Stage& stage) {
    const T item = ring_[head_ % kRing];
    ++head_;
    --count_;
    if (!ahead_) return item;
    ForEachStage<kSteps...>([&](auto s, size_t steps) {
      if (steps < count_) stage(s, ring_[(head_ + steps) % kRing]);
    });
    return item;
  }

 private:
  static constexpr size_t kMost = std::max({kSteps...}) + kBatch;
  static constexpr size_t kRing = std::bit_ceil(kMost);

  const bool ahead_;
  size_t head_ = 0;
  size_t count_ = 0;
  std::array<T, kRing> ring_;
};

}  // namespace sluice

#endif  // SLUICE_BASE_LOOK_AHEAD_H_
