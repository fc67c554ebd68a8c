#include "sim/host_model.h"

namespace sluice::sim {

bool HostModel::ideal() const {
  for (const Duration d :
       {poll_period, receive_delay, transmit_delay, packet_cost, stall, stall_every, stamp_noise}) {
    if (d != Duration::Zero()) return false;
  }
  const HostModel ideal;
  return nic_stamps && burst == ideal.burst && ask_every == ideal.ask_every;
}

absl::Status HostModel::Validate() const {
  for (const Duration d :
       {poll_period, receive_delay, transmit_delay, packet_cost, stall, stall_every, stamp_noise}) {
    if (d < Duration::Zero() || d > Duration::Seconds(1)) {
      return absl::InvalidArgumentError("a time of the host model is not in 0..1 s");
    }
  }
  if ((stall > Duration::Zero()) != (stall_every > Duration::Zero())) {
    return absl::InvalidArgumentError("of stall and stall_every only one is given");
  }
  if (burst == 0 || burst > 64) return absl::InvalidArgumentError("burst is not in 1..64");
  if (ask_every == 0 || ask_every > 64) {
    return absl::InvalidArgumentError("ask_every is not in 1..64");
  }
  return absl::OkStatus();
}

HostModel HostModel::Dpdk() {
  HostModel m;
  m.poll_period = Duration::Nanoseconds(24);
  m.packet_cost = Duration::Nanoseconds(80);
  m.nic_stamps = false;
  return m;
}

}  // namespace sluice::sim
