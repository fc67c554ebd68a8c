// Transmitter: the sending side of one direction of a link. It serves one queue at the link's rate
// and holds the packets in flight until they arrive.
//
// A packet costs one event, its arrival at the far end, which is scheduled when it departs. The
// start of its transmission is no event: it is computed as max(line free, joined the queue) when
// somebody next looks (Advance), at the latest when the packet before it arrives, or in rounds
// (lib/sim/partition.h) when the round ends; which is exact because everything that could change
// the choice looks first. So the ECN test of a departing packet, and a scheduler that picks among
// several queues, sees them as they were at that moment.
// Only while somebody must know of a start when it happens (SetPrompt) is the start an event too.
//
// PFC frames pass all queues: one goes out as soon as the line is free.
// One thread.
#ifndef SLUICE_SIM_TRANSMITTER_H_
#define SLUICE_SIM_TRANSMITTER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/optional_time.h"
#include "base/rng.h"
#include "base/time.h"
#include "sim/arrival_queue.h"
#include "sim/event_queue.h"
#include "sim/link_faults.h"
#include "sim/planned_order.h"
#include "sim/record.h"
#include "sim/topology.h"
#include "switch/output_queues.h"

namespace sluice::sim {

// Whoever a link leads to.
class LinkEnd {
 public:
  explicit LinkEnd(NodeId node) : node_(node) {}
  virtual ~LinkEnd() = default;
  NodeId node() const { return node_; }
  // The last bit of the record has arrived on `port`; the record is the callee's.
  virtual void OnArrival(Time now, Record& record, PortIndex port) = 0;
  // A PFC frame has arrived on `port`: stop sending `priority` there, or go on.
  virtual void OnPfc(Time now, PortIndex port, uint8_t priority, bool pause) = 0;

 private:
  const NodeId node_;
};

// Arrivals in another partition, until that one fetches them: those of a round are written while
// those of the round before are read.
struct Outbox {
  std::array<std::vector<Arrival>, 2> arrivals;
  size_t writing = 0;

  std::vector<Arrival>& current() { return arrivals[writing]; }
};

class Transmitter;

// Which transmitters of a partition hold something that has not started, node by node: they are
// looked at when a round ends (Partition::CloseRound).
struct Backlog {
  struct OfNode {
    std::vector<Transmitter*> lines;  // the simulation's
    bool listed = false;              // in `nodes`
    Backlog* all = nullptr;
    uint32_t node = 0;  // its place in the partition
  };
  std::vector<uint32_t> nodes;  // by their places; maybe twice, or with nothing left
};

class alignas(64) Transmitter {
 public:
  // Serves queue `port` of `queues`. Nothing is sent before `start`. Its arrivals, and its starts
  // as far as they are events, are those of `source`.
  Transmitter(switching::OutputQueues& queues, PortIndex port, const LinkConfig& link, Rng loss,
              ArrivalQueue& arrivals, Source source, Time start);

  // At set-up. `extra` is added to the propagation delay.
  void ConnectTo(LinkEnd& end, Duration extra);
  // Its far end is in another partition, whose arrivals these are: they go there by the outbox, and
  // nobody but this partition looks (Advance).
  void ConnectAbroad(Outbox& outbox, const ArrivalQueue& there) {
    outbox_ = &outbox;
    there_ = &there;
  }
  bool abroad() const { return outbox_ != nullptr; }
  // At set-up: its events have this order, and the end of each transmission is one (OnLineEnd).
  void PlanIn(PlannedOrder& planned) { planned_ = &planned; }
  // At set-up: where it says that it holds something, for CloseRound; nowhere by default.
  void ListIn(Backlog::OfNode& backlog) { backlog_ = &backlog; }

  // Starts every transmission that begins at or before now. Must be called before the queue is
  // looked at at `now`.
  void Advance(Time now) {
    if (free_at_ <= now && waiting_ != 0) Serve(now);
  }

  // The same for whoever adds to the queue at `now`, or comes to look from elsewhere: with arrivals
  // first, a transmission that could begin at `now` waits for what arrives until then.
  void AdvanceBefore(Time now) { Advance(arrivals_first_ ? now - kInstant : now); }
  // At set-up, by a switch of the ns-3 wire: frames that arrive while the line becomes free are in
  // the queue when the next one leaves it.
  void SetArrivalsFirst() { arrivals_first_ = true; }

