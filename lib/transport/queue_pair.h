// QueuePair: a queue pair (IBTA 1.4, chapters 9 and 10) as its engine sees it: the two halves, the
// send flow, the headers, the state. Each duty lives in its own class; this one only routes. The
// halves of RC are part of it; those of UC and UD lie behind a pointer (unacked_halves.h).
//
// Threads: the core that polls the engine owns everything here. The application's thread reaches
// the three rings (send queue, receive queue, completions) and the doorbell flag, nothing else.
#ifndef SLUICE_TRANSPORT_QUEUE_PAIR_H_
#define SLUICE_TRANSPORT_QUEUE_PAIR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/optional_time.h"
#include "base/psn.h"
#include "base/time.h"
#include "cc/receiver.h"
#include "port/packet.h"
#include "transport/cnp_gate.h"
#include "transport/context.h"
#include "transport/peer_account.h"
#include "transport/qp_states.h"
#include "transport/queues.h"
#include "transport/read_responder.h"
#include "transport/requester.h"
#include "transport/responder.h"
#include "transport/send_flow.h"
#include "transport/shared_receive_queue.h"
#include "transport/sr_halves.h"
#include "transport/unacked_halves.h"
#include "wire/address.h"
#include "wire/frame_view.h"
#include "wire/header_template.h"

namespace sluice::transport {

struct QueuePairConfig {
  uint32_t pd = 0;
  uint32_t send_depth = 64;
  uint32_t receive_depth = 64;
  uint32_t max_segments = 1;
  uint32_t max_inline = 0;  // bytes of inline data per send request
  // Owned by the completion queue, which outlives the queue pair.
  CompletionRing* send_completions = nullptr;
  CompletionRing* receive_completions = nullptr;
  QpType type = QpType::kRc;
  // Instead of an own receive queue; outlives the queue pair.
  SharedReceiveQueue* shared_receives = nullptr;
  // UD: takes QPN 1, the general service interface (IBTA 1.4, 3.9.2 and 13.5.1); one per engine.
  bool management = false;
};

// Everything that has to be known of the peer and the path before data may flow. Of a datagram
// queue pair only mtu (its longest message), send_psn, pkey and qkey mean something.
struct Connection {
  wire::PathHeader path;  // from us to the peer; ecn and source_port are set by Connect
  uint32_t peer_qpn = 0;
  Psn send_psn;     // our first
  Psn receive_psn;  // the peer's first
  uint32_t mtu = 1024;
  uint16_t pkey = 0xffff;
  Duration ack_timeout;  // zero: never
  uint8_t retry_count = 7;
  uint8_t rnr_retry = 7;
  uint8_t min_rnr_timer = 12;
  uint8_t cnp_dscp = 48;
  uint32_t flow_label = 0;  // 0: the source port comes from the two QPNs
  // READ and atomic requests that we may have outstanding (initiator depth), and that the peer may
  // (responder resources); at most ReadWindow::kMaxDepth each, 0: none.
  uint8_t max_rd_atomic = 0;
  uint8_t responder_resources = 0;
  uint32_t qkey = 0;      // UD
  uint8_t access = 0xff;  // memory::Access: which remote operations the peer may use
  // Selective repeat, if both ends agreed to the extension (docs/wire-formats.md): the window in
  // PSNs, a power of two; 0: base RC. The pools outlive the queue pair.
  uint32_t tracking_window = 0;
  bool telemetry = false;  // with selective repeat: data carries a shim for the reports of switches
  bool relaxed_ordering = false;  // likewise: WRITEs that overlap do not wait for each other
  ScoreboardPools* scoreboards = nullptr;
  WireModel model;  // with selective repeat, in virtual time
  uint8_t ask_every =
      16;  // a packet asks for an acknowledgement at least this often, or when W/4 do
};

class QueuePair {
 public:
  // `room`: RoomFor(config) bytes on a cache line, best behind the queue pair itself, that outlive
  // it; null: from the heap.
  QueuePair(uint32_t qpn, const QueuePairConfig& config, std::byte* room = nullptr);
  ~QueuePair();
  // What its two queues take for their slots.
  static size_t RoomFor(const QueuePairConfig& config);
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  uint32_t qpn() const { return qpn_; }
  uint32_t pd() const { return pd_; }
  // Any thread may read it; a post to a queue pair in error completes flushed.
  QpState state() const { return state_.load(std::memory_order_acquire); }
  SendQueue& send_queue() { return send_queue_; }
  ReceiveQueue& receive_queue() { return receive_queue_; }
  // The receives that it holds; of an extended one also those bound ahead from a shared queue.
  ReceiveQueue& held_receives() {
    return sr_ == nullptr ? receive_queue_ : sr_->receiver.receives();
  }

