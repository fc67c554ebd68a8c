// Experiment files from those of htsim (Broadcom/csg-htsim): connection matrices, with triggers,
// and topologies. Set-up only.
#ifndef SLUICE_LAB_IMPORT_HTSIM_H_
#define SLUICE_LAB_IMPORT_HTSIM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/import_hpcc.h"

namespace sluice::lab {

// Without a topology the hosts stand on a leaf-spine of 100 Gb/s links of 1 us with as many links
// up as down. A topology of 2 or 3 tiers becomes one with the same switches, rates and latencies:
// its switch latency is added to the links below. Damaged files fail with name, line and cause;
// what is passed over is told in `notes`.
absl::StatusOr<cli::Json> ImportHtsim(const NamedText& matrix,
                                      const std::optional<NamedText>& topology,
                                      std::vector<std::string>* notes);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_IMPORT_HTSIM_H_
