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

// Without a topology the hosts stand in a fat tree of 100 Gb/s links of 1 us, or a leaf-spine with
// as many links up as down where no fat tree has their number. A topology of 2 or 3 tiers becomes
// one with the same switches, rates and latencies: half of a switch's latency is added to each of
// its links. Damaged files fail with name, line and cause; what is passed over is told in `notes`.
absl::StatusOr<cli::Json> ImportHtsim(const NamedText& matrix,
                                      const std::optional<NamedText>& topology,
                                      std::vector<std::string>* notes);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_IMPORT_HTSIM_H_
