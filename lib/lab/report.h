// The report of an A/B comparison or a sweep: one HTML file that needs nothing else, the verdict
// first.
#ifndef SLUICE_LAB_REPORT_H_
#define SLUICE_LAB_REPORT_H_

#include <string>

#include "absl/status/statusor.h"

namespace sluice::lab {

// Of the directory that `run -o` wrote: run.json and the files of every run; or of a sweep that has
// been merged. No script, no request, print and dark mode by CSS; below 1.5 MB because series are
// thinned to what a picture can show (the highest and lowest value of each step stay).
// InvalidArgument names the file that is missing or is none of ours.
absl::StatusOr<std::string> ReportOf(const std::string& directory);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_REPORT_H_
