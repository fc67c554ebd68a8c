// An A/B comparison: two algorithms, the same experiment, the same seeds.
#ifndef SLUICE_LAB_COMPARISON_H_
#define SLUICE_LAB_COMPARISON_H_

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/experiment.h"
#include "lab/result.h"
#include "lab/statistics.h"

namespace sluice::lab {

struct ComparisonPlan {
  Chosen experiment;
  std::string a;  // algorithms, valid
  std::string b;
  int seeds = 10;         // 1, 2, ..., seeds
  int jobs = 1;           // threads
  std::string directory;  // of the runs' files; empty: none are written
  std::string_view version;
  std::string_view commit;
  // Called from the thread that called CompareArms, a few times a second: part of the work that is
  // done. Returns false to stop; the comparison is Cancelled then.
  std::function<bool(double fraction, int done, int all)> progress;
};

// One metric of all runs: a[i] and b[i] are of seed i + 1.
struct MetricRow {
  std::string_view name;
  std::string_view unit;  // what a value is, for people
  double scale = 1;       // of the value to that unit
  bool lower_is_better = true;
  std::vector<double> a;
  std::vector<double> b;
  Comparison comparison;
};

struct ComparisonResult {
  std::vector<MetricRow> rows;  // in the order in which they are told
  double cpu_seconds = 0;       // of all runs
  uint64_t packet_hops = 0;
};

// Executes 2 x seeds runs on plan.jobs threads. The result does not depend on the threads. With a
// directory, run i of an arm leaves its files in <directory>/a/<seed> and <directory>/b/<seed>.
absl::StatusOr<ComparisonResult> CompareArms(const ComparisonPlan& plan);

// {"a", "b", "seeds", "metrics": [...]}, and what else it takes to repeat and to draw it.
cli::Json ComparisonJson(const ComparisonPlan& plan, const ComparisonResult& result);
std::string ComparisonText(const ComparisonPlan& plan, const ComparisonResult& result);

// The verdict in one sentence: which metrics are better, which worse.
std::string VerdictLine(const cli::Json& comparison);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_COMPARISON_H_
