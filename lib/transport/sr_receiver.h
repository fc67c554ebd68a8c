// SrReceiver: the receiving half of a queue pair that agreed to the extension
// (docs/wire-formats.md, "Receiver"): every packet of the window is placed when it comes, messages
// complete in order, errors are raised in order.
//
// A packet says itself where it goes, so its iCRC is verified before anything in it is believed.
// What arrived out of order is noted in blocks from the engine's pool (sr_scoreboard.h); a packet
// for which there is no block is dropped as if lost, and counted. Answers are flags: the engine
// asks once per poll. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_RECEIVER_H_
#define SLUICE_TRANSPORT_SR_RECEIVER_H_

#include <cstdint>
#include <optional>

#include "base/psn.h"
#include "base/time.h"
#include "cc/receiver.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/payload.h"
#include "transport/queues.h"
#include "transport/rate_limit.h"
#include "transport/responder.h"
#include "transport/sr_scoreboard.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

// An acknowledgement to be written: XT_SACK with a block, else XT_ACK.
struct SrAnswer {
  Psn psn;
  wire::ExtendedAck ack;
  std::optional<wire::SackBlock> block;
};

class SrReceiver {
 public:
  SrReceiver(ReceiveQueue* queue, CompletionRing* completions, uint32_t qpn)
      : queue_(queue), completions_(completions), qpn_(qpn) {}

  void Start(const ResponderConfig& config, uint32_t window, cc::ReceiverHalf* receiver_half,
             BlockPool<ReceiveBlock>* pool);

  // Handles a data packet. False: the queue pair must go to the error state (a NAK is pending).
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet);

  bool HasAnswer() const { return ack_pending_ || nak_pending_ || cnp_pending_; }
  // Which packets are due; clears that, and MakeAnswer gives the acknowledgement's content.
  Answer TakeAnswer(Context& ctx);
  const SrAnswer& answer() const { return answer_; }

  // Messages that have arrived wait for room in the completion ring.
  bool HoldsCompletions() const { return stalled_; }
  // Completes what had to wait; false while something does. After it there may be an answer.
  bool Settle(Context& ctx);
  // Completes posted receives, the one at fault with its status and the others with kFlushed, as
  // far as the completion ring has room; true when none is left.
  bool Flush(Context& ctx);

 private:
  struct Verdict {
    RxDrop drop = RxDrop::kNone;
    wire::NakCode nak = wire::NakCode::kInvalidRequest;
  };
  enum class Turn : uint8_t { kTaken, kStalled, kInvalid };

  bool Received(uint64_t sequence) const;
  void OnDuplicate(Context& ctx, uint64_t sequence, const wire::ExtendedData& data);
  void Refuse(Context& ctx, uint64_t sequence, const wire::ExtendedData& data);
  Verdict Describe(const wire::FrameView& view, ReceivedPacket* out) const;
  Verdict Place(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                const ReceivedPacket& p) const;
  // The receive of that number; null if it is not posted.
  const ReceiveWork* FindReceive(uint32_t number) const;
  bool InTurn(const ReceivedPacket& p) const;
  Verdict JudgeTurn(const ReceivedPacket& p) const;
  Turn Consume(Context& ctx, const ReceivedPacket& p);
  void ReturnBlocks();
  // Takes the packets that follow in order and have arrived; false if one is invalid.
  bool Drain(Context& ctx);
  bool Accept(Context& ctx, uint64_t sequence, const ReceivedPacket& p);
  bool Reject(Context& ctx, Verdict check, uint64_t sequence, const wire::ExtendedData& data);
  void NoteArrival(uint64_t sequence, bool asked);
  void NoteEcho(Context& ctx, Psn psn, const wire::ExtendedData& data);
  bool TellReceiverHalf(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                        bool accepted);
  void FillBlock(uint64_t first, wire::SackBlock* block) const;
  uint64_t ChooseBlock();

  ReceiveQueue* queue_;
  CompletionRing* completions_;
  cc::ReceiverHalf* receiver_half_ = nullptr;
  const uint32_t qpn_;
  ResponderConfig config_;
  uint32_t window_ = 0;
  BlockWindow<ReceiveBlock> blocks_;

  uint64_t expected_ = 0;
  uint64_t highest_ = 0;  // one past the highest that arrived; at least expected_
  // The message under way in order.
  uint32_t message_ = 0;
  uint32_t index_ = 0;
  uint32_t length_ = 0;
  bool write_ = false;
  uint32_t msn_ = 0;

  Status failure_ = Status::kFlushed;  // of the next receive that Flush completes
  bool stalled_ = false;
  bool ack_pending_ = false;
  bool nak_pending_ = false;
  bool cnp_pending_ = false;
  uint8_t nak_syndrome_ = 0;
  // Arrivals beyond expected_ since the last acknowledgement: the lowest and the highest.
  bool news_ = false;
  uint64_t news_low_ = 0, news_high_ = 0;
  uint64_t sweep_ = 0;  // where the next block in turn begins
  uint32_t acks_ = 0;
  RateLimit<10, 32> duplicate_rate_;  // of acknowledgements that only a duplicate asks for
  // What the next acknowledgement echoes, and the running counts.
  wire::ExtendedAck pending_;
  SrAnswer answer_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_RECEIVER_H_
