#include "transport/qp_states.h"

namespace sluice::transport {
namespace {

using Qa = QpAttribute;
using Qs = QpState;

constexpr uint8_t kRcOnly = 1, kUcOnly = 2, kUdOnly = 4;

struct TransitionRow {
  uint8_t types;
  QpState from;
  QpState to;
  QpAttributeSet required;
  QpAttributeSet optional;
};

// Beside these, every state leads to RESET and to ERR, without attributes.
constexpr TransitionRow kTransitions[] = {
    {kRcOnly | kUcOnly, Qs::kReset, Qs::kInit, {Qa::kPkey, Qa::kAccess}, {}},
    {kUdOnly, Qs::kReset, Qs::kInit, {Qa::kPkey, Qa::kQkey}, {}},

    {kRcOnly | kUcOnly, Qs::kInit, Qs::kInit, {}, {Qa::kPkey, Qa::kAccess}},
    {kUdOnly, Qs::kInit, Qs::kInit, {}, {Qa::kPkey, Qa::kQkey}},

    {kRcOnly,
     Qs::kInit,
     Qs::kReadyToReceive,
     {Qa::kPath, Qa::kMtu, Qa::kPeerQpn, Qa::kReceivePsn, Qa::kMaxDestReads, Qa::kMinRnrTimer},
     {Qa::kPkey, Qa::kAccess, Qa::kFlowAlgorithm}},
    {kUcOnly,
     Qs::kInit,
     Qs::kReadyToReceive,
     {Qa::kPath, Qa::kMtu, Qa::kPeerQpn, Qa::kReceivePsn},
     {Qa::kPkey, Qa::kAccess, Qa::kFlowAlgorithm}},
    {kUdOnly, Qs::kInit, Qs::kReadyToReceive, {}, {Qa::kPkey, Qa::kQkey, Qa::kFlowAlgorithm}},

    {kRcOnly,
     Qs::kReadyToReceive,
     Qs::kReadyToSend,
     {Qa::kSendPsn, Qa::kTimeout, Qa::kRetryCount, Qa::kRnrRetry, Qa::kMaxReads},
     {Qa::kAccess, Qa::kMinRnrTimer}},
    {kUcOnly, Qs::kReadyToReceive, Qs::kReadyToSend, {Qa::kSendPsn}, {Qa::kAccess}},
    {kUdOnly, Qs::kReadyToReceive, Qs::kReadyToSend, {Qa::kSendPsn}, {Qa::kQkey}},

    {kRcOnly, Qs::kReadyToSend, Qs::kReadyToSend, {}, {Qa::kAccess, Qa::kMinRnrTimer}},
    {kUcOnly, Qs::kReadyToSend, Qs::kReadyToSend, {}, {Qa::kAccess}},
    {kUdOnly, Qs::kReadyToSend, Qs::kReadyToSend, {}, {Qa::kQkey}},

    {kRcOnly | kUcOnly | kUdOnly, Qs::kReadyToSend, Qs::kSendDrain, {}, {}},

    {kRcOnly, Qs::kSendDrain, Qs::kReadyToSend, {}, {Qa::kAccess, Qa::kMinRnrTimer}},
    {kUcOnly, Qs::kSendDrain, Qs::kReadyToSend, {}, {Qa::kAccess}},
    {kUdOnly, Qs::kSendDrain, Qs::kReadyToSend, {}, {Qa::kQkey}},

    {kRcOnly,
     Qs::kSendDrain,
     Qs::kSendDrain,
     {},
     {Qa::kPath, Qa::kTimeout, Qa::kRetryCount, Qa::kRnrRetry, Qa::kMaxReads, Qa::kMaxDestReads,
      Qa::kPkey, Qa::kAccess, Qa::kMinRnrTimer}},
    {kUcOnly, Qs::kSendDrain, Qs::kSendDrain, {}, {Qa::kPath, Qa::kPkey, Qa::kAccess}},
    {kUdOnly, Qs::kSendDrain, Qs::kSendDrain, {}, {Qa::kPkey, Qa::kQkey}},

    {kUcOnly, Qs::kSendError, Qs::kReadyToSend, {}, {Qa::kAccess}},
    {kUdOnly, Qs::kSendError, Qs::kReadyToSend, {}, {Qa::kQkey}},
};

}  // namespace

QpTransition TransitionOf(QpType type, QpState from, QpState to) {
  if (to == Qs::kReset || to == Qs::kError) return {true, {}, {}};
  const uint8_t bit = static_cast<uint8_t>(1u << static_cast<uint8_t>(type));
  for (const TransitionRow& row : kTransitions) {
    if ((row.types & bit) != 0 && row.from == from && row.to == to) {
      return {true, row.required, row.optional};
    }
  }
  return {};
}

const char* NameOf(QpState state) {
  switch (state) {
    case Qs::kReset:
      return "RESET";
    case Qs::kInit:
      return "INIT";
    case Qs::kReadyToReceive:
      return "RTR";
    case Qs::kReadyToSend:
      return "RTS";
    case Qs::kSendDrain:
      return "SQD";
    case Qs::kSendError:
      return "SQE";
    case Qs::kError:
      return "ERR";
  }
  return "unknown";
}

const char* NameOf(QpAttribute attribute) {
  constexpr const char* kNames[kQpAttributes] = {
      "pkey",        "qkey",          "access",
      "path",        "mtu",           "peer_qpn",
      "receive_psn", "min_rnr_timer", "responder_resources",
      "timeout",     "retry_count",   "rnr_retry",
      "send_psn",    "max_rd_atomic", "algorithm",
  };
  const auto i = static_cast<size_t>(attribute);
  return i < kQpAttributes ? kNames[i] : "unknown";
}

}  // namespace sluice::transport
