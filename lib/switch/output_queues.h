// OutputQueues: the packet memory of one switch. Up to eight FIFOs per egress port, all in one
// shared buffer, ECN marking per queue, PFC, scheduling, drops.
//
// It knows neither rates nor links: whoever serves the ports takes a packet out at the moment when
// its transmission starts, and the bytes leave the buffer then. A caller may serve a port late as
// long as it passes the exact moment and serves it before the next Enqueue to the same port: then
// every test sees the queue as it was at that moment. The shared buffer alone needs all ports
// served up to now, and only when Easy() says no; and while it has paused somebody (pausing()), the
// resumption is told at the right moment only if every port is served on time.
//
// Per port the times handed in never decrease. Nothing is allocated after construction. One thread.
#ifndef SLUICE_SWITCH_OUTPUT_QUEUES_H_
#define SLUICE_SWITCH_OUTPUT_QUEUES_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/time.h"
#include "base/units.h"
#include "switch/ecn.h"
#include "switch/scheduler.h"
#include "switch/shared_buffer.h"
#include "switch/switch_packet.h"
#include "switch/telemetry.h"
#include "switch/trim.h"

namespace sluice::switching {

// Is told of each change of a port's level, the sum of its queues; it holds from `now` until the
// next call.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  virtual void OnLevel(Time now, Bytes waiting) = 0;
};

// Sends the PFC frames. Called within Enqueue and Dequeue; may not call back into them.
class PfcSender {
 public:
  virtual ~PfcSender() = default;
  // Whoever sends to port `ingress` stops sending `priority`, or may go on.
  virtual void SendPfc(Time now, PortIndex ingress, uint8_t priority, bool pause) = 0;
};

struct QueueCounters {
  uint64_t enqueued = 0;
  uint64_t dequeued = 0;
  uint64_t dropped = 0;    // the shared buffer had no room
  uint64_t trimmed = 0;    // the same, but the headers were enqueued
  uint64_t ecn_marks = 0;  // packets that became CE here
};

class OutputQueues {
 public:
  enum class Admission : uint8_t { kQueued, kDropped };

  // The stream of the marking decisions of port i is Rng(seed, entity + i, kMarkingPurpose), of its
  // queue q > 0 with kMarkingPurpose + (q << 32). The configurations are valid.
  OutputQueues(size_t ports, const BufferConfig& buffer, const SchedulerConfig& scheduler,
               uint64_t seed, uint64_t entity);
  // One queue per port, tail drop at the end of the buffer.
  OutputQueues(size_t ports, Bytes buffer, uint64_t seed, uint64_t entity)
      : OutputQueues(ports, BufferConfig{.size = buffer}, SchedulerConfig{}, seed, entity) {}
  static constexpr uint64_t kMarkingPurpose = 0x6d61726b;

  // At set-up. The profile is valid (EcnProfile::Validate). Of one queue of a port, or of all.
  void SetEcn(PortIndex port, uint8_t priority, const EcnProfile& profile) {
    queue(port, priority).ecn = profile;
  }
  void SetEcn(PortIndex port, const EcnProfile& profile);
  void SetHeadroom(PortIndex port, Bytes headroom) { buffer_.SetHeadroom(port, headroom); }
  // nullptr detaches. The observer outlives the queues or is detached before.
  void SetObserver(PortIndex port, QueueObserver* observer) { ports_[port].observer = observer; }
  // nullptr: no reports are written. The writer outlives the queues.
  void SetTelemetry(TelemetryWriter* writer) { telemetry_ = writer; }
  // At set-up: they decide about marks instead of the queues' own streams, and outlive the queues.
  void SetCoins(CoinSource* coins) { coins_ = coins; }
  // Packets without room are cut instead of dropped. The configuration is valid, and its priority
  // below the number of queues.
  void SetTrim(const TrimConfig& config) { trim_ = config; }
  bool trims() const { return trim_.on(); }
  // Needed as soon as a priority is lossless.
  void SetPfcSender(PfcSender* sender) { pfc_ = sender; }

