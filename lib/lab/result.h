// What one run leaves behind: result.json, timing.json, fct.txt, queues.csv, rates.csv.
//
// result.json holds nothing of wall time, machine or path, and is the same byte for byte wherever
// the same run is made; timing.json holds the rest.
#ifndef SLUICE_LAB_RESULT_H_
#define SLUICE_LAB_RESULT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "cli/json.h"
#include "lab/experiment.h"
#include "lab/metrics.h"
#include "lab/runner.h"

namespace sluice::lab {

// What was run, by whom.
struct RunLabel {
  const Chosen* experiment = nullptr;
  std::string arm;  // the algorithm as it was written
  uint64_t seed = 0;
  std::string_view version;
  std::string_view commit;
  Redraw redraw;  // of an A/A comparison; told in result.json only if there is any
  Duration jitter;
};

// "ecmp,marking": what a run draws anew, in one way of writing it; and the reverse, which fails
// with the nearest name. Empty: nothing.
std::string RedrawText(const Redraw& redraw);
absl::StatusOr<Redraw> ParseRedraw(std::string_view text);

// {"experiment": {...}, "cc": {...}}: every parameter in effect.
cli::Json ParametersJson(const Chosen& experiment, std::string_view arm);

// What a run beside a clock says of itself, and in words.
cli::Json RealJson(const RealTime& real);
std::string RealText(const RealTime& real);

cli::Json ResultJson(const RunLabel& label, const RunResult& run, const Metrics& metrics);
cli::Json TimingJson(const RunResult& run);

// The format of the HPCC simulator: a line per finished flow, in the order of completion:
//   source and destination IPv4 as 8 hexadecimal digits, source port, destination port, bytes,
//   start, completion time and ideal completion time in ns, rounded down.
// Ports by its convention: 10000, 10001, ... per pair of hosts, and 200.
std::string FctText(const RunResult& run);

// time_ns,queue_bytes,sent_bytes: the watched queue, and what has left it until then.
std::string QueuesCsv(const Series& series);
// time_ns,host_<n>_bps,...: what each sender put on its line since the row before, frames without
// preamble, FCS and gap.
std::string RatesCsv(const Series& series);

// Makes the directory if need be and writes all five files, and experiment.json, a copy, if the
// experiment is a file's; result.json last and at once: a directory that has it is whole. Fails
// with the path and the cause.
absl::Status WriteRun(const std::string& directory, const RunLabel& label, const RunResult& run,
                      const Metrics& metrics);

// Likewise one file.
absl::Status MakeDirectory(const std::string& path);
absl::Status WriteText(const std::string& path, std::string_view text);
absl::StatusOr<std::string> ReadText(const std::string& path);

// A word of a command that somebody gives to a shell: as it stands where a shell takes it so, else
// in single quotes.
std::string ShellWord(std::string_view text);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_RESULT_H_
