#include "lab/flow_setup.h"

#include "base/rng.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kHostPurpose = 0x686f737473;

}  // namespace

uint64_t FactorSeed(const RandomFactors& random, bool RandomFactors::*factor, uint64_t seed,
                    uint64_t purpose, bool anew) {
  return Rng(random.Seed(factor, seed), anew ? 1 : 0, purpose).Next();
}

uint64_t HostSeed(const RandomFactors& random, uint64_t seed, sim::NodeId node) {
  return Rng(random.Seed(&RandomFactors::ecmp, seed), node, kHostPurpose).Next();
}

verbs::ConnectOptions ConnectionOf(const Scenario& scenario, const cc::Algorithm& algorithm,
                                   const std::string& text, Duration rtt) {
  // Marks and telemetry come with the acknowledgements of the extension only.
  const cc::SignalSet& required = algorithm.traits().required;
  const bool extended =
      scenario.extended || required.Has(cc::Signal::kCeBytes) || required.Has(cc::Signal::kInt);
  verbs::ConnectOptions connect;
  connect.max_rd_atomic = connect.responder_resources = 0;  // workloads only send
  connect.mtu = scenario.mtu;
  connect.any_mtu = true;
  connect.timeout = scenario.timeout;
  connect.algorithm = text;
  connect.base_rtt_ns = static_cast<uint64_t>(rtt.ps() / 1000);
  if (extended) connect.reliability = verbs::Reliability::kExtended;
  connect.tracking_window = scenario.tracking_window;
  connect.telemetry = required.Has(cc::Signal::kInt);
  return connect;
}

}  // namespace sluice::lab
