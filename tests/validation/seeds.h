// What a seed of the validation draws, for our runs and for those of the model beside them.
#ifndef SLUICE_TESTS_VALIDATION_SEEDS_H_
#define SLUICE_TESTS_VALIDATION_SEEDS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "lab/flow_setup.h"
#include "validation/ns3_model/model.h"

namespace sluice::test {

// How much later each flow starts: uniform in [0, jitter] ns.
inline std::vector<int64_t> JitterOf(uint64_t seed, size_t flows, uint64_t jitter) {
  constexpr uint64_t kPurpose = 0x6a6974746572;
  std::vector<int64_t> later(flows);
  for (size_t i = 0; i < flows && jitter > 0; ++i) {
    Rng rng(seed, i, kPurpose);
    later[i] = static_cast<int64_t>(rng.Below(jitter + 1));
  }
  return later;
}

// The model as our run of that seed.
inline ns3::Options OursOf(uint64_t seed, std::vector<int64_t> later) {
  return {.order = ns3::Order::kPlace,
          .coins = ns3::Coins::kOurs,
          .seed = lab::FactorSeed({}, &lab::RandomFactors::marking, seed, lab::kMarkPurpose, false),
          .later = std::move(later)};
}

}  // namespace sluice::test

#endif  // SLUICE_TESTS_VALIDATION_SEEDS_H_