  // The transitions of IBTA 1.4, 10.3.1; which of them is allowed when is the caller's to know
  // (TransitionOf). RESET to INIT:
  void Initialise(const Connection& connection);
  // INIT to RTR: the flows get their controllers as `profile` says, `make_receiver` constructs the
  // receiver half into the storage that it is given.
  template <typename MakeReceiver>
  void StartReceiving(const Connection& connection, std::shared_ptr<const FlowProfile> profile,
                      const MakeReceiver& make_receiver, Time now, Counters* counters) {
    flow_.Start(std::move(profile), qpn_, now, counters);
    DestroyReceiver();
    // Whom a notification of a datagram's mark would have to go to is not kept.
    if (type_ != QpType::kUd) {
      receiver_half_ = make_receiver(static_cast<void*>(receiver_storage_), flow_.context());
    }
    StartHalves(connection);
  }
  // RTR to RTS.
  void StartSending(const Connection& connection);
  // RTS to SQD, and from SQD and SQE back to RTS.
  void Drain() { state_.store(QpState::kSendDrain, std::memory_order_release); }
  void Resume() { state_.store(QpState::kReadyToSend, std::memory_order_release); }
  // What changes without a change of state; values are taken from `connection`.
  void Apply(QpAttributeSet given, const Connection& connection);
  // To RESET: everything posted is forgotten without completions. Its timer must be cancelled and
  // the queue pair in no list of the engine.
  void Reset(Context& ctx);
  // In SQD: whether everything that was begun is finished.
  bool drained() const {
    if (unacked_ != nullptr) return unacked_->requester.drained();
    return sr_ == nullptr ? requester_.drained() : sr_->sender.drained();
  }

  // Whether a request of it is under way and not acknowledged.
  bool outstanding() const {
    return sr_ == nullptr ? requester_.outstanding() : sr_->sender.outstanding();
  }

