#include "transport/drop_cause.h"

namespace sluice::transport {

const char* NameOf(RxDrop cause) {
  switch (cause) {
    case RxDrop::kNone:
      return "none";
    case RxDrop::kPkey:
      return "pkey";
    case RxDrop::kUnknownQp:
      return "unknown_qp";
    case RxDrop::kService:
      return "service";
    case RxDrop::kQpState:
      return "qp_state";
    case RxDrop::kSourceAddress:
      return "source_address";
    case RxDrop::kIcrc:
      return "icrc";
    case RxDrop::kUnsupported:
      return "unsupported_opcode";
    case RxDrop::kPsn:
      return "psn";
    case RxDrop::kOutOfSequence:
      return "out_of_sequence";
    case RxDrop::kDuplicate:
      return "duplicate";
    case RxDrop::kNotReady:
      return "receiver_not_ready";
    case RxDrop::kInvalidRequest:
      return "invalid_request";
    case RxDrop::kAccess:
      return "remote_access";
    case RxDrop::kCompletionFull:
      return "completion_queue_full";
    case RxDrop::kPsnWindow:
      return "psn_window";
    case RxDrop::kDestinationAddress:
      return "destination_address";
    case RxDrop::kBadResponse:
      return "bad_response";
    case RxDrop::kQkey:
      return "qkey";
    case RxDrop::kTooLong:
      return "receive_too_short";
    case RxDrop::kTrimmed:
      return "trimmed";
    case RxDrop::kCount:
      break;
  }
  return "unknown";
}

}  // namespace sluice::transport
