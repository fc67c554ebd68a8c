// Topologies of htsim (Broadcom/csg-htsim, `.topo`) as part of an experiment file. Set-up only.
#ifndef SLUICE_LAB_HTSIM_TOPOLOGY_H_
#define SLUICE_LAB_HTSIM_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/import_hpcc.h"

namespace sluice::lab {

// The value of "topology". Hosts are nodes 0..*hosts-1. Every pair of switches that htsim connects
// is; agg a of a pod has links to cores a u .. a u + u - 1, with u uplinks each. Half of a switch's
// latency is added to each of its links, so that every path has all of it.
absl::StatusOr<cli::Json> ReadHtsimTopology(const NamedText& file, int64_t* hosts,
                                            std::vector<std::string>* notes);

// Of 100 Gb/s and 1 us: the fat tree with that many hosts, or a leaf-spine if there is none.
cli::Json DefaultHtsimTopology(int64_t hosts);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_HTSIM_TOPOLOGY_H_
