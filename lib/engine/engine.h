// Engine: one core's pipeline from received burst to transmitted burst, over one Port.
//
//   Poll(now):  receive burst -> parse -> queue pair -> feedback, once per flow and burst
//               doorbells and timers -> which flows may send
//               answers (ACK, NAK, CNP), then data byte-fair among the flows -> transmit burst
//
// The same object code runs beside a poll loop and in virtual time: time is the argument, the Port
// is the only outside. Nothing that a peer sends can stop or crash it: bad frames are dropped and
// counted by cause.
//
// Threads: the core that polls. Set-up calls (Create, Connect, Destroy) run on that thread too, or
// while nobody polls; another thread may only ring doorbells and read counters. After set-up the
// poll neither allocates, locks, logs nor makes a system call.
#ifndef SLUICE_ENGINE_ENGINE_H_
#define SLUICE_ENGINE_ENGINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/optional_time.h"
#include "cc/registry.h"
#include "engine/control_plane.h"
#include "engine/doorbell.h"
#include "engine/modelled_nic.h"
#include "engine/peer_table.h"
#include "engine/qp_table.h"
#include "memory/region_table.h"
#include "port/port.h"
#include "transport/context.h"
#include "transport/queue_pair.h"
#include "wheel/wheel.h"
#include "wire/frame_view.h"

namespace sluice::engine {

struct EngineConfig {
  uint64_t seed = 1;                // draws QPNs
  uint32_t max_queue_pairs = 1024;  // at most QpTable::kMaxCapacity
  uint32_t record_blocks = 256;     // flows that can be timed at the same moment
  uint32_t response_blocks = 1024;  // queue pairs that may serve READs and atomics; made as needed
  // Scoreboard blocks of 64 packets in all, per direction, that queue pairs with selective repeat
  // share; they are made as such queue pairs connect, two windows' worth each, up to this many.
  uint32_t scoreboard_blocks = 4096;
  transport::PeerLimits peers;  // what one address may hold, all its queue pairs together
  uint32_t burst = 32;          // packets per receive and transmit, 1 to port::kMaxBurst
  uint32_t ask_every = 16;      // a packet asks for an acknowledgement at least this often, 1 to 64
  bool icrc = true;             // off: neither computed nor checked; both ends must agree
  // How far a flow may fall behind its pace and catch up in one burst. A poll loop that comes by
  // every few microseconds needs some; virtual time, polled to the picosecond, needs none.
  Bytes pacing_credit{16384};
  // When polls come further apart than this, the loop itself stood still (it was preempted) and
  // answers wait to be read: retransmission timers then hold for as long again. Zero: never; in
  // virtual time a gap is just nothing to do.
  Duration stall;
  Time start;  // of its clock
  // Of queue pairs of the extension, in virtual time, and of the NIC (modelled_nic.h): the port
  // must lend one packet at a time, and none while its line is busy (sim/ns3_wire.h).
  transport::WireModel model;
};

class Engine final : public Pollable {
 public:
  // Port and regions outlive the engine.
  Engine(const EngineConfig& config, port::Port* port, memory::RegionTable* regions);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  size_t Poll(Time now) override;
  OptionalTime NextDeadline() const override;
  void Prefetch(std::span<const uint8_t> frame, int step) const override;

  // ResourceExhausted when the table is full, AlreadyExists for a second one for management. The
  // queue pair belongs to the engine.
  absl::StatusOr<transport::QueuePair*> Create(const transport::QueuePairConfig& config);

  // Brings a queue pair from RESET or INIT to RTS at once. InvalidArgument names the value that is
  // wrong; FailedPrecondition: wrong state, or the algorithm needs a signal that the peer cannot
  // give. The MTU of datagrams is at most that of the port.
  // ResourceExhausted: the peer has as many queue pairs as one may (EngineConfig::peers).
  absl::Status Connect(transport::QueuePair* qp, const transport::Connection& connection,
                       const cc::Algorithm& algorithm, Duration base_rtt,
                       cc::SignalSet peer_signals);

  // One transition of IBTA 1.4, 10.3.1, with the attributes in `given`; `connection` holds their
  // values and those of the transitions before. The last three count only on the way to RTR, the
  // algorithm may be null elsewhere.
  // FailedPrecondition: no such transition; InvalidArgument names the attribute that is missing,
  // not allowed, or wrong. Nothing changes on an error.
  absl::Status Modify(transport::QueuePair* qp, transport::QpState to,
                      transport::QpAttributeSet given, const transport::Connection& connection,
                      const cc::Algorithm* algorithm, Duration base_rtt,
                      cc::SignalSet peer_signals);
  // The payload of the largest packet of IBTA's sizes (256 to 4096) that the port carries, or 0.
  uint32_t ActiveMtu() const;

