// CRC-32 by carry-less multiplication, 256 bytes a step, with the copy in the same pass.
//
// Method: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009,
// with two changes. The end is met at once: every one of the last 32 quadwords (64 bits) is
// multiplied by its own power of x, whose products add up to one value of 96 bits, so there is no
// ladder from four vectors to one. And the message is aligned at its end, not its start: the first
// vector takes the odd bytes behind leading zeros, which change no remainder, so there is no tail.
//
// Bits are reflected throughout: bit i of a quadword is the coefficient of x^(63-i). The product of
// two such quadwords, as 128 bits of which bit i is the coefficient of x^(127-i), is a * b * x;
// that extra x is taken out of the constants.

// GCC 12 sees uninitialised variables inside its own intrinsics.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/crc_kernel.h"

#define SLUICE_VECTOR \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,vpclmulqdq,pclmul")))
#define SLUICE_VECTOR_INLINE SLUICE_VECTOR __attribute__((always_inline)) static inline

namespace sluice::wire {
namespace {

// P = x^32 + x^26 + ... + 1 without its leading term; bit i is the coefficient of x^(31-i).
constexpr uint32_t kPoly = 0xedb88320;

// x^n mod P in the same order.
constexpr uint32_t PowerOfX(unsigned n) {
  uint32_t r = 0x80000000;
  for (unsigned i = 0; i < n; ++i) r = (r >> 1) ^ ((r & 1) != 0 ? kPoly : 0);
  return r;
}

// Multiply a quadword by x^2112 or x^2048 and so take a lane, its first quadword and its second, to
// the lane 256 bytes further on: the exponent less one for the x of the product, in the upper half
// because a coefficient of degree < 32 lies there.
constexpr uint64_t kFoldFirst = static_cast<uint64_t>(PowerOfX(2048 + 64 - 1)) << 32;
constexpr uint64_t kFoldSecond = static_cast<uint64_t>(PowerOfX(2048 - 1)) << 32;

// Quadword i of the last 32 times x^(64 (31 - i) + 32), the 32 being the CRC's own shift. In the
// lower half, so that the product is 96 bits wide and its upper 64 lie in the low quadword.
constexpr std::array<uint64_t, 32> MakeFinish() {
  std::array<uint64_t, 32> t{};
  for (unsigned i = 0; i < 32; ++i) t[i] = PowerOfX(64 * (31 - i) + 31);
  return t;
}
alignas(64) constexpr std::array<uint64_t, 32> kFinish = MakeFinish();

// Barrett reduction of 96 bits by 32. floor(x^96 / P) has 65 bits; that of x^0 never reaches the
// quotient, so bit i holds the coefficient of x^(64-i).
constexpr uint64_t kBarrettMu = 0xb4e5b025f7011641;
// (P - x^32) x^31 as a quadword.
constexpr uint64_t kBarrettP = static_cast<uint64_t>(kPoly) << 1;

alignas(64) constexpr std::array<uint8_t, 64> kIota = [] {
  std::array<uint8_t, 64> t{};
  for (unsigned i = 0; i < 64; ++i) t[i] = static_cast<uint8_t>(i);
  return t;
}();

// Moves v one step of the fold constants towards the end and adds the vector that lies there.
SLUICE_VECTOR_INLINE __m512i Fold(__m512i v, __m512i fold, __m512i there) {
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(v, fold, 0x00),
                                   _mm512_clmulepi64_epi128(v, fold, 0x11), there, kXorOfThree);
}

SLUICE_VECTOR_INLINE __m512i State(uint32_t state) {
  return _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(state)));
}

// The first n bytes of v (1 <= n <= 64) moved to its end, zeros before them.
SLUICE_VECTOR_INLINE __m512i AlignAtEnd(__m512i v, size_t n) {
  const __m512i index =
      _mm512_sub_epi8(_mm512_load_si512(kIota.data()), _mm512_set1_epi8(static_cast<char>(64 - n)));
  return _mm512_maskz_permutexvar_epi8(~uint64_t{0} << (64 - n), index, v);
}

