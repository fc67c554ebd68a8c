#include "lab/stored.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/json_fields.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

absl::Status NotOurs(const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: %s; is it what sluice-lab exec wrote?", path, std::string(why)));
}

// "k=v,k=v" of an object of texts; fails on anything else.
absl::StatusOr<std::string> JoinParameters(const Json& values, const std::string& path) {
  std::string text;
  for (const auto& [name, value] : values.items()) {
    if (!value.is_string()) return NotOurs(path, "parameter " + name + " is no text");
    text += (text.empty() ? "" : ",") + name + "=" + value.get<std::string>();
  }
  return text;
}

}  // namespace

absl::StatusOr<Json> ReadJson(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return ParseJsonStrictly(path, *text);
}

absl::StatusOr<StoredRun> ReadStored(const std::string& directory) {
  const std::string path = directory + "/result.json";
  absl::StatusOr<Json> result = ReadJson(path);
  if (!result.ok()) return result.status();
  const Json& j = *result;
  const auto text = [&](const char* name) { return j.contains(name) && j[name].is_string(); };
  if (!j.is_object() || !text("experiment") || !text("arm") || !text("commit") ||
      !text("version") || !j.contains("seed") || !j["seed"].is_number_unsigned() ||
      !j.contains("params") || !j["params"].is_object() || !j["params"].contains("experiment") ||
      !j["params"]["experiment"].is_object()) {
    return NotOurs(path, "does not say which run it is of");
  }
  const absl::StatusOr<std::string> parameters = JoinParameters(j["params"]["experiment"], path);
  if (!parameters.ok()) return parameters.status();
  StoredRun run;
  run.directory = directory;
  run.experiment = j["experiment"].get<std::string>();
  if (!parameters->empty()) run.experiment += ":" + *parameters;
  run.arm = j["arm"].get<std::string>();
  if (j.contains("independent") && j["independent"].is_string() && j["independent"] != "") {
    run.arm += " (" + j["independent"].get<std::string>() + " drawn anew)";
  }
  run.seed = j["seed"].get<uint64_t>();
  run.result = *std::move(result);
  return run;
}

absl::StatusOr<std::vector<StoredRun>> FindStored(const std::string& directory) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator at(directory, error);
  if (error) return NotOurs(directory, "cannot be read: " + error.message());
  if (fs::exists(directory + "/result.json", error)) found.push_back(directory);
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error) return NotOurs(directory, "cannot be read: " + error.message());
    if (at.depth() > 0 && at->path().filename() == "result.json") {
      found.push_back(at->path().parent_path().string());
    }
  }
  if (found.empty()) return NotOurs(directory, "has no result.json in it or below it");
  std::sort(found.begin(), found.end());
  std::vector<StoredRun> runs;
  for (const std::string& path : found) {
    absl::StatusOr<StoredRun> run = ReadStored(path);
    if (!run.ok()) return run.status();
    runs.push_back(*std::move(run));
  }
  return runs;
}

absl::StatusOr<Chosen> ExperimentOf(const StoredRun& run) {
  // What came from a file lies beside the result.
  const std::string document = run.directory + "/experiment.json";
  std::error_code error;
  if (std::filesystem::exists(document, error)) return Choose(document);
  return Choose(run.experiment);
}

absl::StatusOr<RunOrder> OrderOf(const StoredRun& run, const Chosen& experiment) {
  RunOrder order;
  order.experiment = &experiment;
  order.algorithm = run.result["arm"].get<std::string>();
  order.seed = run.seed;
  if (run.result.contains("jitter_ps")) {
    const Json& jitter = run.result["jitter_ps"];
    const Json& drawn = run.result.contains("independent") ? run.result["independent"] : jitter;
    if (!jitter.is_number_unsigned() || !drawn.is_string()) {
      return NotOurs(run.directory + "/result.json", "jitter_ps or independent is damaged");
    }
    order.jitter = Duration::Picoseconds(jitter.get<int64_t>());
    const absl::StatusOr<Redraw> redraw = ParseRedraw(drawn.get<std::string>());
    if (!redraw.ok()) return redraw.status();
    order.redraw = *redraw;
  }
  return order;
}

}  // namespace sluice::lab
