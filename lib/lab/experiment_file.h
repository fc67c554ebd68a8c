// Experiment files: JSON by docs/experiment-file.md and its schema,
// docs/experiment-file.schema.json.
//
// A file holds all of an experiment: fabric, flows or workloads, arms, wire profile, and what the
// seed varies. Reading it is a function of its bytes. An unknown key is an error with the nearest
// name; every error names the file and the place.
#ifndef SLUICE_LAB_EXPERIMENT_FILE_H_
#define SLUICE_LAB_EXPERIMENT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/experiment.h"

namespace sluice::lab {

// What stands under "format".
inline constexpr std::string_view kExperimentFormat = "sluice-experiment/1";

absl::StatusOr<Chosen> LoadExperimentFile(const std::string& path);
// The same of bytes; `name` stands for the path.
absl::StatusOr<Chosen> ParseExperimentFile(const std::string& name, std::string_view text);

// The document as a file: each flow, link and point on a line of its own.
std::string ExperimentText(const cli::Json& document);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPERIMENT_FILE_H_
