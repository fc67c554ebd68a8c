// AlphaEstimator: how congested the way has been, between 0 and 1, as DCQCN's reaction point keeps
// it (Zhu et al., SIGCOMM 2015, equations 1 and 2).
//
// A period with a mark: alpha = (1 - g) alpha + g; a period without: alpha = (1 - g) alpha. Quiet
// periods are made up for in one step, so that an idle flow needs no timer.
#ifndef SLUICE_CC_PARTS_ALPHA_H_
#define SLUICE_CC_PARTS_ALPHA_H_

#include <cstdint>

namespace sluice::cc {

class AlphaEstimator {
 public:
  // g in (0, 1]. Starts at 1: the first mark of a flow is taken at its worst.
  explicit constexpr AlphaEstimator(double g) : g_(g) {}

  constexpr void Mark() { alpha_ = (1 - g_) * alpha_ + g_; }
  // n quiet periods, n >= 0.
  constexpr void Decay(int64_t n) {
    double factor = 1;
    for (double base = 1 - g_; n > 0; n >>= 1, base *= base) {
      if ((n & 1) != 0) factor *= base;
    }
    alpha_ *= factor;
  }
  constexpr double value() const { return alpha_; }

 private:
  double g_;
  double alpha_ = 1;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_ALPHA_H_