  // The round has ended with `last`, as Advance; false: nothing waits any more, and it is no longer
  // listed.
  bool CloseRound(Time last) {
    Advance(last);
    listed_ = waiting_ != 0;
    return listed_;
  }

  // Offers the record to the queue; false if it was dropped and stays the caller's.
  // AdvanceBefore(now) was called, and then nothing added anywhere if the queues say that it is
  // easy.
  bool Enqueue(Time now, Record& record, bool easy);

  // Sends a PFC frame, which is the transmitter's from now on, before everything that waits.
  void SendControl(Time now, Record& record);
  // The far end pauses a priority, or lets it go on.
  void SetPaused(Time now, uint8_t priority, bool paused);
  // Since when the priority is paused; only while it is (queues().paused()).
  Time paused_since(uint8_t priority) const { return paused_since_[priority]; }
  // Whether each start of a transmission is an event of its own.
  void SetPrompt(Time now, bool prompt);

  // What is in flight is lost, and what is sent while the link is down; pauses end.
  void SetDown(Time now, bool down);
  // Another rate, loss and faults for what starts from now on; the delay stays.
  void Change(Time now, const LinkConfig& link);

  // The event of the source that is no arrival: a start.
  void OnStart(Time now) {
    if (!start_armed_ || armed_start_ != now) return;  // another one took its place
    start_armed_ = false;
    Advance(now);
    if (prompt_) ArmStart();
  }
  // With PlanIn: what was on the line has left it. Until then the line was busy, also at `now`.
  void OnLineEnd(Time now) {
    free_at_ = now;
    on_line_ = false;
    Advance(now);
  }
  LinkEnd& end() const { return *end_; }

  // Until when the line is busy with what has started; with PlanIn an instant more.
  Time free_at() const { return free_at_; }
  // When the record that was enqueued last starts, and when the first one that waits starts.
  Time last_start() const { return last_start_; }
  // When a record starts that is enqueued at `now`, if nothing pauses the line.
  Time StartOfNext(Time now) const { return Later(planned_free_, now); }
  OptionalTime NextStart() const;
  // The same with PFC frames that wait.
  OptionalTime NextDeparture() const {
    if (control_ == nullptr) return NextStart();
    return Later(free_at_, control_->when);
  }

  const LinkCounters& counters() const { return counters_; }
  const switching::OutputQueues& queues() const { return queues_; }
  PortIndex port() const { return port_; }

 private:
  static constexpr Duration kInstant = Duration::Picoseconds(1);

  // After something was added at `now`: on an idle line it starts; on one that becomes free just
  // now, with arrivals first, others may be added before.
  void AdvanceIfIdle(Time now) {
    if (!arrivals_first_ || free_at_ != now) Advance(now);
  }
  void Serve(Time now);
  void Depart(Time start, Record& record);
  void Plan(Record& record);
  void Impair(Record& record);
  void PlanFree();
  void ArmStart();
  void List();

  // What each packet needs comes first, in two cache lines.
  switching::OutputQueues& queues_;
  Time free_at_;                                // the line is busy until then
  switching::SwitchPacket* control_ = nullptr;  // PFC frames that wait, in order
  LinkEnd* end_ = nullptr;
  Source source_;
  PortIndex port_;
  uint32_t waiting_ = 0;  // in the queue, and PFC frames
  bool prompt_ = false;
  bool start_armed_ = false;
  bool serving_ = false;
  bool impaired_ = false;
  bool down_ = false;
  bool listed_ = false;  // in backlog_
  bool arrivals_first_ = false;
  bool on_line_ = false;  // with planned_: until OnLineEnd
  Time planned_free_;     // free_at_ once the whole queue has been sent
  Time last_start_;
  FrameTime frame_time_;
  Duration delay_;
  LinkCounters counters_;
  ArrivalQueue& arrivals_;
  Outbox* outbox_ = nullptr;  // null: the far end is in this partition
  PlannedOrder* planned_ = nullptr;
  Backlog::OfNode* backlog_ = nullptr;

  const ArrivalQueue* there_ = nullptr;
  double loss_;
  Rng rng_;
  std::unique_ptr<LinkFaultState> faults_;  // null without
  Time armed_start_;                        // of the event, while start_armed_
  std::array<Time, switching::kPriorities> paused_since_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_TRANSMITTER_H_
