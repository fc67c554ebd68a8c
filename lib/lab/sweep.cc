#include "lab/sweep.h"

#include <sha2.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/values.h"
#include "lab/result.h"
#include "lab/stored.h"

namespace sluice::lab {
namespace {

using cli::Json;

// Slurm's default MaxArraySize is 1001.
constexpr size_t kMostTasks = 1000;
// As `sweep --seeds` has it.
constexpr int kMostSeedsOfSweep = 10000;

std::string HashOf(const Sweep& sweep, const SweepPoint& point, size_t arm, uint64_t seed) {
  return Sha256(absl::StrFormat("sluice-lab run\nexperiment %s\narm %s\nseed %d\nversion %s\n"
                                "commit %s\n",
                                CanonicalText(point.experiment), point.arms[arm], seed,
                                sweep.version, sweep.commit))
      .substr(0, 16);
}

// The run of every point, seed and arm.
std::vector<SweepRun> PlacesOf(const Sweep& sweep) {
  std::vector<SweepRun> places;
  for (size_t point = 0; point < sweep.points.size(); ++point) {
    for (int seed = 1; seed <= sweep.seeds; ++seed) {
      for (size_t arm = 0; arm < sweep.arms.size(); ++arm) {
        const auto s = static_cast<uint64_t>(seed);
        places.push_back({HashOf(sweep, sweep.points[point], arm, s), point, arm, s});
      }
    }
  }
  return places;
}

// What `exec` takes: every parameter, or the file, from wherever it is called.
std::string ExecText(const Chosen& experiment) {
  if (experiment.document.empty()) return CanonicalText(experiment);
  std::error_code error;
  return std::filesystem::absolute(experiment.text, error).lexically_normal().string();
}

absl::Status Damaged(const std::string& path) {
  return absl::InvalidArgumentError(
      path +
      ": is not what `sluice-lab sweep` writes; make it anew with sluice-lab sweep ... -o DIR");
}

bool IsSweep(const Json& j) {
  if (!j.is_object()) return false;
  for (const char* name : {"experiment", "primary", "version", "commit"}) {
    if (!j.contains(name) || !j[name].is_string()) return false;
  }
  if (!j.contains("seeds") || !j["seeds"].is_number_unsigned() || !j.contains("grid") ||
      !j["grid"].is_object() || !j.contains("arms") || !j["arms"].is_array()) {
    return false;
  }
  const auto texts = [](const Json& list) {
    return list.is_array() && !list.empty() &&
           std::all_of(list.begin(), list.end(), [](const Json& v) { return v.is_string(); });
  };
  if (!texts(j["arms"]) || j["arms"].size() < 2) return false;
  return std::all_of(j["grid"].begin(), j["grid"].end(), texts);
}

std::string CsvHeader(const Sweep& sweep) {
  std::string text = "run";
  for (const GridAxis& axis : sweep.grid) text += "," + axis.name;
  text += ",arm,seed";
  for (const MetricKind& kind : MetricKinds()) text.append(",").append(kind.name);
  return text + "\n";
}

std::string CsvLine(const SweepPoint& point, const SweepRun& run, const RunValues& values) {
  std::string text = run.hash;
  for (const auto& [name, value] : point.values) text += "," + value;
  // An algorithm with several parameters has commas of its own.
  text += absl::StrFormat(",\"%s\",%d", point.arms[run.arm], run.seed);
  for (const double v : values.values) text += absl::StrFormat(",%.9g", v);
  return text + "\n";
}

absl::StatusOr<RunValues> ReadValues(const Sweep& sweep, const SweepRun& run,
                                     const std::string& where) {
  const SweepPoint& point = sweep.points[run.point];
  const absl::StatusOr<StoredRun> stored = ReadStored(where);
  if (!stored.ok()) return stored.status();
  if (stored->seed != run.seed || stored->result["arm"] != point.arms[run.arm] ||
      stored->result["version"] != sweep.version || stored->result["commit"] != sweep.commit ||
      stored->experiment != CanonicalText(point.experiment)) {
    return absl::InvalidArgumentError(where +
                                      "/result.json: is of another run; remove the directory and "
                                      "let the sweep make it anew");
  }
  return ValuesOf(stored->result, where + "/result.json");
}

}  // namespace

std::string CanonicalText(const Chosen& experiment) {
  std::string text;
  for (const auto& [name, value] : experiment.parameters.texts()) {
    text += (text.empty() ? ":" : ",") + name + "=" + value;
  }
  return std::string(experiment.experiment->name) + text;
}

std::string Sha256(std::string_view bytes) {
  char hex[SHA256_DIGEST_STRING_LENGTH] = {};
  SHA256Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), hex);
  return hex;
}

