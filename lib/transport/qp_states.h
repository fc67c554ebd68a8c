// The states of a queue pair, which lead to which, and what a transition must and may bring (IBTA
// 1.4, 10.3.1 and 11.2.5.2, tables 91 and following). Constant data, any thread.
//
// Left out: the port number (a device is one port), alternate paths and their migration, and the
// "current state" modifier. Added: the congestion control of the queue pair's send flow.
#ifndef SLUICE_TRANSPORT_QP_STATES_H_
#define SLUICE_TRANSPORT_QP_STATES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sluice::transport {

// Reliable connection, unreliable connection, unreliable datagram.
enum class QpType : uint8_t { kRc, kUc, kUd };
inline constexpr size_t kQpTypes = 3;

enum class QpState : uint8_t {
  kReset,
  kInit,            // receives may be posted, nothing is received
  kReadyToReceive,  // RTR
  kReadyToSend,     // RTS
  kSendDrain,       // SQD: what was begun is finished, nothing else begins
  kSendError,       // SQE (UC, UD): sends complete flushed, receiving goes on
  kError,           // everything completes flushed
};
inline constexpr size_t kQpStates = 7;
const char* NameOf(QpState state);

// Whether requests are taken, and whether answers to our own ones are.
constexpr bool Receives(QpState s) {
  return s >= QpState::kReadyToReceive && s <= QpState::kSendError;
}
constexpr bool Sends(QpState s) { return s == QpState::kReadyToSend || s == QpState::kSendDrain; }

enum class QpAttribute : uint8_t {
  kPkey,
  kQkey,
  kAccess,         // which RDMA operations a peer may use
  kPath,           // the address vector
  kMtu,            // of the path
  kPeerQpn,        //
  kReceivePsn,     // the peer's first
  kMinRnrTimer,    //
  kMaxDestReads,   // responder resources
  kTimeout,        //
  kRetryCount,     //
  kRnrRetry,       //
  kSendPsn,        // our first
  kMaxReads,       // initiator depth
  kFlowAlgorithm,  // congestion control; not of the specification
};
inline constexpr size_t kQpAttributes = 15;
const char* NameOf(QpAttribute attribute);

class QpAttributeSet {
 public:
  constexpr QpAttributeSet() = default;
  constexpr QpAttributeSet(std::initializer_list<QpAttribute> list) {
    for (const QpAttribute a : list) Add(a);
  }
  static constexpr QpAttributeSet FromBits(uint32_t bits) {
    QpAttributeSet s;
    s.bits_ = bits;
    return s;
  }
  constexpr void Add(QpAttribute a) { bits_ |= uint32_t{1} << static_cast<uint8_t>(a); }
  constexpr bool Has(QpAttribute a) const { return (bits_ >> static_cast<uint8_t>(a) & 1) != 0; }
  constexpr QpAttributeSet Without(QpAttributeSet o) const { return FromBits(bits_ & ~o.bits_); }
  constexpr QpAttributeSet With(QpAttributeSet o) const { return FromBits(bits_ | o.bits_); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint32_t bits() const { return bits_; }

 private:
  uint32_t bits_ = 0;
};

struct QpTransition {
  bool allowed = false;
  QpAttributeSet required;
  QpAttributeSet optional;  // beside the required ones
};

// What the specification says of going from `from` to `to`.
QpTransition TransitionOf(QpType type, QpState from, QpState to);

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_QP_STATES_H_
