// Why a received frame was dropped by the transport, beyond what the wire parser already refuses.
// Every cause is a counter of the engine; none of them is ever answered, unless it says so, and
// what it says of answers and failing is of RC only.
#ifndef SLUICE_TRANSPORT_DROP_CAUSE_H_
#define SLUICE_TRANSPORT_DROP_CAUSE_H_

#include <cstdint>

namespace sluice::transport {

enum class RxDrop : uint8_t {
  kNone,
  kPkey,                // partition key matches no partition of ours (IBTA 1.4, 10.9.3)
  kUnknownQp,           // no such queue pair, or one of an earlier generation
  kService,             // opcode of another transport service than the queue pair's
  kQpState,             // the queue pair does not receive in its state
  kSourceAddress,       // not the address of the queue pair's peer
  kIcrc,                // invariant CRC differs
  kUnsupported,         // a known opcode that this build does not serve
  kPsn,                 // response to something that is not outstanding
  kOutOfSequence,       // ahead of the expected PSN (answered by one NAK per gap)
  kDuplicate,           // behind the expected PSN (answered by an ACK)
  kNotReady,            // no receive posted (answered by an RNR NAK)
  kInvalidRequest,      // opcode sequence or length (answered by a NAK; the queue pair fails)
  kAccess,              // key, bounds or rights (answered by a NAK; the queue pair fails)
  kCompletionFull,      // no room for the completion (answered by an RNR NAK)
  kPsnWindow,           // a PSN far from the expected one: nothing that the peer can have in flight
  kDestinationAddress,  // not the queue pair's own address
  kBadResponse,         // READ or atomic response that does not fit what was asked for
  kQkey,                // datagram with another Q_Key than the queue pair's
  kTooLong,             // UC, UD: longer than the posted receive
  kTrimmed,             // a switch cut its payload away: a hint of loss (extension)
  kCount,
};

const char* NameOf(RxDrop cause);

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_DROP_CAUSE_H_