std::vector<SweepRun> RunsOf(const Sweep& sweep) {
  std::vector<SweepRun> runs;
  std::set<std::string> known;
  for (SweepRun& run : PlacesOf(sweep)) {
    if (known.insert(run.hash).second) runs.push_back(std::move(run));
  }
  return runs;
}

std::string DirectoryOf(const std::string& sweep_directory, const SweepRun& run) {
  return sweep_directory + "/runs/" + run.hash;
}

bool Done(const std::string& sweep_directory, const SweepRun& run) {
  std::error_code error;
  return std::filesystem::exists(DirectoryOf(sweep_directory, run) + "/result.json", error);
}

Json SweepJson(const Sweep& sweep) {
  Json j;
  j["experiment"] = sweep.experiment;
  j["grid"] = Json::object();
  for (const GridAxis& axis : sweep.grid) j["grid"][axis.name] = axis.values;
  j["arms"] = sweep.arms;
  j["seeds"] = sweep.seeds;
  j["primary"] = MetricKinds()[sweep.primary].name;
  j["version"] = sweep.version;
  j["commit"] = sweep.commit;
  j["runs"] = Json::array();
  for (const SweepRun& run : RunsOf(sweep)) {
    j["runs"].push_back({{"run", run.hash},
                         {"experiment", CanonicalText(sweep.points[run.point].experiment)},
                         {"arm", sweep.points[run.point].arms[run.arm]},
                         {"seed", run.seed}});
  }
  return j;
}

absl::StatusOr<Sweep> ReadSweep(const std::string& directory) {
  const std::string path = directory + "/sweep.json";
  const absl::StatusOr<Json> document = ReadJson(path);
  if (!document.ok()) return document.status();
  const Json& j = *document;
  if (!IsSweep(j)) return Damaged(path);
  Sweep sweep;
  sweep.experiment = j["experiment"];
  for (const auto& [name, values] : j["grid"].items()) {
    sweep.grid.push_back({name, values.get<std::vector<std::string>>()});
  }
  sweep.arms = j["arms"].get<std::vector<std::string>>();
  if (j["seeds"] < 1 || j["seeds"] > kMostSeedsOfSweep) return Damaged(path);
  sweep.seeds = j["seeds"].get<int>();
  const absl::StatusOr<size_t> primary = FindMetric(j["primary"].get<std::string>());
  if (!primary.ok()) return Damaged(path);
  sweep.primary = *primary;
  sweep.version = j["version"];
  sweep.commit = j["commit"];
  absl::StatusOr<std::vector<SweepPoint>> points =
      MakePoints(sweep.experiment, sweep.grid, sweep.arms);
  if (!points.ok()) return points.status();
  sweep.points = *std::move(points);
  return sweep;
}

std::string JobLines(const Sweep& sweep, const std::string& program, const std::string& directory) {
  std::string text;
  for (const SweepRun& run : RunsOf(sweep)) {
    const std::string where = DirectoryOf(directory, run);
    text += absl::StrFormat(
        "[ -f %s ] || %s exec %s -a %s --seed %d -o %s\n", ShellWord(where + "/result.json"),
        ShellWord(program), ShellWord(ExecText(sweep.points[run.point].experiment)),
        ShellWord(sweep.points[run.point].arms[run.arm]), run.seed, ShellWord(where));
  }
  return text;
}

std::string SlurmScript(const Sweep& sweep, const std::string& directory) {
  const size_t runs = RunsOf(sweep).size();
  const size_t each = (runs + kMostTasks - 1) / kMostTasks;
  return absl::StrFormat(
      "#!/bin/bash\n"
      "# A sweep of sluice-lab: sbatch %s\n"
      "# When it has ended: sluice-lab merge %s\n"
      "#SBATCH --job-name=sluice-sweep\n"
      "#SBATCH --array=1-%d\n"
      "#SBATCH --ntasks=1\n"
      "#SBATCH --cpus-per-task=1\n"
      "#SBATCH --output=%s\n"
      "set -euo pipefail\n"
      "# Each task takes %d of the %d lines.\n"
      "last=$((SLURM_ARRAY_TASK_ID * %d))\n"
      "first=$((last - %d))\n"
      "sed -n \"$((first + 1)),${last}p\" %s | bash -e\n",
      ShellWord(directory + "/array.sbatch"), ShellWord(directory), (runs + each - 1) / each,
      // A % of the directory's name is none of Slurm's, which stand for numbers.
      ShellWord(absl::StrReplaceAll(directory, {{"%", "%%"}}) + "/slurm-%a.log"), each, runs, each,
      each, ShellWord(directory + "/jobs.txt"));
}

