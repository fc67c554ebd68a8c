// Rng: xoshiro256** streams named by (seed, entity, purpose).
//
// A run draws from many streams, so that one more draw in one place does not move the others: the
// marking of port 3 and the start of flow 7 stay what they were. The core never makes a stream from
// anything but its arguments. Not thread-safe, not cryptographic.
// Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018; seeding by
// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#ifndef SLUICE_BASE_RNG_H_
#define SLUICE_BASE_RNG_H_

#include <cstdint>

#include "base/int128.h"

namespace sluice {

// One step of SplitMix64: a bijection of 64-bit words with good avalanche.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class Rng {
 public:
  explicit constexpr Rng(uint64_t seed, uint64_t entity = 0, uint64_t purpose = 0) {
    uint64_t x = Mix64(Mix64(Mix64(seed) ^ entity) ^ purpose);
    for (uint64_t& w : s_) w = x = Mix64(x);
  }

  constexpr uint64_t Next() {
    const uint64_t result = Rotl(s_[1] * 5, 7) * 9;
    const uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = Rotl(s_[3], 45);
    return result;
  }

  // Uniform in [0, n), without bias; n > 0.
  constexpr uint64_t Below(uint64_t n) {
    Uint128 m = static_cast<Uint128>(Next()) * n;
    if (static_cast<uint64_t>(m) < n) {
      const uint64_t threshold = (0 - n) % n;
      while (static_cast<uint64_t>(m) < threshold) {
        m = static_cast<Uint128>(Next()) * n;
      }
    }
    return static_cast<uint64_t>(m >> 64);
  }

  // Uniform in [0, 1) with 53 bits.
  constexpr double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // True with probability p (p <= 0 never, p >= 1 always); draws once whatever p is.
  constexpr bool Bernoulli(double p) { return Uniform() < p; }

  // Exponential with the given mean (> 0), from base/math.h's logarithm.
  double Exponential(double mean);

 private:
  static constexpr uint64_t Rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t s_[4] = {};
};

}  // namespace sluice

#endif  // SLUICE_BASE_RNG_H_
