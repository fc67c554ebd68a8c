// sluice-lab replay: executes a stored run anew and compares the bytes.
#include <unistd.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/commands.h"
#include "lab/metrics.h"
#include "lab/result.h"
#include "lab/stored.h"

namespace sluice::lab {
namespace {

using cli::Json;

struct File {
  const char* name;
  std::string bytes;
};

absl::StatusOr<std::vector<File>> Repeat(const StoredRun& stored, cli::Report& report) {
  const absl::StatusOr<Chosen> experiment = ExperimentOf(stored);
  if (!experiment.ok()) return experiment.status();
  const absl::StatusOr<RunOrder> order = OrderOf(stored, *experiment);
  if (!order.ok()) return order.status();
  if (absl::Status s = CheckArm("arm", order->algorithm, *experiment); !s.ok()) return s;
  cli::InterruptScope interrupt;
  cli::Progress progress("replay", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  RunOptions options = OptionsOf(*order);
  options.series = true;
  options.progress = [&](double part) {
    progress.Update(part, order->algorithm);
    return !cli::InterruptScope::Interrupted();
  };
  const absl::StatusOr<Scenario> scenario = experiment->Build(order->seed);
  if (!scenario.ok()) return scenario.status();
  const absl::StatusOr<RunResult> run = Run(*scenario, options);
  if (!run.ok()) return run.status();
  // The origin stays that of the stored run: what is compared is what was computed.
  const std::string version = stored.result["version"], commit = stored.result["commit"];
  const RunLabel label = LabelOf(*order, version, commit);
  return std::vector<File>{{"result.json", cli::JsonText(ResultJson(label, *run, Measure(*run)))},
                           {"fct.txt", FctText(*run)},
                           {"queues.csv", QueuesCsv(run->series)},
                           {"rates.csv", RatesCsv(run->series)}};
}

// Where two texts part: "line 12", or that one is longer.
std::string FirstDifference(std::string_view stored, std::string_view now) {
  size_t line = 1;
  for (size_t i = 0; i < stored.size() && i < now.size(); ++i) {
    if (stored[i] != now[i]) return absl::StrFormat("line %d differs", line);
    line += stored[i] == '\n' ? 1 : 0;
  }
  return absl::StrFormat("the stored file has %d bytes, the replay %d", stored.size(), now.size());
}

int Replay(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<StoredRun> stored = ReadStored(arguments.positionals()[0]);
  if (!stored.ok()) return Fail(report, stored.status());
  if (stored->result.contains("world")) {
    return Fail(report, Invalid(stored->directory +
                                ": a run of the wire world, which no other run repeats; replay one "
                                "of virtual time"));
  }
  const absl::StatusOr<std::vector<File>> files = Repeat(*stored, report);
  if (!files.ok()) return Fail(report, files.status());
  Json j;
  j["run"] = stored->directory;
  j["experiment"] = stored->experiment;
  j["arm"] = stored->arm;
  j["seed"] = stored->seed;
  j["stored_commit"] = stored->result["commit"];
  j["commit"] = build.commit;
  j["identical"] = true;
  j["files"] = Json::array();
  bool same = true;
  for (const File& file : *files) {
    const absl::StatusOr<std::string> before = ReadText(stored->directory + "/" + file.name);
    if (!before.ok()) return Fail(report, before.status());
    const bool equal = *before == file.bytes;
    same = same && equal;
    const std::string difference = equal ? "" : FirstDifference(*before, file.bytes);
    Json f{{"file", file.name}, {"bytes", file.bytes.size()}, {"identical", equal}};
    if (!equal) f["difference"] = difference;
    j["files"].push_back(std::move(f));
    report.text() << absl::StrFormat("%-12s %s\n", file.name,
                                     equal ? "the same bytes" : "DIFFERS: " + difference);
  }
  j["identical"] = same;
  report.text() << absl::StrFormat("%s -a %s, seed %d: %s (stored by %s, replayed by %s)\n",
                                   stored->result["experiment"].get<std::string>(), stored->arm,
                                   stored->seed, same ? "identical" : "not identical",
                                   stored->result["commit"].get<std::string>(),
                                   std::string(build.commit));
  report.set_json(std::move(j));
  return same ? cli::kExitOk : cli::kExitFailed;
}

}  // namespace

cli::Command ReplayCommand(const Build& build) {
  cli::Command c;
  c.name = "replay";
  c.summary = "executes a stored run anew: exit status 0 if every byte agrees, 1 if not";
  c.examples = {{"sluice-lab replay out/a/3", "seed 3 of arm a of `run ... -o out`"}};
  c.positionals = {{"RUN", "directory with result.json, as exec, run and sweep leave them"}};
  c.run = [build](const cli::Arguments& a, cli::Report& r) { return Replay(build, a, r); };
  return c;
}

}  // namespace sluice::lab
