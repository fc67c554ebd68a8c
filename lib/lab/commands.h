// The commands of sluice-lab, one file each or a few; program.cc puts them into the table.
#ifndef SLUICE_LAB_COMMANDS_H_
#define SLUICE_LAB_COMMANDS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "lab/batch.h"
#include "lab/experiment.h"
#include "lab/runner.h"
#include "lab/status.h"

namespace sluice::lab {

// What a result names as its origin, and what the program can do.
struct Build {
  std::string_view version;
  std::string_view commit;
  // The world beside a clock, in the one program that has it (sluice-wire); the others hand over.
  std::function<absl::StatusOr<World>(const cli::Arguments&)> wire;
  std::vector<std::string> words;  // of the command line, to hand over
};

cli::Command RunCommand(const Build& build);   // run_command.cc
cli::Command ExecCommand(const Build& build);  // exec_command.cc
// Both worlds side by side; `run` does it, or hands over.   worlds_command.cc
cli::Command WorldsCommand(cli::Runner run);
cli::Command ReplayCommand(const Build& build);  // replay.cc
cli::Command BoundCommand();                     // bound_command.cc
cli::Command SweepCommand(const Build& build);   // sweep_command.cc
cli::Command MergeCommand();                     // sweep_command.cc
cli::Command CompareCommand();                   // compare_command.cc
cli::Command ImportCommand();                    // import_command.cc
cli::Command ExportCommand();                    // export_command.cc

// For all of them.
// Usage for InvalidArgument, interrupted for Cancelled, the machine for Unavailable, else failed.
int Fail(cli::Report& report, const absl::Status& status);
// The text of an option names an algorithm, or an arm of the experiment.
absl::Status CheckArm(std::string_view option, const std::string& text, const Chosen& experiment);
cli::Option ArmOption(char letter, std::string_view name, std::string_view help,
                      std::string_view default_text);
// -b, as often as there are rivals; their texts, dcqcn if there is none.
cli::Option RivalOption();
std::vector<std::string> RivalsOf(const cli::Arguments& arguments);
// --primary; its place in MetricKinds().
cli::Option PrimaryOption();
absl::StatusOr<size_t> PrimaryOf(const cli::Arguments& arguments);
cli::Option OutputOption(std::string_view help, std::string_view placeholder, bool required);
// --independent and --jitter; `whose` tells in help what draws anew.
struct Factors {
  Redraw redraw;
  Duration jitter;
};
std::vector<cli::Option> FactorOptions(std::string_view whose);
absl::StatusOr<Factors> FactorsOf(const cli::Arguments& arguments);
// One run with them; `experiment` outlives the order.
RunOrder OrderOf(const Chosen& experiment, const Factors& factors, std::string algorithm,
                 uint64_t seed);
// --world, with the program's own world by default, and --rtt; which one they name, once it is
// open.
std::vector<cli::Option> WorldOptions(const Build& build);
cli::Option RttOption();
absl::StatusOr<World> WorldOf(const Build& build, const cli::Arguments& arguments);
// Whether it names one that another program has; that program in place of this one, with the same
// words. Returns only if there is none.
bool IsElsewhere(const Build& build, const cli::Arguments& arguments);
int HandOver(const Build& build, cli::Report& report);
// --cores: threads of one run.
cli::Option CoresOption();
int CoresOf(const cli::Arguments& arguments);
cli::Option JobsOption();
// Its value, or a thread for each core.
int JobsOf(const cli::Arguments& arguments);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_COMMANDS_H_
