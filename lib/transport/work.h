// Work requests and completions as the transport sees them: local keys are already resolved to
// memory, so nothing here can fail a protection check any more.
#ifndef SLUICE_TRANSPORT_WORK_H_
#define SLUICE_TRANSPORT_WORK_H_

#include <cstdint>

#include "base/psn.h"
#include "port/packet.h"
#include "wire/address.h"

namespace sluice::transport {

using port::Segment;

// A run of writable bytes of the application.
struct MutableSegment {
  uint8_t* data = nullptr;
  uint32_t length = 0;
};

enum class Op : uint8_t {
  kSend,
  kSendImm,
  kWrite,
  kWriteImm,
  kRead,
  kFetchAdd,
  kCompareSwap,
  kSendInvalidate,
  kLocalInvalidate,
  kBindWindow,
};

constexpr bool IsSend(Op op) {
  return op == Op::kSend || op == Op::kSendImm || op == Op::kSendInvalidate;
}
constexpr bool IsWrite(Op op) { return op == Op::kWrite || op == Op::kWriteImm; }
constexpr bool HasImm(Op op) { return op == Op::kSendImm || op == Op::kWriteImm; }
// Whether the message takes a work request from the peer's receive queue, and so a credit.
constexpr bool TakesReceive(Op op) { return IsSend(op) || op == Op::kWriteImm; }
// Whether it takes no packet at all.
constexpr bool IsLocal(Op op) { return op == Op::kLocalInvalidate || op == Op::kBindWindow; }
constexpr bool IsAtomic(Op op) { return op == Op::kFetchAdd || op == Op::kCompareSwap; }
// Whether only a response with data completes it.
constexpr bool WantsData(Op op) { return op == Op::kRead || IsAtomic(op); }
// Whether the requester's common path serves it: data in packets that are acknowledged.
constexpr bool IsPlain(Op op) { return op <= Op::kWriteImm; }

// Completion status, after IBTA 1.4, 11.6.2.
enum class Status : uint8_t {
  kSuccess,
  kLocalLength,  // the message does not fit the posted receive
  kLocalQpOperation,
  kFlushed,  // the queue pair went to the error state before this request ran
  kRemoteInvalidRequest,
  kRemoteAccess,
  kRemoteOperation,
  kRetryExceeded,
  kRnrRetryExceeded,
  kWindowBind,     // a memory window could not be bound
  kPathTooNarrow,  // as kRetryExceeded, and a router reported that such packets do not fit
};

// Operands of an atomic; they lie in the room for inline data of the request's slot.
struct AtomicOperands {
  uint64_t swap_or_add = 0;
  uint64_t compare = 0;
};

// One posted send request. The application's thread writes the first part before it publishes the
// slot; the second part belongs to the requester.
struct SendWork {
  uint64_t wr_id = 0;
  uint64_t remote_address = 0;
  // `segment_count` runs, `length` bytes in all. Those of a READ or an atomic are written to: their
  // regions were checked for it when they were posted.
  const Segment* segments = nullptr;
  uint32_t length = 0;
  uint32_t rkey = 0;  // the peer's key, also of SEND with invalidate; our own of local invalidate
  uint32_t imm = 0;
  uint16_t segment_count = 0;
  Op op = Op::kSend;
  bool signalled = true;
  bool solicited = false;
  bool fence = false;  // waits for the READs and atomics before it

  Psn first_psn;
  uint32_t packets = 0;  // PSNs that it takes; 0: none, a local operation
  // Payload bytes of all messages before this one; with selective repeat its message number.
  uint64_t stream_start = 0;
  // Send sequence number, for credits (IBTA 1.4, 9.7.7.2); with selective repeat the number of the
  // receive that it takes, or of the READ or atomic that it is.
  uint32_t ssn = 0;
};

// One posted receive request.
struct ReceiveWork {
  uint64_t wr_id = 0;
  const MutableSegment* segments = nullptr;
  uint32_t length = 0;
  uint16_t segment_count = 0;
};

struct Completion {
  uint64_t wr_id = 0;
  uint32_t qpn = 0;
  uint32_t byte_length = 0;  // of the message, for receives
  uint32_t imm = 0;          // or the key that was invalidated
  Status status = Status::kSuccess;
  Op op = Op::kSend;
  bool receive = false;
  bool has_imm = false;
  bool solicited = false;
  bool invalidated = false;
  // Of a datagram that was received: its first 40 bytes are the header area; who sent it.
  bool grh = false;
  uint32_t source_qpn = 0;
  wire::MacAddress source_mac;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_WORK_H_
