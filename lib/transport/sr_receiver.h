// SrReceiver: the receiving half of a queue pair that agreed to the extension
// (docs/wire-formats.md, "Receiver"): every packet of the window is placed when it comes, messages
// complete in order, errors are raised in order.
//
// A packet says itself where it goes, so its iCRC is verified before anything in it is believed.
// A packet out of order for which there is no block (sr_arrivals.h) is dropped as if lost, and
// counted. READs, atomics, invalidation, immediates and completions wait for their turn.
//
// Of a shared receive queue receives are bound in the order of their numbers, all up to that of the
// packet at hand; at most kMostBound are bound ahead. One thread: the core that owns the queue
// pair.
#ifndef SLUICE_TRANSPORT_SR_RECEIVER_H_
#define SLUICE_TRANSPORT_SR_RECEIVER_H_

#include <array>
#include <cstdint>
#include <memory>

#include "base/psn.h"
#include "base/time.h"
#include "cc/receiver.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/payload.h"
#include "transport/queues.h"
#include "transport/responder.h"
#include "transport/shared_receive_queue.h"
#include "transport/sr_arrivals.h"
#include "transport/sr_responder.h"
#include "transport/sr_scoreboard.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

class SrReceiver {
 public:
  static constexpr uint32_t kMostBound = 64;

  // All outlive it; `shared` is null where the receives are the queue pair's own.
  SrReceiver(ReceiveQueue* queue, SharedReceiveQueue* shared, CompletionRing* completions,
             SrResponder* responder, uint32_t qpn);

  void Start(const ResponderConfig& config, uint32_t window, cc::ReceiverHalf* receiver_half,
             BlockPool<ReceiveBlock>* pool);
  ResponderConfig& config() { return config_; }

  // Handles a request. False: the queue pair must go to the error state (a NAK is pending).
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  // Refuses what was acknowledged already and cannot be answered any more.
  void RefuseFetch(wire::NakCode code) { in_.Refuse(wire::Aeth::NakSyndrome(code)); }

  void Ask() { in_.Ask(); }
  void AskCnp() { in_.AskCnp(); }
  // The receives that its messages take.
  ReceiveQueue& receives() { return *queue_; }
  bool HasAnswer() const { return in_.HasAnswer(); }
  // Which packets are due; clears that, and answer() is the acknowledgement's content.
  Answer TakeAnswer(Context& ctx);
  const SrAnswer& answer() const { return in_.answer(); }
  // Whether a packet with this number may come and has not.
  bool Misses(Psn psn) const { return in_.Misses(in_.SequenceOf(psn)); }
  // Whether the next acknowledgement echoes this packet.
  bool Echoes(Psn psn) const { return in_.Echoes(psn); }

  // Something that has arrived waits: for room in the completion ring, for a flow of responses, or
  // to be refused once the responses before it are acknowledged.
  bool HoldsCompletions() const { return stall_ != Stall::kNone; }
  // Takes what had to wait; false while something does. After it there may be an answer.
  bool Settle(Context& ctx);
  // Completes posted receives, the one at fault with its status and the others with kFlushed, as
  // far as the completion ring has room; true when none is left.
  bool Flush(Context& ctx);

 private:
  enum class Stall : uint8_t { kNone, kRoom, kOwed };

  SrVerdict Describe(const wire::FrameView& view, const wire::ExtendedData& data,
                     ReceivedPacket* out) const;
  SrVerdict Place(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                  uint64_t sequence, const ReceivedPacket& p);
  SrVerdict PlaceWrite(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                       const ReceivedPacket& p) const;
  SrVerdict Remember(const wire::FrameView& view, const ReceivedPacket& p);
  // The receive that the packet says to be of; null if it is not posted.
  const ReceiveWork* FindReceive(uint64_t sequence, const ReceivedPacket& p);
  // The number of the oldest receive that was not taken.
  uint32_t NextReceive() const { return static_cast<uint32_t>(queue_->head()) - first_receive_; }
  bool InTurn(const ReceivedPacket& p) const;
  SrVerdict JudgeTurn(const ReceivedPacket& p) const;
  SrVerdict Perform(Context& ctx, const ReceivedPacket& p);
  void Consume(Context& ctx, const ReceivedPacket& p);
  // Takes the packets that follow in order and have arrived; false if one is invalid.
  bool Drain(Context& ctx);
  bool Accept(Context& ctx, uint64_t sequence, const ReceivedPacket& p);
  bool Reject(Context& ctx, SrVerdict check, uint64_t sequence, const wire::ExtendedData& data);
  static bool Fatal(const SrVerdict& v) {
    return v.drop != RxDrop::kNotReady && v.drop != RxDrop::kCompletionFull;
  }

  ReceiveQueue* queue_;
  SharedReceiveQueue* const shared_;
  std::unique_ptr<ReceiveQueue> bound_;  // instead of queue_: receives of shared_
  CompletionRing* completions_;
  SrResponder* const responder_;
  const uint32_t qpn_;
  ResponderConfig config_;
  SrArrivals in_;

  uint32_t first_receive_ = 0;  // low bits of the position in queue_ that has the number 0

  // The message under way in order.
  uint32_t message_ = 0;
  uint32_t index_ = 0;
  uint32_t length_ = 0;
  bool write_ = false;
  uint32_t msn_ = 0;
  // READs and atomics that arrived, by number, until they are executed.
  std::array<FetchRequest, ReadWindow::kMaxDepth> requests_;

  Status failure_ = Status::kFlushed;  // of the next receive that Flush completes
  Stall stall_ = Stall::kNone;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_RECEIVER_H_
