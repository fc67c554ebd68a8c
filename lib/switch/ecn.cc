#include "switch/ecn.h"

namespace sluice::switching {

absl::Status EcnProfile::Validate() const {
  if (kmin < Bytes(0)) return absl::InvalidArgumentError("ECN kmin is negative");
  if (kmax < kmin) return absl::InvalidArgumentError("ECN kmax is below kmin");
  // Written so that a NaN fails too.
  if (!(pmax >= 0 && pmax <= 1)) return absl::InvalidArgumentError("ECN pmax is not in 0..1");
  return absl::OkStatus();
}

double EcnProfile::Probability(Bytes waiting) const {
  if (waiting <= kmin) return 0;
  if (waiting > kmax) return 1;
  return pmax * static_cast<double>((waiting - kmin).count()) /
         static_cast<double>((kmax - kmin).count());
}

}  // namespace sluice::switching
