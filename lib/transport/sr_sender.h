// SrSender: the sending end of one stream of the extension: segmentation, PSNs, credits and
// completions in order as in RC, and recovery by selective repeat (docs/wire-formats.md, "Sender"):
// only what is lost is sent again. A queue pair has one for its requests and, once it serves READs
// and atomics, one for its responses, whose work requests are those that the peer asked for.
//
// Each outstanding packet has its entry in a scoreboard (sr_scoreboard.h). Loss is told from
// reordering by time (sr_loss.h); a tail-loss probe brings the answer that time needs, and the
// retransmission timer is the last resort. Lost packets leave the in-flight count and are sent
// again before new ones, through the flow's window and pace.
//
// Sans-I/O: packets are asked for one by one, answers are handed in, time comes as an argument. One
// thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_SENDER_H_
#define SLUICE_TRANSPORT_SR_SENDER_H_

#include <cstdint>
#include <span>

#include "base/optional_time.h"
#include "base/psn.h"
#include "base/time.h"
#include "base/units.h"
#include "transport/context.h"
#include "transport/queues.h"
#include "transport/requester.h"
#include "transport/send_flow.h"
#include "transport/sr_fetches.h"
#include "transport/sr_loss.h"
#include "transport/sr_scoreboard.h"
#include "wire/headers.h"

namespace sluice::transport {

struct SrSenderConfig {
  RequesterConfig base;
  uint32_t window = kMostTrackingWindow;  // PSNs; a power of two
  bool modelled = false;  // WireModel: every packet asks for an answer, and nothing probes
  // The READs and atomics that the requests ask for. Null: a stream of responses; nothing
  // completes, and without answers it falls silent instead of failing.
  SrFetches* fetches = nullptr;
  bool relaxed = false;  // WRITEs that overlap do not wait for each other
};

// What one acknowledgement packet said.
struct SrAcknowledge {
  Psn psn;  // last received in order
  wire::ExtendedAck ack;
  bool has_block = false;
  wire::SackBlock block;
  std::span<const cc::IntHop> hops;  // of the echoed packet; empty without telemetry
  uint32_t longest_wait_ns = 0;      // if there are any
};

class SrSender {
 public:
  // A stream of responses has no completions.
  explicit SrSender(SendQueue* queue, CompletionRing* completions = nullptr, uint32_t qpn = 0)
      : queue_(queue), completions_(completions), qpn_(qpn) {}

  // Set-up; nothing may be sent before there is a flow.
  void Start(const SrSenderConfig& config, BlockPool<SendBlock>* pool);
  void SetFlow(SendFlow* flow) { flow_ = flow; }
  bool started() const { return flow_ != nullptr; }

  // ---- Sending. As in Requester.
  SendGate Gate();
  // What Next is going to send.
  struct Upcoming {
    uint64_t sequence = 0;
    uint64_t position = 0;  // of its request in the queue
    uint32_t begin = 0;     // of its payload in the message
    uint32_t length = 0;
    bool again = false;
  };
  Upcoming Peek() const;
  void Next(Context& ctx, OutgoingPacket* out);
  void EndBurst(Context& ctx, uint32_t frame_bytes);

  Bytes in_flight() const { return Bytes(static_cast<int64_t>(in_flight_)); }
  bool outstanding() const { return una_ != next_; }
  // Responses that nobody acknowledged until the retries were used up: nothing is sent until Wake.
  bool silent() const { return silent_; }
  // Whether a packet with this number is outstanding.
  bool UnderWay(Psn psn) const {
    return ((psn.value() - static_cast<uint32_t>(una_)) & Psn::kMask) < next_ - una_;
  }
  uint64_t oldest() const { return una_; }
  bool HasWork() const { return current_ != queue_->tail(); }
  // Whether what is to be sent next belongs to a request that was begun.
  bool Begun() const { return lost_ > 0 || probe_oldest_ || current_ < started_; }
  // Everything that was begun is acknowledged, has what it fetches, and is completed.
  bool drained() const { return queue_->head() == started_; }
  // Timers and retry counts may change while the queue pair drains.
  void SetAckTimeout(Duration timeout) { config_.base.ack_timeout = timeout; }
  void SetRetryCount(uint8_t count) { config_.base.retry_count = retries_left_ = count; }
  void SetRnrRetry(uint8_t count) { config_.base.rnr_retry = rnr_left_ = count; }
  // Requests of which every packet was sent, and acknowledged ones, ever.
  uint64_t sent_works() const { return current_; }
  uint64_t done_works() const { return acked_; }
  // Executes the local operation that is next; only with Gate() == kLocal. False as below.
  bool RunLocal(Context& ctx);

  // ---- Answers. False: the queue pair must go to the error state and be flushed.
  bool OnAcknowledge(Context& ctx, const SrAcknowledge& answer);
  // The peer says that a switch has cut the payload of the packet whose psn, attempt and stamp
  // `ack` tells.
  void OnTrimmed(Context& ctx, const wire::ExtendedAck& ack);
  // The requests before that position are known to have arrived; all of them were sent.
  void OnWorksDelivered(Context& ctx, uint64_t position);
  // The peer was heard: a stream that fell silent is sent again from what is not acknowledged.
  // False while the pool is empty.
  bool Wake(Time now);
  // Something arrived for the fetches.
  void OnFetched(Context& ctx);
  bool OnTimers(Context& ctx);
  OptionalTime Deadline() const;

  // ---- Completions. As in Requester.
  bool HoldsCompletions() const { return queue_->head() != acked_; }
  bool Retire(Context& ctx);
  bool Flush(Context& ctx);

