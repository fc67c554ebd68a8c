// FeistelPermutation: a keyed bijection of words of twice kHalfBits bits, so that keys made from
// small counters look like draws without replacement. A peer that knows some keys cannot count on
// to the next one as it could with a plain counter; it is not a cipher. KeyPermutation is that of
// 32-bit keys, NumberPermutation that of 24-bit queue pair and packet numbers.
//
// A Feistel network of four rounds on halves (Luby and Rackoff, SIAM J. Comput. 1988) with a
// multiplicative round function under 64-bit round keys.
#ifndef SLUICE_BASE_KEY_PERMUTATION_H_
#define SLUICE_BASE_KEY_PERMUTATION_H_

#include "base/rng.h"

namespace sluice {

template <int kHalfBits>
class FeistelPermutation {
 public:
  static constexpr uint32_t kMask = static_cast<uint32_t>((uint64_t{1} << (2 * kHalfBits)) - 1);

  explicit constexpr FeistelPermutation(uint64_t seed) {
    Rng rng(seed, 0x6b6579);
    for (Round& r : rounds_) r = {rng.Next() | 1, rng.Next()};
  }

  constexpr uint32_t Encrypt(uint32_t v) const {
    uint16_t left = static_cast<uint16_t>(v >> kHalfBits & kHalf);
    uint16_t right = static_cast<uint16_t>(v & kHalf);
    for (int i = 0; i < kRounds; i += 2) {
      left ^= rounds_[i].Of(right);
      right ^= rounds_[i + 1].Of(left);
    }
    return static_cast<uint32_t>(left) << kHalfBits | right;
  }

  constexpr uint32_t Decrypt(uint32_t v) const {
    uint16_t left = static_cast<uint16_t>(v >> kHalfBits & kHalf);
    uint16_t right = static_cast<uint16_t>(v & kHalf);
    for (int i = kRounds - 2; i >= 0; i -= 2) {
      right ^= rounds_[i + 1].Of(left);
      left ^= rounds_[i].Of(right);
    }
    return static_cast<uint32_t>(left) << kHalfBits | right;
  }

 private:
  static constexpr int kRounds = 4;
  static constexpr uint32_t kHalf = (1u << kHalfBits) - 1;
  struct Round {
    uint64_t multiplier = 1;
    uint64_t addend = 0;
    // The top bits of a product depend on all bits below.
    constexpr uint16_t Of(uint16_t half) const {
      return static_cast<uint16_t>((multiplier * (half + addend)) >> (64 - kHalfBits));
    }
  };
  Round rounds_[kRounds];
};

using KeyPermutation = FeistelPermutation<16>;
using NumberPermutation = FeistelPermutation<12>;

}  // namespace sluice

#endif  // SLUICE_BASE_KEY_PERMUTATION_H_
