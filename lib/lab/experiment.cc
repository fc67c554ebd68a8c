#include "lab/experiment.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "lab/experiment_file.h"
#include "lab/incast.h"
#include "lab/joinleave.h"
#include "lab/loss.h"
#include "lab/permutation.h"
#include "lab/workload_experiments.h"

namespace sluice::lab {

namespace {

constexpr std::string_view kHosts[] = {"ideal", "dpdk"};

// The parameter that all have.
void AddHost(Experiment* experiment) {
  experiment->parameters.push_back(
      {"host", cli::Kind::kChoice, "ideal", "", "",
       "ideal: polled at once, costs nothing; dpdk: as our own loop was measured", "", kHosts});
  experiment->build = [build = std::move(experiment->build)](
                          const Parameters& p, uint64_t seed) -> absl::StatusOr<Scenario> {
    absl::StatusOr<Scenario> scenario = build(p, seed);
    if (scenario.ok() && p.Text("host") == "dpdk") scenario->hosts = sim::HostModel::Dpdk();
    return scenario;
  };
}

}  // namespace

std::span<const Experiment> Experiments() {
  static const std::vector<Experiment> table = [] {
    std::vector<Experiment> all = {Incast(), IncastShallow(), LossExperiment(), Permutation(),
                                   JoinLeave()};
    for (Experiment& e : WorkloadExperiments()) all.push_back(std::move(e));
    for (Experiment& e : all) AddHost(&e);
    return all;
  }();
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

absl::StatusOr<Scenario> Chosen::Build(uint64_t seed) const {
  absl::StatusOr<Scenario> scenario = experiment->build(parameters, seed);
  if (scenario.ok()) scenario->arms = arms;
  return scenario;
}

absl::StatusOr<Chosen> Choose(std::string_view text) {
  if (text.ends_with(".json")) return LoadExperimentFile(std::string(text));
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
  Chosen chosen{*experiment, std::move(*parameters), std::string(text), {}, nullptr, ""};
  const absl::StatusOr<Scenario> first = chosen.Build(1);
  if (!first.ok()) return first.status();
  return chosen;
}

}  // namespace sluice::lab
