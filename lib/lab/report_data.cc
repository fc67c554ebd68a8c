#include "lab/report_data.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/comparison.h"
#include "lab/json_fields.h"
#include "lab/result.h"
#include "lab/stored.h"
#include "lab/sweep.h"

namespace sluice::lab {
namespace {

using cli::Json;

absl::Status NotOurs(const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: %s; make it anew with sluice-lab run ... -o DIR", path, std::string(why)));
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

absl::StatusOr<Csv> ReadCsv(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  std::vector<std::string_view> lines = Split(*text, '\n');
  if (!lines.back().empty() || lines.size() < 2) return NotOurs(path, "is cut off");
  lines.pop_back();
  Csv csv;
  for (const std::string_view name : Split(lines[0], ',')) csv.names.emplace_back(name);
  csv.columns.resize(csv.names.size());
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string_view> cells = Split(lines[i], ',');
    if (cells.size() != csv.names.size()) {
      return NotOurs(path, absl::StrFormat("line %d has %d columns", i + 1, cells.size()));
    }
    for (size_t c = 0; c < cells.size(); ++c) {
      int64_t v = 0;
      const auto [end, error] =
          std::from_chars(cells[c].data(), cells[c].data() + cells[c].size(), v);
      if (error != std::errc() || end != cells[c].data() + cells[c].size()) {
        return NotOurs(path, absl::StrFormat("line %d holds no number", i + 1));
      }
      csv.columns[c].push_back(static_cast<double>(v));
    }
  }
  return csv;
}

bool Has(const Json& j, const char* name, bool (Json::*is)() const noexcept) {
  return j.is_object() && j.contains(name) && (j[name].*is)();
}

bool AreMetrics(const Json& metrics) {
  if (!metrics.is_array() || metrics.empty()) return false;
  for (const Json& m : metrics) {
    for (const char* name : {"name", "unit", "verdict", "role"}) {
      if (!Has(m, name, &Json::is_string)) return false;
    }
    if (!Has(m, "scale", &Json::is_number) || !Has(m, "lower_is_better", &Json::is_boolean) ||
        !Has(m, "per_seed", &Json::is_object)) {
      return false;
    }
    for (const char* name : {"a", "b", "ratio", "low", "high", "bootstrap_low", "bootstrap_high"}) {
      if (!m.contains(name) || !(m[name].is_number() || m[name].is_null())) return false;
    }
    for (const char* arm : {"a", "b"}) {
      if (!Has(m["per_seed"], arm, &Json::is_array)) return false;
      for (const Json& v : m["per_seed"][arm]) {
        if (!v.is_number() && !v.is_null()) return false;  // null: infinite
      }
    }
    if (m["per_seed"]["a"].size() != m["per_seed"]["b"].size()) return false;
  }
  return true;
}

// run.json and merged.json have these.
bool HasOrigin(const Json& j) {
  for (const char* name : {"version", "commit", "primary"}) {
    if (!Has(j, name, &Json::is_string)) return false;
  }
  return Has(j, "seeds", &Json::is_number_unsigned) && j["seeds"] > 0 && j["seeds"] <= 10000 &&
         Has(j, "confidence", &Json::is_number) && Has(j, "equivalence_margin", &Json::is_number);
}

bool IsRival(const Json& j) {
  return Has(j, "b", &Json::is_string) && Has(j, "verdict", &Json::is_string) &&
         Has(j, "metrics", &Json::is_array) && AreMetrics(j["metrics"]);
}

bool IsRun(const Json& j) {
  if (!HasOrigin(j) || !IsRival(j)) return false;
  for (const char* name : {"experiment_text", "a", "independent", "compiler"}) {
    if (!Has(j, name, &Json::is_string)) return false;
  }
  if (!Has(j, "params", &Json::is_object) || !Has(j, "bound", &Json::is_object) ||
      !Has(j, "jitter_ps", &Json::is_number) || !Has(j, "unfinished", &Json::is_object)) {
    return false;
  }
  if (!j.contains("rivals")) return true;
  if (!j["rivals"].is_array() || j["rivals"].empty() || j["rivals"].size() > 25) return false;
  for (const Json& rival : j["rivals"]) {
    if (!IsRival(rival)) return false;
  }
  return true;
}

bool AreTexts(const Json& values) {
  return std::all_of(values.begin(), values.end(), [](const Json& v) { return v.is_string(); });
}

bool IsMerged(const Json& j) {
  if (!HasOrigin(j) || !Has(j, "experiment", &Json::is_string) ||
      !Has(j, "grid", &Json::is_object) || !Has(j, "points", &Json::is_array) ||
      j["points"].empty()) {
    return false;
  }
  for (const Json& values : j["grid"]) {
    if (!values.is_array() || !AreTexts(values)) return false;
  }
  return std::all_of(j["points"].begin(), j["points"].end(), [](const Json& p) {
    return IsRival(p) && Has(p, "a", &Json::is_string) && Has(p, "values", &Json::is_object) &&
           AreTexts(p["values"]) && Has(p, "experiment_text", &Json::is_string);
  });
}

absl::StatusOr<std::vector<double>> ReadFct(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  std::vector<double> fct;
  size_t number = 0;
  for (const std::string_view line : Split(*text, '\n')) {
    ++number;
    if (line.empty()) continue;
    const std::vector<std::string_view> cells = Split(line, ' ');
    int64_t ns = 0;
    if (cells.size() != 8 ||
        std::from_chars(cells[6].data(), cells[6].data() + cells[6].size(), ns).ec != std::errc()) {
      return NotOurs(path, absl::StrFormat("line %d is no flow", number));
    }
    fct.push_back(static_cast<double>(ns) * 1e-3);
  }
  return fct;
}

absl::Status ReadArm(const std::string& directory, size_t seeds, ReportArm& arm) {
  std::string all;
  for (size_t seed = 1; seed <= seeds; ++seed) {
    const auto place = static_cast<size_t>(arm.letter - 'a');
    const std::string at = RunDirectory(directory, place, seed) + "/";
    ReportRun run;
    const absl::StatusOr<std::string> bytes = ReadText(at + "result.json");
    if (!bytes.ok()) return bytes.status();
    all += *bytes;
    absl::StatusOr<Json> result = ParseJsonStrictly(at + "result.json", *bytes);
    if (!result.ok()) return result.status();
    run.result = *std::move(result);
    if (!Has(run.result, "buckets", &Json::is_array)) {
      return NotOurs(at + "result.json", "has no buckets");
    }
    const absl::StatusOr<Json> timing = ReadJson(at + "timing.json");
    if (!timing.ok()) return timing.status();
    if (!Has(*timing, "cpu_seconds", &Json::is_number) ||
        !Has(run.result, "packet_hops", &Json::is_number)) {
      return NotOurs(at + "timing.json", "does not say what the run cost");
    }
    run.cpu_seconds = (*timing)["cpu_seconds"];
    absl::StatusOr<std::vector<double>> fct = ReadFct(at + "fct.txt");
    if (!fct.ok()) return fct.status();
    run.fct_us = *std::move(fct);
    if (seed <= kSeriesSeeds) {
      absl::StatusOr<Csv> queues = ReadCsv(at + "queues.csv");
      if (!queues.ok()) return queues.status();
      if (queues->columns.size() < 2) return NotOurs(at + "queues.csv", "has no queue");
      run.queue_bytes = queues->columns[1];
      if (seed == 1) arm.queues = *std::move(queues);
    }
    if (seed == 1) {
      absl::StatusOr<Csv> rates = ReadCsv(at + "rates.csv");
      if (!rates.ok()) return rates.status();
      arm.rates = *std::move(rates);
    }
    arm.runs.push_back(std::move(run));
  }
  arm.hash = Sha256(all);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReportData> ReadRun(const std::string& directory) {
  const std::string path = directory + "/run.json";
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Json> run = ParseJsonStrictly(path, *text);
  if (!run.ok()) return run.status();
  ReportData data;
  data.directory = directory;
  data.run = *std::move(run);
  data.run_hash = Sha256(*text);
  if (!IsRun(data.run)) return NotOurs(path, "is not what this `sluice-lab run` writes");
  if (data.run.contains("rivals")) {
    for (const Json& rival : data.run["rivals"]) data.rivals.push_back(rival);
  } else {
    data.rivals.push_back(
        {{"b", data.run["b"]}, {"verdict", data.run["verdict"]}, {"metrics", data.run["metrics"]}});
  }
  for (size_t i = 0; i <= data.rivals.size(); ++i) {
    ReportArm& arm = data.arms.emplace_back();
    arm.letter = static_cast<char>('a' + i);
    arm.name = i == 0 ? data.run["a"] : data.rivals[i - 1]["b"];
    absl::Status s = ReadArm(directory, data.run["seeds"].get<size_t>(), arm);
    if (!s.ok()) return s;
  }
  return data;
}

absl::StatusOr<Json> ReadMerged(const std::string& directory) {
  const std::string path = directory + "/merged.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: is not there; sluice-lab merge %s makes it", path, ShellWord(directory)));
  }
  absl::StatusOr<Json> merged = ReadJson(path);
  if (!merged.ok()) return merged.status();
  if (!IsMerged(*merged)) return NotOurs(path, "is not what `sluice-lab merge` writes");
  return merged;
}

}  // namespace sluice::lab
