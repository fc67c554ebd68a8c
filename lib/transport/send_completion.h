// What the requesters of all services share at the end of a send request: its completion.
#ifndef SLUICE_TRANSPORT_SEND_COMPLETION_H_
#define SLUICE_TRANSPORT_SEND_COMPLETION_H_

#include <cstdint>

#include "transport/queues.h"
#include "transport/work.h"
#include "wire/headers.h"

namespace sluice::transport {

// How a request ends that the peer refused with a NAK other than for its PSN (IBTA 1.4, 11.6.2).
constexpr Status StatusOfNak(wire::NakCode code) {
  switch (code) {
    case wire::NakCode::kInvalidRequest:
      return Status::kRemoteInvalidRequest;
    case wire::NakCode::kRemoteAccessError:
      return Status::kRemoteAccess;
    default:
      return Status::kRemoteOperation;
  }
}

// False while the ring has no room.
inline bool PushSendCompletion(CompletionRing* ring, uint32_t qpn, const SendWork& work,
                               Status status) {
  Completion c;
  c.wr_id = work.wr_id;
  c.qpn = qpn;
  c.byte_length = work.length;
  c.status = status;
  c.op = work.op;
  return ring->Push(c);
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SEND_COMPLETION_H_
