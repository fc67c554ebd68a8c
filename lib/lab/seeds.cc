#include "lab/seeds.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "lab/result.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

bool SameFlows(const Scenario& one, const Scenario& two) {
  return std::equal(one.flows.begin(), one.flows.end(), two.flows.begin(), two.flows.end(),
                    [](const FlowSpec& a, const FlowSpec& b) {
                      return a.source == b.source && a.destination == b.destination &&
                             a.size == b.size && a.start == b.start;
                    });
}

// The bytes that a run leaves, as if its seed were 0.
absl::StatusOr<std::string> BytesOf(const Chosen& experiment, const std::string& arm, uint64_t seed,
                                    const std::function<bool()>& going_on) {
  const absl::StatusOr<Scenario> scenario = experiment.Build(seed);
  if (!scenario.ok()) return scenario.status();
  RunOptions options;
  options.algorithm = arm;
  options.seed = seed;
  options.progress = [&](double) { return going_on(); };
  const absl::StatusOr<RunResult> run = Run(*scenario, options);
  if (!run.ok()) return run.status();
  const RunLabel label{&experiment, arm, 0, "", ""};
  return cli::JsonText(ResultJson(label, *run, Measure(*run))) + FctText(*run);
}

}  // namespace

absl::Status CheckSeedsDiffer(const Chosen& experiment, const std::string& a, const std::string& b,
                              const std::function<bool()>& going_on) {
  const absl::StatusOr<Scenario> one = experiment.Build(1);
  if (!one.ok()) return one.status();
  const absl::StatusOr<Scenario> two = experiment.Build(2);
  if (!two.ok()) return two.status();
  if (!SameFlows(*one, *two)) return absl::OkStatus();
  for (const std::string& arm : {a, b}) {
    const absl::StatusOr<std::string> first = BytesOf(experiment, arm, 1, going_on);
    if (!first.ok()) return first.status();
    const absl::StatusOr<std::string> second = BytesOf(experiment, arm, 2, going_on);
    if (!second.ok()) return second.status();
    if (*first != *second) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: seeds 1 and 2 give the same bytes with %s and with %s, so that more seeds would say "
      "nothing; use --seeds 1, or let something vary (in a file: \"random\", \"jitter\")",
      experiment.text, a, b));
}

}  // namespace sluice::lab
