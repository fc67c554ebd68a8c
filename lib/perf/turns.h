// Turns: the queue pairs of a measuring side that may have something to post, each at most once, so
// that a pump costs what happens and not what exists.
#ifndef SLUICE_PERF_TURNS_H_
#define SLUICE_PERF_TURNS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::perf {

// One thread. Nothing is allocated after construction.
class Turns {
 public:
  // Taken between two polls at most, so that a hundred thousand posts do not hold up the engine.
  static constexpr size_t kPerPump = 32;

  // All `n` have their turn. `seed` 0: oldest first; else in an order drawn at random from it.
  Turns(size_t n, uint64_t seed) : ring_(n), waits_(n, false), random_(seed) { AddAll(); }

  bool empty() const { return count_ == 0; }

  void Add(uint32_t i) {
    if (waits_[i]) return;
    waits_[i] = true;
    ring_[At(count_++)] = i;
  }
  void AddAll() {
    for (uint32_t i = 0; i < ring_.size(); ++i) Add(i);
  }
  // Only when not empty.
  uint32_t Take() {
    if (random_ != 0) std::swap(ring_[head_], ring_[At(Draw() % count_)]);
    const uint32_t i = ring_[head_];
    head_ = At(1);
    --count_;
    waits_[i] = false;
    return i;
  }

 private:
  size_t At(size_t k) const {
    const size_t at = head_ + k;
    return at < ring_.size() ? at : at - ring_.size();
  }
  // xorshift64 (Marsaglia 2003): good enough to scatter, and six instructions a step.
  uint64_t Draw() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ >> 16;
  }

  std::vector<uint32_t> ring_;
  std::vector<bool> waits_;
  size_t head_ = 0;
  size_t count_ = 0;
  uint64_t random_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_TURNS_H_