  // Flushes what is posted (completions arrive as far as their rings have room) and frees the
  // queue pair. Frames that are still on their way to it will be counted as unknown_qp.
  void Destroy(transport::QueuePair* qp);

  // To the error state: everything posted completes flushed.
  void Fail(transport::QueuePair* qp);

  // From here on the engine answers for its address (ARP, neighbour discovery, echo) and speaks
  // connection management on queue pair 1. FailedPrecondition: it does already, or the port carries
  // no payload bytes. The port's limit on the MTU, icrc and start are filled in.
  absl::Status EnableControl(ControlConfig config);
  // Null until then. Call Update on it after its parts were called from outside.
  ControlPlane* control() { return control_.get(); }
  const ControlPlane* control() const { return control_.get(); }

  // Any thread: work was posted.
  void Ring(transport::QueuePair* qp) { doorbells_.Ring(qp); }

  const transport::Counters& counters() const { return counters_; }
  const transport::DropCounters& drops() const { return drops_; }
  uint64_t wire_drops(wire::DropCause cause) const {
    return wire_drops_[static_cast<size_t>(cause)].value();
  }
  const port::Port& port() const { return *port_; }
  size_t queue_pairs() const { return table_.size(); }
  uint32_t free_record_blocks() const { return records_.free_blocks(); }
  // Blocks of READ responders that are not lent, and all that there are.
  uint32_t free_response_blocks() const { return responses_.free_blocks(); }
  size_t response_blocks() const { return responses_.blocks(); }
  // Addresses that queue pairs are connected to.
  size_t peers() const { return peers_.size(); }

 private:
  // An intrusive first-in first-out list.
  template <typename T, T* T::*Next, bool T::*In>
  struct List {
    T* head = nullptr;
    T* tail = nullptr;
    void Append(T* item) {
      if (item->*In) return;
      item->*In = true;
      item->*Next = nullptr;
      if (tail != nullptr) {
        tail->*Next = item;
      } else {
        head = item;
      }
      tail = item;
    }
    T* Take() {
      T* item = head;
      if (item == nullptr) return nullptr;
      head = item->*Next;
      if (head == nullptr) tail = nullptr;
      item->*In = false;
      return item;
    }
    void Remove(T* item) {
      if (!(item->*In)) return;
      // Those that are taken down together stand in the order in which they were made: the first.
      T* before = nullptr;
      for (T* at = head; at != item; at = at->*Next) before = at;
      (before == nullptr ? head : before->*Next) = item->*Next;
      if (tail == item) tail = before;
      item->*In = false;
    }
  };

  // Frame bytes that a flow sends before the next one has its turn.
  static constexpr uint32_t kQuantum = 8192;
  // And those of data that share a transmit stamp: 0.33 us of a line of 400 Gb/s.
  static constexpr uint32_t kTimedBurst = 16384;

  // So many that a burst mostly finds its queue pairs outside the nearer caches: more than a
  // megabyte of them, rings included.
  bool ManyQueuePairs() const { return table_.size() > 256; }
  [[gnu::noinline]] void FetchAhead(size_t i, size_t n);
  size_t ReceiveBurst(transport::Context& ctx);
  void OnFrame(transport::Context& ctx, const port::Packet& packet);
  void OnRefused(Time now, wire::DropCause cause, const port::Packet& packet);
  bool OnTrimmed(const port::Packet& packet);
  void OnTooBig(Time now, const net::TooBig& report);
  void OnUnknownQp(transport::Context& ctx, const wire::FrameView& view,
                   const port::Packet& packet);
  void AfterInput(transport::QueuePair* qp);
  void AfterRequests(transport::QueuePair* qp);
  void AfterGate(transport::QueuePair* qp, transport::SendGate gate);
  void MaySend(transport::SendFlow* flow);
  // AfterInput for the queue pair that the last frames were for: once for a run of them.
  void EndRun();
  [[gnu::noinline]] void AfterOtherInput(transport::QueuePair* qp);
  [[gnu::noinline]] void AfterExtendedSettle(transport::Context& ctx, transport::QueuePair* qp);
  void StartSending(transport::QueuePair* qp, transport::Connection connection) const;
  absl::Status StartReceiving(transport::QueuePair* qp, transport::Connection connection,
                              const cc::Algorithm& algorithm, Duration base_rtt,
                              cc::SignalSet peer_signals);
  // Out of every list and of the wheel.
  void Unlist(transport::QueuePair* qp);
  template <typename Stage>
  static void FetchSender(Stage stage, const transport::QueuePair* qp);
  void DrainDoorbells(transport::Context& ctx);
  void RunTimers(transport::Context& ctx);
  void SettleCompletions(transport::Context& ctx);
  size_t TransmitBurst(transport::Context& ctx);
  void WriteAnswers(transport::Context& ctx);
  void WriteTimedData(transport::Context& ctx);
  void WantStamps(const cc::Algorithm& algorithm, bool extended);
  bool stamps() const { return ctx_.stamps != cc::StampSource::kPoll; }
  void WriteControl();
  void WriteData(transport::Context& ctx);
  void NoteModelled(Time now, bool received);
  void TellPort();
  size_t TransmitModelled(transport::Context& ctx);
  void QueueModelledAnswers(transport::Context& ctx);
  void WriteModelled(transport::Context& ctx, port::Packet* packet);
  void ServeFlow(transport::Context& ctx, transport::SendFlow* flow);
  void ServeRequests(transport::Context& ctx, transport::SendFlow* flow);
  [[gnu::noinline]] void ServeResponses(transport::Context& ctx, transport::SendFlow* flow);
  void RemoveResponses(transport::QueuePair* qp);
  void ArmTimers(transport::QueuePair* qp);
  void ReserveScoreboards(uint32_t window);
  absl::Status OpenAccount(transport::QueuePair* qp, const wire::IpAddress& peer);
  void CloseAccount(transport::QueuePair* qp);
  void ArmResponses(transport::QueuePair* qp, transport::SendFlow* second);
  port::Packet* NextFree();
  void Commit() {
    ++written_;
    --spare_count_;
  }
  bool ControlWaits() const { return control_ != nullptr && control_->HasFrame(); }
  OptionalTime NextTimer() const;
  bool OutOfPackets() const { return starved_ || written_ == out_.size(); }
  size_t SendPending();
  void AccountPacing(Time now, bool sent);
  void NormaliseFlows(Time now);

