// Workloads without a window: one incast, one permutation.
#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/workload.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr uint64_t kStartPurpose = 0x7374617274;
constexpr uint64_t kPlacePurpose = 0x706c616365;

Time StartOf(const WorkloadInput& input, const Scenario& s, sim::NodeId host) {
  const auto spread = static_cast<uint64_t>(input.p().Time("spread").ps());
  Rng rng = input.Draw(s, &RandomFactors::jitter, host, kStartPurpose);
  return Time::FromPs(rng.Below(spread + 1));
}

absl::Status AddIncast(const WorkloadInput& input, Scenario& s) {
  const std::vector<sim::NodeId> hosts = HostsOf(s.topology);
  const auto senders = static_cast<size_t>(input.p().Integer("senders"));
  if (senders * input.rails >= hosts.size()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("senders=%d, but there are %d hosts beside the receiver; lower senders",
                        senders, hosts.size() / input.rails - 1));
  }
  const size_t first = s.flows.size();
  for (size_t i = 1; i <= senders; ++i) {
    const sim::NodeId from = hosts[i * input.rails];
    s.flows.push_back({from, hosts[0], input.p().Size("size"), StartOf(input, s, from)});
  }
  s.limit = std::max(s.limit, PatientLimit(s, first));
  return absl::OkStatus();
}

absl::Status AddPermutation(const WorkloadInput& input, Scenario& s) {
  const std::vector<sim::NodeId> hosts = HostsOf(s.topology);
  const size_t n = hosts.size() / input.rails;
  if (n < 2) return absl::InvalidArgumentError("a permutation needs two hosts");
  const size_t first = s.flows.size();
  for (uint32_t rail = 0; rail < input.rails; ++rail) {
    // One cycle, every one equally likely (Sattolo 1986): nobody is its own partner.
    std::vector<size_t> to(n);
    std::iota(to.begin(), to.end(), 0);
    Rng rng = input.Draw(s, &RandomFactors::placement, rail, kPlacePurpose);
    for (size_t i = n - 1; i > 0; --i) std::swap(to[i], to[rng.Below(i)]);
    for (size_t i = 0; i < n; ++i) {
      const sim::NodeId from = hosts[i * input.rails + rail];
      s.flows.push_back({from, hosts[to[i] * input.rails + rail], input.p().Size("size"),
                         StartOf(input, s, from)});
    }
  }
  s.limit = std::max(s.limit, PatientLimit(s, first));
  return absl::OkStatus();
}

}  // namespace

Workload IncastWorkload() {
  return {
      "incast",
      "the hosts after the first one write to it",
      "Hosts 1, 2, ... post one message each to host 0.\nThe seed varies the starts (uniform in "
      "`spread`), QPNs, PSNs and the ECN marking.",
      {{"senders", K::kInteger, "8", "1", "65536", "hosts that send"},
       {"size", K::kSize, "1MB", "1", "2GiB", "bytes of each message"},
       {"spread", K::kTime, "10us", "0", "1s", "starts are uniform in this time"}},
      AddIncast};
}

Workload PermutationWorkload() {
  return {
      "permutation",
      "every host sends one message and receives one",
      "Along one random cycle over all hosts.\nThe seed varies the cycle, the starts (uniform in "
      "`spread`), ECMP keys, QPNs, PSNs and the ECN marking.",
      {{"size", K::kSize, "1MB", "1", "2GiB", "bytes of each message"},
       {"spread", K::kTime, "10us", "0", "1s", "starts are uniform in this time"}},
      AddPermutation};
}

}  // namespace sluice::lab
