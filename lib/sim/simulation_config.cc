#include "sim/simulation_config.h"

namespace sluice::sim {

absl::Status SimulationConfig::Validate() const {
  switching::BufferConfig sharing = switches.sharing;
  sharing.size = switches.buffer;
  if (absl::Status status = sharing.Validate(); !status.ok()) return status;
  if (absl::Status status = switches.ecn.Validate(); !status.ok()) return status;
  if (absl::Status status = switches.scheduler.Validate(); !status.ok()) return status;
  if (ns3.on && switches.scheduler.queues != 1) {
    return absl::InvalidArgumentError("switches of the ns-3 wire have one queue for each port");
  }
  if (ns3.exact && (!ns3.on || partitions != 1 || rounds || !link_events.empty())) {
    return absl::InvalidArgumentError(
        "the exact order is of the ns-3 wire, on one core, without link events");
  }
  for (const Bytes step : {switches.telemetry.queue_step, switches.telemetry.sent_step}) {
    if (step < Bytes(64) || step.count() % 64 != 0) {
      return absl::InvalidArgumentError("a step of telemetry is no multiple of 64 B");
    }
  }
  if (absl::Status status = switches.trim.Validate(); !status.ok()) return status;
  if (switches.trim.on()) {
    if (ns3.on) return absl::InvalidArgumentError("the ns-3 wire knows no trimming");
    if (switches.trim.priority >= switches.scheduler.queues) {
      return absl::InvalidArgumentError("trimmed packets ask for a queue that does not exist");
    }
    if ((sharing.lossless >> switches.trim.priority & 1) != 0) {
      return absl::InvalidArgumentError("the queue of trimmed packets is lossless");
    }
  }
  if (sharing.lossless >> switches.scheduler.queues != 0) {
    return absl::InvalidArgumentError("PFC of a priority that has no queue");
  }
  for (const uint8_t priority : switches.priorities) {
    if (priority >= switches.scheduler.queues) {
      return absl::InvalidArgumentError("a DSCP asks for a queue that does not exist");
    }
  }
  if (partitions == 0) return absl::InvalidArgumentError("partitions is 0");
  if (ports.transmit_queue == 0) return absl::InvalidArgumentError("transmit_queue is 0");
  if (ports.receive_queue == 0) return absl::InvalidArgumentError("receive_queue is 0");
  if (ports.max_frame == 0 || ports.max_frame > 65535) {
    return absl::InvalidArgumentError("max_frame is not in 1..65535");
  }
  if (ports.linear_room == 0 || ports.linear_room > 65535) {
    return absl::InvalidArgumentError("linear_room is not in 1..65535");
  }
  return hosts.Validate();
}

}  // namespace sluice::sim
