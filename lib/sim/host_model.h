// HostModel: what a machine adds between the line and its engine, and what its polls cost.
//
// The default is ideal: polled whenever there is a reason, nothing costs anything, every packet is
// stamped by the NIC. How long an answer takes (the turn-around) is no figure of its own: it is the
// wait for the next poll, both delays, and the cost of what is handled before it.
#ifndef SLUICE_SIM_HOST_MODEL_H_
#define SLUICE_SIM_HOST_MODEL_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/time.h"

namespace sluice::sim {

struct HostModel {
  Duration poll_period;     // > 0: polled at whole multiples only; 0: whenever there is a reason
  Duration receive_delay;   // from the last bit to the host's sight (the stamp stays the bit's)
  Duration transmit_delay;  // from Transmit, or a free line, to the first bit
  // What the core works for each packet that it receives or sends: after a poll that handled n of
  // them the next one is n times as much later.
  Duration packet_cost;
  // The loop stands still for `stall` (another thread has the core), again and again after
  // exponential times of this mean. Either zero: never.
  Duration stall;
  Duration stall_every;
  // A stamp is off by up to half of this, either way, uniformly.
  Duration stamp_noise;
  bool nic_stamps = true;  // false: one stamp per poll, the poll's time
  // For whoever makes the host's engine (EngineConfig): packets that a poll takes, and sends; a
  // packet asks for an acknowledgement at least this often.
  uint32_t burst = 32;
  uint32_t ask_every = 16;

  bool ideal() const;
  absl::Status Validate() const;

  // Our own loop, as measured over net_ring on a core of 2.6 GHz: a poll that finds nothing takes
  // 63 cycles (tests/bench/dpdk/idle_bench); a message of 64 B takes 411 (scripts/bench) of one
  // core that plays both ends, each of which handles one packet: 80 ns. No NIC: its delays are
  // zero, and what stamps is the poll. Copies of payload are not in it, which takes 4 KiB messages
  // to 1015 cycles.
  static HostModel Dpdk();
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_HOST_MODEL_H_
