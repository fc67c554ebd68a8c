#include "base/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace sluice {
namespace {

// libm serves as an independent implementation here; the core must not use it.
TEST(Math, LnAgreesWithLibmToThreeUlp) {
  Rng rng(1);
  for (int i = 0; i < 200000; ++i) {
    const double x = std::exp((rng.Uniform() - 0.5) * 1400);
    const double want = std::log(x);
    EXPECT_NEAR(Ln(x), want, 7e-16 * std::fabs(want) + 1e-300) << x;
  }
}

TEST(Math, LnNearOneKeepsRelativeAccuracy) {
  for (double d : {1e-12, -1e-12, 1e-6, -1e-6, 0.1, -0.1, 0.41, -0.29}) {
    EXPECT_NEAR(Ln(1 + d), std::log(1 + d), 7e-16 * std::fabs(std::log(1 + d)));
  }
  EXPECT_EQ(Ln(1.0), 0.0);
}

TEST(Math, LnAtTheEdges) {
  EXPECT_EQ(Ln(0.0), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(Ln(-1.0)));
  EXPECT_NEAR(Ln(std::numeric_limits<double>::denorm_min()), -744.4400719213812, 1e-12);
}

TEST(Math, ExpAgreesWithLibm) {
  Rng rng(2);
  for (int i = 0; i < 200000; ++i) {
    const double x = (rng.Uniform() - 0.5) * 1400;
    const double want = std::exp(x);
    EXPECT_NEAR(Exp(x), want, 1e-15 * want) << x;
  }
  EXPECT_EQ(Exp(0.0), 1.0);
  EXPECT_EQ(Exp(-800), 0.0);
  EXPECT_EQ(Exp(800), std::numeric_limits<double>::infinity());
}

TEST(Math, SqrtIsTheIeeeOperation) {
  Rng rng(3);
  for (int i = 0; i < 10000; ++i) {
    const double x = rng.Uniform() * 1e6;
    EXPECT_EQ(Sqrt(x), std::sqrt(x));
  }
}

}  // namespace
}  // namespace sluice
