#include "lab/program.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "cc/registry.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/comparison.h"
#include "lab/describe.h"
#include "lab/export_command.h"
#include "lab/import_command.h"
#include "lab/report.h"
#include "lab/result.h"
#include "lab/seeds.h"

namespace sluice::lab {
namespace {

struct Build {
  std::string_view version;
  std::string_view commit;
};

std::string Message(const absl::Status& s) {
  const absl::string_view m = s.message();
  return std::string(m.data(), m.size());
}

int Fail(cli::Report& report, const absl::Status& s) {
  if (absl::IsCancelled(s)) return report.Fail(cli::kExitInterrupted, "interrupted");
  return report.Fail(absl::IsInvalidArgument(s) ? cli::kExitUsage : cli::kExitFailed, Message(s));
}

absl::Status CheckArm(std::string_view option, const std::string& text, const Chosen& experiment) {
  const auto algorithm = cc::MakeAlgorithm(AlgorithmOf(experiment.arms, text));
  if (algorithm.ok()) return absl::OkStatus();
  std::string arms;
  for (const Arm& arm : experiment.arms) arms.append(arms.empty() ? "" : ", ").append(arm.name);
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s %s: %s%s", std::string(option), cli::OneLine(text), Message(algorithm.status()),
      arms.empty() ? "" : "; arms of the experiment: " + arms));
}

int Exec(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Chosen> experiment = Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return Fail(report, experiment.status());
  const std::string& arm = arguments.Text("a");
  if (absl::Status s = CheckArm("-a", arm, *experiment); !s.ok()) return Fail(report, s);
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return Fail(report, s);

  cli::InterruptScope interrupt;
  RunOptions options;
  options.algorithm = arm;
  options.seed = arguments.Unsigned("seed");
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
  const RunLabel label{&*experiment, arm, options.seed, build.version, build.commit};
  if (absl::Status s = WriteRun(directory, label, *run, metrics); !s.ok()) return Fail(report, s);
  report.set_json(ResultJson(label, *run, metrics));
  report.text() << RunText(label, *run, metrics) << "files in " << directory << "/\n";
  return cli::kExitOk;
}

