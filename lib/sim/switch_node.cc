#include "sim/switch_node.h"

namespace sluice::sim {

void SwitchNode::EnableTelemetry(const switching::TelemetryConfig& config,
                                 const std::vector<PortEnd>& ports) {
  telemetry_ = std::make_unique<switching::TelemetryWriter>(ports.size(), config);
  for (size_t i = 0; i < ports.size(); ++i) {
    telemetry_->SetLink(static_cast<PortIndex>(i), ports[i].out.rate, ports[i].out.overhead);
  }
  queues_.SetTelemetry(telemetry_.get());
}

void SwitchNode::OnArrival(Time now, Record& record, PortIndex port) {
  record.ingress = port;
  const PortIndex egress =
      !context_.ns3.on ? routes_.Find(node(), record.endpoint, record.flow_key) : Ns3Egress(record);
  if (egress == switching::kNoPort) {
    ++context_.counters.no_route;
    context_.pool.Put(&record);
    return;
  }
  Transmitter& transmitter = *transmitters_[egress];
  transmitter.AdvanceBefore(now);
  // What left the other queues since somebody last looked is still counted as used: look before
  // refusing or pausing.
  const bool easy = queues_.Easy(record, egress);
  if (!easy) {
    for (Transmitter* other : transmitters_) other->AdvanceBefore(now);
  }
  if (!transmitter.Enqueue(now, record, easy)) {
    context_.pool.Put(&record);
  } else if (queues_.trims()) {
    record.elided_length = record.wire_length - record.header_length;
  }
}

// Only hosts know a priority there.
PortIndex SwitchNode::Ns3Egress(Record& record) {
  record.priority = 0;
  return routes_.FindModulo(node(), record.endpoint, Ns3FlowHash(record, node()));
}

void SwitchNode::OnLinkUp(Time now, PortIndex port) {
  for (uint8_t priority = 0; priority < queues_.queues_per_port(); ++priority) {
    if (queues_.shared().paused(port, priority)) SendPfc(now, port, priority, true);
  }
}

void SwitchNode::SendPfc(Time now, PortIndex ingress, uint8_t priority, bool pause) {
  if (pause) {
    ++context_.counters.pfc_pauses;
    context_.first_pause = context_.first_pause ? Earlier(*context_.first_pause, now) : now;
  }
  Record* record = context_.pool.TakeReserved();
  if (context_.coins) context_.coins->Skip();
  record->wire_length = context_.ns3.on ? kNs3PfcFrame : kPfcFrameBytes;
  record->traffic = Traffic::kPfc;
  record->priority = priority;
  record->pause = pause;
  transmitters_[ingress]->SendControl(now, *record);
  // After the frame is on its way: a transmitter that looks now may already let the sender go on.
  if (prompt_ == queues_.pausing()) return;
  prompt_ = queues_.pausing();
  for (Transmitter* transmitter : transmitters_) transmitter->SetPrompt(now, prompt_);
}

}  // namespace sluice::sim
