#include "sim/switch_node.h"

namespace sluice::sim {

void SwitchNode::OnArrival(Time now, Record& record, PortIndex port) {
  record.ingress = port;
  const PortIndex egress = table_.Find(record.endpoint);
  if (egress == switching::kNoPort) {
    ++context_.counters.no_route;
    context_.pool.Put(&record);
    return;
  }
  Transmitter& transmitter = *transmitters_[egress];
  transmitter.Advance(now);
  // What left the other queues since somebody last looked is still counted as used: look before
  // refusing.
  if (!queues_.Fits(record)) {
    for (Transmitter* other : transmitters_) other->Advance(now);
  }
  if (!transmitter.Enqueue(now, record)) context_.pool.Put(&record);
}

}  // namespace sluice::sim
