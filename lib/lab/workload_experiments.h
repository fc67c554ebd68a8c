// Experiments of the table that are a workload on a fabric by parameters.
#ifndef SLUICE_LAB_WORKLOAD_EXPERIMENTS_H_
#define SLUICE_LAB_WORKLOAD_EXPERIMENTS_H_

#include <vector>

#include "lab/experiment.h"

namespace sluice::lab {

// websearch, hadoop, alistorage, googlerpc, incast-poisson, mixed, alltoall, allreduce, moe,
// training.
std::vector<Experiment> WorkloadExperiments();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_WORKLOAD_EXPERIMENTS_H_
