// Bound: what ideal fair sharing would do with an experiment, as a yardstick beside the packets.
//
// Fluid model (Bertsekas and Gallager, "Data Networks", section 6.5.2). Each flow has a rate on the
// links that its packets cross in the run of the same seed, ECMP choices included; at every moment
// the rates are max-min fair: nobody can have more without somebody who has no more getting less.
// Rates change when a flow starts or has sent its last byte, and jump there at once: no queue, no
// loss, no control delay. A flow counts with the bytes of its frames and their overhead, and beside
// the time in the fluid it takes the propagation, the store and forward and the way back of a lone
// flow, so that a lone flow takes exactly its ideal time.
// No transport can finish the last flow of one bottleneck earlier. A percentile of many flows is a
// bound among fair algorithms: one that lets short flows go first may beat it.
// Messages that share a queue pair go one behind the other.
// Only + - * / on doubles in a fixed order: the same bits everywhere.
#ifndef SLUICE_LAB_BOUND_H_
#define SLUICE_LAB_BOUND_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/batch.h"
#include "lab/judge.h"
#include "lab/runner.h"
#include "lab/scenario.h"

namespace sluice::lab {

// Rates of flows on links: flow i crosses links[i] (indices of `capacity`, each once). In the units
// of `capacity`.
std::vector<double> MaxMinRates(std::span<const double> capacity,
                                std::span<const std::vector<size_t>* const> links);

// Whether the fluid knows all that an experiment does. Invalid argument with the reason if not: the
// wire profile hpcc-ns3 has another hash, flows with triggers start when others end, messages on
// reused queue pairs wait for each other, and links that fail change the ways.
absl::Status CheckBound(const Scenario& scenario);

// The flows with the times of the fluid, in the shape of a run: flows and finished are filled in,
// counters are zero. The order's algorithm does not matter.
absl::StatusOr<RunResult> FluidRun(const RunOrder& order);

// Its metrics as a result.json; what is not MetricKind::bounded means nothing.
absl::StatusOr<cli::Json> BoundResult(const RunOrder& order);

// {"experiment", "params", "seed", "flows", "slowdown", ...}: fields of result.json.
absl::StatusOr<cli::Json> BoundJson(const RunOrder& order);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_BOUND_H_
