#include "lab/cores.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "lab/runner.h"

namespace sluice::lab {

Duration ShortestDelay(const sim::Topology& topology) {
  Duration shortest = Duration::Seconds(1);
  for (const sim::Link& link : topology.links) {
    shortest = std::min({shortest, link.forward.delay, link.backward.delay});
  }
  return shortest;
}

EndForecast::EndForecast(const Scenario& scenario) : payload_(scenario.topology.nodes.size()) {
  for (const FlowSpec& f : scenario.flows) {
    if (f.measured) payload_[f.source] += static_cast<uint64_t>(f.size.count());
  }
}

bool EndForecast::MayEnd(const sim::Simulation& simulation) {
  for (; witness_ < payload_.size(); ++witness_) {
    if (payload_[witness_] == 0) continue;
    const auto host = static_cast<sim::NodeId>(witness_);
    if (simulation.data_bytes(host) < payload_[witness_]) return false;
  }
  return true;
}

std::vector<size_t> CompletionLog::Flows() const {
  std::vector<End> all;
  for (const std::vector<End>& some : ends_) all.insert(all.end(), some.begin(), some.end());
  std::stable_sort(all.begin(), all.end(), [](const End& a, const End& b) {
    return a.when != b.when ? a.when < b.when : a.source < b.source;
  });
  std::vector<size_t> flows;
  flows.reserve(all.size());
  for (const End& end : all) flows.push_back(end.flow);
  return flows;
}

absl::Status CheckCores(const Scenario& scenario, const RunOptions& options) {
  if (options.cores == 1) return absl::OkStatus();
  const char* why = nullptr;
  if (!scenario.triggers.empty()) why = "messages of this experiment wait for others";
  if (ShortestDelay(scenario.topology) == Duration::Zero()) why = "a link has no delay";
  if (options.trace) why = "a trace is wanted";
  if (why == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("--cores %d: %s; one core is the most", options.cores, why));
}

}  // namespace sluice::lab
