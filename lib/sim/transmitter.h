// Transmitter: the sending side of one direction of a link. It serves one queue at the link's rate
// and holds the packets in flight until they arrive.
//
// A packet costs one event, its arrival at the far end. The start of its transmission is no event:
// it is computed as max(line free, joined the queue) when somebody next looks (Advance), which is
// exact because the queue is a FIFO and everything that could change it looks first. So the ECN
// test of a departing packet sees the queue as it was at that moment.
// One thread.
#ifndef SLUICE_SIM_TRANSMITTER_H_
#define SLUICE_SIM_TRANSMITTER_H_

#include <cstdint>
#include <optional>

#include "base/rng.h"
#include "base/time.h"
#include "sim/event_queue.h"
#include "sim/record.h"
#include "sim/topology.h"
#include "switch/output_queues.h"

namespace sluice::sim {

// Whoever a link leads to.
class LinkEnd {
 public:
  virtual ~LinkEnd() = default;
  // The last bit of the record has arrived on `port`; the record is the callee's.
  virtual void OnArrival(Time now, Record& record, PortIndex port) = 0;
};

struct LinkCounters {
  uint64_t frames = 0;  // put on the line
  uint64_t bytes = 0;   // of these frames, without the link's overhead
  uint64_t lost = 0;    // of these frames
};

class Transmitter {
 public:
  // Serves queue `port` of `queues`. Nothing is sent before `start`. Its arrivals are the events of
  // `source`.
  Transmitter(switching::OutputQueues& queues, PortIndex port, const LinkConfig& link, Rng loss,
              EventQueue& events, Source source, Time start);

  // At set-up. `extra` is added to the propagation delay.
  void ConnectTo(LinkEnd& end, PortIndex port, Duration extra);

  // Starts every transmission that begins at or before now. Must be called before the queue is
  // looked at or added to at `now`.
  void Advance(Time now) {
    if (free_at_ <= now) Serve(now);
  }

  // Offers the record to the queue; false if it was dropped and stays the caller's. Advance(now)
  // was called.
  bool Enqueue(Time now, Record& record);

  // The event of the source: takes out the record that arrives now and arms the next one.
  Record& TakeArrival(Time now);

  LinkEnd& end() const { return *end_; }
  PortIndex end_port() const { return end_port_; }

  // When the record that was enqueued last starts, and when the first one that waits starts.
  Time last_start() const { return last_start_; }
  std::optional<Time> NextStart() const;

  const LinkCounters& counters() const { return counters_; }
  const switching::OutputQueues& queues() const { return queues_; }
  PortIndex port() const { return port_; }

 private:
  void Serve(Time now);
  void Arm();

  switching::OutputQueues& queues_;
  EventQueue& events_;
  Time free_at_;                              // the line is busy until then
  switching::SwitchPacket* first_ = nullptr;  // in flight, in the order of arrival
  switching::SwitchPacket* last_ = nullptr;
  FrameTime frame_time_;
  Duration delay_;
  Source source_;
  PortIndex port_;
  PortIndex end_port_ = 0;
  bool armed_ = false;
  bool lossy_;
  double loss_;
  LinkEnd* end_ = nullptr;
  LinkCounters counters_;
  Time planned_free_;  // free_at_ once the whole queue has been sent
  Time last_start_;
  Rng rng_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_TRANSMITTER_H_
