#include "lab/export_command.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/values.h"
#include "lab/experiment_file.h"
#include "lab/export_hpcc.h"
#include "lab/json_fields.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

absl::Status Invalid(const std::string& why) { return absl::InvalidArgumentError(why); }

// A run as its directory tells of it.
struct StoredRun {
  Json result;
  Chosen experiment;
  std::string arm;
  uint64_t seed = 0;
};

absl::StatusOr<StoredRun> Load(const std::string& directory) {
  const std::string path = directory + "/result.json";
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Json> json = ParseJsonStrictly(path, *text);
  if (!json.ok()) return json.status();
  StoredRun run;
  run.result = *std::move(json);
  const auto wrong = [&] { return Invalid(path + ": this is no result of `sluice-lab exec`"); };
  if (!run.result.is_object()) return wrong();
  const Json arm = run.result.value("arm", Json());
  const Json seed = run.result.value("seed", Json());
  const Json name = run.result.value("experiment", Json());
  const Json params = run.result.value("params", Json());
  if (!arm.is_string() || !seed.is_number_unsigned() || !name.is_string() || !params.is_object()) {
    return wrong();
  }
  run.arm = arm.get<std::string>();
  run.seed = seed.get<uint64_t>();
  absl::StatusOr<Chosen> chosen = Invalid("");
  const std::string file = directory + "/experiment.json";
  if (std::filesystem::exists(file)) {
    chosen = LoadExperimentFile(file);
  } else {
    std::string spec = name.get<std::string>();
    char separator = ':';
    const Json values = params.value("experiment", Json::object());
    for (const auto& [key, value] : values.items()) {
      if (!value.is_string()) return wrong();
      spec += separator + key + "=" + value.get<std::string>();
      separator = ',';
    }
    chosen = Choose(spec);
  }
  if (!chosen.ok()) return chosen.status();
  run.experiment = *std::move(chosen);
  return run;
}

// Runs it again, with the traces.
absl::StatusOr<RunResult> Repeat(const StoredRun& stored, const Scenario& scenario) {
  cli::InterruptScope interrupt;
  RunOptions options;
  options.algorithm = stored.arm;
  options.seed = stored.seed;
  options.trace = true;
  options.progress = [](double) { return !cli::InterruptScope::Interrupted(); };
  absl::StatusOr<RunResult> run = Run(scenario, options);
  if (!run.ok()) return run;
  const std::string hash = absl::StrFormat("%016x", run->trace_hash);
  if (stored.result.value("trace_hash", Json()) != hash) {
    return Invalid(
        "this program does not repeat the run; export it with the version that made it (field "
        "`commit` of its result.json)");
  }
  return run;
}

int Export(const cli::Arguments& arguments, cli::Report& report) {
  const auto fail = [&](const absl::Status& s) {
    if (absl::IsCancelled(s)) return report.Fail(cli::kExitInterrupted, "interrupted");
    return report.Fail(absl::IsInvalidArgument(s) ? cli::kExitUsage : cli::kExitFailed,
                       MessageOf(s));
  };
  const std::string& format = arguments.positionals()[0];
  if (format != "hpcc") {
    return fail(
        Invalid(absl::StrFormat("export: no format '%s' (there is: hpcc)", cli::OneLine(format))));
  }
  const absl::StatusOr<StoredRun> stored = Load(arguments.positionals()[1]);
  if (!stored.ok()) return fail(stored.status());
  const absl::StatusOr<Scenario> scenario = stored->experiment.Build(stored->seed);
  if (!scenario.ok()) return fail(scenario.status());
  std::vector<std::string> notes;
  const absl::StatusOr<HpccFiles> files =
      ExportHpcc(*scenario, AlgorithmOf(scenario->arms, stored->arm), &notes);
  if (!files.ok()) return fail(files.status());
  absl::StatusOr<RunResult> run = Repeat(*stored, *scenario);
  if (!run.ok()) return fail(run.status());
  run->origin = HpccOrigin(*scenario);
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return fail(s);
  const std::pair<const char*, std::string> all[] = {{"topology.txt", files->topology},
                                                     {"flow.txt", files->flows},
                                                     {"config.txt", files->config},
                                                     {"trace.txt", "0\n"},
                                                     {"fct.txt", FctText(*run)},
                                                     {"pfc.txt", PfcText(*scenario, *run)},
                                                     {"qlen.txt", QlenText(*scenario, *run)}};
  Json names = Json::array();
  for (const auto& [name, text] : all) {
    if (absl::Status s = WriteText(directory + "/" + name, text); !s.ok()) return fail(s);
    names.push_back(name);
  }
  for (const std::string& note : notes) report.messages() << note << "\n";
  report.set_json({{"directory", directory}, {"files", names}, {"notes", notes}});
  report.text() << "files in " << directory << "/\n";
  return cli::kExitOk;
}

}  // namespace

cli::Command ExportCommand() {
  cli::Command c;
  c.name = "export";
  c.summary = "a run as files of another simulator: its inputs, and what it would have written";
  c.examples = {{"sluice-lab export hpcc out/1 -o hpcc",
                 "topology, flow and config.txt; fct, pfc and qlen.txt"}};
  c.positionals = {{"FORMAT", "hpcc"}, {"RUN", "directory that `sluice-lab exec -o` wrote"}};
  cli::Option output;
  output.name = "output";
  output.short_name = 'o';
  output.kind = cli::Kind::kText;
  output.help = "directory of the files; made if need be";
  output.placeholder = "DIR";
  output.required = true;
  c.options = {output};
  c.run = Export;
  return c;
}

}  // namespace sluice::lab
