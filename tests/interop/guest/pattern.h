/* What message m of queue pair q must contain, and where it lies: known to the guest's agent (C)
 * and to our own end (C++), so that both verify every byte without exchanging one.
 *
 * The memory of one end holds a slot for each message of each queue pair. A message begins 0 to 2
 * bytes into its slot (atomics: at its start, which is aligned); all bytes of the memory that no
 * message may touch hold INTEROP_GUARD.
 */
#ifndef SLUICE_TESTS_INTEROP_GUEST_PATTERN_H_
#define SLUICE_TESTS_INTEROP_GUEST_PATTERN_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { INTEROP_GUARD = 0xee, INTEROP_GRH = 40, INTEROP_IMM = 0x5a000000 };

/* The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection that scatters. */
static inline uint64_t interop_mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline uint64_t interop_word(uint64_t seed, uint32_t qp, uint32_t message, uint64_t word) {
  return interop_mix(seed ^ interop_mix(((uint64_t)qp << 32) | message) ^ (word << 1));
}

/* Bytes [0, size) of the message. */
static inline void interop_fill(uint64_t seed, uint32_t qp, uint32_t message, uint8_t* to,
                                size_t size) {
  for (size_t at = 0; at < size; at += 8) {
    const uint64_t word = interop_word(seed, qp, message, at / 8);
    memcpy(to + at, &word, size - at < 8 ? size - at : 8);
  }
}

/* How many bytes differ from what the message must be. */
static inline size_t interop_errors(uint64_t seed, uint32_t qp, uint32_t message,
                                    const uint8_t* got, size_t size) {
  size_t errors = 0;
  for (size_t at = 0; at < size; at += 8) {
    const size_t n = size - at < 8 ? size - at : 8;
    uint8_t want[8];
    const uint64_t word = interop_word(seed, qp, message, at / 8);
    memcpy(want, &word, 8);
    if (memcmp(want, got + at, n) == 0) continue;
    for (size_t i = 0; i < n; ++i) errors += want[i] != got[at + i];
  }
  return errors;
}

static inline size_t interop_guard_errors(const uint8_t* from, const uint8_t* to) {
  size_t errors = 0;
  for (; from < to; ++from) errors += *from != INTEROP_GUARD;
  return errors;
}

/* Bytes of a slot: room for a GRH, the message, its shift and at least 8 guard bytes. */
static inline size_t interop_stride(size_t size) {
  return (INTEROP_GRH + size + 2 + 8 + 63) / 64 * 64;
}
/* Where the message begins in its slot; a UD receive has its GRH area in front of it. */
static inline size_t interop_start(uint32_t message, int atomic) {
  return INTEROP_GRH + (atomic ? 0 : message % 3);
}

/* Atomics: the target's word before the first request, and operand `message`. Of compare-and-swaps
 * each odd one compares with a value that the word does not have. */
static inline uint64_t interop_operand(uint64_t seed, uint32_t qp, uint32_t message) {
  return interop_word(seed, qp, message, 1);
}
static inline uint64_t interop_initial(uint64_t seed, uint32_t qp) {
  return interop_word(seed, qp, 0xffffffffu, 2);
}
static inline uint64_t interop_compare(uint32_t message, uint64_t current) {
  return message % 2 == 0 ? current : current + 1;
}
static inline uint64_t interop_next(uint64_t seed, uint32_t qp, uint32_t message, int swap,
                                    uint64_t current) {
  const uint64_t operand = interop_operand(seed, qp, message);
  if (!swap) return current + operand;
  return message % 2 == 0 ? operand : current;
}

#endif /* SLUICE_TESTS_INTEROP_GUEST_PATTERN_H_ */
