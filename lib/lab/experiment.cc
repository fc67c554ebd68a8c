#include "lab/experiment.h"

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "lab/incast.h"
#include "lab/joinleave.h"
#include "lab/loss.h"
#include "lab/permutation.h"

namespace sluice::lab {

std::span<const Experiment> Experiments() {
  static const std::vector<Experiment> table = {Incast(), IncastShallow(), LossExperiment(),
                                                Permutation(), JoinLeave()};
  return table;
}

absl::StatusOr<const Experiment*> FindExperiment(std::string_view name) {
  std::vector<std::string_view> names;
  std::string known;
  for (const Experiment& e : Experiments()) {
    if (e.name == name) return &e;
    names.push_back(e.name);
    known.append(known.empty() ? "" : ", ").append(e.name);
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "no experiment '%s'%s (there are: %s)", cli::OneLine(name), DidYouMean(name, names), known));
}

absl::StatusOr<Chosen> Choose(std::string_view text) {
  const size_t colon = text.find(':');
  absl::StatusOr<const Experiment*> experiment = FindExperiment(text.substr(0, colon));
  if (!experiment.ok()) return experiment.status();
  std::string_view rest;
  if (colon != std::string_view::npos) {
    rest = text.substr(colon + 1);
    if (rest.empty()) {
      return absl::InvalidArgumentError(absl::StrFormat("experiment %s: nothing after the colon",
                                                        std::string((*experiment)->name)));
    }
  }
  absl::StatusOr<Parameters> parameters =
      Parameters::Parse((*experiment)->name, (*experiment)->parameters, rest);
  if (!parameters.ok()) return parameters.status();
  Chosen chosen{*experiment, std::move(*parameters), std::string(text)};
  const absl::StatusOr<Scenario> first = chosen.Build(1);
  if (!first.ok()) return first.status();
  return chosen;
}

}  // namespace sluice::lab
