// What a report is made of: the files that `run -o` or a merged sweep left, read and checked.
#ifndef SLUICE_LAB_REPORT_DATA_H_
#define SLUICE_LAB_REPORT_DATA_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"

namespace sluice::lab {

// A table of integers with one line of names above.
struct Csv {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
};

struct ReportRun {
  cli::Json result;  // result.json
  double cpu_seconds = 0;
  std::vector<double> fct_us;       // of every finished flow
  std::vector<double> queue_bytes;  // samples; of the first kSeriesSeeds seeds only
};

struct ReportArm {
  char letter = 'a';
  std::string name;             // the algorithm as it was written
  std::vector<ReportRun> runs;  // seed 1, 2, ...
  Csv queues;                   // of seed 1
  Csv rates;
  std::string hash;  // SHA-256 of all result.json, one behind the other
};

struct ReportData {
  std::string directory;
  cli::Json run;                // run.json, with every field that a report reads
  std::string run_hash;         // SHA-256 of its bytes
  std::vector<ReportArm> arms;  // a, then the rivals
  // {"b", "verdict", "metrics"} of each rival.
  std::vector<cli::Json> rivals;
};

// Samples of the queue are read of this many seeds: they are long.
inline constexpr size_t kSeriesSeeds = 10;

absl::StatusOr<ReportData> ReadRun(const std::string& directory);

// merged.json, checked likewise.
absl::StatusOr<cli::Json> ReadMerged(const std::string& directory);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_REPORT_DATA_H_
