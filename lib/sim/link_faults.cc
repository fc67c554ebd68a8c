#include "sim/link_faults.h"

namespace sluice::sim {

absl::Status LinkFaults::Validate() const {
  // Written so that a NaN fails too.
  for (const double p : {to_bad, to_good, burst_loss, corrupt, blackhole}) {
    if (!(p >= 0 && p <= 1)) {
      return absl::InvalidArgumentError("a probability of the link's faults is not in 0..1");
    }
  }
  return absl::OkStatus();
}

LinkFaultState::Fate LinkFaultState::Decide(uint32_t flow_key) {
  if (faults_.blackhole > 0) {
    // 53 bits of the hash as a number in 0..1, as Rng::Uniform makes them.
    const double place = static_cast<double>(Mix64(key_ ^ flow_key) >> 11) * 0x1p-53;
    if (place < faults_.blackhole) return Fate::kBlackhole;
  }
  if (faults_.to_bad > 0) {
    if (rng_.Bernoulli(bad_ ? faults_.to_good : faults_.to_bad)) bad_ = !bad_;
    if (bad_ && rng_.Bernoulli(faults_.burst_loss)) return Fate::kLost;
  }
  if (faults_.corrupt > 0 && rng_.Bernoulli(faults_.corrupt)) return Fate::kCorrupt;
  return Fate::kArrives;
}

}  // namespace sluice::sim
