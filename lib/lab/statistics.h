// Statistics of a paired comparison.
//
// The unit is the seed: both arms meet the same arrivals, so each seed gives one pair, and what is
// judged is d = ln(a / b) per seed. The mean of d has a Student-t interval with n - 1 degrees of
// freedom; its exponential is the ratio a / b with its interval. Where a value is zero there is no
// logarithm: then the interval is that of the difference a - b, and the ratio is that of the means,
// without bounds.
#ifndef SLUICE_LAB_STATISTICS_H_
#define SLUICE_LAB_STATISTICS_H_

#include <optional>
#include <span>

namespace sluice::lab {

// The t with P(|T| <= t) = confidence, T of Student's distribution with `degrees` of freedom;
// degrees >= 1, 0 < confidence < 1. Accurate to 1e-9, from the finite series of Abramowitz and
// Stegun, 26.7.3 and 26.7.4.
double StudentT(int degrees, double confidence);
// The inverse: P(|T| <= t), t >= 0.
double StudentProbability(int degrees, double t);

enum class Verdict { kBetter, kWorse, kEquivalent, kInconclusive, kIdentical };
const char* NameOf(Verdict verdict);

inline constexpr double kConfidence = 0.95;
// A difference of less than 2 % either way matters to nobody: a ratio whose whole interval lies
// within [1/1.02, 1.02] is equivalent, also if the interval leaves out 1.
inline constexpr double kMargin = 0.02;

struct Comparison {
  double a = 0;  // arithmetic means over the seeds
  double b = 0;
  std::optional<double> ratio;  // a / b; nullopt: infinite
  std::optional<double> low;    // bounds of the ratio; nullopt: none (fewer than 2 seeds, zeros)
  std::optional<double> high;
  // What a is, seen from b. kIdentical: every pair is equal. kInconclusive: anything else that the
  // interval does not decide.
  Verdict verdict = Verdict::kInconclusive;
};

// a[i] and b[i] are of the same seed, none negative; equally many, at least one.
Comparison Compare(std::span<const double> a, std::span<const double> b, bool lower_is_better);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_STATISTICS_H_
