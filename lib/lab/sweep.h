// Sweep: an experiment over a grid of parameters (lab/sweep_grid.h), arms and seeds; and what came
// out of it.
//
// A sweep is a directory: sweep.json says which runs belong to it, runs/<hash>/ holds each, named
// by the hash of all that it depends on: experiment with every parameter, algorithm, seed, version
// and commit. So a run that is there need not be made again, wherever it was made; whoever has a
// list of commands and a place for files can make them: this process, GNU parallel, a Slurm
// cluster.
#ifndef SLUICE_LAB_SWEEP_H_
#define SLUICE_LAB_SWEEP_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/experiment.h"
#include "lab/judge.h"
#include "lab/sweep_grid.h"

namespace sluice::lab {

struct Sweep {
  std::string experiment;  // as it was written
  std::vector<GridAxis> grid;
  std::vector<SweepPoint> points;
  std::vector<std::string> arms;  // as they were written, the judged one first
  int seeds = 0;
  size_t primary = 0;
  std::string version;
  std::string commit;
};

struct SweepRun {
  std::string hash;  // 16 hexadecimal digits
  size_t point = 0;
  size_t arm = 0;
  uint64_t seed = 0;
};
// Point by point, seed by seed, arm by arm, each once: an arm that an axis leaves as it is has the
// same run at several points, which belongs to the first of them.
std::vector<SweepRun> RunsOf(const Sweep& sweep);
std::string DirectoryOf(const std::string& sweep_directory, const SweepRun& run);
// The run is there, whole.
bool Done(const std::string& sweep_directory, const SweepRun& run);

// "name:k=v,...": every parameter, one way of writing each.
std::string CanonicalText(const Chosen& experiment);
// SHA-256 (FIPS 180-4) in hexadecimal digits.
std::string Sha256(std::string_view bytes);

// sweep.json and back; the latter builds every point anew and fails if it cannot.
cli::Json SweepJson(const Sweep& sweep);
absl::StatusOr<Sweep> ReadSweep(const std::string& directory);

// One command per line for the runs of a sweep, to be given to a shell; each does nothing if its
// run is there. `program` and `directory` are absolute paths.
std::string JobLines(const Sweep& sweep, const std::string& program, const std::string& directory);
// A script for sbatch that executes the lines of <directory>/jobs.txt as an array of tasks.
std::string SlurmScript(const Sweep& sweep, const std::string& directory);

struct Merged {
  size_t missing = 0;  // runs that are not there; the rest is empty then
  // Per point and rival, rivals side by side.
  std::vector<Judgement> judgements;
  // A line per point, seed and arm: hash, axes, arm, seed, metrics. A run of several points stands
  // at each.
  std::string csv;
};
absl::StatusOr<Merged> Merge(const Sweep& sweep, const std::string& directory);
// {"experiment", "grid", "points": [{"values", "a", "b", "seeds", "metrics"}]}
cli::Json MergedJson(const Sweep& sweep, const Merged& merged);
std::string MergedText(const Sweep& sweep, const Merged& merged);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SWEEP_H_
