// Bridge: one switch between ports, in the time of whoever polls it: the fabric of the wire world.
//
//   port i -> line up (rate, delay) -> lib/switch: buffer, queues, ECN -> line down -> port j
//
// It is the store-and-forward switch of the simulator with both directions of each link, and every
// moment is computed, not observed: a frame that port i holds starts at max(line free, seen by a
// poll), crosses the line at its rate, and arrives one delay later; then the same from its egress
// queue. A poll that comes late handles what has happened since the one before in the order of
// those moments, so pacing loses nothing and the queue, its marks and its drops are those of a
// switch that was always awake. Only the hosts see a frame late, by one poll at most.
//
// A port's frames that the line cannot start yet stay in the port, up to a few that are staged: so
// a host that sends faster than its line finds its port full, as on a NIC.
//
// Frames are copied on their way in and on their way out, because the receiver of a net_ring sees
// the sender's memory. No PFC: a lossless priority has nobody to pause. One thread.
#ifndef SLUICE_BRIDGE_BRIDGE_H_
#define SLUICE_BRIDGE_BRIDGE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/optional_time.h"
#include "bridge/frames.h"
#include "port/port.h"
#include "sim/topology.h"
#include "switch/forwarding.h"
#include "switch/output_queues.h"
#include "switch/telemetry.h"

namespace sluice::bridge {

struct BridgeConfig {
  switching::BufferConfig buffer;
  switching::EcnProfile ecn;  // of every port; SetEcn on queues() changes one
  switching::TelemetryConfig telemetry;
  uint64_t marking_seed = 1;
  uint32_t max_frame = 1536;
  size_t frames = 1024;  // held in memory from the beginning; more are made when needed
};

struct BridgePort {
  port::Port* port = nullptr;  // our end; outlives the bridge
  std::vector<switching::Destination> addresses;
  sim::LinkConfig up;    // from the host to us
  sim::LinkConfig down;  // from us to the host
};

struct BridgeCounters {
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;
  uint64_t no_route = 0;   // nobody owns the destination
  uint64_t malformed = 0;  // longer than max_frame, or not carried in full
  uint64_t refused = 0;    // times that a port did not take a frame when it was due
};

class Bridge final : public Pollable {
 public:
  // InvalidArgument: an address that two ports own, a profile or buffer that is none.
  static absl::StatusOr<std::unique_ptr<Bridge>> Create(const BridgeConfig& config,
                                                        std::span<const BridgePort> ports,
                                                        Time start);
  ~Bridge() override;
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Everything that happens up to now.
  size_t Poll(Time now) override;
  OptionalTime NextDeadline() const override;

  switching::OutputQueues& queues() { return queues_; }
  const switching::OutputQueues& queues() const { return queues_; }
  const BridgeCounters& counters() const { return counters_; }
  // What has been put on the line from us to a host.
  uint64_t frames_down(size_t port) const { return links_[port].down.frames; }
  Bytes bytes_down(size_t port) const { return links_[port].down.bytes; }
  size_t frames_in_use() const { return pool_.in_use(); }

 private:
  // One direction of a link.
  struct Line {
    explicit Line(const sim::LinkConfig& link, Time start)
        : frame_time(link), delay(link.delay), free_at(start) {}
    // The frame starts to leave.
    void Start(Time at, Frame* frame);

    sim::FrameTime frame_time;
    Duration delay;
    Time free_at;
    FrameList under_way;  // by arrival
    uint64_t frames = 0;
    Bytes bytes;
  };
  struct Link {
    Link(const BridgePort& p, Time start) : port(p.port), up(p.up, start), down(p.down, start) {}
    port::Port* port;
    FrameList staged;  // waits for the line up
    Line up;
    Line down;
  };

  Bridge(const BridgeConfig& config, std::span<const BridgePort> ports, Time start);
  size_t TakeIn(Link& link, switching::PortIndex index, Time now);
  Frame* Copy(const port::Packet& packet);
  void StartUp(Link& link, Time now);
  size_t Arrive(Time now);
  void OnArrival(Time at, Frame* frame);
  // Starts every transmission of the port that begins until `now`.
  void Serve(size_t port, Time now);
  size_t Deliver(Link& link, Time now);

  switching::AddressTable addresses_;
  switching::ForwardingTable routes_;
  switching::OutputQueues queues_;
  std::unique_ptr<switching::TelemetryWriter> telemetry_;
  FramePool pool_;
  std::vector<Link> links_;
  BridgeCounters counters_;
};

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_BRIDGE_H_
