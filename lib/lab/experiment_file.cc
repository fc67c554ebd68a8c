#include "lab/experiment_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "lab/experiment_fabric.h"
#include "lab/experiment_flows.h"
#include "lab/fabric.h"
#include "lab/json_fields.h"
#include "lab/profile.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

// Of the jitter that a file gives its flows; --jitter has others (lab/runner.cc).
constexpr uint64_t kFileJitter = uint64_t{1} << 62;

// What a file says, apart from what the seed makes of it.
struct Plan {
  std::string file;
  std::string name;
  std::string summary;
  std::string details;
  Scenario scenario;  // with the flows of the file
  CdfTable cdfs;
  std::vector<WorkloadPlan> workloads;
  uint32_t rails = 1;
  Duration jitter;
  bool limited = false;
  bool watched = false;
  bool auto_timer = true;

  absl::StatusOr<Scenario> Build(uint64_t seed) const;
};

absl::StatusOr<Scenario> Plan::Build(uint64_t seed) const {
  Scenario s = scenario;
  const Duration limit = s.limit;
  ShiftStarts(s, s.random.Seed(&RandomFactors::jitter, seed), kFileJitter, jitter);
  if (!s.flows.empty()) s.limit = PatientLimit(s, 0);
  for (size_t i = 0; i < workloads.size(); ++i) {
    WorkloadInput input;
    input.parameters = &workloads[i].parameters;
    input.seed = seed;
    input.stream = static_cast<uint32_t>(i);
    input.rails = rails;
    input.cdfs = &cdfs;
    if (absl::Status status = workloads[i].workload->add(input, s); !status.ok()) {
      return Invalid(absl::StrFormat("%s: workloads[%d]: %s", file, i, MessageOf(status)));
    }
  }
  if (s.flows.size() > kMaxFlows) return Invalid(file + ": too many flows in all");
  if (limited) s.limit = limit;
  if (auto_timer) s.timeout = AutoTimer(s);
  if (!watched) WatchBusiest(s);
  if (s.profile == WireProfile::kHpccNs3 && s.switches.trim.on()) {
    return Invalid(file + ": switch.trim: the profile hpcc-ns3 knows no trimming; leave one out");
  }
  if (s.exact && !s.link_events.empty()) {
    return Invalid(file + ": profile_options.exact: not with link_events; leave one out");
  }
  if (s.profile == WireProfile::kHpccNs3) UseHpccNs3(s, s.ack_priority);
  return s;
}

absl::Status ReadProfile(JsonFields& f, Scenario* s) {
  size_t kind = 0;
  f.Choice("profile", {"default", "hpcc-ns3"}, &kind);
  s->profile = kind == 0 ? WireProfile::kRoce : WireProfile::kHpccNs3;
  const Json* options = f.Get("profile_options");
  if (options == nullptr) return absl::OkStatus();
  if (kind == 0) f.Fail("profile_options", "only the profile hpcc-ns3 has options");
  if (!f.ok()) return f.Finish();
  JsonFields o(*options, f.Where("profile_options"));
  o.Boolean("ack_first", &s->ack_priority);
  o.Boolean("exact", &s->exact);
  return o.Finish();
}

absl::Status ReadArms(const Json& json, const std::string& where, std::vector<Arm>* arms) {
  if (!json.is_object()) return Invalid(where + ": an object { ... } is needed");
  for (const auto& [name, arm] : json.items()) {
    JsonFields f(arm, where + "." + name);
    std::string text;
    f.Require("cc");
    f.Text("cc", &text);
    const Json* parameters = f.Get("parameters");
    if (absl::Status s = f.Finish(); !s.ok()) return s;
    char separator = ':';
    if (parameters != nullptr && !parameters->is_object()) {
      return Invalid(f.Where("parameters") + ": an object { ... } is needed");
    }
    const Json none = Json::object();
    for (const auto& [key, value] : (parameters == nullptr ? none : *parameters).items()) {
      if (value.is_structured() || value.is_null()) {
        return Invalid(f.Where("parameters") + "." + key + ": a text or a number is needed");
      }
      text += separator;
      text.append(key).append("=").append(value.is_string() ? value.get<std::string>()
                                                            : value.dump());
      separator = ',';
    }
    arms->push_back({name, std::move(text)});
  }
  return absl::OkStatus();
}

struct Factor {
  std::string_view name;
  bool RandomFactors::*on;
};
constexpr Factor kFactors[] = {
    {"arrivals", &RandomFactors::arrivals},   {"sizes", &RandomFactors::sizes},
    {"placement", &RandomFactors::placement}, {"ecmp", &RandomFactors::ecmp},
    {"marking", &RandomFactors::marking},     {"loss", &RandomFactors::loss},
    {"jitter", &RandomFactors::jitter},       {"hosts", &RandomFactors::hosts}};

