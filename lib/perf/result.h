// What a run found: the JSON of the contract and the text for people, from one struct.
#ifndef SLUICE_PERF_RESULT_H_
#define SLUICE_PERF_RESULT_H_

#include <cstdint>
#include <map>
#include <string>

#include "cli/json.h"
#include "perf/options.h"
#include "telemetry/histogram.h"
#include "verbs/verbs.h"

namespace sluice::perf {

struct Result {
  double seconds = 0;
  uint64_t cycles = 0;
  double cycles_per_second = 0;
  // Over windows of 2 ms, without set-up; 0: the run was shorter.
  double cycles_per_message_min = 0;
  double cycles_per_message_median = 0;
  uint64_t posted = 0;
  uint64_t completed = 0;
  uint64_t verified_bytes = 0;
  uint64_t mismatches = 0;
  uint64_t mbufs_leaked = 0;
  uint64_t qps_created = 0;
  uint64_t qps_leaked = 0;
  telemetry::HistogramSnapshot latency_cycles;
  std::map<std::string, uint64_t> counters;  // of both ends, summed
  std::map<std::string, uint64_t> faults;    // that were injected
  uint64_t line_rate_bps = 0;
  std::string driver;
  bool extended = false;  // with selective repeat
  bool complete = true;   // not interrupted, not failed
  std::string version;

  void Add(const verbs::Statistics& statistics);
  uint64_t Counter(const std::string& name) const;
  // Whether every byte is right and nothing is lost or leaked.
  bool good() const;
};

cli::Json ToJson(const Options& options, const Result& result);
std::string ToText(const Options& options, const Result& result);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_RESULT_H_
