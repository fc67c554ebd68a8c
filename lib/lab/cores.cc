#include "lab/cores.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "lab/runner.h"

namespace sluice::lab {

namespace {

// As measured (docs/performance.md): fewer hosts stay near anyhow; more partitions exchange frames
// for longer than they gain.
constexpr size_t kFewHosts = 64;
constexpr size_t kHostsEach = 8;
constexpr size_t kMostPartitions = 16;

// Why the run must be one partition; null: it need not.
const char* WhyOne(const Scenario& scenario, const RunOptions& options) {
  if (options.trace) return "a trace is wanted";
  if (ShortestDelay(scenario.topology) == Duration::Zero()) return "a link has no delay";
  if (!scenario.triggers.empty()) return "messages of this experiment wait for others";
  return nullptr;
}

}  // namespace

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

size_t PartitionsOf(const Scenario& scenario, const RunOptions& options) {
  const auto cores = static_cast<size_t>(options.cores);
  if (options.one_partition) return 1;
  if (WhyOne(scenario, options) != nullptr) return cores;
  const auto& nodes = scenario.topology.nodes;
  const auto hosts =
      static_cast<size_t>(std::count(nodes.begin(), nodes.end(), sim::NodeKind::kHost));
  if (hosts < kFewHosts) return cores;
  return std::max(cores, std::min(kMostPartitions, hosts / kHostsEach));
}

absl::Status CheckCores(const Scenario& scenario, const RunOptions& options) {
  if (options.cores == 1) return absl::OkStatus();
  const char* const why = WhyOne(scenario, options);
  if (why == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("--cores %d: %s; one core is the most", options.cores, why));
}

}  // namespace sluice::lab
