// The wire profile of a scenario: whose wire it imitates.
//
//   kRoce     RoCEv2 on Ethernet, to the picosecond: what our transport really sends
//   kHpccNs3  the published ns-3 simulator of HPCC's authors, so that its runs can be repeated
//             (docs/validation.md): its header sizes, no gap between frames,
//             times in whole nanoseconds rounded down, an acknowledgement per packet that echoes
//             mark, stamp and telemetry, congestion control called per acknowledgement, one base
//             round trip for all flows (GLOBAL_T), sending while less than the window is in flight,
//             flows of a host by turns and by one timer, Murmur3 ECMP, no retransmission timer, no
//             probes; with Scenario::exact its order of events within a nanosecond and its coins
//             too, so that its runs come out flow by flow
// One set of constants for all scenarios; what differs by algorithm follows from the signals that
// it needs (INT and time stamps lengthen the header).
#ifndef SLUICE_LAB_PROFILE_H_
#define SLUICE_LAB_PROFILE_H_

#include "base/time.h"
#include "cc/registry.h"
#include "engine/engine.h"
#include "lab/ideal.h"
#include "lab/scenario.h"
#include "sim/simulation_config.h"

namespace sluice::lab {

// INT_MULTI of its configuration files: how coarse the units of its telemetry are.
inline constexpr int64_t kIntMulti = 4;

// Makes a scenario that is complete otherwise one of the profile kHpccNs3: links and
// queues. `ack_priority` is ACK_HIGH_PRIO of its configuration files, which reaches hosts only.
void UseHpccNs3(Scenario& scenario, bool ack_priority);

// What the profile means for the simulation and for each host's engine.
void ApplyProfile(const Scenario& scenario, const cc::Algorithm& algorithm,
                  sim::SimulationConfig& config);
void ApplyProfile(const Scenario& scenario, const cc::Algorithm& algorithm,
                  engine::EngineConfig& config);

// Under kHpccNs3. Its base round trip: propagation both ways and the payload of a packet once per
// link; and its ideal completion time, by which its slowdowns are counted:
// base round trip + (bytes + 48 per packet) / rate of the slowest link.
Duration HpccBaseRtt(const Paths& paths, const FlowSpec& flow, uint32_t mtu);
Duration HpccIdeal(const Paths& paths, const FlowSpec& flow, uint32_t mtu);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_PROFILE_H_
