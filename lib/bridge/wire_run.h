// One run of a scenario in the wire world: the hosts of the laboratory, each with a device of the
// public API over a port of its own, and a bridge between them, all polled by one loop beside a
// clock.
#ifndef SLUICE_BRIDGE_WIRE_RUN_H_
#define SLUICE_BRIDGE_WIRE_RUN_H_

#include "absl/status/statusor.h"
#include "bridge/plan.h"
#include "bridge/recorder.h"
#include "bridge/wire_parts.h"
#include "lab/runner.h"

namespace sluice::bridge {

// The result's RealTime is set, the algorithm's controllers are those of `recorder`. A run whose
// largest poll gap was too long for its round trip says so there (RealTime::skipped) and is no
// error.
// InvalidArgument: the wire world cannot carry it; Unavailable: this machine lacks something;
// DataLoss: what arrived is not what was sent.
absl::StatusOr<lab::RunResult> RunOnWire(WireParts& parts, const lab::Scenario& scenario,
                                         const lab::RunOptions& options, Recorder& recorder,
                                         const WireLimits& limits = {});

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_WIRE_RUN_H_