absl::Status ReadRandom(const Json& json, const std::string& where, RandomFactors* random) {
  if (!json.is_array()) return Invalid(where + ": a list of factors is needed");
  std::vector<std::string_view> names;
  for (const Factor& f : kFactors) {
    names.push_back(f.name);
    random->*f.on = false;
  }
  for (const Json& item : json) {
    const std::string name = item.is_string() ? item.get<std::string>() : item.dump();
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      return Invalid(absl::StrFormat("%s: no factor '%s'%s", where, cli::OneLine(name),
                                     DidYouMean(name, names)));
    }
    random->*kFactors[at - names.begin()].on = true;
  }
  return absl::OkStatus();
}

absl::Status ReadTimeout(JsonFields& f, Plan* plan) {
  const Json* json = f.Get("timeout");
  if (json == nullptr || *json == "auto") {
    // The simulator of that profile has no such timer.
    plan->auto_timer = plan->scenario.profile == WireProfile::kRoce;
    plan->scenario.timeout = 0;
    return absl::OkStatus();
  }
  plan->auto_timer = false;
  plan->scenario.timeout = 0;
  if (*json == "never") return absl::OkStatus();
  if (!json->is_number_integer() || *json < 1 || *json > 31) {
    f.Fail("timeout", "\"auto\", \"never\" or a code from 1 to 31 (4.096us * 2^code) is needed");
    return f.Finish();
  }
  if (plan->scenario.profile == WireProfile::kHpccNs3) {
    f.Fail("timeout", "the profile hpcc-ns3 has no such timer; leave it out");
    return f.Finish();
  }
  plan->scenario.timeout = json->get<uint8_t>();
  return absl::OkStatus();
}

void ReadQueuePairs(JsonFields& f, Scenario* s) {
  size_t use = 0;
  f.Choice("queue_pairs", {"new", "reused"}, &use);
  s->queue_pairs.reused = use == 1;
  if (use == 1 && s->profile == WireProfile::kHpccNs3) {
    f.Fail("queue_pairs", "the profile hpcc-ns3 has a queue pair for each flow; leave it out");
  }
  const Json* json = f.Get("idle");
  if (json == nullptr) return;
  if (use == 0) f.Fail("idle", "is of reused queue pairs; set queue_pairs to \"reused\"");
  if (*json == "never") return;
  Duration idle;
  f.Time("idle", &idle);
  if (idle < Duration::Zero() || idle > Duration::Seconds(1000)) {
    f.Fail("idle", "must be from 0 to 1000s, or \"never\"");
  }
  s->queue_pairs.idle = idle;
}

absl::Status ReadWatch(const Json& json, const std::string& where, Plan* plan) {
  Scenario& s = plan->scenario;
  JsonFields f(json, where);
  int64_t node = 0;
  int64_t port = 0;
  f.Require("node");
  f.Require("port");
  f.Integer("node", 0, static_cast<int64_t>(s.topology.nodes.size()) - 1, &node);
  f.Integer("port", 0, 65535, &port);
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  const auto id = static_cast<sim::NodeId>(node);
  const size_t ports = sim::PortsOf(s.topology)[id].size();
  if (s.topology.nodes[id] != sim::NodeKind::kSwitch || static_cast<size_t>(port) >= ports) {
    return Invalid(where +
                   ": that is no port of a switch (they count from 0 in the order of links)");
  }
  s.watched_node = id;
  s.watched_port = static_cast<sim::PortIndex>(port);
  plan->watched = true;
  return absl::OkStatus();
}

absl::Status ReadTimes(JsonFields& f, Plan* plan) {
  Scenario& s = plan->scenario;
  int64_t mtu = s.mtu;
  f.Integer("mtu", 256, 4096, &mtu);
  if (mtu % 4 != 0) f.Fail("mtu", "must be a multiple of 4");
  s.mtu = static_cast<uint32_t>(mtu);
  plan->limited = f.Get("limit") != nullptr;
  f.Time("limit", &s.limit);
  if (plan->limited && s.limit <= Duration::Zero()) f.Fail("limit", "must be positive");
  s.sample = Duration::Microseconds(1);
  f.Time("sample", &s.sample);
  if (s.sample < Duration::Nanoseconds(10)) f.Fail("sample", "must be at least 10ns");
  f.Time("origin", &s.origin);
  f.Time("jitter", &plan->jitter);
  f.Time("reroute_delay", &s.reroute_delay);
  for (const auto& [key, time] : {std::pair("origin", s.origin),
                                  {"jitter", plan->jitter},
                                  {"reroute_delay", s.reroute_delay}}) {
    if (time < Duration::Zero() || time > Duration::Seconds(1000)) {
      f.Fail(key, "must be from 0 to 1000s");
    }
  }
  return absl::OkStatus();
}