  // A frame for this queue pair that the wire parser accepted. Drops are counted in ctx.
  void OnPacket(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  // A packet for it whose payload a switch cut (wire/trimmed.h): counted as dropped, whatever else.
  void OnTrimmed(Context& ctx, const wire::FrameView& view);
  // Whatever timer is due: retransmission, RNR, the controller's. Spurious calls are harmless.
  void OnTimers(Context& ctx);
  // The earliest time at which OnTimers has something to do.
  OptionalTime TimerDeadline() const;

  // Whether a data packet may go now.
  SendGate Gate() const {
    if (unacked_ != nullptr) [[unlikely]]
      return UnackedGate();
    const QpState s = state();
    if (s == QpState::kReadyToSend) [[likely]]
      return sr_ == nullptr ? requester_.Gate() : sr_->sender.Gate();
    return s == QpState::kSendDrain ? GateWhileDraining() : SendGate::kNoWork;
  }
  // What a plain one (reliable, without selective repeat, owing no READ responses) has to do, all
  // questions in one; the engine asks after every packet.
  bool plain() const { return unacked_ == nullptr && sr_ == nullptr && reads_.flow() == nullptr; }
  struct Outlook {
    bool answers;    // HasAnswer()
    bool unsettled;  // Unsettled()
    SendGate gate;   // Gate()
    OptionalTime deadline;
  };
  Outlook PlainOutlook() const {
    const QpState s = state();
    const bool rts = s == QpState::kReadyToSend;
    SendGate gate = SendGate::kNoWork;
    if (rts || (s == QpState::kSendDrain && requester_.Begun())) gate = requester_.Gate();
    Outlook o{responder_.HasAnswer(), s == QpState::kError || requester_.HoldsCompletions(), gate,
              std::nullopt};
    if (rts || Sends(s)) o.deadline = PlainDeadline();
    return o;
  }

  // Executes the local operation that is next; only with Gate() == kLocal.
  void RunLocal(Context& ctx);
  // Writes the next data packet; only with Gate() == kOpen. EndBurst closes a run of them.
  void WriteNext(Context& ctx, port::Packet* packet);
  void EndBurst(Context& ctx);

  // Whether a READ or atomic response may go now; it leaves by response_flow(), which is null
  // before the first one was asked for. EndResponses closes a run of them.
  bool HasResponse() {
    return Receives(state()) &&
           (reads_.pending() || (sr_ != nullptr && sr_->responder.HasPacket()));
  }
  void WriteResponse(Context& ctx, port::Packet* packet);
  void EndResponses(Context& ctx) {
    if (sr_ != nullptr) sr_->responder.EndBurst(ctx, sr_->response_frame);
    reads_.EndBurst(ctx);
  }
  SendFlow* response_flow() { return reads_.flow(); }
  // What READ responses borrowed, to go back to the pool; its flow must be in no list any more.
  ResponseBlock* DetachResponses() { return reads_.Detach(); }
  bool serves_reads() const { return reads_.serves(); }
  uint8_t max_rd_atomic() const { return max_rd_atomic_; }

  // Selective repeat.
  bool extended() const { return sr_ != nullptr; }

  bool HasAnswer() const { return sr_ == nullptr ? responder_.HasAnswer() : sr_->HasAnswer(); }
  // Takes the answer that is due (ACK, NAK, CNP), to be written by the two calls below; another one
  // may be due after it.
  Answer TakeAnswer(Context& ctx) {
    return sr_ == nullptr ? responder_.TakeAnswer(ctx) : sr_->TakeAnswer(ctx);
  }
  void WriteAcknowledge(Context& ctx, const Answer& answer, port::Packet* packet) const;
  void WriteCnp(Context& ctx, port::Packet* packet) const;

  // RC: whether a packet with this number, to that queue pair of `peer`, is under way.
  bool UnderWay(const wire::IpAddress& peer, uint32_t dest_qpn, Psn psn) const;
  // The path to `peer` carries packets of `mtu` bytes at most, says a router. If ours are longer
  // and what is under way is never answered, its failure names that cause. Base RC.
  void OnNarrowPath(const wire::IpAddress& peer, uint32_t mtu);

  // Whether completions are held back, or posted work is to be flushed.
  bool Unsettled() const {
    if (unacked_ != nullptr) [[unlikely]]
      return UnackedUnsettled();
    if (state() == QpState::kError) return true;
    return sr_ == nullptr ? requester_.HoldsCompletions() : sr_->HoldsCompletions();
  }
  // Moves held-back completions; true when nothing is left to move.
  bool Settle(Context& ctx);
  // To the error state: everything posted completes flushed.
  void Fail(Context& ctx);

  SendFlow& flow() { return flow_; }
  QpType type() const { return type_; }
  // The application's thread, of a slot of the send queue that it claimed: where the datagram goes.
  DatagramTarget& TargetOf(const SendWork* work) { return unacked_->requester.TargetOf(work); }

  // Hints for engines of so many queue pairs that each finds its own in memory only
  // (docs/decisions/0006-borrowed-scoreboards.md). Called for a whole burst, one after the other,
  // they fetch its lines together. The application's thread, before a post, in this order:
  void PrefetchPost(bool send) const {
    __builtin_prefetch(this, 1);
    send ? send_queue_.PrefetchEnds() : receive_queue_.PrefetchEnds();
  }
  void PrefetchClaim(bool send) const {
    send ? send_queue_.PrefetchClaim() : receive_queue_.PrefetchClaim();
  }
  // The engine's, likewise: what sending, a request or a response touches, then the oldest requests
  // and the controller, then where a request's data go.
  enum class Touch : uint8_t { kSend, kRequest, kResponse };
  void PrefetchFor(Touch touch) const;
  void PrefetchHeads(Touch touch) const {
    if (sr_ != nullptr) PrefetchExtended();
    if (touch == Touch::kRequest) return receive_queue_.PrefetchHead();
    if (touch == Touch::kResponse) send_queue_.PrefetchHead();
    flow_.PrefetchController();
  }
  void PrefetchReceive() const;
  void PrefetchExtended() const;

  // The engine's bookkeeping. From here on the order of members is that of use: one cache line of
  // what everybody asks, one of an IPv4 path, the flow, the halves.
  QueuePair* next_doorbell = nullptr;
  QueuePair* next_answer = nullptr;
  QueuePair* next_unsettled = nullptr;
  PeerAccount* peer_account = nullptr;  // null: nobody counts
  std::atomic<bool> doorbell{false};
  bool in_answer_list = false;
  bool in_unsettled_list = false;

 private:
  OptionalTime PlainDeadline() const {
    OptionalTime d = requester_.Deadline();
    if (flow_.has_deadline()) [[unlikely]]
      d = d ? Earlier(*d, flow_.deadline()) : flow_.deadline();
    return d;
  }
  SendGate GateWhileDraining() const {
    if (sr_ != nullptr) return sr_->sender.Begun() ? sr_->sender.Gate() : SendGate::kNoWork;
    return requester_.Begun() ? requester_.Gate() : SendGate::kNoWork;
  }
  void StartHalves(const Connection& connection);
  void DestroyReceiver();
  RxDrop Admit(const wire::FrameView& view) const;
  void OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  void OnReadResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  void OnCnp(Context& ctx);
  // The same routes for UC and UD (queue_pair_unacked.cc).
  RxDrop AdmitUnacked(const wire::FrameView& view) const;
  void OnUnacked(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  SendGate UnackedGate() const;
  bool UnackedUnsettled() const;
  void WriteUnacked(Context& ctx, port::Packet* packet);
  bool SettleUnacked(Context& ctx);
  // And for selective repeat (queue_pair_extended.cc).
  void StartExtended(const Connection& connection);
  void WriteExtended(Context& ctx, port::Packet* packet);
  void StartExtendedSending(const Connection& connection);
  void WriteExtendedResponse(Context& ctx, port::Packet* packet);
  void OnExtended(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  void ApplyExtended(QpAttributeSet given, const Connection& connection);

  std::atomic<QpState> state_{QpState::kReset};
  const QpType type_;
  uint16_t pkey_ = 0xffff;
  const uint32_t qpn_;
  const uint32_t pd_;
  std::unique_ptr<SrHalves> sr_;            // selective repeat, in place of requester and responder
  std::unique_ptr<UnackedHalves> unacked_;  // null for RC
  uint32_t peer_qpn_ = 0;
  uint32_t last_frame_ = 0;
  wire::HeaderTemplate data_path_;
  CnpGate cnp_gate_;
  uint8_t cnp_dscp_ = 48;
  uint8_t max_rd_atomic_ = 0;
  cc::ReceiverHalf* receiver_half_ = nullptr;
  ReadResponder reads_;
  Responder responder_;
  SendFlow flow_;
  Requester requester_;
  alignas(16) std::byte receiver_storage_[cc::kMaxReceiverSize];
  SendQueue send_queue_;
  ReceiveQueue receive_queue_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_QUEUE_PAIR_H_
