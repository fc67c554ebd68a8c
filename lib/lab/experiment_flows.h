// The parts of an experiment file that say what is sent: flows, triggers, workloads.
#ifndef SLUICE_LAB_EXPERIMENT_FLOWS_H_
#define SLUICE_LAB_EXPERIMENT_FLOWS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/json.h"
#include "lab/scenario.h"
#include "lab/workload.h"

namespace sluice::lab {

// A workload with its parameters, as a file asks for it.
struct WorkloadPlan {
  const Workload* workload = nullptr;
  Parameters parameters;
};

// "flows" and "triggers" (null if the file has none), which name each other. The topology is known.
absl::Status ReadFlows(const cli::Json* flows, const cli::Json* triggers, const std::string& where,
                       Scenario* s);
// "cdfs".
absl::Status ReadCdfs(const cli::Json& json, const std::string& where, CdfTable* cdfs);
// "workloads".
absl::Status ReadWorkloads(const cli::Json& json, const std::string& where,
                           std::vector<WorkloadPlan>* plans);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPERIMENT_FLOWS_H_
