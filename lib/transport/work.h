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

enum class Op : uint8_t { kSend, kSendImm, kWrite, kWriteImm };

constexpr bool IsSend(Op op) { return op == Op::kSend || op == Op::kSendImm; }
constexpr bool IsWrite(Op op) { return op == Op::kWrite || op == Op::kWriteImm; }
constexpr bool HasImm(Op op) { return op == Op::kSendImm || op == Op::kWriteImm; }
// Whether the message takes a work request from the peer's receive queue, and so a credit.
constexpr bool TakesReceive(Op op) { return op != Op::kWrite; }

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
};

// One posted send request. The application's thread writes the first part before it publishes the
// slot; the second part belongs to the requester.
struct SendWork {
  uint64_t wr_id = 0;
  uint64_t remote_address = 0;
  const Segment* segments = nullptr;  // `segment_count` runs, `length` bytes in all
  uint32_t length = 0;
  uint32_t rkey = 0;
  uint32_t imm = 0;
  uint16_t segment_count = 0;
  Op op = Op::kSend;
  bool signalled = true;
  bool solicited = false;

  Psn first_psn;
  uint32_t packets = 0;       // 0: not started
  uint64_t stream_start = 0;  // payload bytes of all messages before this one
  uint32_t ssn = 0;           // send sequence number, for credits (IBTA 1.4, 9.7.7.2)
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
  uint32_t imm = 0;
  Status status = Status::kSuccess;
  Op op = Op::kSend;
  bool receive = false;
  bool has_imm = false;
  bool solicited = false;
  // Of a datagram that was received: its first 40 bytes are the header area; who sent it.
  bool grh = false;
  uint32_t source_qpn = 0;
  wire::MacAddress source_mac;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_WORK_H_
