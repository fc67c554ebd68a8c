// The UDP source port of a RoCEv2 flow, as Linux computes it, so that a foreign capture and ours
// agree and ECMP spreads flows the same way. Always in 0xC000-0xFFFF; a receiver ignores it.
// The arithmetic was observed on the wire; either end of a connection gets the same port.
#ifndef SLUICE_WIRE_SOURCE_PORT_H_
#define SLUICE_WIRE_SOURCE_PORT_H_

#include <cstdint>

namespace sluice::wire {

// A 20-bit flow label folded to 14 bits.
constexpr uint16_t SourcePortOfFlowLabel(uint32_t flow_label) {
  const uint32_t label = flow_label & 0xfffff;
  return static_cast<uint16_t>(0xc000 | ((label & 0x3fff) ^ (label >> 14)));
}

// The flow label that stands in for an absent one: symmetric in the two QPNs.
constexpr uint32_t FlowLabelOfQpns(uint32_t local_qpn, uint32_t remote_qpn) {
  uint64_t v = static_cast<uint64_t>(local_qpn) * remote_qpn;
  v ^= v >> 20;
  v ^= v >> 40;
  return static_cast<uint32_t>(v & 0xfffff);
}

// RC and UC. `flow_label` 0: none was given, the QPNs decide.
constexpr uint16_t ConnectedSourcePort(uint32_t flow_label, uint32_t local_qpn,
                                       uint32_t remote_qpn) {
  return SourcePortOfFlowLabel(flow_label != 0 ? flow_label
                                               : FlowLabelOfQpns(local_qpn, remote_qpn));
}

// UD and QP1: a multiplicative hash (2^32 / golden ratio) of the sender's own QPN.
constexpr uint16_t DatagramSourcePort(uint32_t local_qpn) {
  return static_cast<uint16_t>(0xc000 | ((local_qpn * 0x61c88647u) >> 18));
}

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_SOURCE_PORT_H_
