// Slope: how fast a noisy signal rises, as the least-squares line through the points of one window
// after the other. A difference of neighbours would carry the stamps' noise undiminished; a fit
// through n points divides it by about the square root of n, and is unbiased.
#ifndef SLUICE_CC_PARTS_SLOPE_H_
#define SLUICE_CC_PARTS_SLOPE_H_

#include <cstdint>

#include "base/time.h"

namespace sluice::cc {

class Slope {
 public:
  static constexpr int32_t kMinPoints = 4;

  // A point; `window` is the least span of a fit, which lasts until it also has kMinPoints. A gap
  // of eight windows begins anew. The result holds until the next fit. `value` in the unit of the
  // answer times picoseconds.
  void Add(Time now, double value, Duration window) {
    const Duration at = now - start_;
    if (n_ == 0 || at < Duration::Zero() || at > window * 8) {
      if (n_ != 0) result_ = 0;
      Begin(now, value);
      return;
    }
    const float t = static_cast<float>(at.ps());
    const float y = static_cast<float>(value - base_);
    ++n_;
    t_ += t;
    y_ += y;
    tt_ += t * t;
    ty_ += t * y;
    if (n_ < kMinPoints || at < window) return;
    const float n = static_cast<float>(n_);
    const float spread = n * tt_ - t_ * t_;
    result_ = spread > 0 ? (n * ty_ - t_ * y_) / spread : 0;
    Begin(now, value);
  }
  // Per picosecond; 0 before the first fit.
  double value() const { return result_; }

 private:
  void Begin(Time now, double value) {
    start_ = now;
    base_ = static_cast<float>(value);
    n_ = 1;
    t_ = y_ = tt_ = ty_ = 0;
  }
  Time start_;
  // Single precision, because the state lies in every flow; sums are relative to the first point.
  float base_ = 0;
  float t_ = 0, y_ = 0, tt_ = 0, ty_ = 0;
  float result_ = 0;
  int32_t n_ = 0;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_SLOPE_H_