  const EngineConfig config_;
  port::Port* const port_;
  memory::RegionTable* const regions_;
  transport::Framer framer_;
  transport::Counters counters_;
  transport::DropCounters drops_;
  std::array<telemetry::Counter, wire::kDropCauses> wire_drops_;
  transport::FeedbackBatch feedback_;
  transport::RecordPool records_;
  transport::ResponsePool responses_;
  transport::ScoreboardPools scoreboards_;  // before the table, whose queue pairs borrow from it
  PeerTable peers_;                         // likewise
  transport::FlowProfiles profiles_;
  QpTable table_;
  wheel::Wheel wheel_;
  DoorbellList doorbells_;
  std::unique_ptr<ControlPlane> control_;
  // Null unless EngineConfig::model is on, and how the engine asks it (engine_modelled.cc).
  std::unique_ptr<ModelledNic> modelled_;
  bool look_ = false;        // in this poll, at whose turn it is
  OptionalTime told_wake_;   // that the port knows of
  bool stirred_ = false;     // not for new requests alone
  bool line_asked_ = false;  // the port refused, and has the engine polled when its line is free

  List<transport::SendFlow, &transport::SendFlow::next_ready, &transport::SendFlow::in_ready_list>
      ready_;
  List<transport::QueuePair, &transport::QueuePair::next_answer,
       &transport::QueuePair::in_answer_list>
      answers_;
  List<transport::QueuePair, &transport::QueuePair::next_unsettled,
       &transport::QueuePair::in_unsettled_list>
      unsettled_;

  // The burst that is being received. A member, as a local would be cleared in every poll.
  std::array<port::Packet, port::kMaxBurst> in_;
  // What was found of the queue pairs that they are for; null until there are many.
  struct Ahead {
    uint32_t qpn;
    uint32_t slot;
    transport::QueuePair::Touch touch;
    const transport::QueuePair* qp;
  };
  std::unique_ptr<std::array<Ahead, port::kMaxBurst>> ahead_;
  transport::QueuePair* run_ = nullptr;  // that the last frames of it were for
  bool run_requests_only_ = false;       // and whether all of these were requests
  bool waits_for_pace_ = false;
  Time last_poll_;
  Time hold_timers_until_;
  Time last_sweep_;
  size_t written_ = 0;  // of out_
  size_t spare_count_ = 0;
  // Written frames that wait for the port, oldest first; and packets allocated for the next ones.
  std::array<port::Packet, port::kMaxBurst> out_;
  std::array<port::Packet, port::kMaxBurst> spare_;
  size_t budget_ = 0;  // data packets that this poll may still write
  // Frame bytes after which a flow gives way to others, and those that this poll may still write
  // while bursts are timed.
  uint32_t quantum_ = kQuantum;
  uint32_t timed_left_ = 0;
  uint32_t longest_frame_ = 0;  // of the data of any queue pair
  bool times_bursts_ = false;   // an algorithm wants round trips: packets of a burst share a stamp
  bool starved_ = false;        // the port had no packet to lend

  transport::Context ctx_;  // lent to the queue pairs; `now` is that of the poll under way
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_ENGINE_H_