int RunBoth(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  absl::StatusOr<Chosen> experiment = Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return Fail(report, experiment.status());
  ComparisonPlan plan;
  plan.experiment = std::move(*experiment);
  plan.a = arguments.Text("a");
  plan.b = arguments.Text("b");
  if (absl::Status s = CheckArm("-a", plan.a, plan.experiment); !s.ok()) return Fail(report, s);
  if (absl::Status s = CheckArm("-b", plan.b, plan.experiment); !s.ok()) return Fail(report, s);
  plan.seeds = static_cast<int>(arguments.Integer("seeds"));
  plan.jobs = arguments.Given("jobs") ? static_cast<int>(arguments.Integer("jobs"))
                                      : static_cast<int>(std::thread::hardware_concurrency());
  if (arguments.Has("output")) {
    plan.directory = arguments.Text("output");
    if (absl::Status s = MakeDirectory(plan.directory); !s.ok()) return Fail(report, s);
  }
  plan.version = build.version;
  plan.commit = build.commit;

  cli::InterruptScope interrupt;
  if (plan.seeds > 1) {
    absl::Status s = CheckSeedsDiffer(plan.experiment, plan.a, plan.b,
                                      [] { return !cli::InterruptScope::Interrupted(); });
    if (!s.ok()) return Fail(report, s);
  }
  cli::Progress progress("run", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  plan.progress = [&](double fraction, int done, int all) {
    progress.Update(fraction, absl::StrFormat("%d/%d runs", done, all));
    return !cli::InterruptScope::Interrupted();
  };
  const absl::StatusOr<ComparisonResult> result = CompareArms(plan);
  progress.Clear();
  if (!result.ok()) return Fail(report, result.status());
  const cli::Json json = ComparisonJson(plan, *result);
  if (!plan.directory.empty()) {
    absl::Status s = WriteText(plan.directory + "/run.json", cli::JsonText(json));
    if (!s.ok()) return Fail(report, s);
  }
  report.text() << ComparisonText(plan, *result) << "\n" << VerdictLine(json) << "\n";
  if (!plan.directory.empty()) {
    report.text() << "next: sluice-lab report " << plan.directory << " -o report.html\n";
  }
  report.set_json(json);
  return cli::kExitOk;
}

int WriteReport(const Build&, const cli::Arguments& arguments, cli::Report& report) {
  const std::string& directory = arguments.positionals()[0];
  const absl::StatusOr<std::string> html = ReportOf(directory);
  if (!html.ok()) return Fail(report, html.status());
  const std::string& path = arguments.Text("output");
  if (absl::Status s = WriteText(path, *html); !s.ok()) return Fail(report, s);
  report.set_json(cli::Json{{"report", path}, {"bytes", html->size()}});
  report.text() << path << "\n";
  return cli::kExitOk;
}

int List(const Build&, const cli::Arguments&, cli::Report& report) {
  report.text() << ListText();
  report.set_json(ListJson());
  return cli::kExitOk;
}

int Describe(const Build&, const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Description> d = DescribeName(arguments.positionals()[0]);
  if (!d.ok()) return Fail(report, d.status());
  report.text() << d->text;
  report.set_json(d->json);
  return cli::kExitOk;
}

using Handler = int (*)(const Build&, const cli::Arguments&, cli::Report&);
cli::Runner Bind(const Build& build, Handler handler) {
  return [build, handler](const cli::Arguments& a, cli::Report& r) { return handler(build, a, r); };
}

cli::Option Arm(char letter, std::string_view name, std::string_view help,
                std::string_view default_text) {
  cli::Option o;
  o.name = name;
  o.short_name = letter;
  o.kind = cli::Kind::kText;
  o.help = help;
  o.default_text = default_text;
  o.placeholder = "NAME[:k=v,...]";
  return o;
}

cli::Option Output(std::string_view help, std::string_view placeholder, bool required) {
  cli::Option o;
  o.name = "output";
  o.short_name = 'o';
  o.kind = cli::Kind::kText;
  o.help = help;
  o.placeholder = placeholder;
  o.required = required;
  return o;
}

cli::Command RunCommand(const Build& build) {
  cli::Command c;
  c.name = "run";
  c.summary = "an A/B comparison: two algorithms, the same seeds, a verdict per metric";
  c.examples = {
      {"sluice-lab run incast", "tita against dcqcn, ten seeds"},
      {"sluice-lab run incast:senders=64,buffer=2MiB -a tita -b fixed -o out", "and keep the runs"},
      {"sluice-lab run incast -a tita -b tita --json -", "A/A, as JSON"},
  };
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  c.options = {
      Arm('a', "a", "algorithm that is judged", "tita"),
      Arm('b', "b", "algorithm that it is compared with", "dcqcn"),
      {.name = "seeds",
       .kind = cli::Kind::kInteger,
       .help = "pairs of runs, seeds 1 to N",
       .default_text = "10",
       .min = "1",
       .max = "10000"},
      {.name = "jobs",
       .kind = cli::Kind::kInteger,
       .help = "threads; default: one for each core",
       .min = "1",
       .max = "1024"},
      Output("keep every run's files here", "DIR", false),
  };
  c.run = Bind(build, RunBoth);
  return c;
}

cli::Command ExecCommand(const Build& build) {
  cli::Command c;
  c.name = "exec";
  c.summary = "one run: result.json (same bytes everywhere), fct.txt, queues.csv, rates.csv";
  c.examples = {{"sluice-lab exec incast -a dcqcn:preset=ns3-50us --seed 1 -o out/1", ""}};
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  c.options = {
      Arm('a', "a", "algorithm", "tita"),
      {.name = "seed",
       .kind = cli::Kind::kUnsigned,
       .help = "of starts, QPNs, PSNs and marking",
       .default_text = "1"},
      Output("directory of the files; made if need be", "DIR", true),
  };
  c.run = Bind(build, Exec);
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
  report.summary = "one offline HTML file of what `run -o DIR` left";
  report.examples = {{"sluice-lab report out -o report.html", ""}};
  report.positionals = {{"DIR", "directory that `sluice-lab run -o DIR` wrote"}};
  report.options = {Output("the HTML file", "FILE", true)};
  report.run = Bind(build, WriteReport);
  cli::Command list;
  list.name = "list";
  list.summary = "experiments and algorithms";
  list.run = Bind(build, List);
  cli::Command describe;
  describe.name = "describe";
  describe.summary = "an experiment or an algorithm: what it does, every parameter";
  describe.examples = {{"sluice-lab describe incast", ""}, {"sluice-lab describe tita", ""}};
  describe.positionals = {{"NAME", "of an experiment or an algorithm"}};
  describe.run = Bind(build, Describe);
  program.commands = {RunCommand(build),   ExecCommand(build), std::move(report), std::move(list),
                      std::move(describe), ImportCommand(),    ExportCommand()};
  return program;
}

}  // namespace sluice::lab
