// `sluice-perf loopback`: both ends in this process, on one core or two.
#ifndef SLUICE_PERF_LOOPBACK_H_
#define SLUICE_PERF_LOOPBACK_H_

#include "absl/status/statusor.h"
#include "cli/report.h"
#include "perf/options.h"
#include "perf/ports.h"
#include "perf/result.h"

namespace sluice::perf {

// Runs it. The status is an error when the run could not be made; a run that failed has a result
// with complete == false, and `why` says what happened.
absl::StatusOr<Result> RunLoopback(const Options& options, PortSource* source, cli::Report* report,
                                   std::string* why);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_LOOPBACK_H_
