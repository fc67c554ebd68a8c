#include "bridge/program.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "bridge/machine.h"
#include "bridge/worlds.h"
#include "cc/registry.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "lab/commands.h"

namespace sluice::bridge {
namespace {

// Every run takes as long as it takes, and a pilot's 60 seeds would take minutes.
constexpr int kSeeds = 5;

WireLimits LimitsOf(const cli::Arguments& arguments) {
  WireLimits limits;
  if (arguments.Given("rtt")) limits.base_rtt = arguments.Time("rtt");
  return limits;
}

absl::StatusOr<lab::World> OpenWire(const cli::Arguments& arguments) {
  absl::StatusOr<std::unique_ptr<Machine>> started = Machine::Start();
  if (!started.ok()) return started.status();
  const std::shared_ptr<Machine> machine = *std::move(started);
  lab::World world;
  world.name = "wire";
  // Every run is taped, and the tape replayed when it is over.
  world.run = [machine, limits = LimitsOf(arguments)](
                  const lab::Scenario& scenario,
                  const lab::RunOptions& options) -> absl::StatusOr<lab::RunResult> {
    Recorder recorder(true);
    absl::StatusOr<lab::RunResult> run = RunOnWire(*machine, scenario, options, recorder, limits);
    if (!run.ok()) return run;
    if (absl::Status s = recorder.ReplayAll(); !s.ok()) return s;
    return run;
  };
  world.parallel = false;
  world.seeds = kSeeds;
  return world;
}

absl::StatusOr<WorldsPlan> PlanOf(const cli::Arguments& arguments) {
  WorldsPlan plan;
  absl::StatusOr<lab::Chosen> experiment = lab::Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return experiment.status();
  plan.experiment = *std::move(experiment);
  for (const cli::Value& a : arguments.All("a")) {
    plan.algorithms.push_back(std::get<std::string>(a));
    absl::Status s = lab::CheckArm("-a", plan.algorithms.back(), plan.experiment);
    if (!s.ok()) return s;
  }
  if (plan.algorithms.empty()) {
    for (const cc::RegistryEntry& entry : cc::Algorithms()) plan.algorithms.push_back(entry.name);
  }
  plan.repeats = static_cast<int>(arguments.Integer("repeats"));
  plan.seed = arguments.Unsigned("seed");
  plan.limits = LimitsOf(arguments);
  return plan;
}

int RunWorlds(const cli::Arguments& arguments, cli::Report& report) {
  absl::StatusOr<WorldsPlan> plan = PlanOf(arguments);
  if (!plan.ok()) return lab::Fail(report, plan.status());
  absl::StatusOr<std::unique_ptr<Machine>> machine = Machine::Start();
  if (!machine.ok()) return lab::Fail(report, machine.status());
  cli::InterruptScope interrupt;
  cli::Progress progress("worlds", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  plan->progress = [&](double part) {
    progress.Update(part, "");
    return !cli::InterruptScope::Interrupted();
  };
  const absl::StatusOr<WorldsResult> result = CompareWorlds(**machine, *plan);
  progress.Clear();
  if (!result.ok()) return lab::Fail(report, result.status());
  report.text() << WorldsText(*plan, *result);
  report.set_json(WorldsJson(*plan, *result));
  return cli::kExitOk;
}

}  // namespace

cli::Program WireProgram(std::string_view version, std::string_view commit) {
  const lab::Build build{version, commit, OpenWire, {}};
  cli::Program program;
  program.name = "sluice-wire";
  program.summary = "the wire world of sluice-lab: experiments in real time over net_ring ports";
  program.version = version;
  program.commands = {lab::RunCommand(build), lab::ExecCommand(build),
                      lab::WorldsCommand(RunWorlds)};
  return program;
}

}  // namespace sluice::bridge
