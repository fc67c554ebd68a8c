// sluice-lab sweep and merge.
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/batch.h"
#include "lab/commands.h"
#include "lab/result.h"
#include "lab/sweep.h"

namespace sluice::lab {
namespace {

using cli::Json;

absl::StatusOr<Sweep> SweepOf(const Build& build, const cli::Arguments& arguments) {
  Sweep sweep;
  sweep.experiment = arguments.positionals()[0];
  for (const cli::Value& v : arguments.All("grid")) {
    absl::StatusOr<GridAxis> axis = ParseGridAxis(std::get<std::string>(v));
    if (!axis.ok()) return Invalid("--grid: " + MessageOf(axis.status()));
    for (const GridAxis& other : sweep.grid) {
      if (other.name != axis->name) continue;
      return absl::InvalidArgumentError(
          absl::StrFormat("--grid: %s is given twice; put all its values into one", axis->name));
    }
    sweep.grid.push_back(*std::move(axis));
  }
  sweep.arms.push_back(arguments.Text("a"));
  for (std::string& rival : RivalsOf(arguments)) sweep.arms.push_back(std::move(rival));
  sweep.seeds = static_cast<int>(arguments.Integer("seeds"));
  const absl::StatusOr<size_t> primary = PrimaryOf(arguments);
  if (!primary.ok()) return primary.status();
  sweep.primary = *primary;
  sweep.version = build.version;
  sweep.commit = build.commit;
  absl::StatusOr<std::vector<SweepPoint>> points =
      MakePoints(sweep.experiment, sweep.grid, sweep.arms);
  if (!points.ok()) return points.status();
  sweep.points = *std::move(points);
  return sweep;
}

// What is there is told, and written beside the runs.
int TellMerged(const Sweep& sweep, const std::string& directory, cli::Report& report) {
  const absl::StatusOr<Merged> merged = Merge(sweep, directory);
  if (!merged.ok()) return Fail(report, merged.status());
  if (merged->missing > 0) {
    return report.Fail(cli::kExitFailed,
                       absl::StrFormat("%s: %d of %d runs are missing; the command of the sweep "
                                       "makes what is missing, then merge again",
                                       directory, merged->missing, RunsOf(sweep).size()));
  }
  const Json json = MergedJson(sweep, *merged);
  for (const auto& [name, text] :
       {std::pair<const char*, std::string>{"merged.json", cli::JsonText(json)},
        {"merged.csv", merged->csv}}) {
    if (absl::Status s = WriteText(directory + "/" + name, text); !s.ok()) return Fail(report, s);
  }
  report.text() << MergedText(sweep, *merged) << "every run in " << directory
                << "/merged.csv\nnext: sluice-lab report " << ShellWord(directory)
                << " -o report.html\n";
  report.set_json(json);
  return cli::kExitOk;
}

int RunHere(const Build& build, const Sweep& sweep, const std::string& directory, int jobs,
            cli::Report& report) {
  std::vector<RunOrder> orders;
  const std::vector<SweepRun> runs = RunsOf(sweep);
  for (const SweepRun& run : runs) {
    if (Done(directory, run)) continue;
    RunOrder order;
    order.experiment = &sweep.points[run.point].experiment;
    order.algorithm = sweep.points[run.point].arms[run.arm];
    order.seed = run.seed;
    order.directory = DirectoryOf(directory, run);
    orders.push_back(std::move(order));
  }
  const size_t before = runs.size() - orders.size();
  if (before > 0) {
    report.text() << absl::StrFormat("%d of %d runs are there already\n", before, runs.size());
  }
  cli::InterruptScope interrupt;
  cli::Progress progress("sweep", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  BatchOptions options{jobs, build.version, build.commit, [&](double fraction, int done) {
                         progress.Update(
                             fraction,
                             absl::StrFormat("%d/%d runs", done, static_cast<int>(orders.size())));
                         return !cli::InterruptScope::Interrupted();
                       }};
  const absl::StatusOr<std::vector<RunRecord>> records = RunAll(orders, options);
  progress.Clear();
  if (!records.ok()) return Fail(report, records.status());
  return TellMerged(sweep, directory, report);
}

int HandOver(const Sweep& sweep, const std::string& plan, const std::string& directory,
             cli::Report& report) {
  std::error_code error;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  const std::string place = std::filesystem::absolute(directory, error).lexically_normal().string();
  const std::string jobs = place + "/jobs.txt";
  if (absl::Status s = WriteText(jobs, JobLines(sweep, program, place)); !s.ok()) {
    return Fail(report, s);
  }
  Json j{{"directory", place}, {"runs", RunsOf(sweep).size()}, {"jobs", jobs}};
  std::string command;
  if (plan == "slurm") {
    const std::string script = place + "/array.sbatch";
    if (absl::Status s = WriteText(script, SlurmScript(sweep, place)); !s.ok()) {
      return Fail(report, s);
    }
    command = "sbatch " + ShellWord(script);
  } else {
    command = "parallel --joblog " + ShellWord(place + "/joblog") + " --resume-failed --bar <" +
              ShellWord(jobs);
  }
  j["command"] = command;
  report.text() << absl::StrFormat(
      "%d runs planned; to make them, and again to resume:\n  %s\n"
      "then:\n  sluice-lab merge %s\n",
      RunsOf(sweep).size(), command, ShellWord(place));
  report.set_json(std::move(j));
  return cli::kExitOk;
}

int RunSweep(const Build& build, const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Sweep> sweep = SweepOf(build, arguments);
  if (!sweep.ok()) return Fail(report, sweep.status());
  const std::string& directory = arguments.Text("output");
  if (absl::Status s = MakeDirectory(directory + "/runs"); !s.ok()) return Fail(report, s);
  absl::Status s = WriteText(directory + "/sweep.json", cli::JsonText(SweepJson(*sweep)));
  if (!s.ok()) return Fail(report, s);
  const std::string& plan = arguments.Text("plan");
  if (plan != "local") return HandOver(*sweep, plan, directory, report);
  return RunHere(build, *sweep, directory, JobsOf(arguments), report);
}

int RunMerge(const cli::Arguments& arguments, cli::Report& report) {
  const std::string& directory = arguments.positionals()[0];
  const absl::StatusOr<Sweep> sweep = ReadSweep(directory);
  if (!sweep.ok()) return Fail(report, sweep.status());
  return TellMerged(*sweep, directory, report);
}

}  // namespace

cli::Command SweepCommand(const Build& build) {
  cli::Command c;
  c.name = "sweep";
  c.summary = "a comparison at every point of a grid, here or handed to GNU parallel or Slurm";
  c.examples = {
      {"sluice-lab sweep incast --grid senders=8,16,32 -o out/senders", ""},
      {"sluice-lab sweep incast -a tita --grid tita.beta=0.002,0.004,0.008 -o out/beta",
       "a parameter of an algorithm; dcqcn stays as it is, and is run once"},
      {"sluice-lab sweep incast -a tita -b tita --grid a.kappa=0,0.7,1.4 -o out/kappa",
       "of arm a alone, against its defaults"},
      {"sluice-lab sweep permutation --grid hosts=64,256 --plan slurm -o out/hosts", ""},
  };
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  cli::Option grid;
  grid.name = "grid";
  grid.kind = cli::Kind::kText;
  grid.help = "values of a parameter: of the experiment, or of arms (tita.beta, b.beta)";
  grid.placeholder = "[ARM.]NAME=VALUE,...";
  grid.repeated = true;
  c.options = {
      grid,
      ArmOption('a', "a", "algorithm that is judged", "tita"),
      RivalOption(),
      {.name = "seeds",
       .kind = cli::Kind::kInteger,
       .help = "pairs of runs at each point",
       .default_text = "10",
       .min = "1",
       .max = "10000"},
      {.name = "plan",
       .kind = cli::Kind::kChoice,
       .help = "who makes the runs; parallel and slurm get a file of commands",
       .default_text = "local",
       .choices = {"local", "parallel", "slurm"}},
      PrimaryOption(),
      JobsOption(),
      OutputOption("directory of the sweep; what is there is not made again", "DIR", true),
  };
  c.run = [build](const cli::Arguments& a, cli::Report& r) { return RunSweep(build, a, r); };
  return c;
}

cli::Command MergeCommand() {
  cli::Command c;
  c.name = "merge";
  c.summary = "the verdicts of a sweep whose runs are there, however they were made";
  c.examples = {{"sluice-lab merge out/senders", ""}};
  c.positionals = {{"DIR", "directory of `sluice-lab sweep ... -o DIR`"}};
  c.run = RunMerge;
  return c;
}

}  // namespace sluice::lab