// The parts that are objects and lists, in an order in which each finds what it refers to.
absl::Status ReadParts(JsonFields& f, Plan* plan) {
  Scenario& s = plan->scenario;
  const Json* topology = f.Require("topology");
  if (topology == nullptr) return f.Finish();
  absl::Status status = ReadTopology(*topology, f.Where("topology"), &s.topology, &plan->rails);
  const auto part = [&](std::string_view key, auto read) {
    const Json* json = f.Get(key);
    if (status.ok() && json != nullptr) status = read(*json, f.Where(key));
  };
  part("switch", [&](const Json& j, const std::string& w) { return ReadSwitch(j, w, &s); });
  part("host", [&](const Json& j, const std::string& w) { return ReadHost(j, w, &s); });
  part("link_events",
       [&](const Json& j, const std::string& w) { return ReadLinkEvents(j, w, &s); });
  part("random", [&](const Json& j, const std::string& w) { return ReadRandom(j, w, &s.random); });
  part("arms", [&](const Json& j, const std::string& w) { return ReadArms(j, w, &s.arms); });
  part("cdfs", [&](const Json& j, const std::string& w) { return ReadCdfs(j, w, &plan->cdfs); });
  part("watch", [&](const Json& j, const std::string& w) { return ReadWatch(j, w, plan); });
  part("workloads",
       [&](const Json& j, const std::string& w) { return ReadWorkloads(j, w, &plan->workloads); });
  const Json* flows = f.Get("flows");
  const Json* triggers = f.Get("triggers");
  if (!status.ok()) return status;
  return ReadFlows(flows, triggers, plan->file + ":", &s);
}

absl::Status ReadPlan(const Json& json, Plan* plan) {
  JsonFields f(json, plan->file + ":");
  std::string format;
  f.Require("format");
  f.Text("format", &format);
  if (format != kExperimentFormat) {
    f.Fail("format", "\"" + std::string(kExperimentFormat) + "\" is needed");
  }
  f.Require("name");
  f.Text("name", &plan->name);
  if (plan->name.empty()) f.Fail("name", "must not be empty");
  f.Text("summary", &plan->summary);
  f.Text("details", &plan->details);
  if (absl::Status s = ReadProfile(f, &plan->scenario); !s.ok()) return s;
  if (absl::Status s = ReadTimes(f, plan); !s.ok()) return s;
  if (absl::Status s = ReadTimeout(f, plan); !s.ok()) return s;
  ReadQueuePairs(f, &plan->scenario);
  const absl::Status parts = f.ok() ? ReadParts(f, plan) : absl::OkStatus();
  if (!parts.ok()) return parts;
  if (absl::Status s = f.Finish(); !s.ok()) return s;
  if (plan->scenario.flows.empty() && plan->workloads.empty()) {
    return Invalid(plan->file + ": neither flows nor workloads: nothing would be sent");
  }
  const auto& flows = plan->scenario.flows;
  if (plan->workloads.empty() &&
      std::none_of(flows.begin(), flows.end(), [](const FlowSpec& x) { return x.measured; })) {
    return Invalid(plan->file + ": no flow is measured");
  }
  return absl::OkStatus();
}

std::string HashOf(std::string_view text) {
  // FNV-1a, 64 bits: names the bytes, and keeps nobody from making two files of one name.
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return absl::StrFormat("%016x", hash);
}

}  // namespace

absl::StatusOr<Chosen> ParseExperimentFile(const std::string& name, std::string_view text) {
  const absl::StatusOr<Json> json = ParseJsonStrictly(name, text);
  if (!json.ok()) return json.status();
  auto plan = std::make_shared<Plan>();
  plan->file = name;
  if (absl::Status s = ReadPlan(*json, plan.get()); !s.ok()) return s;
  Chosen chosen;
  chosen.arms = std::move(plan->scenario.arms);
  chosen.text = name;
  chosen.document = std::string(text);
  chosen.parameters = Parameters::Label({{"file", plan->name}, {"hash", HashOf(text)}});
  auto experiment = std::make_shared<Experiment>();
  experiment->name = plan->name;  // of the plan, which the function below keeps alive
  experiment->summary = plan->summary;
  experiment->details = plan->details;
  experiment->build = [plan](const Parameters&, uint64_t seed) { return plan->Build(seed); };
  chosen.experiment = experiment.get();
  chosen.own = std::move(experiment);
  const absl::StatusOr<Scenario> first = chosen.Build(1);
  if (!first.ok()) return first.status();
  return chosen;
}

absl::StatusOr<Chosen> LoadExperimentFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return ParseExperimentFile(path, *text);
}

std::string ExperimentText(const Json& document) {
  std::string text = "{\n";
  bool first = true;
  for (const auto& [key, value] : document.items()) {
    text += absl::StrFormat("%s  %s: ", first ? "" : ",\n", Json(key).dump());
    first = false;
    const bool rows = value.is_array() && !value.empty() && value[0].is_structured();
    if (!rows) {
      text += value.dump();
      continue;
    }
    text += "[";
    for (size_t i = 0; i < value.size(); ++i) {
      text += absl::StrFormat("%s\n    %s", i == 0 ? "" : ",", value[i].dump());
    }
    text += "\n  ]";
  }
  return text + "\n}\n";
}

}  // namespace sluice::lab
