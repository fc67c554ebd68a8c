#include "lab/program.h"

#include <utility>

#include "cli/exit.h"
#include "lab/commands.h"
#include "lab/describe.h"
#include "lab/report.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

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

}  // namespace

cli::Program LabProgram(std::string_view version, std::string_view commit,
                        std::vector<std::string> words) {
  const Build build{version, commit, nullptr, std::move(words)};
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
  program.commands.push_back(
      WorldsCommand([build](const cli::Arguments&, cli::Report& r) { return HandOver(build, r); }));
  return program;
}

}  // namespace sluice::lab
