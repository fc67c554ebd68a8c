#include "lab/cores.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_format.h"
#include "lab/runner.h"

namespace sluice::lab {

namespace {

// Whether each message that waits for others waits for what its own host sends or receives.
bool WaitAtHome(const Scenario& scenario) {
  // Who receives on a reused queue pair is told what comes by the sender, there and then.
  if (!scenario.triggers.empty() && scenario.queue_pairs.reused) return false;
  constexpr sim::NodeId kNowhere = std::numeric_limits<sim::NodeId>::max();
  std::vector<sim::NodeId> places(scenario.triggers.size(), kNowhere);
  const auto fits = [&places](uint32_t trigger, sim::NodeId host) {
    sim::NodeId& place = places[trigger];
    if (place == kNowhere) place = host;
    return place == host;
  };
  for (const FlowSpec& f : scenario.flows) {
    if (f.trigger != kNoTrigger && !fits(f.trigger, f.source)) return false;
  }
  for (uint32_t t = 0; t < places.size(); ++t) {
    for (const FlowEvent& e : scenario.triggers[t].events) {
      const FlowSpec& f = scenario.flows[e.flow];
      if (!fits(t, e.received ? f.destination : f.source)) return false;
    }
  }
  return true;
}

// Why hosts cannot go alone for a while; null: they can.
const char* WhyTogether(const Scenario& scenario, const RunOptions& options) {
  if (options.trace) return "a trace is wanted";
  if (scenario.exact)
    return "the exact order of the profile hpcc-ns3 is that of one list of events";
  for (const sim::Link& link : scenario.topology.links) {
    if (std::min(link.forward.delay, link.backward.delay) == Duration::Zero()) {
      return "a link has no delay";
    }
  }
  if (!WaitAtHome(scenario)) return "messages of this experiment wait for others of other hosts";
  return nullptr;
}

}  // namespace

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

bool GoesInRounds(const Scenario& scenario, const RunOptions& options) {
  return !options.in_order && WhyTogether(scenario, options) == nullptr;
}

absl::Status CheckCores(const Scenario& scenario, const RunOptions& options) {
  if (options.cores == 1) return absl::OkStatus();
  const char* const why = WhyTogether(scenario, options);
  if (why == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("--cores %d: %s; one core is the most", options.cores, why));
}

}  // namespace sluice::lab
