// sluice-lab export: a run as files of another simulator.
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/values.h"
#include "lab/commands.h"
#include "lab/export_hpcc.h"
#include "lab/result.h"
#include "lab/stored.h"

namespace sluice::lab {
namespace {

using cli::Json;

// What a stored run was made of.
struct Inputs {
  Scenario scenario;  // its starts with the jitter of the options, which therefore have none
  RunOptions options;
};

absl::StatusOr<Inputs> InputsOf(const StoredRun& stored) {
  const absl::StatusOr<Chosen> experiment = ExperimentOf(stored);
  if (!experiment.ok()) return experiment.status();
  const absl::StatusOr<RunOrder> order = OrderOf(stored, *experiment);
  if (!order.ok()) return order.status();
  if (absl::Status s = CheckArm("arm", order->algorithm, *experiment); !s.ok()) return s;
  const absl::StatusOr<Scenario> scenario = experiment->Build(order->seed);
  if (!scenario.ok()) return scenario.status();
  Inputs inputs;
  inputs.options = OptionsOf(*order);
  inputs.scenario = WithJitter(*scenario, inputs.options);
  inputs.options.jitter = Duration::Zero();
  return inputs;
}

// Runs it again, with the traces.
absl::StatusOr<RunResult> Repeat(const StoredRun& stored, Inputs inputs, cli::Report& report) {
  cli::InterruptScope interrupt;
  cli::Progress progress("export", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  inputs.options.trace = true;
  inputs.options.progress = [&](double part) {
    progress.Update(part, inputs.options.algorithm);
    return !cli::InterruptScope::Interrupted();
  };
  absl::StatusOr<RunResult> run = Run(inputs.scenario, inputs.options);
  progress.Clear();
  if (!run.ok()) return run;
  if (stored.result.value("trace_hash", Json()) != absl::StrFormat("%016x", run->trace_hash)) {
    return Invalid(
        "this program does not repeat the run; export it with the version that made it (field "
        "`commit` of its result.json)");
  }
  run->origin = HpccOrigin(inputs.scenario);
  return run;
}

int Export(const cli::Arguments& arguments, cli::Report& report) {
  const std::string& format = arguments.positionals()[0];
  if (format != "hpcc") {
    return Fail(report, Invalid(absl::StrFormat("export: no format '%s' (there is: hpcc)",
                                                cli::OneLine(format))));
  }
  const absl::StatusOr<StoredRun> stored = ReadStored(arguments.positionals()[1]);
  if (!stored.ok()) return Fail(report, stored.status());
  const absl::StatusOr<Inputs> inputs = InputsOf(*stored);
  if (!inputs.ok()) return Fail(report, inputs.status());
  const Scenario& scenario = inputs->scenario;
  std::vector<std::string> notes;
  const absl::StatusOr<HpccFiles> files =
      ExportHpcc(scenario, AlgorithmOf(scenario.arms, inputs->options.algorithm), &notes);
  if (!files.ok()) return Fail(report, files.status());
  const absl::StatusOr<RunResult> run = Repeat(*stored, *inputs, report);
  if (!run.ok()) return Fail(report, run.status());
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return Fail(report, s);
  const std::pair<const char*, std::string> all[] = {{"topology.txt", files->topology},
                                                     {"flow.txt", files->flows},
                                                     {"config.txt", files->config},
                                                     {"trace.txt", "0\n"},
                                                     {"fct.txt", FctText(*run)},
                                                     {"pfc.txt", PfcText(scenario, *run)},
                                                     {"qlen.txt", QlenText(scenario, *run)}};
  Json names = Json::array();
  for (const auto& [name, text] : all) {
    if (absl::Status s = WriteText(directory + "/" + name, text); !s.ok()) return Fail(report, s);
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
  c.positionals = {{"FORMAT", "hpcc"},
                   {"RUN", "directory with result.json, as exec, run and sweep leave them"}};
  c.options = {OutputOption("directory of the files; made if need be", "DIR", true)};
  c.run = Export;
  return c;
}

}  // namespace sluice::lab
