// What the worlds of a scenario have in common when they set up hosts and flows: seeds, and the
// options of connections.
#ifndef SLUICE_LAB_FLOW_SETUP_H_
#define SLUICE_LAB_FLOW_SETUP_H_

#include <cstdint>
#include <string>

#include "base/time.h"
#include "cc/registry.h"
#include "lab/scenario.h"
#include "verbs/verbs.h"

namespace sluice::lab {

// Of what draws this factor in the fabric, anew (Redraw) or as every run of the seed does.
uint64_t FactorSeed(const RandomFactors& random, bool RandomFactors::*factor, uint64_t seed,
                    uint64_t purpose, bool anew);
inline constexpr uint64_t kMarkPurpose = 0x6d61726b73;

// Of a host's engine: QPNs, PSNs, keys.
uint64_t HostSeed(const RandomFactors& random, uint64_t seed, sim::NodeId node);

// All but the peer. `algorithm` is what `text` says, `rtt` what it is told as base round trip.
verbs::ConnectOptions ConnectionOf(const Scenario& scenario, const cc::Algorithm& algorithm,
                                   const std::string& text, Duration rtt);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_FLOW_SETUP_H_
