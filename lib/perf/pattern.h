// Pattern: what message i of a queue pair must contain, at no cost to the sender: random bytes
// drawn once from the seed, of which each message is a window. Neighbouring messages, and those
// that reuse a slot, have different windows, so that stale or misplaced bytes are seen.
#ifndef SLUICE_PERF_PATTERN_H_
#define SLUICE_PERF_PATTERN_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "perf/memory.h"

namespace sluice::perf {

class Pattern {
 public:
  // For messages of `size` bytes; both ends make the same from the same seed.
  Pattern(uint64_t seed, uint32_t size);

  // `size` bytes on a cache line; lives as long as the pattern.
  uint8_t* Of(uint32_t qp, uint64_t message) const {
    // kWindows is prime: within kWindows consecutive messages no window repeats.
    const uint64_t window = (message * 577 + uint64_t{qp} * 131) % kWindows;
    return buffer_.data() + window * kStride;
  }
  // Where that message lies in a pattern that begins at `base`, here or at the other end.
  uint64_t AddressOf(uint64_t base, uint32_t qp, uint64_t message) const {
    return base + static_cast<uint64_t>(Of(qp, message) - buffer_.data());
  }
  // Bytes that differ from what the message must be; 0 is right.
  uint64_t Mismatches(uint32_t qp, uint64_t message, const uint8_t* got) const;

  uint8_t* data() const { return buffer_.data(); }
  size_t length() const { return buffer_.length(); }

 private:
  static constexpr uint64_t kWindows = 1021;
  static constexpr uint64_t kStride = 64;
  const uint32_t size_;
  AlignedMemory buffer_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_PATTERN_H_