  // Whether the packet is admitted, and nobody paused, whatever has left since ports were served.
  bool Easy(const SwitchPacket& packet, PortIndex port) const {
    return buffer_.Easy(
        packet, ports_[port].queues == 1 ? ports_[port].waiting : QueueOf(packet, port).waiting);
  }

  // Appends the packet to the queue of its priority at `port`, or refuses it and leaves it to the
  // caller. It may leave from `now` on. packet.priority is below the number of queues. With SetTrim
  // the packet may be another one afterwards: shorter, and in another queue. `easy`: Easy() has
  // said yes since anything was added.
  Admission Enqueue(Time now, SwitchPacket& packet, PortIndex port, bool easy = false);

  // Takes out what the scheduler picks among the heads that may leave at `now`, the start of its
  // transmission; front(port) is one of them.
  SwitchPacket* Dequeue(Time now, PortIndex port);

  // A frame leaves the port that passes all queues (PFC): it counts among the bytes sent that
  // telemetry tells.
  void PassBy(PortIndex port, const SwitchPacket& frame) {
    if (telemetry_ != nullptr) telemetry_->OnControl(port, frame);
  }

  // The packet that may leave first, from its `when` on; nullptr if none may: nothing waits, or all
  // that waits is paused.
  const SwitchPacket* front(PortIndex port) const {
    const Port& p = ports_[port];
    if (p.queues == 1 && p.paused == 0) return queues_[p.first].head;
    return EarliestHead(p);
  }

  // The far end of the port's link has paused the priority, or lets it go on.
  void SetPaused(Time now, PortIndex port, uint8_t priority, bool paused);
  uint8_t paused(PortIndex port) const { return ports_[port].paused; }
  // Whether these queues have paused somebody else.
  bool pausing() const { return buffer_.paused_count() != 0; }

  Bytes waiting(PortIndex port) const { return ports_[port].waiting; }
  Bytes waiting(PortIndex port, uint8_t priority) const { return queue(port, priority).waiting; }
  // The first packet of a queue; the others follow by `next`.
  const SwitchPacket* head(PortIndex port, uint8_t priority) const {
    return queue(port, priority).head;
  }
  uint64_t packets(PortIndex port) const {
    return ports_[port].counters.enqueued - ports_[port].counters.dequeued;
  }
  const QueueCounters& counters(PortIndex port) const { return ports_[port].counters; }
  const SharedBuffer& shared() const { return buffer_; }
  Bytes used() const { return buffer_.used(); }
  Bytes buffer() const { return buffer_.size(); }
  size_t ports() const { return ports_.size(); }
  uint8_t queues_per_port() const { return scheduling_.queues; }

 private:
  struct alignas(64) Queue {
    SwitchPacket* head = nullptr;
    SwitchPacket* tail = nullptr;
    Bytes waiting;
    EcnProfile ecn;
    Rng marking{0};
  };
  struct alignas(64) Port {
    Bytes waiting;
    QueueObserver* observer = nullptr;
    QueueCounters counters;
    uint32_t first = 0;  // of its queues
    uint8_t queues = 1;
    uint8_t occupied = 0;  // masks of queues; occupied is kept where there are several
    uint8_t paused = 0;
  };
  Queue& queue(PortIndex port, uint8_t priority) { return queues_[ports_[port].first + priority]; }
  const Queue& queue(PortIndex port, uint8_t priority) const {
    return queues_[ports_[port].first + priority];
  }
  const Queue& QueueOf(const SwitchPacket& packet, PortIndex port) const {
    return queue(port, packet.priority);
  }
  const SwitchPacket* EarliestHead(const Port& port) const;
  uint8_t Pick(Time now, PortIndex index);
  void Mark(Port& port, Queue& queue, SwitchPacket& packet);
  SharedBuffer::Verdict Admit(Port& port, SwitchPacket& packet);

  SharedBuffer buffer_;
  SchedulerConfig scheduling_;
  PfcSender* pfc_ = nullptr;
  TelemetryWriter* telemetry_ = nullptr;
  CoinSource* coins_ = nullptr;
  TrimConfig trim_;
  std::vector<Port> ports_;
  std::vector<Queue> queues_;
  std::vector<Scheduler> schedulers_;  // by port, where a port has several queues
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_OUTPUT_QUEUES_H_
