// The table of experiments. Adding one is a file that defines an Experiment and a line in
// Experiments(); `list`, `describe`, every error and every run come from the table.
#ifndef SLUICE_LAB_EXPERIMENT_H_
#define SLUICE_LAB_EXPERIMENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/parameters.h"
#include "lab/scenario.h"

namespace sluice::lab {

struct Experiment {
  std::string_view name;
  std::string_view summary;  // one line
  std::string_view details;  // for `describe`: what happens, what the seed varies, what is measured
  std::vector<ParameterSpec> parameters;
  // A function of its arguments. Fails when values do not go together, in one line.
  std::function<absl::StatusOr<Scenario>(const Parameters&, uint64_t seed)> build;
};

// In the order in which help shows them. Built once, constant afterwards: any thread.
std::span<const Experiment> Experiments();

// An experiment with its parameters fixed.
struct Chosen {
  const Experiment* experiment = nullptr;
  Parameters parameters;                  // of a file: its name and the hash of its bytes
  std::string text;                       // as it was written
  std::vector<Arm> arms;                  // that a file names
  std::shared_ptr<const Experiment> own;  // of a file: what `experiment` points to
  std::string document;                   // of a file: its bytes

  absl::StatusOr<Scenario> Build(uint64_t seed) const;
};

// "incast" or "incast:senders=64,size=1MB", or the path of an experiment file, which ends with
// ".json" (lab/experiment_file.h). What is unknown fails with the nearest name. The
// scenario of seed 1 is built once, so that values that do not go together fail here.
absl::StatusOr<Chosen> Choose(std::string_view text);

// "name" as it stands in the table, or an error with the nearest one.
absl::StatusOr<const Experiment*> FindExperiment(std::string_view name);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPERIMENT_H_
