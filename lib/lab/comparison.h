// An A/B comparison: one algorithm against one rival or several, the same experiment, the same
// seeds.
#ifndef SLUICE_LAB_COMPARISON_H_
#define SLUICE_LAB_COMPARISON_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/batch.h"
#include "lab/experiment.h"
#include "lab/judge.h"
#include "lab/runner.h"

namespace sluice::lab {

struct ComparisonPlan {
  Chosen experiment;
  std::string a;                    // algorithms, valid
  std::vector<std::string> rivals;  // one at least
  // Pairs of runs: of seeds 1, 2, ..., seeds. 0: a pilot of kPilotSeeds tells how many are needed
  // to find a difference of kMargin in the primary metric against every rival.
  int seeds = 0;
  size_t primary = 0;     // of MetricKinds()
  Redraw independent;     // what the rivals' runs draw anew
  Duration jitter;        // of every arm's starts
  int jobs = 1;           // threads
  int cores = 1;          // of each run
  std::string directory;  // of the runs' files; empty: none are written
  std::string_view version;
  std::string_view commit;
  // Called from the thread that called CompareArms, a few times a second: part of the work that is
  // done. Returns false to stop; the comparison is Cancelled then.
  std::function<bool(double fraction, int done, int all)> progress;
  World world;
};

// A run beside a clock whose figures do not count, and why.
struct SkippedRun {
  uint64_t seed = 0;
  size_t arm = 0;  // 0 is a
  std::string cause;
};

struct ComparisonResult {
  int seeds = 0;  // that count: 0 if every pair had a run that was skipped; then nothing is judged
  bool piloted = false;
  std::vector<Judgement> rivals;  // as in the plan
  std::vector<RunValues> bounds;  // of the first seeds: the fluid bound, if any (lab/bound.h)
  double cpu_seconds = 0;         // of all runs
  uint64_t packet_hops = 0;
  std::vector<SkippedRun> skipped;
  std::optional<RealTime> real;  // of the run with the largest poll gap, of those beside a clock
};

// The directory of arm `arm` (0 is a, the rivals follow) and one seed: <directory>/b/7.
std::string RunDirectory(const std::string& directory, size_t arm, uint64_t seed);

// Executes the runs on plan.jobs threads. The result does not depend on the threads. With a
// directory every run leaves its files there. InvalidArgument if two seeds give the same bytes:
// then there is nothing random in the experiment, and one seed tells all.
absl::StatusOr<ComparisonResult> CompareArms(const ComparisonPlan& plan);

// {"a", "b", "seeds", "metrics": [...]} of the first rival, and what else it takes to repeat and to
// draw it. With several rivals "rivals" lists {"b", "verdict", "metrics", ...} of each.
cli::Json ComparisonJson(const ComparisonPlan& plan, const ComparisonResult& result);
std::string ComparisonText(const ComparisonPlan& plan, const ComparisonResult& result);

// One sentence per rival: what the primary metric says, then the exploratory ones.
std::vector<std::string> VerdictLines(const cli::Json& comparison);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_COMPARISON_H_
