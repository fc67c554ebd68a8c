// SwitchNode: a simulated output-queued switch: decisions by lib/switch, time by its Transmitters.
// Store and forward: a frame is queued when its last bit has arrived. Owned by Simulation.
#ifndef SLUICE_SIM_SWITCH_NODE_H_
#define SLUICE_SIM_SWITCH_NODE_H_

#include <vector>

#include "sim/context.h"
#include "sim/transmitter.h"
#include "switch/forwarding.h"
#include "switch/output_queues.h"

namespace sluice::sim {

class SwitchNode final : public LinkEnd {
 public:
  SwitchNode(Context& context, size_t ports, Bytes buffer, uint64_t seed, uint64_t entity,
             switching::ForwardingTable table)
      : context_(context), queues_(ports, buffer, seed, entity), table_(std::move(table)) {}

  switching::OutputQueues& queues() { return queues_; }
  // At set-up, in the order of the ports.
  void AddTransmitter(Transmitter* transmitter) { transmitters_.push_back(transmitter); }

  void OnArrival(Time now, Record& record, PortIndex port) override;

 private:
  Context& context_;
  switching::OutputQueues queues_;
  switching::ForwardingTable table_;
  std::vector<Transmitter*> transmitters_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_SWITCH_NODE_H_
