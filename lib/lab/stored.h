// Stored: runs that lie on disk, as exec, run and sweep leave them.
#ifndef SLUICE_LAB_STORED_H_
#define SLUICE_LAB_STORED_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/batch.h"
#include "lab/experiment.h"

namespace sluice::lab {

struct StoredRun {
  std::string directory;
  cli::Json result;        // of result.json, an object with the fields that name a run
  std::string experiment;  // "incast:senders=16,...": every parameter, so that equal ones are equal
  std::string arm;         // as it was written, and what it draws anew, if anything
  uint64_t seed = 0;
};

// One run; fails with the path and the cause.
absl::StatusOr<StoredRun> ReadStored(const std::string& directory);

// Every run at or below a directory, ordered by path. At least one: else the error says so. What
// has no result.json (a run that was cut off) is not there.
absl::StatusOr<std::vector<StoredRun>> FindStored(const std::string& directory);

// The experiment that the run names, with its parameters.
absl::StatusOr<Chosen> ExperimentOf(const StoredRun& run);
// Its inputs; `experiment` outlives the order.
absl::StatusOr<RunOrder> OrderOf(const StoredRun& run, const Chosen& experiment);

// A JSON document from disk; what is none fails with path, line and cause (ParseJsonStrictly).
absl::StatusOr<cli::Json> ReadJson(const std::string& path);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_STORED_H_
