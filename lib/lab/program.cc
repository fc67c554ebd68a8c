#include "lab/program.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/batch.h"
#include "lab/commands.h"
#include "lab/describe.h"
#include "lab/report.h"
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
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return Fail(report, s);

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
  const absl::StatusOr<RunResult> run = Run(*scenario, options);
  progress.Clear();
  if (!run.ok()) return Fail(report, run.status());
  const Metrics metrics = Measure(*run);
  const RunLabel label = LabelOf(order, build.version, build.commit);
  if (absl::Status s = WriteRun(directory, label, *run, metrics); !s.ok()) return Fail(report, s);
  report.set_json(ResultJson(label, *run, metrics));
  report.text() << RunText(label, *run, metrics) << "files in " << directory << "/\n";
  return cli::kExitOk;
}

int WriteReport(const cli::Arguments& arguments, cli::Report& report) {
  const std::string& directory = arguments.positionals()[0];
  const absl::StatusOr<std::string> html = ReportOf(directory);
  if (!html.ok()) return Fail(report, html.status());
  const std::string& path = arguments.Text("output");
  if (absl::Status s = WriteText(path, *html); !s.ok()) return Fail(report, s);
  report.set_json(cli::Json{{"report", path}, {"bytes", html->size()}});
  report.text() << path << "\n";
  return cli::kExitOk;
}

int List(const cli::Arguments&, cli::Report& report) {
  report.text() << ListText();
  report.set_json(ListJson());
  return cli::kExitOk;
}

int Describe(const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Description> d = DescribeName(arguments.positionals()[0]);
  if (!d.ok()) return Fail(report, d.status());
  report.text() << d->text;
  report.set_json(d->json);
  return cli::kExitOk;
}

cli::Command ExecCommand(const Build& build) {
  cli::Command c;
  c.name = "exec";
  c.summary = "one run: result.json (same bytes everywhere), fct.txt, queues.csv, rates.csv";
  c.examples = {{"sluice-lab exec incast -a dcqcn:preset=ns3-50us --seed 1 -o out/1", ""}};
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
  for (cli::Option& o : FactorOptions("draws these as the rivals of `run --independent` do")) {
    c.options.push_back(std::move(o));
  }
  c.run = [build](const cli::Arguments& a, cli::Report& r) { return Exec(build, a, r); };
  return c;
}

}  // namespace

cli::Program LabProgram(std::string_view version, std::string_view commit) {
  const Build build{version, commit};
  cli::Program program;
  program.name = "sluice-lab";
  program.summary = "runs congestion control against each other in virtual time";
  program.version = version;
  program.foreign_words = {{"-C", "-a"}, {"-s", "--seed"}, {"-j", "--jobs"}};
  cli::Command report;
  report.name = "report";
  report.summary = "one offline HTML file of what `run -o DIR` or `sweep -o DIR` left";
  report.examples = {{"sluice-lab report out -o report.html", ""}};
  report.positionals = {{"DIR", "directory of `sluice-lab run` or `sluice-lab sweep ... -o DIR`"}};
  report.options = {OutputOption("the HTML file", "FILE", true)};
  report.run = WriteReport;
  cli::Command list;
  list.name = "list";
  list.summary = "experiments and algorithms";
  list.run = List;
  cli::Command describe;
  describe.name = "describe";
  describe.summary = "an experiment or an algorithm: what it does, every parameter";
  describe.examples = {{"sluice-lab describe incast", ""}, {"sluice-lab describe tita", ""}};
  describe.positionals = {{"NAME", "of an experiment or an algorithm"}};
  describe.run = Describe;
  program.commands = {RunCommand(build),    ExecCommand(build), SweepCommand(build),
                      MergeCommand(),       std::move(report),  CompareCommand(),
                      ReplayCommand(build), BoundCommand(),     std::move(list),
                      std::move(describe),  ImportCommand(),    ExportCommand()};
  return program;
}

}  // namespace sluice::lab