// v times quadword constants, summed over its lanes later.
SLUICE_VECTOR_INLINE __m512i Products(__m512i v, size_t block) {
  const __m512i k = _mm512_load_si512(kFinish.data() + 8 * block);
  return _mm512_xor_si512(_mm512_clmulepi64_epi128(v, k, 0x00),
                          _mm512_clmulepi64_epi128(v, k, 0x11));
}

// The remainder of the 96-bit sum of all lanes of v, as CRC state.
SLUICE_VECTOR_INLINE uint32_t Reduce(__m512i v) {
  const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  const __m128i sum =
      _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  const __m128i k =
      _mm_set_epi64x(static_cast<long long>(kBarrettP), static_cast<long long>(kBarrettMu));
  const __m128i quotient = _mm_clmulepi64_si128(sum, k, 0x00);
  const __m128i product = _mm_clmulepi64_si128(quotient, k, 0x10);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(product, sum), 2));
}

// What is left of the CRC state when the first vector takes only n of its four bytes.
SLUICE_VECTOR_INLINE uint32_t StateBeyond(uint32_t state, size_t n) {
  return n < 4 ? state >> (8 * n) : 0;
}

// One step of a source that is read from start to end, and copied if kCopy.
template <bool kCopy>
SLUICE_VECTOR_INLINE __m512i Next(uint8_t*& dst, const uint8_t*& src) {
  const __m512i v = _mm512_loadu_si512(src);
  src += 64;
  if constexpr (kCopy) {
    _mm512_storeu_si512(dst, v);
    dst += 64;
  }
  return v;
}

template <bool kCopy>
SLUICE_VECTOR_INLINE uint32_t Short(uint32_t state, uint8_t* dst, const uint8_t* src, size_t n) {
  const __mmask64 mask = ~uint64_t{0} >> (64 - n);
  const __m512i v = _mm512_maskz_loadu_epi8(mask, src);
  if constexpr (kCopy) _mm512_mask_storeu_epi8(dst, mask, v);
  const __m512i aligned = AlignAtEnd(_mm512_xor_si512(v, State(state)), n);
  return Reduce(Products(aligned, 3)) ^ StateBeyond(state, n);
}

// n > 64. The message is cut from its end into vectors of 64 bytes and groups of four; the first
// vector holds 1 to 64 bytes, the first group 1 to 4 vectors.
template <bool kCopy>
SLUICE_VECTOR_INLINE uint32_t Long(uint32_t state, uint8_t* dst, const uint8_t* src, size_t n) {
  const size_t lead = (n - 1) % 64 + 1;
  const __m512i first = _mm512_loadu_si512(src);
  if constexpr (kCopy) {
    _mm512_storeu_si512(dst, first);
    dst += lead;
  }
  src += lead;
  const __m512i head = AlignAtEnd(_mm512_xor_si512(first, State(state)), lead);
  const __m512i rest_of_state = State(StateBeyond(state, lead));

  size_t vectors = (n - lead) / 64;  // after the first one; at least 1
  __m512i a = _mm512_setzero_si512();
  __m512i b = a;
  __m512i c = a;
  __m512i d = a;
  switch (vectors % 4) {
    case 0:
      d = head;
      break;
    case 1:
      c = head;
      d = _mm512_xor_si512(Next<kCopy>(dst, src), rest_of_state);
      break;
    case 2:
      b = head;
      c = _mm512_xor_si512(Next<kCopy>(dst, src), rest_of_state);
      d = Next<kCopy>(dst, src);
      break;
    default:
      a = head;
      b = _mm512_xor_si512(Next<kCopy>(dst, src), rest_of_state);
      c = Next<kCopy>(dst, src);
      d = Next<kCopy>(dst, src);
      break;
  }
  const __m512i fold = _mm512_broadcast_i64x2(
      _mm_set_epi64x(static_cast<long long>(kFoldSecond), static_cast<long long>(kFoldFirst)));
  __m512i carry = vectors % 4 == 0 ? rest_of_state : _mm512_setzero_si512();
  for (size_t group = vectors / 4; group > 0; --group) {
    const __m512i va = _mm512_loadu_si512(src);
    const __m512i vb = _mm512_loadu_si512(src + 64);
    const __m512i vc = _mm512_loadu_si512(src + 128);
    const __m512i vd = _mm512_loadu_si512(src + 192);
    src += 256;
    if constexpr (kCopy) {
      _mm512_storeu_si512(dst, va);
      _mm512_storeu_si512(dst + 64, vb);
      _mm512_storeu_si512(dst + 128, vc);
      _mm512_storeu_si512(dst + 192, vd);
      dst += 256;
    }
    a = Fold(a, fold, _mm512_xor_si512(va, carry));
    b = Fold(b, fold, vb);
    c = Fold(c, fold, vc);
    d = Fold(d, fold, vd);
    carry = _mm512_setzero_si512();
  }
  return Reduce(_mm512_xor_si512(_mm512_xor_si512(Products(a, 0), Products(b, 1)),
                                 _mm512_xor_si512(Products(c, 2), Products(d, 3))));
}

