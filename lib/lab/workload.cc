#include "lab/workload.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/near.h"

namespace sluice::lab {

std::span<const Workload> Workloads() {
  static const std::vector<Workload> table = {
      PoissonWorkload(),   PoissonIncastWorkload(), MixedWorkload(),
      IncastWorkload(),    PermutationWorkload(),   AllToAllWorkload(),
      AllReduceWorkload(), MoeWorkload(),           TrainingWorkload()};
  return table;
}

absl::StatusOr<const Workload*> FindWorkload(std::string_view name) {
  std::vector<std::string_view> names;
  std::string known;
  for (const Workload& w : Workloads()) {
    if (w.name == name) return &w;
    names.push_back(w.name);
    known.append(known.empty() ? "" : ", ").append(w.name);
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "no workload '%s'%s (there are: %s)", cli::OneLine(name), DidYouMean(name, names), known));
}

std::vector<sim::NodeId> HostsOf(const sim::Topology& topology) {
  std::vector<sim::NodeId> hosts;
  for (sim::NodeId node = 0; node < topology.nodes.size(); ++node) {
    if (topology.nodes[node] == sim::NodeKind::kHost) hosts.push_back(node);
  }
  return hosts;
}

absl::StatusOr<Cdf> FindCdf(const WorkloadInput& input, std::string_view name) {
  std::vector<std::string_view> names;
  std::string known;
  const auto add = [&](std::string_view n) {
    names.push_back(n);
    known.append(known.empty() ? "" : ", ").append(n);
  };
  if (input.cdfs != nullptr) {
    const auto found = input.cdfs->find(name);
    if (found != input.cdfs->end()) return found->second;
    for (const auto& [own, cdf] : *input.cdfs) add(own);
  }
  for (const BuiltInCdf& cdf : BuiltInCdfs()) {
    if (cdf.name == name) return Cdf::Parse(cdf.name, cdf.text);
    add(cdf.name);
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("no distribution '%s'%s (there are: %s; others by an experiment file)",
                      cli::OneLine(name), DidYouMean(name, names), known));
}

Duration PatientLimit(const Scenario& s, size_t first) {
  // Ten hours of one host's flows, and 26 days before the last begins: so the sum below is in
  // range.
  static constexpr Duration kMostBusy = Duration::Picoseconds(int64_t{1} << 55);
  static constexpr Duration kMostWait = Duration::Picoseconds(int64_t{1} << 61);
  const auto ports = sim::PortsOf(s.topology);
  std::vector<Duration> in(s.topology.nodes.size());
  std::vector<Duration> out(s.topology.nodes.size());
  const auto add = [&ports](const FlowSpec& f, sim::NodeId node, Duration* busy) {
    const Duration sending = TransmissionTime(f.size, ports[node][0].out.rate);
    *busy = std::min(*busy + std::min(sending, kMostBusy) + Duration::Microseconds(2), kMostBusy);
  };
  Duration longest;
  Time last;
  for (size_t i = first; i < s.flows.size(); ++i) {
    const FlowSpec& f = s.flows[i];
    add(f, f.source, &out[f.source]);
    add(f, f.destination, &in[f.destination]);
    longest = std::max({longest, out[f.source], in[f.destination]});
    last = Later(last, f.start);
  }
  Duration waits;
  for (const Trigger& t : s.triggers) waits = std::max(waits, t.delay);
  const Duration begins = std::min(last - Time::Zero(), kMostWait);
  return begins + longest * 50 + std::min(waits, kMostWait) + Duration::Milliseconds(20);
}

}  // namespace sluice::lab
