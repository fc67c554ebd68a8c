// sluice-lab import: an experiment file from files of another simulator.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "cli/exit.h"
#include "cli/values.h"
#include "lab/cdf.h"
#include "lab/commands.h"
#include "lab/experiment_file.h"
#include "lab/import_hpcc.h"
#include "lab/import_htsim.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

struct Input {
  std::string_view option;
  bool required = false;
};

struct Format {
  std::string_view name;
  std::vector<Input> inputs;
};

const std::vector<Format>& Formats() {
  static const std::vector<Format> all = {
      {"hpcc", {{"config", true}, {"topology", true}, {"flows", true}, {"exact", false}}},
      {"htsim", {{"cm", true}, {"topo", false}}},
      {"cdf", {{"cdf", true}}}};
  return all;
}

absl::StatusOr<const Format*> FindFormat(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Format& f : Formats()) {
    if (f.name == name) return &f;
    names.push_back(f.name);
  }
  return Invalid(absl::StrFormat("import: no format '%s'%s (there are: hpcc, htsim, cdf)",
                                 cli::OneLine(name), DidYouMean(name, names)));
}

absl::Status CheckOptions(const Format& format, const cli::Arguments& arguments) {
  for (const Format& other : Formats()) {
    for (const Input& input : other.inputs) {
      const std::string option(input.option);
      if (&other == &format) {
        if (input.required && !arguments.Given(option)) {
          return Invalid(
              absl::StrFormat("import %s: --%s FILE is needed", std::string(format.name), option));
        }
      } else if (arguments.Given(option)) {
        return Invalid(absl::StrFormat("import %s: --%s belongs to import %s",
                                       std::string(format.name), option, std::string(other.name)));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<NamedText> Read(const cli::Arguments& arguments, std::string_view option) {
  const std::string& path = arguments.Text(option);
  absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return NamedText{path, *std::move(text)};
}

absl::StatusOr<Json> FromHpcc(const cli::Arguments& arguments, std::vector<std::string>* notes) {
  const absl::StatusOr<NamedText> config = Read(arguments, "config");
  if (!config.ok()) return config.status();
  const absl::StatusOr<NamedText> topology = Read(arguments, "topology");
  if (!topology.ok()) return topology.status();
  const absl::StatusOr<NamedText> flows = Read(arguments, "flows");
  if (!flows.ok()) return flows.status();
  return ImportHpcc(*config, *topology, *flows, arguments.Given("exact"), notes);
}

absl::StatusOr<Json> FromHtsim(const cli::Arguments& arguments, std::vector<std::string>* notes) {
  const absl::StatusOr<NamedText> matrix = Read(arguments, "cm");
  if (!matrix.ok()) return matrix.status();
  if (!arguments.Given("topo")) return ImportHtsim(*matrix, std::nullopt, notes);
  const absl::StatusOr<NamedText> topology = Read(arguments, "topo");
  if (!topology.ok()) return topology.status();
  return ImportHtsim(*matrix, *topology, notes);
}

// Poisson arrivals of these sizes on the fabric of `websearch`.
absl::StatusOr<Json> FromCdf(const cli::Arguments& arguments) {
  const absl::StatusOr<NamedText> file = Read(arguments, "cdf");
  if (!file.ok()) return file.status();
  const absl::StatusOr<Cdf> cdf = Cdf::Parse(file->name, file->text);
  if (!cdf.ok()) return cdf.status();
  Json points = Json::array();
  for (const Cdf::Point& p : cdf->points()) {
    points.push_back({p.bytes, static_cast<double>(p.part) * 100 / Cdf::kWhole});
  }
  Json j;
  j["format"] = kExperimentFormat;
  j["name"] = "imported";
  j["summary"] =
      absl::StrFormat("sizes of a distribution with a mean of %.0f bytes", cdf->MeanBytes());
  j["details"] = "From " + file->name + ".";
  j["sample"] = "100us";
  j["random"] = {"arrivals", "sizes", "placement", "ecmp", "marking"};
  j["switch"] = {{"buffer", "32MiB"},
                 {"ecn", {{"kmin", "400KB"}, {"kmax", "1600KB"}, {"pmax", 0.2}}}};
  j["topology"] = {{"kind", "leaf-spine"}, {"leaves", 4}, {"hosts_per_leaf", 4}, {"spines", 4}};
  j["cdfs"] = {{"imported", points}};
  // So that the window holds about as many flows as that of websearch.
  const double scale = cdf->MeanBytes() / 1.7e6;
  const auto us = static_cast<int64_t>(20'000 * (scale > 1 ? 1 : scale)) + 10;
  j["workloads"] = {{{"kind", "poisson"},
                     {"cdf", "imported"},
                     {"load", 0.5},
                     {"warmup", absl::StrFormat("%dus", us)},
                     {"window", absl::StrFormat("%dus", us)}}};
  return j;
}

int Import(const cli::Arguments& arguments, cli::Report& report) {
  const absl::StatusOr<const Format*> format = FindFormat(arguments.positionals()[0]);
  if (!format.ok()) return Fail(report, format.status());
  if (absl::Status s = CheckOptions(**format, arguments); !s.ok()) return Fail(report, s);
  std::vector<std::string> notes;
  const std::string_view name = (*format)->name;
  const absl::StatusOr<Json> document = name == "hpcc"    ? FromHpcc(arguments, &notes)
                                        : name == "htsim" ? FromHtsim(arguments, &notes)
                                                          : FromCdf(arguments);
  if (!document.ok()) return Fail(report, document.status());
  const std::string& path = arguments.Text("output");
  const std::string text = ExperimentText(*document);
  // What was written must be readable: this also checks what only a whole experiment shows.
  const absl::StatusOr<Chosen> chosen = ParseExperimentFile(path, text);
  if (!chosen.ok()) return Fail(report, chosen.status());
  if (absl::Status s = WriteText(path, text); !s.ok()) return Fail(report, s);
  for (const std::string& note : notes) report.messages() << note << "\n";
  Json json = {{"experiment", path}, {"arms", Json::array()}, {"notes", notes}};
  std::string arm = "NAME";
  for (const Arm& a : chosen->arms) {
    json["arms"].push_back({{"name", a.name}, {"cc", a.algorithm}});
    arm = a.name;
  }
  report.set_json(json);
  report.text() << path << ": " << (*document)["summary"].get<std::string>() << "\n"
                << "next: sluice-lab exec " << ShellWord(path) << " -a " << ShellWord(arm)
                << " --seed 1 -o DIR\n";
  return cli::kExitOk;
}

cli::Option Exact() {
  cli::Option o;
  o.name = "exact";
  o.kind = cli::Kind::kSwitch;
  o.help = "hpcc: that simulator's order of events and its coins: its runs flow by flow, slower";
  return o;
}

cli::Option File(std::string_view name, std::string_view help) {
  cli::Option o;
  o.name = name;
  o.kind = cli::Kind::kText;
  o.help = help;
  o.placeholder = "FILE";
  return o;
}

}  // namespace

cli::Command ImportCommand() {
  cli::Command c;
  c.name = "import";
  c.summary = "an experiment file from files of another simulator";
  c.examples = {
      {"sluice-lab import hpcc --config c.txt --topology t.txt --flows f.txt -o x.json",
       "HPCC's ns-3; its algorithm becomes the arm `imported`"},
      {"sluice-lab import hpcc --config c.txt --topology t.txt --flows f.txt --exact -o x.json",
       "to the nanosecond; --seed N is run N of that simulator"},
      {"sluice-lab import htsim --cm perm128.cm -o x.json", "a connection matrix of htsim"},
      {"sluice-lab import cdf --cdf sizes.txt -o x.json", "Poisson arrivals of these sizes"},
  };
  c.positionals = {{"FORMAT", "hpcc, htsim or cdf"}};
  c.options = {
      File("config", "hpcc: configuration"),
      File("topology", "hpcc: topology"),
      File("flows", "hpcc: flows"),
      Exact(),
      File("cm", "htsim: connection matrix"),
      File("topo", "htsim: topology; default: a fat tree or a leaf-spine of 100Gbps and 1us"),
      File("cdf", "cdf: rows of bytes and percent")};
  c.options.push_back(OutputOption("the experiment file", "FILE", true));
  c.run = Import;
  return c;
}

}  // namespace sluice::lab
