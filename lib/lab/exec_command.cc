// sluice-lab exec: one run, with all its files.
#include <unistd.h>

#include <string>
#include <utility>

#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/batch.h"
#include "lab/commands.h"
#include "lab/describe.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

int Exec(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Chosen> experiment = Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return Fail(report, experiment.status());
  const std::string& arm = arguments.Text("a");
  if (absl::Status s = CheckArm("-a", arm, *experiment); !s.ok()) return Fail(report, s);
  const absl::StatusOr<Factors> factors = FactorsOf(arguments);
  if (!factors.ok()) return Fail(report, factors.status());
  if (IsElsewhere(build, arguments)) return HandOver(build, report);
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return Fail(report, s);

  const absl::StatusOr<World> world = WorldOf(build, arguments);
  if (!world.ok()) return Fail(report, world.status());
  cli::InterruptScope interrupt;
  RunOrder order = OrderOf(*experiment, *factors, arm, arguments.Unsigned("seed"));
  order.cores = CoresOf(arguments);
  RunOptions options = OptionsOf(order);
  options.series = true;
  cli::Progress progress("exec", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  options.progress = [&](double part) {
    progress.Update(part, arm);
    return !cli::InterruptScope::Interrupted();
  };
  const absl::StatusOr<Scenario> scenario = experiment->Build(options.seed);
  if (!scenario.ok()) return Fail(report, scenario.status());
  const absl::StatusOr<RunResult> run = world->run(*scenario, options);
  progress.Clear();
  if (!run.ok()) return Fail(report, run.status());
  const Metrics metrics = Measure(*run);
  const RunLabel label = LabelOf(order, build.version, build.commit);
  if (absl::Status s = WriteRun(directory, label, *run, metrics); !s.ok()) return Fail(report, s);
  report.set_json(ResultJson(label, *run, metrics));
  report.text() << RunText(label, *run, metrics);
  if (run->real) report.text() << RealText(*run->real);
  if (run->real && !run->real->skipped.empty()) {
    report.text() << "SKIPPED: " << run->real->skipped << ".\n";
  }
  report.text() << "files in " << directory << "/\n";
  return cli::kExitOk;
}

}  // namespace

cli::Command ExecCommand(const Build& build) {
  cli::Command c;
  c.name = "exec";
  c.summary = "one run: result.json (same bytes everywhere), fct.txt, queues.csv, rates.csv";
  c.examples = {{"sluice-lab exec incast -a dcqcn:preset=ns3-50us --seed 1 -o out/1", ""},
                {"sluice-lab exec incast:senders=8 --world wire -o out/wire", "in real time"}};
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  c.options = {
      ArmOption('a', "a", "algorithm", "tita"),
      {.name = "seed",
       .kind = cli::Kind::kUnsigned,
       .help = "of starts, QPNs, PSNs and marking",
       .default_text = "1"},
      CoresOption(),
      OutputOption("directory of the files; made if need be", "DIR", true),
  };
  for (cli::Option& o : WorldOptions(build)) c.options.push_back(std::move(o));
  for (cli::Option& o : FactorOptions("draws these as the rivals of `run --independent` do")) {
    c.options.push_back(std::move(o));
  }
  c.run = [build](const cli::Arguments& a, cli::Report& r) { return Exec(build, a, r); };
  return c;
}

}  // namespace sluice::lab
