// Statistics of a paired comparison.
//
// The unit is the seed: both arms meet the same arrivals, so each seed gives one pair, and what is
// judged is d = ln(a / b) per seed. The mean of d has a Student-t interval with n - 1 degrees of
// freedom; its exponential is the ratio a / b with its interval. Beside it stands the BCa bootstrap
// interval of the same mean (Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987), which
// assumes no normal distribution; where the two disagree, few seeds or outliers are at work. Where
// a value is zero there is no logarithm: then the interval is that of the difference a - b, and the
// ratio is that of the means, without bounds.
//
// Everything is computed from + - * / and base/math.h, and the bootstrap draws from a stream of its
// own: the same values give the same bits everywhere.
#ifndef SLUICE_LAB_STATISTICS_H_
#define SLUICE_LAB_STATISTICS_H_

#include <optional>
#include <span>
#include <vector>

namespace sluice::lab {

// The t with P(|T| <= t) = confidence, T of Student's distribution with `degrees` of freedom;
// degrees >= 1, 0 < confidence < 1. Accurate to 1e-9, from the finite series of Abramowitz and
// Stegun, 26.7.3 and 26.7.4.
double StudentT(int degrees, double confidence);
// The inverse: P(|T| <= t), t >= 0.
double StudentProbability(int degrees, double t);

// The standard normal distribution: P(Z <= x), by Marsaglia's series ("Evaluating the Normal
// Distribution", J. Stat. Software 11, 2004), and its inverse for 0 < p < 1.
double NormalProbability(double x);
double NormalQuantile(double p);

enum class Verdict { kBetter, kWorse, kEquivalent, kInconclusive, kIdentical };
const char* NameOf(Verdict verdict);

inline constexpr double kConfidence = 0.95;
// A difference of less than 5 % either way is none that matters: a ratio whose whole interval lies
// within [1/1.05, 1.05] is equivalent, also if the interval leaves out 1. The same margin decides
// whether an arm is not inferior.
inline constexpr double kMargin = 0.05;
// Of flows that did not finish, over all seeds: an arm with more of them is worse.
inline constexpr double kMostUnfinished = 0.01;

struct Bounds {
  double low = 0;
  double high = 0;
};

// BCa bootstrap interval of the mean of x, for kConfidence, from 4000 resamples; nullopt for fewer
// than 3 values or if all are equal.
std::optional<Bounds> BootstrapOfMean(std::span<const double> x);

// Holm's step-down correction ("A Simple Sequentially Rejective Multiple Test Procedure", 1979):
// the adjusted p of each p, in the same order. Rejecting where it is <= alpha errs with at most
// alpha over the whole family.
std::vector<double> HolmAdjusted(std::span<const double> p);

struct Comparison {
  double a = 0;  // arithmetic means over the seeds; may be infinite
  double b = 0;
  std::optional<double> ratio;  // a / b; nullopt: infinite
  std::optional<double> low;    // bounds of the ratio; nullopt: none (fewer than 2 seeds, zeros,
  std::optional<double> high;   // no variance between the seeds)
  std::optional<Bounds> bootstrap;  // of the ratio, by BCa
  std::optional<double> p;  // two-sided, of "the ratio is 1"; nullopt where there is no test
  // a is at most kMargin worse than b, with 97.5 % confidence; nullopt: no interval.
  std::optional<bool> noninferior;
  // What a is, seen from b. kIdentical: every pair is equal. kInconclusive: anything else that the
  // interval does not decide.
  Verdict verdict = Verdict::kInconclusive;
};

// a[i] and b[i] are of the same seed, none negative, infinite where a run has no such value;
// equally many, at least one.
Comparison Compare(std::span<const double> a, std::span<const double> b, bool lower_is_better);

inline constexpr int kPilotSeeds = 5;
inline constexpr int kMostSeeds = 60;
// How many seeds find a difference of kMargin with 80 % power at kConfidence, from a pilot of
// kPilotSeeds pairs: at least the pilot, at most kMostSeeds. The spread is taken at its upper 80 %
// bound, because five values tell little of it (Browne, "On the use of a pilot sample for sample
// size determination", Stat. in Medicine 14, 1995).
int PlannedSeeds(std::span<const double> a, std::span<const double> b);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_STATISTICS_H_