template <bool kCopy>
SLUICE_VECTOR_INLINE uint32_t Run(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n) {
  if (n == 0) return crc;
  return ~(n <= 64 ? Short<kCopy>(~crc, dst, src, n) : Long<kCopy>(~crc, dst, src, n));
}

SLUICE_VECTOR uint32_t VectorCrc(uint32_t crc, const uint8_t* p, size_t n) {
  return Run<false>(crc, nullptr, p, n);
}

SLUICE_VECTOR uint32_t VectorCrcCopy(uint32_t crc, uint8_t* dst, const uint8_t* src, size_t n) {
  return Run<true>(crc, dst, src, n);
}

// 28 <= n <= 128: at least the masked bytes. Nothing is written: the ones are set in registers.
SLUICE_VECTOR uint32_t VectorHeaders(const uint8_t* l3, bool ipv6, size_t n) {
  const __m512i ones = _mm512_load_si512(kIcrcMask[ipv6 ? 1 : 0]);
  const __m512i state = State(~kIcrcPrefix);
  if (n <= 64) {
    const __m512i v = _mm512_maskz_loadu_epi8(~uint64_t{0} >> (64 - n), l3);
    const __m512i masked = _mm512_xor_si512(_mm512_or_si512(v, ones), state);
    return ~Reduce(Products(AlignAtEnd(masked, n), 3));
  }
  // The first vector gives the bytes before the last 64, with the ones in place; of the second
  // vector the ones stand `lead` bytes further to the front.
  const size_t lead = n - 64;
  const __m512i first = _mm512_xor_si512(_mm512_or_si512(_mm512_loadu_si512(l3), ones), state);
  const __m512i shift =
      _mm512_add_epi8(_mm512_load_si512(kIota.data()), _mm512_set1_epi8(static_cast<char>(lead)));
  const __m512i shifted = _mm512_maskz_permutexvar_epi8(~uint64_t{0} >> (lead & 63), shift, ones);
  const __m512i second =
      _mm512_or_si512(_mm512_loadu_si512(l3 + lead), lead < 64 ? shifted : _mm512_setzero_si512());
  const __m512i carried = _mm512_xor_si512(second, State(StateBeyond(~kIcrcPrefix, lead)));
  return ~Reduce(_mm512_xor_si512(Products(AlignAtEnd(first, lead), 2), Products(carried, 3)));
}

}  // namespace

const CrcKernel kVectorCrc = {VectorCrc, VectorCrcCopy, VectorHeaders};

bool VectorCrcSupported() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0 &&
         __builtin_cpu_supports("pclmul") != 0;
}

}  // namespace sluice::wire
