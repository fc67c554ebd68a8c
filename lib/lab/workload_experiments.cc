#include "lab/workload_experiments.h"

#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/fabric.h"
#include "lab/status.h"
#include "lab/workload.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr std::string_view kQueuePairs[] = {"new", "reused"};

struct Default {
  std::string_view name;
  std::string_view text;
};

struct Preset {
  std::string_view name;
  std::string_view summary;  // empty: the workload's
  Workload (*workload)();
  std::vector<Default> defaults;
};

std::vector<Preset> Presets() {
  return {
      {"websearch",
       "WebSearch flows at half load on a leaf-spine, in a measurement window",
       PoissonWorkload,
       {}},
      {"hadoop",
       "the same with the flows of Facebook's Hadoop",
       PoissonWorkload,
       {{"cdf", "hadoop"}, {"warmup", "5ms"}, {"window", "5ms"}, {"sample", "10us"}}},
      {"alistorage",
       "the same with the flows of Alibaba's storage",
       PoissonWorkload,
       {{"cdf", "alistorage"}, {"warmup", "2ms"}, {"window", "2ms"}, {"sample", "10us"}}},
      {"googlerpc",
       "the same with the RPCs of Google",
       PoissonWorkload,
       {{"cdf", "googlerpc"}, {"warmup", "200us"}, {"window", "200us"}, {"sample", "1us"}}},
      {"incast-poisson",
       "",
       PoissonIncastWorkload,
       {{"warmup", "5ms"}, {"window", "5ms"}, {"sample", "10us"}}},
      {"mixed", "", MixedWorkload, {{"warmup", "1ms"}, {"window", "1ms"}, {"sample", "10us"}}},
      {"alltoall", "", AllToAllWorkload, {{"sample", "10us"}}},
      {"allreduce", "", AllReduceWorkload, {{"sample", "10us"}}},
      {"moe", "", MoeWorkload, {{"sample", "10us"}}},
      {"training", "", TrainingWorkload, {{"sample", "10us"}}},
  };
}

std::vector<ParameterSpec> Specs(const Preset& preset, const Workload& workload) {
  std::vector<ParameterSpec> specs = {
      {"hosts", K::kInteger, "16", "2", "16384", "that take part"},
      {"topology", K::kChoice, "leaf-spine", "", "", "of the fabric", "", TopologyNames()},
      {"core", K::kRate, "auto", "1Gbps", "1600Gbps",
       "of the links between switches; auto: as the others", "auto"}};
  for (const ParameterSpec& p : workload.parameters) specs.push_back(p);
  AddFabricSpecs(specs);
  specs.push_back({"limit", K::kTime, "auto", "1us", "1000s",
                   "virtual time after which a flow counts as unfinished; auto: by the workload",
                   "auto"});
  specs.push_back({"queue-pairs", K::kChoice, "new", "", "",
                   "new for each message, or reused by messages between the same hosts", "",
                   kQueuePairs});
  specs.push_back({"idle", K::kTime, "never", "0", "1000s",
                   "reused queue pairs that had nothing to send for longer are left for new ones",
                   "never"});
  for (ParameterSpec& p : specs) {
    if (p.name == "sample") p.default_text = "100us";
    for (const Default& d : preset.defaults) {
      if (p.name == d.name) p.default_text = d.text;
    }
  }
  return specs;
}

absl::StatusOr<Scenario> Build(std::string_view name, const Workload& workload, const Parameters& p,
                               uint64_t seed) {
  const auto refuse = [&](const absl::Status& s) {
    return Invalid(absl::StrFormat("experiment %s: %s", std::string(name), MessageOf(s)));
  };
  Scenario s;
  if (absl::Status status = ApplyFabric(name, p, s); !status.ok()) return status;
  const sim::LinkConfig edge = EdgeLink(p);
  sim::LinkConfig core = edge;
  if (p.Has("core")) core.rate = p.Rate("core");
  const auto hosts = static_cast<uint32_t>(p.Integer("hosts"));
  absl::StatusOr<sim::Topology> topology = MakeTopology(p.Text("topology"), hosts, edge, core);
  if (!topology.ok()) return refuse(topology.status());
  s.topology = *std::move(topology);
  s.queue_pairs.reused = p.Text("queue-pairs") == "reused";
  if (p.Has("idle")) s.queue_pairs.idle = p.Time("idle");
  if (p.Has("idle") && !s.queue_pairs.reused) {
    return refuse(Invalid("idle is of reused queue pairs; add queue-pairs=reused"));
  }
  WorkloadInput input;
  input.parameters = &p;
  input.seed = seed;
  input.rails = RailsOf(p.Text("topology"));
  if (absl::Status status = workload.add(input, s); !status.ok()) return refuse(status);
  if (p.Has("limit")) s.limit = p.Time("limit");
  s.timeout = TimerOf(p, s);
  WatchBusiest(s);
  return s;
}

}  // namespace

std::vector<Experiment> WorkloadExperiments() {
  // The table of experiments lives as long as the program, and so do the texts in it.
  static const std::vector<Preset>& presets = *new std::vector<Preset>(Presets());
  std::vector<Experiment> all;
  for (const Preset& preset : presets) {
    const Workload workload = preset.workload();
    Experiment e;
    e.name = preset.name;
    e.summary = preset.summary.empty() ? workload.summary : preset.summary;
    e.details = workload.details;
    e.parameters = Specs(preset, workload);
    e.build = [&preset, workload](const Parameters& p, uint64_t seed) {
      return Build(preset.name, workload, p, seed);
    };
    all.push_back(std::move(e));
  }
  return all;
}

}  // namespace sluice::lab
