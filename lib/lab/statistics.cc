#include "lab/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/math.h"

namespace sluice::lab {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct Interval {
  double mean = 0;
  double half = 0;
  bool bounded = false;  // two values or more
  double low() const { return mean - half; }
  double high() const { return mean + half; }
};

double Mean(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

Interval IntervalOf(std::span<const double> x) {
  Interval r;
  r.mean = Mean(x);
  if (x.size() < 2) return r;
  double squares = 0;
  for (const double v : x) squares += (v - r.mean) * (v - r.mean);
  const auto n = static_cast<double>(x.size());
  r.half = StudentT(static_cast<int>(x.size()) - 1, kConfidence) * Sqrt(squares / (n - 1) / n);
  r.bounded = true;
  return r;
}

// An interval of a quantity that is zero when the arms are alike, and the margin about zero.
Verdict Judge(const Interval& r, double margin, bool lower_is_better) {
  if (!r.bounded) return Verdict::kInconclusive;
  if (r.low() >= -margin && r.high() <= margin) return Verdict::kEquivalent;
  if (r.low() <= 0 && r.high() >= 0) return Verdict::kInconclusive;
  return (r.mean < 0) == lower_is_better ? Verdict::kBetter : Verdict::kWorse;
}

}  // namespace

double StudentProbability(int degrees, double t) {
  const double n = degrees;
  const double cosine2 = n / (n + t * t);
  const double sine = t / Sqrt(n + t * t);
  double term = 1;
  double sum = 0;
  if (degrees % 2 == 0) {
    // sin (1 + 1/2 cos^2 + 1*3/(2*4) cos^4 + ... up to cos^(n-2))
    for (int k = 0; k <= degrees - 2; k += 2) {
      sum += term;
      term *= cosine2 * (k + 1) / (k + 2);
    }
    return sine * sum;
  }
  // 2/pi (theta + sin cos (1 + 2/3 cos^2 + ... up to cos^(n-3)))
  for (int k = 1; k <= degrees - 2; k += 2) {
    sum += term;
    term *= cosine2 * (k + 1) / (k + 2);
  }
  const double theta = std::atan(t / Sqrt(n));
  return 2 / kPi * (theta + sine * Sqrt(cosine2) * sum);
}

double StudentT(int degrees, double confidence) {
  double high = 1;
  while (StudentProbability(degrees, high) < confidence) high *= 2;
  double low = 0;
  // The probability rises with t: halve until neighbouring doubles are left.
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    (StudentProbability(degrees, middle) < confidence ? low : high) = middle;
  }
  return high;
}

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kEquivalent:
      return "equivalent";
    case Verdict::kInconclusive:
      return "inconclusive";
    case Verdict::kIdentical:
      return "identical";
  }
  return "inconclusive";
}

Comparison Compare(std::span<const double> a, std::span<const double> b, bool lower_is_better) {
  Comparison c;
  c.a = Mean(a);
  c.b = Mean(b);
  if (std::equal(a.begin(), a.end(), b.begin())) {
    c.ratio = c.low = c.high = 1;
    c.verdict = Verdict::kIdentical;
    return c;
  }
  std::vector<double> d(a.size());
  const auto is_zero = [](double v) { return v <= 0; };
  if (std::any_of(a.begin(), a.end(), is_zero) || std::any_of(b.begin(), b.end(), is_zero)) {
    for (size_t i = 0; i < d.size(); ++i) d[i] = a[i] - b[i];
    if (c.b > 0) c.ratio = c.a / c.b;
    c.verdict = Judge(IntervalOf(d), kMargin * (c.a + c.b) / 2, lower_is_better);
    return c;
  }
  for (size_t i = 0; i < d.size(); ++i) d[i] = Ln(a[i] / b[i]);
  const Interval r = IntervalOf(d);
  c.ratio = Exp(r.mean);
  if (r.bounded) {
    c.low = Exp(r.low());
    c.high = Exp(r.high());
  }
  c.verdict = Judge(r, Ln(1 + kMargin), lower_is_better);
  return c;
}

}  // namespace sluice::lab
