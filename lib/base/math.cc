#include "base/math.h"

#include <emmintrin.h>

#include <bit>
#include <cstdint>
#include <limits>

namespace sluice {
namespace {

// ln 2 in two parts: kLn2Hi has 21 trailing zero bits, so k * kLn2Hi is exact for |k| < 2^20.
constexpr double kLn2Hi = 6.93147180369123816490e-01;
constexpr double kLn2Lo = 1.90821492927058770002e-10;

// 2^e for a normal result.
double PowerOfTwo(int e) { return std::bit_cast<double>(static_cast<uint64_t>(e + 1023) << 52); }

}  // namespace

double Ln(double x) {
  if (x != x || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x == std::numeric_limits<double>::infinity()) return x;
  int e = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    e = -54;
  }
  // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  uint64_t bits = std::bit_cast<uint64_t>(x);
  e += static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.41421356237309504880) {
    m *= 0.5;
    ++e;
  }
  // ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716: the series to s^21 leaves < 2^-56.
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 1.0 / 21;
  for (int k = 19; k >= 3; k -= 2) p = p * z + 1.0 / k;
  // 2s + 2s^3 p, written as f - s(f - 2 z p) so that the leading term f is exact.
  const double r = 2.0 * z * p;
  const double k = static_cast<double>(e);
  return k * kLn2Hi + ((f - s * (f - r)) + k * kLn2Lo);
}

double Exp(double x) {
  if (x != x) return x;
  if (x > 709.8) return std::numeric_limits<double>::infinity();
  if (x < -745.2) return 0;
  const double t = x * 1.44269504088896338700;
  const int k = static_cast<int>(t < 0 ? t - 0.5 : t + 0.5);
  const double hi = x - k * kLn2Hi;
  const double r = hi - k * kLn2Lo;  // |r| <= 0.347
  // Taylor to r^14 / 14!: the rest is below 2^-58.
  double p = 1.0;
  for (int n = 14; n >= 1; --n) p = 1.0 + p * r / n;
  // Two steps keep the scale normal for subnormal results and for results near overflow.
  const int half = k / 2;
  return p * PowerOfTwo(half) * PowerOfTwo(k - half);
}

double Sqrt(double x) {
  const __m128d v = _mm_set_sd(x);
  return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
}

}  // namespace sluice
