// Responder: the receiving half of an RC queue pair (IBTA 1.4, 9.7.4-9.7.5): PSN order, opcode
// sequence, placement, receive completions, and what is to be answered.
//
// Nothing in a packet is acted upon before its iCRC was verified, with one exception: where the
// queue pair's own state gives the address (SEND into the posted receive, WRITE MIDDLE and LAST),
// payload is copied and checked in one pass, and a bad packet leaves only bytes that the next
// transmission overwrites before anybody is told of them.
//
// Answers are flags, never queued packets: the engine asks once per poll (TakeAnswer), so that a
// burst is acknowledged by one ACK. READs and atomics are handed to the ReadResponder; while it
// owes responses, acknowledgements and NAKs wait, since each of them acknowledges everything before
// it. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_RESPONDER_H_
#define SLUICE_TRANSPORT_RESPONDER_H_

#include <cstdint>

#include "base/psn.h"
#include "base/time.h"
#include "cc/receiver.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/payload.h"
#include "transport/queues.h"
#include "transport/rate_limit.h"
#include "transport/read_responder.h"
#include "transport/request_check.h"
#include "transport/shared_receive_queue.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

struct ResponderConfig {
  uint32_t mtu = 1024;
  Psn expected_psn;
  uint8_t min_rnr_timer = 12;  // code of IBTA table 46: 0.64 ms
  uint32_t pd = 0;             // whose regions a peer may reach
  uint8_t access = 0xff;       // memory::Access: what it may do there
};

// What the engine has to send for this responder.
struct Answer {
  bool acknowledge = false;  // an AETH packet with the fields below
  wire::Aeth aeth;
  Psn psn;
  bool cnp = false;
};

class Responder {
 public:
  // A request further from the expected PSN, ahead or behind, is not what the peer can have in
  // flight: it is dropped without an answer. IBTA 1.4, 9.7.4.1.1 would answer it up to 2^23 away,
  // and so half of all random PSNs.
  static constexpr int32_t kPsnWindow = 1 << 16;

  Responder(ReceiveQueue* queue, CompletionRing* completions, ReadResponder* reads, uint32_t qpn)
      : queue_(queue), completions_(completions), reads_(reads), qpn_(qpn) {}

  void Start(const ResponderConfig& config, cc::ReceiverHalf* receiver_half);
  // Receives come from there; before Start.
  void SetShared(SharedReceiveQueue* shared) { shared_ = shared; }
  SharedReceiveQueue* shared() const { return shared_; }
  ResponderConfig& config() { return config_; }
  CompletionRing* completions() const { return completions_; }

  // Handles a request packet. False: the queue pair must go to the error state (a NAK is pending).
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet);

  bool HasAnswer() const { return ((ack_pending_ || nak_pending_) && !held_) || cnp_pending_; }
  // The answer due, and clears it.
  Answer TakeAnswer(Context& ctx);
  // All responses are out, the last one with this PSN: answers need not wait any longer.
  void OnResponsesSent(Psn last);

  // Of every intact packet with data, in order or not, also of READ responses to our requester: a
  // mark on a packet behind a gap tells of the same queue, and a flow in go-back-N that heard of
  // none would never slow down. True: acknowledge at once.
  bool TellReceiverHalf(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                        bool accepted);
  // What an AETH says of our receives (IBTA 1.4, table 45).
  uint8_t CreditCodeNow() const;

  // Completes posted receives, the one at fault with its status and the others with kFlushed, as
  // far as the completion ring has room; true when none is left.
  bool Flush(Context& ctx);
  // As newly made, with an empty queue: what was posted is forgotten without completions.
  void Clear();

 private:
  enum class Message : uint8_t { kNone, kSend, kWrite };

  using Check = RequestCheck;

  void OnOutOfOrder(Context& ctx, const wire::FrameView& view);
  [[gnu::noinline]] void OnDuplicate(Context& ctx, const wire::FrameView& view);
  [[gnu::noinline]] bool OnReadOrAtomic(Context& ctx, const wire::FrameView& view,
                                        const port::Packet& packet);
  [[gnu::noinline]] Check Invalidate(Context& ctx, const wire::FrameView& view);
  Check CheckSequence(const wire::FrameView& view) const;
  Check Place(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  [[gnu::noinline, gnu::cold]] memory::Resolution WindowPart(const Context& ctx, uint32_t rkey,
                                                             uint64_t va, uint32_t length,
                                                             uint32_t at) const;
  Check PlaceSend(Context& ctx, const wire::FrameView& view, const ReceivedPayload& payload,
                  bool check);
  Check PlaceWrite(Context& ctx, const wire::FrameView& view, const ReceivedPayload& payload,
                   bool check);
  bool ReceiverReady(const wire::FrameView& view, const ReceivedPayload& payload, bool check) const;
  void Finish(Context& ctx, const wire::FrameView& view);
  bool Reject(Context& ctx, Check check);
  void RefuseNotReady(Context& ctx);

  ReceiveQueue* queue_;
  SharedReceiveQueue* shared_ = nullptr;
  CompletionRing* completions_;
  ReadResponder* const reads_;
  cc::ReceiverHalf* receiver_half_ = nullptr;
  const uint32_t qpn_;
  ResponderConfig config_;

  Psn expected_;
  Psn msn_;  // 24-bit like a PSN: messages completed
  Message message_ = Message::kNone;
  uint32_t offset_ = 0;    // payload of the message so far
  uint64_t write_va_ = 0;  // of the message's RETH
  uint32_t write_rkey_ = 0;
  uint32_t write_length_ = 0;

  Status failure_ = Status::kFlushed;  // of the next receive that Flush completes
  bool ack_pending_ = false;
  bool nak_pending_ = false;
  bool cnp_pending_ = false;
  bool held_ = false;  // answers wait for READ and atomic responses
  uint8_t nak_syndrome_ = 0;
  // One NAK per gap: no further one until the expected PSN arrives, unless the requester is seen to
  // have gone back and lost that packet again.
  bool gap_reported_ = false;
  Psn gap_newest_;  // newest PSN seen in the gap
  // What recovery needs within a round trip may be answered at once; a flood gets 100,000 answers a
  // second.
  RateLimit<10, 8> nak_rate_;
  RateLimit<10, 8> rnr_rate_;
  RateLimit<10, 32> duplicate_rate_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_RESPONDER_H_
