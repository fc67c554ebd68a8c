// Texts about experiments, algorithms and single runs, for people and as JSON.
#ifndef SLUICE_LAB_DESCRIBE_H_
#define SLUICE_LAB_DESCRIBE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/metrics.h"
#include "lab/result.h"
#include "lab/runner.h"

namespace sluice::lab {

struct Description {
  std::string text;
  cli::Json json;
};

std::string ListText();
cli::Json ListJson();

// Of an experiment or an algorithm; an unknown name fails with the nearest one.
absl::StatusOr<Description> DescribeName(std::string_view name);

// What one run gave, in a few lines.
std::string RunText(const RunLabel& label, const RunResult& run, const Metrics& metrics);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_DESCRIBE_H_
