// Requester: the sending half of an RC queue pair (IBTA 1.4, 9.7.2-9.7.7): segmentation, PSNs,
// acknowledgement requests, credits, completions in order, and recovery by go-back-N.
//
// Nothing is kept per packet. Each started request knows its first PSN and where it begins in the
// stream of payload bytes, so a PSN maps to bytes by arithmetic, and the in-flight count is the
// difference of two stream offsets: a rewind takes lost bytes out of it by itself.
//
// A READ takes one PSN for each packet of its response, and its bytes count as in flight from the
// request to their response. The window so bounds what is asked for: a long READ goes out as
// several requests. Responses are taken in order only. An answer beyond one that is missing (a
// later response, or an acknowledgement of a later request) is a loss noticed: the requester goes
// back to the first PSN that is missing, at once (IBTA 1.4, 9.7.5.1.4: the implied NAK).
//
// Sans-I/O: packets are asked for one by one (Next), answers are handed in (OnAcknowledge), time
// comes as an argument. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_REQUESTER_H_
#define SLUICE_TRANSPORT_REQUESTER_H_

#include <cstdint>
#include <optional>

#include "base/optional_time.h"
#include "base/psn.h"
#include "base/time.h"
#include "base/units.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/outgoing_packet.h"
#include "transport/queues.h"
#include "transport/read_window.h"
#include "transport/send_flow.h"
#include "transport/send_records.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

struct RequesterConfig {
  uint32_t mtu = 1024;  // payload bytes of a full packet; multiple of 4, 256 to 4096
  Psn first_psn;
  Duration ack_timeout;     // 4.096 us * 2^timeout; zero: never
  uint8_t retry_count = 7;  // timeouts and NAKs without progress before the queue pair fails
  uint8_t rnr_retry = 7;    // 7: without end (IBTA 1.4, 9.7.5.2.8)
  uint8_t read_depth = 0;   // READ and atomic requests outstanding at a time
  uint8_t ask_every = 16;   // a packet asks for an acknowledgement at least this often
  uint32_t pd = 0;          // whose keys a local invalidate may name
};

// Why nothing can be sent now.
enum class SendGate : uint8_t {
  kOpen,
  kNoWork,
  kWindow,   // until an acknowledgement
  kCredits,  // until an acknowledgement
  kRnr,      // until rnr_deadline()
  kReads,    // until the response to a READ or an atomic: the depth is reached, or a fence
  kLocal,    // a local operation is next: RunLocal
};

class Requester {
 public:
  // Most PSNs that may be outstanding: what a responder of ours takes for possible
  // (Responder::kPsnWindow), and well below the 2^23 at which 24-bit order breaks.
  static constexpr int32_t kMaxOutstanding = 1 << 16;

  Requester(SendQueue* queue, CompletionRing* completions, uint32_t qpn)
      : queue_(queue), completions_(completions), qpn_(qpn) {}

  void Start(const RequesterConfig& config, SendFlow* flow);
  CompletionRing* completions() const { return completions_; }

  // ---- Sending.
  SendGate Gate() const { return HasWork() ? GateOfWork() : SendGate::kNoWork; }
  // Takes the next packet out; only with Gate() == kOpen. dest_qpn and pkey are left to the caller.
  void Next(Context& ctx, OutgoingPacket* out);
  // After a burst of Next calls that ended in `frame_bytes` for the last packet: records the stamp
  // and tells the controller.
  void EndBurst(Context& ctx, uint32_t frame_bytes);

