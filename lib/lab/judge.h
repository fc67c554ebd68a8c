// What an arm is, seen from another: the metrics of stored results, and a verdict for each.
//
// A metric is a value of result.json, so that runs of today, of yesterday and of another machine
// are judged alike. One metric is declared beforehand, the primary one: its verdicts are corrected
// for the number of contests (Holm). All others are exploratory: each interval by itself, to look
// at, not to conclude from.
#ifndef SLUICE_LAB_JUDGE_H_
#define SLUICE_LAB_JUDGE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/statistics.h"

namespace sluice::lab {

struct MetricKind {
  std::string_view name;
  std::string_view unit;  // what a value is, for people
  double scale = 1;       // of the value to that unit
  bool lower_is_better = true;
  bool of_flows = false;       // unfinished flows make it worthless
  bool bounded = false;        // the fluid bound has it too
  std::string_view key;        // in result.json
  std::string_view part = {};  // of the object that stands there
};

inline constexpr std::string_view kPrimaryMetric = "slowdown_p99";

// In the order in which they are told.
std::span<const MetricKind> MetricKinds();
// "slowdown_p99", also written p99_slowdown; an error with the nearest name.
absl::StatusOr<size_t> FindMetric(std::string_view name);

// The values of one run, by place in MetricKinds(); infinite where result.json has null.
struct RunValues {
  std::vector<double> values;
  double flows = 0;
  double unfinished = 0;
};
// `path` is for the error, which names what is missing.
absl::StatusOr<RunValues> ValuesOf(const cli::Json& result, std::string_view path);

// Two arms: a[i] and b[i] are of the same seed.
struct Contest {
  std::vector<RunValues> a;
  std::vector<RunValues> b;
};

struct MetricRow {
  const MetricKind* kind = nullptr;
  bool primary = false;
  std::vector<double> a;  // per seed
  std::vector<double> b;
  Comparison comparison;
  std::optional<double> holm;  // adjusted p of the primary metric
  // Why the verdict is not the interval's: "unfinished flows", "holm"; or empty.
  std::string_view reason;
};

struct Judgement {
  std::vector<MetricRow> rows;  // by place in MetricKinds()
  double unfinished_a = 0;      // part of all flows
  double unfinished_b = 0;
  const MetricRow& primary() const;
};

// Each contest with a seed or more. Holm's correction goes over all of them.
std::vector<Judgement> JudgeAll(std::span<const Contest> contests, size_t primary);

// [{"name", "a", "b", "ratio", "low", "high", "verdict", ...}], as `run --json` has it.
cli::Json MetricsJson(const Judgement& judgement);
// The table of one contest.
std::string MetricsTable(const Judgement& judgement);
// "tita against dcqcn: better in slowdown_p99 x0.356 (primary); ...".
std::string VerdictSentence(std::string_view a, std::string_view b, const cli::Json& metrics);

std::string NumberForPeople(double v);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_JUDGE_H_
