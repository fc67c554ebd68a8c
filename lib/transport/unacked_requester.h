// UnackedRequester: the sending half of an unreliable queue pair, UC and UD (IBTA 1.4, 9.8.2 and
// 9.8.3). Nobody answers, so there is no window and nothing is kept: the flow's pace alone says
// when the next packet goes, and a request is complete when its last packet was written.
//
// A datagram has its destination of its own: a copy of the address handle, beside its slot of the
// send queue. One thread: the core that owns the queue pair; targets are written by the
// application's thread before it publishes the slot.
#ifndef SLUICE_TRANSPORT_UNACKED_REQUESTER_H_
#define SLUICE_TRANSPORT_UNACKED_REQUESTER_H_

#include <cstdint>
#include <vector>

#include "base/psn.h"
#include "base/units.h"
#include "transport/context.h"
#include "transport/qp_states.h"
#include "transport/queues.h"
#include "transport/requester.h"
#include "transport/send_flow.h"
#include "wire/header_template.h"

namespace sluice::transport {

// Where a datagram goes.
struct DatagramTarget {
  wire::HeaderTemplate path;
  uint32_t qpn = 0;
  uint32_t qkey = 0;  // bit 31 set: the queue pair's own is sent (IBTA 1.4, 10.2.5)
};

class UnackedRequester {
 public:
  UnackedRequester(QpType type, SendQueue* queue, CompletionRing* completions, uint32_t qpn);

  // Of a packet; of a datagram also the longest message.
  void SetMtu(uint32_t mtu) { mtu_ = mtu; }
  void Start(Psn first_psn, SendFlow* flow);
  void SetQkey(uint32_t qkey) { qkey_ = qkey; }
  // The application's thread, of a slot that it claimed; UD only.
  DatagramTarget& TargetOf(const SendWork* work) { return targets_[queue_->IndexOf(work)]; }

  // Whether a packet may go. When `draining`, only of a message that was begun.
  bool CanSend(bool draining) const {
    if (current_ == queue_->tail() || (draining && packet_ == 0)) return false;
    return !NextIsTooLong() && !NextIsLocal();
  }
  // A local operation is next (UC): RunLocal.
  bool NextIsLocal() const {
    return current_ != queue_->tail() && IsLocal(queue_->At(current_).op);
  }
  // Executes it for a queue pair of `pd`; false: it failed, FailNext was called, and the queue pair
  // must go to the error state.
  bool RunLocal(Context& ctx, uint32_t pd);
  // A datagram longer than the MTU is next: it cannot be sent (FailNext).
  bool NextIsTooLong() const {
    return type_ == QpType::kUd && current_ != queue_->tail() && queue_->At(current_).length > mtu_;
  }
  // Takes the next packet out; only if CanSend. The target of a datagram, valid until EndBurst, or
  // null. dest_qpn and pkey are left to the caller.
  const DatagramTarget* Next(Context& ctx, OutgoingPacket* out);
  // After a run of Next calls: completes what is wholly sent.
  void EndBurst(Context& ctx);

  bool HasWork() const { return queue_->head() != queue_->tail(); }
  bool HoldsCompletions() const { return queue_->head() != current_; }
  // Between two messages with nothing left to complete.
  bool drained() const { return packet_ == 0 && !HoldsCompletions(); }
  // Moves completions of what was sent to the completion ring; false while it is full.
  bool Retire(Context& ctx);
  // The request that is next fails with `status`, once Flush comes to it.
  void FailNext(Status status) { failure_ = status; }
  // Completes everything that is left, as far as the ring has room.
  bool Flush(Context& ctx);
  // Forgets everything that is posted, without completions.
  void Clear();

  // When data last left; a CNP counts only shortly after.
  bool SentSince(Time t) const { return sent_any_ && last_sent_ >= t; }

 private:
  bool Complete(const SendWork& work, Status status);

  const QpType type_;
  SendQueue* queue_;
  CompletionRing* completions_;
  SendFlow* flow_ = nullptr;
  const uint32_t qpn_;
  uint32_t mtu_ = 1024;
  uint32_t qkey_ = 0;
  Psn next_;
  uint64_t current_ = 0;  // queue position: the request to be sent from
  uint32_t packet_ = 0;   // index of the next packet within it
  Status failure_ = Status::kFlushed;
  bool sent_any_ = false;
  Time last_sent_;
  uint32_t burst_packets_ = 0;
  Bytes burst_bytes_;
  std::vector<DatagramTarget> targets_;  // by slot
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_UNACKED_REQUESTER_H_
