// sluice-lab bound: the max-min fluid bound of an experiment.
#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "lab/bound.h"
#include "lab/commands.h"

namespace sluice::lab {
namespace {

int Bound(const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<Chosen> experiment = Choose(arguments.positionals()[0]);
  if (!experiment.ok()) return Fail(report, experiment.status());
  const absl::StatusOr<Factors> factors = FactorsOf(arguments);
  if (!factors.ok()) return Fail(report, factors.status());
  const RunOrder order = OrderOf(*experiment, *factors, "fixed", arguments.Unsigned("seed"));
  const absl::StatusOr<cli::Json> bound = BoundJson(order);
  if (!bound.ok()) return Fail(report, bound.status());
  const cli::Json& j = *bound;
  report.text() << absl::StrFormat(
      "%s, seed %d, %d flows: max-min fair shares of the links, no queue, no delay of control\n"
      "slowdown p50 %.3f, p95 %.3f, p99 %.3f, mean %.3f\n"
      "last completion after %.3f us, goodput %.3f Gb/s, Jain %.4f\n",
      experiment->text, order.seed, j["flows"].get<size_t>(), j["slowdown"]["p50"].get<double>(),
      j["slowdown"]["p95"].get<double>(), j["slowdown"]["p99"].get<double>(),
      j["slowdown"]["mean"].get<double>(), j["last_finish_ns"].get<double>() / 1000,
      j["goodput_gbps"].get<double>(), j["jain"].get<double>());
  report.set_json(j);
  return cli::kExitOk;
}

}  // namespace

cli::Command BoundCommand() {
  cli::Command c;
  c.name = "bound";
  c.summary = "what ideal fair sharing would do: the max-min fluid bound of the same metrics";
  c.examples = {{"sluice-lab bound incast:senders=64 --seed 1", ""}};
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  c.options = {{.name = "seed",
                .kind = cli::Kind::kUnsigned,
                .help = "of starts, placement and ECMP, as `exec` has it",
                .default_text = "1"}};
  for (cli::Option& o : FactorOptions("draws these as the rivals of `run --independent` do")) {
    c.options.push_back(std::move(o));
  }
  c.run = Bound;
  return c;
}

}  // namespace sluice::lab
