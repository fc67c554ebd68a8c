#include "base/rng.h"

#include "base/math.h"

namespace sluice {

double Rng::Exponential(double mean) { return -mean * Ln(1.0 - Uniform()); }

}  // namespace sluice