  Bytes in_flight() const { return Bytes(static_cast<int64_t>(next_offset_ - una_offset_)); }
  bool outstanding() const { return !(next_ == una_); }
  bool HasWork() const { return current_ != queue_->tail(); }
  // Whether what is to be sent next belongs to a request that was begun.
  bool Begun() const { return current_ < started_; }
  // Whether a packet with this number is outstanding.
  bool UnderWay(Psn psn) const { return outstanding() && psn >= una_ && psn < max_; }
  // The path carries no more than `mtu` bytes of payload, says a router.
  void OnNarrowPath(uint32_t mtu) {
    narrow_ = config_.mtu > mtu && outstanding();
    narrow_at_ = una_;
  }
  // Everything that was begun is acknowledged and completed.
  bool drained() const { return !outstanding() && !Begun() && !HoldsCompletions(); }
  // Timers and retry counts may change while the queue pair drains.
  void SetAckTimeout(Duration timeout) { config_.ack_timeout = timeout; }
  void SetReadDepth(uint8_t depth) {
    config_.read_depth = depth;
    reads_.SetDepth(depth);
  }
  void SetRetryCount(uint8_t count) { config_.retry_count = retries_left_ = count; }
  void SetRnrRetry(uint8_t count) { config_.rnr_retry = rnr_left_ = count; }

  // Executes the local operation that is next; only with Gate() == kLocal. False as below.
  bool RunLocal(Context& ctx);

