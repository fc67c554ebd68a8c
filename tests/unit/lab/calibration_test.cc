// The verdicts, tried on runs whose truth is known: two arms that differ by chance alone, and the
// same with an effect planted into one of them.
#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "lab/batch.h"
#include "lab/judge.h"
#include "lab/statistics.h"

namespace sluice::lab {
namespace {

constexpr int kRuns = 400;
constexpr int kResamples = 1000;
constexpr int kSeeds = 20;

struct Rates {
  double coverage = 0;   // the interval holds the true ratio
  double bootstrap = 0;  // so does that of the bootstrap
  double better = 0;
  double worse = 0;
};

// `factor` is planted into a.
Rates Resample(const std::vector<double>& a, const std::vector<double>& b, double factor) {
  Rates rates;
  Rng rng(1, 0, 0x63616c);
  std::vector<double> x(kSeeds), y(kSeeds);
  for (int r = 0; r < kResamples; ++r) {
    for (int i = 0; i < kSeeds; ++i) {
      const size_t pair = rng.Below(a.size());
      x[static_cast<size_t>(i)] = a[pair] * factor;
      y[static_cast<size_t>(i)] = b[pair];
    }
    const Comparison c = Compare(x, y, true);
    const auto share = [](bool yes) { return yes ? 1.0 / kResamples : 0.0; };
    rates.coverage += share(c.low && *c.low <= factor && factor <= *c.high);
    rates.bootstrap +=
        share(c.bootstrap && c.bootstrap->low <= factor && factor <= c.bootstrap->high);
    rates.better += share(c.verdict == Verdict::kBetter);
    rates.worse += share(c.verdict == Verdict::kWorse);
  }
  return rates;
}

// 400 pairs of runs of the fabric itself: the same algorithm, with marking coins and start jitter
// of its own in each arm.
TEST(Calibration, OfRealRuns) {
  const auto experiment = Choose("incast:senders=8,size=60KB,kmin=40KB,kmax=400KB");
  ASSERT_TRUE(experiment.ok());
  std::vector<RunOrder> orders;
  for (int seed = 1; seed <= kRuns; ++seed) {
    for (const bool second : {false, true}) {
      RunOrder order;
      order.experiment = &*experiment;
      order.algorithm = "dcqcn";
      order.seed = static_cast<uint64_t>(seed);
      order.jitter = Duration::Nanoseconds(100);
      if (second) order.redraw = {true, true, true};
      orders.push_back(order);
    }
  }
  const auto records = RunAll(orders, {2, "", "", {}});
  ASSERT_TRUE(records.ok()) << records.status();
  const size_t primary = *FindMetric(kPrimaryMetric);
  std::vector<double> arms[2];
  for (size_t i = 0; i < records->size(); ++i) {
    arms[i % 2].push_back(ValuesOf((*records)[i].result, "")->values[primary]);
  }
  const Rates same = Resample(arms[0], arms[1], 1);
  const Rates worse = Resample(arms[0], arms[1], 1.05);
  const Rates better = Resample(arms[0], arms[1], 1 / 1.05);
  RecordProperty("coverage", std::to_string(same.coverage));
  RecordProperty("bootstrap", std::to_string(same.bootstrap));
  RecordProperty("found", std::to_string(worse.worse));
  std::printf(
      "coverage %.3f, bootstrap %.3f; false verdicts %.3f; 5 %% worse found %.3f, better "
      "%.3f\n",
      same.coverage, same.bootstrap, same.better + same.worse, worse.worse, better.better);
  EXPECT_GE(same.coverage, 0.92);
  EXPECT_LE(same.coverage, 0.98);
  EXPECT_LE(same.better + same.worse, 0.05);
  EXPECT_GE(worse.worse, 0.80);
  EXPECT_GE(better.better, 0.80);
  EXPECT_EQ(worse.better + better.worse, 0);
}

// The same of values that are drawn: log-normal with a spread of 4 % between the arms of a pair,
// which without pairing would drown in the 30 % between seeds.
TEST(Calibration, OfDrawnValues) {
  Rng rng(2, 0, 0x647261);
  const auto noise = [&rng](double deviation) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += rng.Uniform();
    return std::exp(deviation * sum);
  };
  std::vector<double> a, b;
  for (int i = 0; i < kRuns; ++i) {
    const double seed = 10 * noise(0.3);
    a.push_back(seed * noise(0.04 / std::sqrt(2.0)));
    b.push_back(seed * noise(0.04 / std::sqrt(2.0)));
  }
  const Rates same = Resample(a, b, 1);
  EXPECT_GE(same.coverage, 0.92);
  EXPECT_LE(same.coverage, 0.98);
  EXPECT_GE(same.bootstrap, 0.90);
  EXPECT_LE(same.better + same.worse, 0.05);
  EXPECT_GE(Resample(a, b, 1.05).worse, 0.80);
}

// Unpaired noise of 30 % hides 5 % from 20 seeds: the verdict says so instead of guessing.
TEST(Calibration, SaysWhenItCannotTell) {
  Rng rng(3, 0, 0x647261);
  std::vector<double> a, b;
  for (int i = 0; i < kRuns; ++i) {
    a.push_back(std::exp(rng.Uniform()));
    b.push_back(std::exp(rng.Uniform()));
  }
  const Rates rates = Resample(a, b, 1.05);
  EXPECT_LT(rates.better + rates.worse, 0.25);
}

}  // namespace
}  // namespace sluice::lab