absl::StatusOr<Merged> Merge(const Sweep& sweep, const std::string& directory) {
  Merged merged;
  std::map<std::string, RunValues> by_hash;
  for (const SweepRun& run : RunsOf(sweep)) {
    if (!Done(directory, run)) {
      ++merged.missing;
      continue;
    }
    absl::StatusOr<RunValues> values = ReadValues(sweep, run, DirectoryOf(directory, run));
    if (!values.ok()) return values.status();
    by_hash.emplace(run.hash, *std::move(values));
  }
  if (merged.missing > 0) return merged;
  merged.csv = CsvHeader(sweep);
  // Per point and arm.
  std::vector<std::vector<std::vector<RunValues>>> values(sweep.points.size());
  for (auto& arms : values) arms.resize(sweep.arms.size());
  for (const SweepRun& run : PlacesOf(sweep)) {
    const RunValues& of_run = by_hash.at(run.hash);
    merged.csv += CsvLine(sweep.points[run.point], run, of_run);
    values[run.point][run.arm].push_back(of_run);
  }
  std::vector<Contest> contests;
  for (const auto& arms : values) {
    for (size_t rival = 1; rival < arms.size(); ++rival) contests.push_back({arms[0], arms[rival]});
  }
  merged.judgements = JudgeAll(contests, sweep.primary);
  return merged;
}

Json MergedJson(const Sweep& sweep, const Merged& merged) {
  Json j;
  j["experiment"] = sweep.experiment;
  j["grid"] = Json::object();
  for (const GridAxis& axis : sweep.grid) j["grid"][axis.name] = axis.values;
  j["primary"] = MetricKinds()[sweep.primary].name;
  j["seeds"] = sweep.seeds;
  j["confidence"] = kConfidence;
  j["equivalence_margin"] = kMargin;
  j["points"] = Json::array();
  const size_t rivals = sweep.arms.size() - 1;
  for (size_t i = 0; i < merged.judgements.size(); ++i) {
    const SweepPoint& point = sweep.points[i / rivals];
    Json p;
    p["values"] = Json::object();
    for (const auto& [name, value] : point.values) p["values"][name] = value;
    p["experiment_text"] = point.experiment.text;
    p["a"] = point.arms[0];
    p["b"] = point.arms[1 + i % rivals];
    p["seeds"] = sweep.seeds;
    p["verdict"] = NameOf(merged.judgements[i].primary().comparison.verdict);
    p["metrics"] = MetricsJson(merged.judgements[i]);
    j["points"].push_back(std::move(p));
  }
  j["version"] = sweep.version;
  j["commit"] = sweep.commit;
  return j;
}

std::string MergedText(const Sweep& sweep, const Merged& merged) {
  const MetricKind& kind = MetricKinds()[sweep.primary];
  size_t point = 5, b = 14;  // widths
  for (const SweepPoint& p : sweep.points) point = std::max(point, ValuesText(p).size());
  for (size_t i = 1; i < sweep.arms.size(); ++i) b = std::max(b, sweep.arms[i].size());
  const auto line = [&](const std::string& where, const std::string& rival) {
    return absl::StrFormat("%-*s %-*s ", static_cast<int>(point), where, static_cast<int>(b),
                           rival);
  };
  std::string text =
      absl::StrFormat("%s, a = %s, %d seeds, %s%s%s\n\n", sweep.experiment, sweep.arms[0],
                      sweep.seeds, std::string(kind.name), kind.unit.empty() ? "" : ", ",
                      std::string(kind.unit)) +
      line("point", "b") +
      absl::StrFormat("%10s %10s %8s  %-17s %s\n", "a", "b", "a/b", "95% interval", "a is");
  const size_t rivals = sweep.arms.size() - 1;
  for (size_t i = 0; i < merged.judgements.size(); ++i) {
    const MetricRow& row = merged.judgements[i].primary();
    const Comparison& c = row.comparison;
    text += line(ValuesText(sweep.points[i / rivals]), sweep.arms[1 + i % rivals]);
    text += absl::StrFormat(
        "%10s %10s %8s  %-17s %s%s%s\n", NumberForPeople(c.a * kind.scale),
        NumberForPeople(c.b * kind.scale), c.ratio ? absl::StrFormat("%.3f", *c.ratio) : "-",
        c.low && c.high ? absl::StrFormat("[%.3f, %.3f]", *c.low, *c.high) : "", NameOf(c.verdict),
        row.reason.empty() ? "" : ", ", std::string(row.reason));
  }
  return text + absl::StrFormat("\nHolm over all %d contests; equivalent: within %.0f %%.\n",
                                merged.judgements.size(), kMargin * 100);
}

}  // namespace sluice::lab