 private:
  // What an acknowledgement brought.
  struct Gain {
    uint64_t bytes = 0;
    uint32_t packets = 0;
    uint32_t ghosts = 0;  // of the block: what was never sent
  };

  void StartWork(SendWork* work);
  uint64_t FirstOf(const SendWork& work) const;
  uint64_t FindWork(uint64_t sequence) const;
  bool LimitedByCredits(const SendWork& work) const;
  SendGate GateBehindFetches(const SendWork& work) const;
  bool MustWait(const SendWork& work);
  bool Conflicts(Op earlier, Op later) const;
  bool Overlaps(const SendWork& work, uint64_t* position) const;
  uint32_t Backlog();
  bool WantsAck(Time now, bool ends_message, const SendWork& work) const;
  uint64_t FindLost() const;
  void TakeLost(uint64_t sequence);
  void Note(Context& ctx, uint64_t sequence, uint32_t length, bool again, uint8_t* attempt);
  void WriteHeaders(Context& ctx, const SendWork& work, const Upcoming& next, OutgoingPacket* out);
  uint8_t* WriteRequest(const SendWork& work, bool last, uint8_t* at) const;
  // Payload that its packets carry: of a request that fetches, and of an atomic's response, none.
  uint32_t PayloadOf(const SendWork& work) const {
    if (!WantsData(work.op)) return work.length;
    return config_.fetches == nullptr && work.op == Op::kRead ? work.length : 0;
  }
  bool Fetching() const { return config_.fetches != nullptr && config_.fetches->pending(); }

  bool Fail(Status status) {
    failure_ = status;
    return false;
  }
  void Deliver(Time now, uint64_t sequence, SendBlock* block, Gain* gain);
  void DeliverThrough(Time now, uint64_t sequence, Gain* gain);
  void DeliverBlock(Time now, const wire::SackBlock& sack, Gain* gain);
  uint32_t FrameBytes(uint32_t payload) const;
  void TakeEcho(Context& ctx, const wire::ExtendedAck& ack, AckSignal* signal);
  void TakeCounts(const wire::ExtendedAck& ack, AckSignal* signal);
  void PassWorks();
  void ReleaseIdle();
  void OnProgress(Time now);
  void OnSpurious(Context& ctx, uint64_t sequence, const SendBlock& block);
  void MarkLost(uint64_t sequence, SendBlock* block);
  void DetectLosses(Context& ctx);
  void ReportLosses(Context& ctx, cc::LossKind kind);
  bool OnRnr(Context& ctx, const wire::ExtendedAck& ack);
  bool SpendRetry(Context& ctx);
  bool OnTimeout(Context& ctx);
  bool OnFetchTimeout(Context& ctx);
  void FallSilent();
  void Probe(Context& ctx);
  bool NothingHeard() const { return outstanding() && lost_ == 0 && !probe_oldest_; }
  Duration ProbeAfter() const;
  bool Complete(const SendWork& work, Status status);

  SendQueue* queue_;
  CompletionRing* completions_;
  SendFlow* flow_ = nullptr;
  const uint32_t qpn_;
  SrSenderConfig config_;
  BlockWindow<SendBlock> blocks_;

  uint64_t una_ = 0;   // sequences: oldest not acknowledged in order,
  uint64_t next_ = 0;  // next to be sent for the first time
  uint64_t in_flight_ = 0;
  uint64_t delivered_ = 0;  // payload, ever
  uint32_t lost_ = 0;       // packets that wait to be sent again,
  uint64_t lost_from_ = 0;  // none of them before this one
  // Queue positions: requests before it are acknowledged and have what they fetch,
  uint64_t acked_ = 0;
  uint64_t passed_ = 0;   // are acknowledged,
  uint64_t current_ = 0;  // as in Requester
  uint64_t started_ = 0;
  uint32_t packet_ = 0;  // index of the next new packet within `current_`

  uint64_t next_message_ = 0;
  uint32_t next_receive_ = 0;  // messages started that take a receive
  uint32_t credit_limit_ = 0;
  bool credits_known_ = false;
  uint64_t counted_ = 0;  // queue position: requests before it are part of
  uint64_t backlog_ = 0;  // payload that was posted and not sent yet

  // Order of overlapping ranges: a hull of those outstanding, for a quick no; the request last
  // examined, and the one that it waits for.
  uint64_t hull_begin_ = 0, hull_end_ = 0;
  uint64_t examined_ = ~uint64_t{0};
  uint64_t waits_for_ = 0;  // position + 1; 0: for nothing
  bool waits_for_data_ = false;

  LossClock clock_;
  OptionalTime reorder_deadline_;
  Bytes newly_lost_;
  uint32_t newly_lost_packets_ = 0;
  Time progress_;
  Time last_event_;  // sent or heard something
  Time rnr_until_;
  bool rnr_waiting_ = false;
  bool probe_oldest_ = false;  // una_ arrived but is not acknowledged: ask why
  bool pool_empty_ = false;
  bool silent_ = false;  // responses that nobody acknowledges
  uint8_t probes_ = 0;
  Status failure_ = Status::kFlushed;
  uint8_t retries_left_ = 0;
  uint8_t rnr_left_ = 0;
  uint16_t since_ack_request_ = 0;

  uint32_t ce_packets_ = 0;
  uint32_t ce_bytes_ = 0;

  uint32_t frame_bytes_ = 0;  // of the last packet of the last burst, and its payload
  uint32_t frame_payload_ = 0;
  uint32_t last_length_ = 0;  // payload of the last packet
  uint32_t burst_packets_ = 0;
  Bytes burst_bytes_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_SENDER_H_
