#include "lab/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/math.h"
#include "base/rng.h"

namespace sluice::lab {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr size_t kResamples = 4000;
constexpr uint64_t kBootstrapPurpose = 0x626f6f747374;
constexpr double kPower = 0.80;

// Of x >= 0. Halved by atan x = 2 atan(x / (1 + sqrt(1 + x^2))) until the series is short: libm's
// differs between machines.
double ArcTangent(double x) {
  double factor = 1;
  while (x > 0.05) {
    x = x / (1 + Sqrt(1 + x * x));
    factor *= 2;
  }
  double sum = 0, term = x, before = -1;
  for (int k = 1; sum != before; k += 2) {
    before = sum;
    sum += term / k;
    term *= -x * x;
  }
  return factor * sum;
}

double Mean(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

// An interval of a quantity that is zero when the arms are alike, and the margin about zero.
Verdict Judge(double low, double high, double margin, bool lower_is_better) {
  if (low >= -margin && high <= margin) return Verdict::kEquivalent;
  if (low <= 0 && high >= 0) return Verdict::kInconclusive;
  return (high < 0) == lower_is_better ? Verdict::kBetter : Verdict::kWorse;
}

double StandardDeviation(std::span<const double> x, double mean) {
  double squares = 0;
  for (const double v : x) squares += (v - mean) * (v - mean);
  return Sqrt(squares / static_cast<double>(x.size() - 1));
}

// No more than the rounding of logarithms.
bool NoSpread(double deviation, double mean) { return deviation <= 1e-12 * (1 + std::fabs(mean)); }

bool AnyInfinite(std::span<const double> x) {
  return std::any_of(x.begin(), x.end(), [](double v) { return !std::isfinite(v); });
}

bool AnyZero(std::span<const double> x) {
  return std::any_of(x.begin(), x.end(), [](double v) { return v <= 0; });
}

// d per seed: logarithms of the ratios, or, where a value is zero, the differences relative to the
// mean of all; and whether it is the first.
struct Differences {
  std::vector<double> d;
  bool logarithmic = true;
  double unit = 1;  // of d
};
Differences DifferencesOf(std::span<const double> a, std::span<const double> b) {
  Differences r;
  r.logarithmic = !AnyZero(a) && !AnyZero(b);
  if (!r.logarithmic) r.unit = (Mean(a) + Mean(b)) / 2;
  for (size_t i = 0; i < a.size(); ++i) {
    r.d.push_back(r.logarithmic ? Ln(a[i] / b[i]) : (a[i] - b[i]) / r.unit);
  }
  return r;
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
  const double theta = ArcTangent(t / Sqrt(n));
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

double NormalProbability(double x) {
  if (x < -8) return 0;
  if (x > 8) return 1;
  double sum = x, term = x, before = 0;
  for (int k = 3; sum != before; k += 2) {
    before = sum;
    term *= x * x / k;
    sum += term;
  }
  // phi(x) sum; 0.9189... = ln sqrt(2 pi)
  return 0.5 + sum * Exp(-0.5 * x * x - 0.91893853320467274178);
}

double NormalQuantile(double p) {
  double low = -8, high = 8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (NormalProbability(middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::optional<Bounds> BootstrapOfMean(std::span<const double> x) {
  const size_t n = x.size();
  if (n < 3) return std::nullopt;
  const double mean = Mean(x);
  if (NoSpread(StandardDeviation(x, mean), mean)) return std::nullopt;
  std::vector<double> means(kResamples);
  Rng rng(n, 0, kBootstrapPurpose);
  size_t below = 0, equal = 0;
  for (double& m : means) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += x[rng.Below(n)];
    m = sum / static_cast<double>(n);
    below += m < mean ? 1 : 0;
    equal += m == mean ? 1 : 0;
  }
  std::sort(means.begin(), means.end());
  // Bias: how far the resamples' median is off; a tie counts half. Never quite 0 or 1.
  const double share = (static_cast<double>(below) + static_cast<double>(equal) / 2 + 0.5) /
                       static_cast<double>(kResamples + 1);
  const double bias = NormalQuantile(share);
  // Acceleration: of a mean, from the jackknife, a sixth of the skewness of x.
  double squares = 0, cubes = 0;
  for (const double v : x) {
    squares += (v - mean) * (v - mean);
    cubes += (v - mean) * (v - mean) * (v - mean);
  }
  const double acceleration = cubes / (6 * squares * Sqrt(squares));
  const auto end = [&](double p) {
    const double z = bias + NormalQuantile(p);
    const double at = NormalProbability(bias + z / (1 - acceleration * z));
    const auto place = static_cast<size_t>(at * static_cast<double>(kResamples));
    return means[std::min(place, kResamples - 1)];
  };
  return Bounds{end((1 - kConfidence) / 2), end((1 + kConfidence) / 2)};
}

std::vector<double> HolmAdjusted(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    most = std::max(most, p[order[rank]] * static_cast<double>(p.size() - rank));
    adjusted[order[rank]] = std::min(most, 1.0);
  }
  return adjusted;
}

Comparison Compare(std::span<const double> a, std::span<const double> b, bool lower_is_better) {
  Comparison c;
  c.a = Mean(a);
  c.b = Mean(b);
  if (std::equal(a.begin(), a.end(), b.begin())) {
    c.ratio = 1;
    c.verdict = Verdict::kIdentical;
    return c;
  }
  // Flows that did not finish decide, or nothing does (lab/judge.h).
  if (AnyInfinite(a) || AnyInfinite(b)) return c;
  const Differences r = DifferencesOf(a, b);
  const double margin = r.logarithmic ? Ln(1 + kMargin) : kMargin;
  const double mean = Mean(r.d);
  if (r.logarithmic) {
    c.ratio = Exp(mean);
  } else if (c.b > 0) {
    c.ratio = c.a / c.b;
  }
  if (a.size() < 2) return c;
  const auto n = static_cast<double>(a.size());
  const int degrees = static_cast<int>(a.size()) - 1;
  const double deviation = StandardDeviation(r.d, mean);
  if (NoSpread(deviation, mean)) {
    // Every seed gives the same ratio: there is nothing to take an interval from.
    c.verdict = Judge(mean, mean, margin * (1 + 1e-12), lower_is_better);
    return c;
  }
  const double error = deviation / Sqrt(n);
  const double half = StudentT(degrees, kConfidence) * error;
  c.p = 1 - StudentProbability(degrees, std::fabs(mean) / error);
  c.noninferior = lower_is_better ? mean + half <= margin : mean - half >= -margin;
  c.verdict = Judge(mean - half, mean + half, margin, lower_is_better);
  if (!r.logarithmic) return c;
  c.low = Exp(mean - half);
  c.high = Exp(mean + half);
  c.bootstrap = BootstrapOfMean(r.d);
  if (c.bootstrap) c.bootstrap = Bounds{Exp(c.bootstrap->low), Exp(c.bootstrap->high)};
  return c;
}

int PlannedSeeds(std::span<const double> a, std::span<const double> b) {
  if (AnyInfinite(a) || AnyInfinite(b)) return kMostSeeds;
  if (std::equal(a.begin(), a.end(), b.begin())) return kPilotSeeds;
  const Differences r = DifferencesOf(a, b);
  // The lower 20 % point of chi-square with 4 degrees of freedom is 1.6488.
  const double deviation = StandardDeviation(r.d, Mean(r.d)) * Sqrt((kPilotSeeds - 1) / 1.6488);
  for (int n = kPilotSeeds; n < kMostSeeds; ++n) {
    const double reach =
        (StudentT(n - 1, kConfidence) + StudentT(n - 1, 2 * kPower - 1)) * deviation / Sqrt(n);
    if (reach <= Ln(1 + kMargin)) return n;
  }
  return kMostSeeds;
}

}  // namespace sluice::lab
