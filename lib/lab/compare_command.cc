// sluice-lab compare: new runs against old ones, with gates.
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "lab/commands.h"
#include "lab/gate.h"
#include "lab/judge.h"
#include "lab/stored.h"

namespace sluice::lab {
namespace {

using cli::Json;

// Runs of one side that are compared with those of the same key: experiment, and arm unless both
// sides have one arm only.
struct Key {
  std::string experiment;
  std::string arm;  // empty: whichever
  bool operator<(const Key& o) const {
    return std::tie(experiment, arm) < std::tie(o.experiment, o.arm);
  }
};
using Side = std::map<Key, std::map<uint64_t, const StoredRun*>>;

struct Pairing {
  Key key;
  std::string old_arm;
  std::string new_arm;
  std::vector<uint64_t> seeds;
};

std::set<std::string> ArmsOf(const std::vector<StoredRun>& runs) {
  std::set<std::string> arms;
  for (const StoredRun& run : runs) arms.insert(run.arm);
  return arms;
}

absl::StatusOr<Side> Arrange(const std::vector<StoredRun>& runs, bool by_arm) {
  Side side;
  for (const StoredRun& run : runs) {
    const auto [at, fresh] =
        side[{run.experiment, by_arm ? run.arm : ""}].try_emplace(run.seed, &run);
    if (fresh || at->second->result == run.result) continue;
    return absl::InvalidArgumentError(
        absl::StrFormat("%s and %s are of the same experiment, algorithm and seed; compare "
                        "directories that hold each run once",
                        at->second->directory, run.directory));
  }
  return side;
}

struct Compared {
  std::vector<Pairing> pairings;
  std::vector<Judgement> judgements;
  size_t unpaired = 0;
};

absl::StatusOr<Compared> CompareSides(const std::vector<StoredRun>& old_runs,
                                      const std::vector<StoredRun>& new_runs, size_t primary) {
  const bool by_arm = ArmsOf(old_runs).size() > 1 || ArmsOf(new_runs).size() > 1;
  const absl::StatusOr<Side> before = Arrange(old_runs, by_arm), after = Arrange(new_runs, by_arm);
  if (!before.ok()) return before.status();
  if (!after.ok()) return after.status();
  Compared all;
  std::vector<Contest> contests;
  size_t paired = 0;
  for (const auto& [key, runs] : *after) {
    const auto other = before->find(key);
    if (other == before->end()) continue;
    Pairing pairing{key, "", "", {}};
    Contest contest;
    for (const auto& [seed, run] : runs) {
      const auto old_run = other->second.find(seed);
      if (old_run == other->second.end()) continue;
      for (const auto& [stored, to] :
           {std::pair{run, &contest.a}, std::pair{old_run->second, &contest.b}}) {
        absl::StatusOr<RunValues> v = ValuesOf(stored->result, stored->directory + "/result.json");
        if (!v.ok()) return v.status();
        to->push_back(*std::move(v));
      }
      pairing.old_arm = old_run->second->arm;
      pairing.new_arm = run->arm;
      pairing.seeds.push_back(seed);
    }
    if (pairing.seeds.empty()) continue;
    paired += pairing.seeds.size();
    all.pairings.push_back(std::move(pairing));
    contests.push_back(std::move(contest));
  }
  if (contests.empty()) {
    return absl::InvalidArgumentError(
        "no run of NEW has the experiment, algorithm and seed of a run of OLD; sluice-lab run with "
        "the same words and -o DIR makes such pairs");
  }
  all.unpaired = old_runs.size() + new_runs.size() - 2 * paired;
  all.judgements = JudgeAll(contests, primary);
  return all;
}

Json PairingJson(const Pairing& p, const Judgement& j) {
  Json o;
  o["experiment"] = p.key.experiment;
  o["a"] = p.new_arm;
  o["b"] = p.old_arm;
  o["seeds"] = p.seeds.size();
  o["verdict"] = NameOf(j.primary().comparison.verdict);
  o["metrics"] = MetricsJson(j);
  return o;
}

// The state of each gate over all pairings; the exit status.
int TellGates(const std::vector<Gate>& gates, const Compared& compared, Json& json,
              cli::Report& report) {
  bool failed = false, undecided = false;
  json["gates"] = Json::array();
  for (const Gate& gate : gates) {
    for (size_t i = 0; i < compared.pairings.size(); ++i) {
      const GateState state = Decide(gate, compared.judgements[i]);
      const Pairing& p = compared.pairings[i];
      failed = failed || state == GateState::kNotMet;
      undecided = undecided || state == GateState::kUndecided;
      const Comparison& c = compared.judgements[i].rows[gate.metric].comparison;
      json["gates"].push_back({{"gate", gate.text},
                               {"experiment", p.key.experiment},
                               {"arm", p.new_arm},
                               {"state", NameOf(state)}});
      report.text() << absl::StrFormat(
          "gate %s, %s: %s (new/old %s%s, %d seeds%s)\n", gate.text, p.new_arm, NameOf(state),
          c.ratio ? absl::StrFormat("%.4f", *c.ratio) : "-",
          c.low && c.high ? absl::StrFormat(" [%.4f, %.4f]", *c.low, *c.high) : "", p.seeds.size(),
          state == GateState::kUndecided ? "; run more" : "");
    }
  }
  return failed ? cli::kExitGate : undecided ? cli::kExitUndecided : cli::kExitOk;
}

int CompareStored(const cli::Arguments& arguments, cli::Report& report) {
  std::vector<Gate> gates;
  for (const cli::Value& v : arguments.All("fail-on")) {
    absl::StatusOr<Gate> gate = ParseGate(std::get<std::string>(v));
    if (!gate.ok()) {
      return report.Fail(cli::kExitUsage, "--fail-on: " + MessageOf(gate.status()));
    }
    gates.push_back(*std::move(gate));
  }
  const absl::StatusOr<size_t> primary = PrimaryOf(arguments);
  if (!primary.ok()) return Fail(report, primary.status());
  const std::string &old_path = arguments.positionals()[0], &new_path = arguments.positionals()[1];
  const absl::StatusOr<std::vector<StoredRun>> old_runs = FindStored(old_path);
  if (!old_runs.ok()) return Fail(report, old_runs.status());
  const absl::StatusOr<std::vector<StoredRun>> new_runs = FindStored(new_path);
  if (!new_runs.ok()) return Fail(report, new_runs.status());
  const absl::StatusOr<Compared> compared = CompareSides(*old_runs, *new_runs, *primary);
  if (!compared.ok()) return Fail(report, compared.status());

  Json json;
  json["old"] = old_path;
  json["new"] = new_path;
  json["primary"] = MetricKinds()[*primary].name;
  json["unpaired_runs"] = compared->unpaired;
  json["comparisons"] = Json::array();
  for (size_t i = 0; i < compared->pairings.size(); ++i) {
    const Pairing& p = compared->pairings[i];
    report.text() << absl::StrFormat("%s\na = new = %s, b = old = %s, %d seeds\n\n",
                                     p.key.experiment, p.new_arm, p.old_arm, p.seeds.size())
                  << MetricsTable(compared->judgements[i]) << "\n";
    json["comparisons"].push_back(PairingJson(p, compared->judgements[i]));
  }
  if (compared->unpaired > 0) {
    report.text() << absl::StrFormat("%d runs have no partner on the other side.\n",
                                     compared->unpaired);
  }
  const int status = TellGates(gates, *compared, json, report);
  report.set_json(std::move(json));
  return status;
}

}  // namespace

cli::Command CompareCommand() {
  cli::Command c;
  c.name = "compare";
  c.summary = "new runs against old ones, paired by experiment, algorithm and seed; with gates";
  c.examples = {
      {"sluice-lab compare out/before out/after --fail-on 'worse:p99_slowdown>2%'",
       "exit status 3: it is worse; 4: too few seeds to tell"},
      {"sluice-lab compare out/b out/a", "the two arms of `run ... -o out`"},
  };
  c.positionals = {{"OLD", "directory with runs, as run, sweep and exec leave them"},
                   {"NEW", "likewise"}};
  cli::Option gate;
  gate.name = "fail-on";
  gate.kind = cli::Kind::kText;
  gate.help = "exit status 3 if NEW is that much worse, 4 if nobody can tell";
  gate.placeholder = "worse:METRIC>N%";
  gate.repeated = true;
  c.options = {gate, PrimaryOption()};
  c.run = CompareStored;
  return c;
}

}  // namespace sluice::lab
