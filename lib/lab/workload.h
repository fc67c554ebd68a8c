// Workloads: who sends what to whom, and when. A workload adds flows to a scenario whose fabric is
// known; experiments of the table and experiment files use the same ones.
//
// Random numbers come from streams by (seed, entity, purpose): the arrivals of host 7 do not move
// when its sizes are drawn otherwise, nor with the algorithm that is judged.
#ifndef SLUICE_LAB_WORKLOAD_H_
#define SLUICE_LAB_WORKLOAD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"
#include "lab/cdf.h"
#include "lab/limits.h"
#include "lab/parameters.h"
#include "lab/scenario.h"

namespace sluice::lab {

using CdfTable = std::map<std::string, Cdf, std::less<>>;

// What a workload is given.
struct WorkloadInput {
  const Parameters* parameters = nullptr;
  uint64_t seed = 0;
  uint32_t stream = 0;  // tells workloads of one scenario apart
  uint32_t rails = 1;   // a host sends to those of its rail only
  const CdfTable* cdfs = nullptr;

  const Parameters& p() const { return *parameters; }
  // A stream of one random factor.
  Rng Draw(const Scenario& s, bool RandomFactors::*factor, uint64_t entity,
           uint64_t purpose) const {
    return Rng(s.random.Seed(factor, seed), entity, purpose + (uint64_t{stream} << 56));
  }
};

struct Workload {
  std::string_view name;
  std::string_view summary;
  std::string_view details;
  std::vector<ParameterSpec> parameters;
  // Adds flows and triggers to the scenario, and raises its limit to what they need. Fails, in one
  // line that does not name the owner, when values do not go together.
  std::function<absl::Status(const WorkloadInput&, Scenario&)> add;
};

// In the order in which help shows them. Built once, constant afterwards: any thread.
std::span<const Workload> Workloads();
// Or an error with the nearest name.
absl::StatusOr<const Workload*> FindWorkload(std::string_view name);

// --- for workloads

std::vector<sim::NodeId> HostsOf(const sim::Topology& topology);
// The distribution of that name, of the file or of the program.
absl::StatusOr<Cdf> FindCdf(const WorkloadInput& input, std::string_view name);
// Longest time that anybody could wait for what has been added since flow `first`: 50 times what
// the busiest host's link needs for it, with 2 us for each message, and 20 ms after the last start.
// For workloads without a window.
Duration PatientLimit(const Scenario& s, size_t first);

// In poisson.cc, collectives.cc and fixed_workloads.cc.
Workload PoissonWorkload();
Workload PoissonIncastWorkload();
Workload MixedWorkload();
Workload AllToAllWorkload();
Workload AllReduceWorkload();
Workload MoeWorkload();
Workload TrainingWorkload();
Workload IncastWorkload();
Workload PermutationWorkload();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_WORKLOAD_H_
