// Experiment files from the files of other simulators. Set-up only; reads no file itself.
#ifndef SLUICE_LAB_IMPORT_HPCC_H_
#define SLUICE_LAB_IMPORT_HPCC_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"

namespace sluice::lab {

// A file by its name, for errors, and its bytes.
struct NamedText {
  std::string name;
  std::string text;
};

// Configuration, topology and flows of the HPCC simulator
// (alibaba-edu/High-Precision-Congestion-Control). The algorithm of the configuration becomes the
// arm `imported`, the wire profile is hpcc-ns3, time zero is the simulator's 2 s, flows start in
// the nanosecond in which they do there. Damaged files fail with name, line and cause; what is
// passed over is told in `notes`. `exact`: with that option of the profile.
absl::StatusOr<cli::Json> ImportHpcc(const NamedText& config_file, const NamedText& topology_file,
                                     const NamedText& flow_file, bool exact,
                                     std::vector<std::string>* notes);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_IMPORT_HPCC_H_
