// RequestCheck: what a responder found of one request packet.
#ifndef SLUICE_TRANSPORT_REQUEST_CHECK_H_
#define SLUICE_TRANSPORT_REQUEST_CHECK_H_

#include "transport/drop_cause.h"
#include "wire/headers.h"

namespace sluice::transport {

struct RequestCheck {
  RxDrop drop = RxDrop::kNone;  // kNone: it may be executed
  // With what it is answered where the cause says that the queue pair fails.
  wire::NakCode nak = wire::NakCode::kInvalidRequest;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_REQUEST_CHECK_H_
