// OutgoingPacket: one packet of a queue pair, ready for the framer.
#ifndef SLUICE_TRANSPORT_OUTGOING_PACKET_H_
#define SLUICE_TRANSPORT_OUTGOING_PACKET_H_

#include "transport/framer.h"
#include "wire/headers.h"

namespace sluice::transport {

struct OutgoingPacket {
  wire::Bth bth;
  Extension extension;
  PayloadSpan payload;
  bool retransmission = false;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_OUTGOING_PACKET_H_
