// Files of the HPCC simulator (alibaba-edu/High-Precision-Congestion-Control) from a run: what it
// takes to repeat it there, and what it would have written. Set-up only.
#ifndef SLUICE_LAB_EXPORT_HPCC_H_
#define SLUICE_LAB_EXPORT_HPCC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/runner.h"
#include "lab/scenario.h"

namespace sluice::lab {

struct HpccFiles {
  std::string topology;
  std::string flows;
  std::string config;
};

// When time zero is there: the scenario's origin, or 2 s.
Duration HpccOrigin(const Scenario& scenario);

// `algorithm` with its parameters. Flows that wait for others cannot be written, nor links whose
// directions differ: an error. What the simulator cannot be told goes into
// `notes`.
absl::StatusOr<HpccFiles> ExportHpcc(const Scenario& scenario, const std::string& algorithm,
                                     std::vector<std::string>* notes);

// "<ns> <node> <0 host|1 switch> <port> <1 pause|0 resume>", where each frame was received; ports
// count from 1.
std::string PfcText(const Scenario& scenario, const RunResult& run);
// One block at the end of the run: "time: <ns>" and for each port "<switch> <port> c0 c1 ...", how
// many samples, each 100 ns, found so many kilobytes in its queue.
std::string QlenText(const Scenario& scenario, const RunResult& run);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPORT_HPCC_H_
