// Batch: many runs on some threads, in any order, with the same results whatever the threads.
#ifndef SLUICE_LAB_BATCH_H_
#define SLUICE_LAB_BATCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/experiment.h"
#include "lab/result.h"
#include "lab/runner.h"

namespace sluice::lab {

// Where scenarios are executed.
struct World {
  std::string_view name = "virtual";
  std::function<absl::StatusOr<RunResult>(const Scenario&, const RunOptions&)> run = Run;
  bool parallel = true;  // runs may go on side by side, each in a thread
  int seeds = 0;         // of a comparison that is told none; 0: a pilot says
};

// The inputs of one run, and where its files go.
struct RunOrder {
  const Chosen* experiment = nullptr;
  std::string algorithm;
  uint64_t seed = 1;
  Redraw redraw;
  Duration jitter;
  int cores = 1;          // threads of the run itself; no input
  std::string directory;  // empty: nowhere
  bool bound = false;     // the fluid bound, too, where there is one (CheckBound)
};

// What it asks of the runner; series, trace and progress are the caller's.
RunOptions OptionsOf(const RunOrder& order);
// What its result names; both texts outlive the label.
RunLabel LabelOf(const RunOrder& order, std::string_view version, std::string_view commit);

struct RunRecord {
  cli::Json result;  // result.json
  double cpu_seconds = 0;
  uint64_t packet_hops = 0;
  cli::Json bound;  // as result.json, where the order asks for it (lab/bound.h); or null
  std::optional<RealTime> real;  // of a world beside a clock
};

struct BatchOptions {
  int jobs = 1;  // threads
  std::string_view version;
  std::string_view commit;
  // Called from the thread that called RunAll, a few times a second: part of the work that is done.
  // Returns false to stop; the batch is Cancelled then.
  std::function<bool(double fraction, int done)> progress;
  World world;
};

// One record per order, in their order. Fails with the first error of any run.
absl::StatusOr<std::vector<RunRecord>> RunAll(std::span<const RunOrder> orders,
                                              const BatchOptions& options);

// One run; files are written if the order names a directory, result.json last.
absl::StatusOr<RunRecord> RunOne(const RunOrder& order, const BatchOptions& options,
                                 const std::function<bool(double)>& progress);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_BATCH_H_
