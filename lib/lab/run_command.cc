// sluice-lab run: an A/B comparison.
#include <unistd.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/commands.h"
#include "lab/comparison.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

// Each arm has a letter of its own.
constexpr size_t kMostRivals = 8;

absl::StatusOr<ComparisonPlan> PlanOf(const Build& build, const cli::Arguments& arguments) {
  ComparisonPlan plan;
  absl::StatusOr<Chosen> experiment = Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return experiment.status();
  plan.experiment = std::move(*experiment);
  plan.a = arguments.Text("a");
  if (absl::Status s = CheckArm("-a", plan.a, plan.experiment); !s.ok()) return s;
  plan.rivals = RivalsOf(arguments);
  for (const std::string& b : plan.rivals) {
    if (absl::Status s = CheckArm("-b", b, plan.experiment); !s.ok()) return s;
  }
  if (plan.rivals.size() > kMostRivals) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "-b: at most %d rivals; compare the rest in a run of their own", kMostRivals));
  }
  const absl::StatusOr<Factors> factors = FactorsOf(arguments);
  if (!factors.ok()) return factors.status();
  plan.independent = factors->redraw;
  plan.jitter = factors->jitter;
  const absl::StatusOr<size_t> primary = PrimaryOf(arguments);
  if (!primary.ok()) return primary.status();
  plan.primary = *primary;
  const absl::StatusOr<World> world = WorldOf(build, arguments);
  if (!world.ok()) return world.status();
  plan.world = *world;
  plan.seeds = world->seeds;
  if (arguments.Given("seeds")) plan.seeds = static_cast<int>(arguments.Integer("seeds"));
  plan.jobs = JobsOf(arguments);
  plan.cores = CoresOf(arguments);
  if (arguments.Has("output")) plan.directory = arguments.Text("output");
  plan.version = build.version;
  plan.commit = build.commit;
  return plan;
}

int RunBoth(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  if (IsElsewhere(build, arguments)) return HandOver(build, report);
  absl::StatusOr<ComparisonPlan> plan = PlanOf(build, arguments);
  if (!plan.ok()) return Fail(report, plan.status());
  if (!plan->directory.empty()) {
    if (absl::Status s = MakeDirectory(plan->directory); !s.ok()) return Fail(report, s);
  }
  cli::InterruptScope interrupt;
  cli::Progress progress("run", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  plan->progress = [&](double fraction, int done, int all) {
    progress.Update(fraction, absl::StrFormat("%d/%d runs", done, all));
    return !cli::InterruptScope::Interrupted();
  };
  const absl::StatusOr<ComparisonResult> result = CompareArms(*plan);
  progress.Clear();
  if (!result.ok()) return Fail(report, result.status());
  const cli::Json json = ComparisonJson(*plan, *result);
  if (!plan->directory.empty()) {
    absl::Status s = WriteText(plan->directory + "/run.json", cli::JsonText(json));
    if (!s.ok()) return Fail(report, s);
  }
  report.text() << ComparisonText(*plan, *result) << "\n";
  for (const std::string& line : VerdictLines(json)) report.text() << line << "\n";
  if (!plan->directory.empty()) {
    report.text() << "next: sluice-lab report " << ShellWord(plan->directory)
                  << " -o report.html\n";
  }
  report.set_json(json);
  return cli::kExitOk;
}

}  // namespace

cli::Command RunCommand(const Build& build) {
  cli::Command c;
  c.name = "run";
  c.summary = "an A/B comparison: two algorithms or more, the same seeds, a verdict per metric";
  c.examples = {
      {"sluice-lab run incast", "tita against dcqcn, as many seeds as it takes"},
      {"sluice-lab run incast:senders=64,buffer=2MiB -a tita -b fixed -o out", "and keep the runs"},
      {"sluice-lab run incast -a tita -b dcqcn -b fixed --seeds 20", "two rivals"},
      {"sluice-lab run incast -a dcqcn -b dcqcn --independent marking,jitter --json -", "A/A"},
      {"sluice-lab run incast:senders=8 --world wire", "in real time; 5 seeds unless told"},
  };
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  c.options = {
      ArmOption('a', "a", "algorithm that is judged", "tita"),
      RivalOption(),
      {.name = "seeds",
       .kind = cli::Kind::kInteger,
       .help = "pairs of runs, seeds 1 to N; default: what a pilot of 5 asks for, at most 60",
       .min = "1",
       .max = "10000"},
      PrimaryOption(),
      JobsOption(),
      CoresOption(),
      OutputOption("keep every run's files here", "DIR", false),
  };
  for (cli::Option& o : WorldOptions(build)) c.options.push_back(std::move(o));
  for (cli::Option& o :
       FactorOptions("the rivals draw these anew, for A/A: what chance alone does")) {
    c.options.push_back(std::move(o));
  }
  c.run = [build](const cli::Arguments& a, cli::Report& r) { return RunBoth(build, a, r); };
  return c;
}

}  // namespace sluice::lab
