// WireModel: another simulator's wire, for runs in virtual time that are compared with its results.
//
// Our own frames travel, but each counts as long as that simulator's would be. Off by default, and
// never on a wire: a queue pair of the extension then asks for an acknowledgement with each packet,
// sends no probes, paces by the modelled length in whole nanoseconds rounded down, and sends while
// less than its window is in flight however small that is. Its engine chooses among flows, wakes up
// and answers as that simulator's NIC does (engine/modelled_nic.h).
#ifndef SLUICE_TRANSPORT_WIRE_MODEL_H_
#define SLUICE_TRANSPORT_WIRE_MODEL_H_

#include <cstdint>

namespace sluice::transport {

struct WireModel {
  uint32_t header_bytes = 0;  // of a data packet, beyond its payload; 0: off
  // A new rate counts from the packet sent last: the next one is as far behind it as the new rate
  // says.
  bool repace = false;

  bool on() const { return header_bytes != 0; }
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_WIRE_MODEL_H_
