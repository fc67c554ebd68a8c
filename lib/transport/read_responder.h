// ReadResponder: the part of an RC responder that owes data: it accepts READ and atomic requests,
// executes atomics once, and makes the response packets (IBTA 1.4, 9.7.4.1 and 9.7.5.1).
//
// READ responses leave by the queue pair's second send flow (docs/decisions/0005-send-flows.md).
// Base RoCEv2 never acknowledges them, so the flow is paced by its controller's rate alone; what
// may be under way is bounded by the requester, which asks for no more than its own window.
// Each response packet looks its part of the region up again: memory that was deregistered in
// between is not read, and the peer is told.
//
// One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_READ_RESPONDER_H_
#define SLUICE_TRANSPORT_READ_RESPONDER_H_

#include <cstdint>

#include "base/psn.h"
#include "base/time.h"
#include "cc/controller.h"
#include "transport/context.h"
#include "transport/outgoing_packet.h"
#include "transport/peer_account.h"
#include "transport/request_check.h"
#include "transport/response_pool.h"
#include "wire/frame_view.h"

namespace sluice::transport {

class QueuePair;

class ReadResponder {
 public:
  explicit ReadResponder(QueuePair* owner) : owner_(owner) {}

  // `resources`: requests that the peer may have outstanding; 0: none are served.
  void Start(uint32_t mtu, uint8_t resources) {
    mtu_ = mtu;
    resources_ = resources;
  }
  void SetResources(uint8_t resources) { resources_ = resources; }
  bool serves() const { return resources_ > 0; }

  // PSNs that a READ or atomic request takes: one for each packet of its response.
  uint32_t PacketsOf(const wire::FrameView& view) const;

  // An intact request, in order; `msn` is the message count that includes it. kNone: accepted, and
  // an atomic is executed.
  RequestCheck Accept(Context& ctx, const wire::FrameView& view, uint32_t msn);
  // An intact request whose PSN was received before, with `expected` the next new one. It is judged
  // again and answered again; false: it is ignored.
  bool AcceptDuplicate(Context& ctx, const wire::FrameView& view, Psn expected, uint32_t msn);

  // Whether responses are owed.
  bool pending() const { return block_ != nullptr && !block_->queue.empty(); }
  // The second send flow; null before the first request.
  SendFlow* flow() { return block_ == nullptr ? nullptr : &block_->flow; }
  const SendFlow* flow() const { return block_ == nullptr ? nullptr : &block_->flow; }
  // Whether responses are owed or left a short while ago: a congestion notification may be meant
  // for them.
  bool Active(Time now) const;

  // Takes the next response packet out; only if pending(). `run` becomes its payload's place.
  // dest_qpn and pkey are left to the caller. False: the memory is gone, the packet is the NAK that
  // says so, and the queue pair must go to the error state.
  bool Next(Context& ctx, uint8_t credit_code, OutgoingPacket* out, Segment* run);
  // After a burst of Next calls: tells the controller.
  void EndBurst(Context& ctx);

  // Owes nothing any more.
  void Clear() {
    if (block_ != nullptr) block_->queue.Clear();
  }
  // The second send flow, borrowed if there is none yet; false, and counted, when the pool is
  // empty.
  bool Borrow(Context& ctx);
  // What the peer of this queue pair is owed by all of them; null: nobody counts.
  PeerAccount* account() const;
  // The memory that a request of the peer names, by a region or by a window of this queue pair.
  memory::Resolution Memory(const Context& ctx, uint32_t rkey, uint64_t va, uint32_t length,
                            memory::Access access) const;
  // The block to hand back to the pool, or null.
  ResponseBlock* Detach() {
    ResponseBlock* b = block_;
    block_ = nullptr;
    return b;
  }

 private:
  RequestCheck CheckRead(const Context& ctx, const wire::Reth& reth) const;
  RequestCheck AcceptRead(Context& ctx, const wire::FrameView& view, uint32_t msn);
  RequestCheck AcceptAtomic(Context& ctx, const wire::FrameView& view, uint32_t msn);
  RequestCheck Full() const;
  ResponseJob ReadJob(const wire::FrameView& view, uint32_t msn) const;
  void WriteAtomicAck(const ResponseJob& job, uint8_t credit_code, OutgoingPacket* out) const;
  bool WriteRead(Context& ctx, const ResponseJob& job, uint8_t credit_code, OutgoingPacket* out,
                 Segment* run);

  QueuePair* const owner_;
  uint32_t mtu_ = 1024;
  uint8_t resources_ = 0;
  // Last, beside the responder's state: asked for with every packet.
  ResponseBlock* block_ = nullptr;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_READ_RESPONDER_H_
