// SwitchNode: a simulated output-queued switch: decisions by lib/switch, time by its Transmitters.
// Store and forward: a frame is queued when its last bit has arrived. Owned by Simulation.
//
// While it has paused a sender its transmitters tell each start when it happens, so that the PFC
// frame that lets the sender go on leaves at the exact moment. A pause holds until that frame: that
// a switch repeats it before its time is over (IEEE 802.1Q-2018, 36.1.3) is not simulated.
#ifndef SLUICE_SIM_SWITCH_NODE_H_
#define SLUICE_SIM_SWITCH_NODE_H_

#include <memory>
#include <vector>

#include "sim/context.h"
#include "sim/routes.h"
#include "sim/transmitter.h"
#include "switch/output_queues.h"

namespace sluice::sim {

// Of a PFC frame without FCS: the least that Ethernet carries (IEEE 802.1Q-2018, 36.2).
inline constexpr uint32_t kPfcFrameBytes = 60;
// Pauses that have lasted so long are looked at: do they wait for each other?
inline constexpr Duration kDeadlockTime = Duration::Milliseconds(1);

class SwitchNode final : public LinkEnd, public switching::PfcSender {
 public:
  SwitchNode(Context& context, size_t ports, const switching::BufferConfig& buffer,
             const switching::SchedulerConfig& scheduler, uint64_t seed, uint64_t entity,
             Routes& routes, NodeId self)
      : LinkEnd(self),
        context_(context),
        routes_(routes),
        queues_(ports, buffer, scheduler, seed, entity) {
    queues_.SetPfcSender(this);
    if (context_.coins) queues_.SetCoins(&*context_.coins);
  }
  SwitchNode(const SwitchNode&) = delete;
  SwitchNode& operator=(const SwitchNode&) = delete;

  switching::OutputQueues& queues() { return queues_; }
  // At set-up: packets with a telemetry shim get a report.
  void EnableTelemetry(const switching::TelemetryConfig& config, const std::vector<PortEnd>& ports);
  // At set-up, in the order of the ports.
  void AddTransmitter(Transmitter* transmitter) { transmitters_.push_back(transmitter); }

  void OnArrival(Time now, Record& record, PortIndex port) override;
  void OnPfc(Time now, PortIndex port, uint8_t priority, bool pause) override {
    transmitters_[port]->SetPaused(now, priority, pause);
  }
  // The link of a port works again: what is paused is paused anew, for the far end has forgotten.
  void OnLinkUp(Time now, PortIndex port);
  void SendPfc(Time now, PortIndex ingress, uint8_t priority, bool pause) override;

 private:
  PortIndex Ns3Egress(Record& record);

  Context& context_;
  Routes& routes_;
  std::vector<Transmitter*> transmitters_;
  switching::OutputQueues queues_;
  std::unique_ptr<switching::TelemetryWriter> telemetry_;
  bool prompt_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_SWITCH_NODE_H_