  // ---- Answers. False: the queue pair must go to the error state and be flushed.
  bool OnAcknowledge(Context& ctx, const wire::Aeth& aeth, Psn psn);
  // A READ response, its iCRC unchecked: the payload goes where this queue pair's own request says,
  // copied and checked in one pass. *drop tells whether it was taken.
  bool OnReadResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                      RxDrop* drop);
  // An intact ATOMIC ACKNOWLEDGE.
  bool OnAtomicResponse(Context& ctx, const wire::FrameView& view);
  bool OnTimers(Context& ctx);
  // The earliest of retransmission and RNR timer.
  OptionalTime Deadline() const {
    if (rnr_waiting_) [[unlikely]]
      return rnr_until_;
    if (!outstanding() || config_.ack_timeout.ps() == 0) return std::nullopt;
    return progress_ + config_.ack_timeout;
  }

  // Acknowledged requests wait for room in the completion ring.
  bool HoldsCompletions() const { return queue_->head() != acked_; }
  // Moves completions of acknowledged requests to the completion ring; false while the ring is
  // full and some are left.
  bool Retire(Context& ctx);
  // Completes everything that is left, as far as the completion ring has room: the request at
  // fault with its status, the others with kFlushed.
  bool Flush(Context& ctx);
  // As newly made, with an empty queue: what was posted is forgotten without completions.
  void Clear(Context& ctx);

 private:
  // How far `psn` lies behind `first`, which is not after it. Unsigned: a message of 2^31 bytes may
  // have 2^23 packets, which is where the signed difference of two PSNs turns round.
  static uint32_t PacketsFrom(Psn first, Psn psn) {
    return (psn.value() - first.value()) & Psn::kMask;
  }
  SendGate GateOfWork() const;
  void StartWork(SendWork* work);
  // Inlined where acknowledgements come by the million; AdvanceTo is the same for the other
  // callers.
  [[gnu::always_inline]] inline void Advance(Context& ctx, Psn through, bool timed);
  [[gnu::noinline]] void AdvanceTo(Context& ctx, Psn through, bool timed);
  void TakeCredits(const wire::Aeth& aeth);
  void SeekTo(Psn psn);
  void Rewind(Context& ctx, Psn psn, cc::LossKind kind);
  // Notes why the oldest unacknowledged request fails; the flush that follows completes it so.
  bool Fail(Status status) {
    failure_ = status;
    return false;
  }
  // Around each packet: `bytes` of payload.
  void BeginPacket(const Context& ctx) {
    if (outstanding()) return;
    progress_ = ctx.now;
    flow_->SetAsked(ctx.now);
  }
  void EndPacket(Context& ctx, bool ask, uint32_t bytes, OutgoingPacket* out) {
    out->bth.ack_request = ask;
    since_ack_request_ = ask ? 0 : static_cast<uint16_t>(since_ack_request_ + 1);
    if (ask) {
      flow_->SetAsked(ctx.now);
      burst_asks_ = true;
      asked_ = out->bth.psn;
      asked_bytes_ = bytes;
    }
    ask_ack_ = false;
    ++burst_packets_;
    burst_bytes_ += Bytes(bytes);
    burst_resends_ |= out->retransmission;
    ctx.counters.Add(Count::kDataPackets);
    if (out->retransmission) ctx.counters.Add(Count::kRetransmissions);
  }
  // The part for READs and atomics: requester_read.cc.
  [[gnu::noinline]] SendGate GateBehindReads(const SendWork& work) const;
  [[gnu::noinline]] void NextDataRequest(Context& ctx, SendWork* work, OutgoingPacket* out);
  uint32_t ReadRequestPackets(const SendWork& work) const;
  void WriteAtomic(const SendWork& work, OutgoingPacket* out) const;
  const SendWork* WorkAt(Psn psn, uint32_t* index) const;
  [[gnu::noinline]] bool OnAckBeyondRead(Context& ctx, const wire::Aeth& aeth, Psn psn,
                                         Psn missing);
  bool OnResponseBeyond(Context& ctx, const wire::FrameView& view, Psn missing);
  bool OnGap(Context& ctx, Psn missing);
  bool AnsweredBefore(Psn psn) const { return reads_.empty() || psn < reads_.FirstMissing(una_); }
  void OnResponse(Context& ctx, const wire::FrameView& view);
  bool OnNak(Context& ctx, const wire::Aeth& aeth, Psn psn);
  bool OnRnr(Context& ctx, const wire::Aeth& aeth, Psn psn);
  bool SpendRetry(Context& ctx);
  bool LimitedByCredits(const SendWork& work) const;
  Duration AckPatience() const;
  bool WantsAck(Time now, bool ends_message, const SendWork& work) const;
  uint64_t OffsetOf(const SendWork& work, uint32_t packet) const;
  bool Complete(const SendWork& work, Status status);
  void SampleRoundTrip(Context& ctx, Psn acked, AckSignal* signal);
  void Record(Context& ctx, uint32_t frame_bytes, bool app_limited);

  SendQueue* queue_;
  CompletionRing* completions_;
  SendFlow* flow_ = nullptr;
  const uint32_t qpn_;
  RequesterConfig config_;

  Psn una_;                  // oldest unacknowledged
  Psn next_;                 // to be sent next
  Psn max_;                  // one past the highest ever sent
  Psn narrow_at_;            // una_ when a router reported a narrow path
  uint64_t una_offset_ = 0;  // stream offsets of una_ and next_
  uint64_t next_offset_ = 0;
  uint64_t stream_end_ = 0;  // of the last started request
  uint64_t acked_ = 0;       // queue positions: requests before it are acknowledged,
  uint64_t current_ = 0;     // the one to be sent from,
  uint64_t started_ = 0;     // those before it have PSNs
  uint32_t packet_ = 0;      // index of the next packet within `current_`

  Psn ssn_;           // of the last started request
  Psn credit_limit_;  // last SSN that may take a receive (LSN)
  bool credits_unlimited_ = true;

  Time progress_;    // when the retransmission timer was last restarted
  Time rewound_at_;  // the last rewind: when, and to where
  Psn rewound_to_;
  Psn asked_;  // of the current burst: the last packet that asks for an acknowledgement
  Time rnr_until_;
  bool rnr_waiting_ = false;
  bool ask_ack_ = false;               // the next packet is the first of a retransmission
  Status failure_ = Status::kFlushed;  // of the next request that Flush completes
  uint8_t retries_left_ = 0;
  uint8_t rnr_left_ = 0;
  bool narrow_ = false;  // OnNarrowPath, while una_ was narrow_at_
  uint16_t since_ack_request_ = 0;
  ReadWindow reads_;

  // The burst under way, for its record.
  uint32_t asked_bytes_ = 0;  // of asked_, its payload
  uint32_t burst_packets_ = 0;
  Bytes burst_bytes_;
  bool burst_asks_ = false;
  bool burst_resends_ = false;
  SendRecords records_;
  Psn newest_response_;  // behind a gap, since the last rewind; its max_ before there is one
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_REQUESTER_H_
