#include "lab/commands.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "cc/registry.h"
#include "cli/exit.h"
#include "lab/judge.h"
#include "lab/result.h"

namespace sluice::lab {

int Fail(cli::Report& report, const absl::Status& status) {
  if (absl::IsCancelled(status)) return report.Fail(cli::kExitInterrupted, "interrupted");
  if (absl::IsUnavailable(status)) return report.Fail(cli::kExitMachine, MessageOf(status));
  return report.Fail(absl::IsInvalidArgument(status) ? cli::kExitUsage : cli::kExitFailed,
                     MessageOf(status));
}

absl::Status CheckArm(std::string_view option, const std::string& text, const Chosen& experiment) {
  const auto algorithm = cc::MakeAlgorithm(AlgorithmOf(experiment.arms, text));
  if (algorithm.ok()) return absl::OkStatus();
  std::string arms;
  for (const Arm& arm : experiment.arms) arms.append(arms.empty() ? "" : ", ").append(arm.name);
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s %s: %s%s", std::string(option), cli::OneLine(text), MessageOf(algorithm.status()),
      arms.empty() ? "" : "; arms of the experiment: " + arms));
}

cli::Option ArmOption(char letter, std::string_view name, std::string_view help,
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

cli::Option RivalOption() {
  cli::Option o = ArmOption('b', "b", "algorithm that it is compared with; default: dcqcn", "");
  o.repeated = true;
  return o;
}

std::vector<std::string> RivalsOf(const cli::Arguments& arguments) {
  std::vector<std::string> rivals;
  for (const cli::Value& b : arguments.All("b")) rivals.push_back(std::get<std::string>(b));
  if (rivals.empty()) rivals.push_back("dcqcn");
  return rivals;
}

cli::Option PrimaryOption() {
  return {.name = "primary",
          .kind = cli::Kind::kText,
          .help = "the one metric that decides; all others are exploratory",
          .default_text = kPrimaryMetric,
          .placeholder = "METRIC"};
}

absl::StatusOr<size_t> PrimaryOf(const cli::Arguments& arguments) {
  absl::StatusOr<size_t> primary = FindMetric(arguments.Text("primary"));
  if (primary.ok()) return primary;
  return Invalid("--primary: " + MessageOf(primary.status()));
}

cli::Option OutputOption(std::string_view help, std::string_view placeholder, bool required) {
  cli::Option o;
  o.name = "output";
  o.short_name = 'o';
  o.kind = cli::Kind::kText;
  o.help = help;
  o.placeholder = placeholder;
  o.required = required;
  return o;
}

std::vector<cli::Option> FactorOptions(std::string_view whose) {
  cli::Option independent;
  independent.name = "independent";
  independent.kind = cli::Kind::kText;
  independent.help = whose;
  independent.placeholder = "ecmp,marking,jitter";
  cli::Option jitter;
  jitter.name = "jitter";
  jitter.kind = cli::Kind::kTime;
  jitter.help = "added to each start, uniform; default: 0, 100ns if jitter is independent";
  jitter.min = "0";
  jitter.max = "1s";
  return {independent, jitter};
}

absl::StatusOr<Factors> FactorsOf(const cli::Arguments& arguments) {
  Factors factors;
  if (arguments.Has("independent")) {
    const absl::StatusOr<Redraw> redraw = ParseRedraw(arguments.Text("independent"));
    if (!redraw.ok()) {
      return absl::InvalidArgumentError("--independent: " + MessageOf(redraw.status()));
    }
    factors.redraw = *redraw;
  }
  if (factors.redraw.jitter) factors.jitter = Duration::Nanoseconds(100);
  if (arguments.Given("jitter")) factors.jitter = arguments.Time("jitter");
  if (factors.redraw.jitter && factors.jitter == Duration::Zero()) {
    return absl::InvalidArgumentError(
        "--independent jitter: there is none with --jitter 0; leave --jitter out");
  }
  return factors;
}

RunOrder OrderOf(const Chosen& experiment, const Factors& factors, std::string algorithm,
                 uint64_t seed) {
  RunOrder order;
  order.experiment = &experiment;
  order.algorithm = std::move(algorithm);
  order.seed = seed;
  order.redraw = factors.redraw;
  order.jitter = factors.jitter;
  return order;
}

cli::Option CoresOption() {
  return {.name = "cores",
          .kind = cli::Kind::kInteger,
          .help = "threads of one run, whose result is the same with any number",
          .default_text = "1",
          .min = "1",
          .max = "64"};
}

int CoresOf(const cli::Arguments& arguments) {
  return static_cast<int>(arguments.Integer("cores"));
}

cli::Option JobsOption() {
  return {.name = "jobs",
          .kind = cli::Kind::kInteger,
          .help = "threads; default: one for each core",
          .min = "1",
          .max = "1024"};
}

int JobsOf(const cli::Arguments& arguments) {
  if (arguments.Given("jobs")) return static_cast<int>(arguments.Integer("jobs"));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace sluice::lab
