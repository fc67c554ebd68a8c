// OutputQueues: the packet memory of one switch. One FIFO per egress port, all in one shared
// buffer, ECN marking, tail drop.
//
// It knows neither rates nor links: whoever serves the ports takes the head of a queue out at the
// moment when its transmission starts, and the bytes leave the buffer then. A caller may serve a
// port late as long as it passes the exact moment and serves it before the next Enqueue to the same
// port: then every test sees the queue as it was at that moment. The shared buffer alone needs all
// ports served up to now, and only when Fits() says no.
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
#include "switch/switch_packet.h"

namespace sluice::switching {

// Is told of each change of a queue; the level holds from `now` until the next call.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  virtual void OnLevel(Time now, Bytes waiting) = 0;
};

struct QueueCounters {
  uint64_t enqueued = 0;
  uint64_t dequeued = 0;
  uint64_t dropped = 0;    // tail drops: the shared buffer had no room
  uint64_t ecn_marks = 0;  // packets that became CE here
};

class OutputQueues {
 public:
  enum class Admission : uint8_t { kQueued, kDropped };

  // Ports 0..ports-1 share a buffer of the given size. The stream of port i's marking decisions is
  // Rng(seed, entity + i, purpose kMarkingPurpose).
  OutputQueues(size_t ports, Bytes buffer, uint64_t seed, uint64_t entity);
  static constexpr uint64_t kMarkingPurpose = 0x6d61726b;

  // At set-up. The profile is valid (EcnProfile::Validate).
  void SetEcn(PortIndex port, const EcnProfile& profile) { ports_[port].ecn = profile; }
  // nullptr detaches. The observer outlives the queues or is detached before.
  void SetObserver(PortIndex port, QueueObserver* observer) { ports_[port].observer = observer; }

  // Whether the packet finds room, judged by what was served so far.
  bool Fits(const SwitchPacket& packet) const { return used_ + packet.length() <= buffer_; }

  // Appends the packet to the queue of `port`, or refuses it and leaves it to the caller. It may
  // leave from `now` on.
  Admission Enqueue(Time now, SwitchPacket& packet, PortIndex index);

  // Takes out the head of a queue that is not empty. `now` is the start of its transmission, at or
  // after its `when`.
  SwitchPacket* Dequeue(Time now, PortIndex index);

  const SwitchPacket* front(PortIndex port) const { return ports_[port].head; }
  Bytes waiting(PortIndex port) const { return ports_[port].waiting; }
  uint64_t packets(PortIndex port) const {
    return ports_[port].counters.enqueued - ports_[port].counters.dequeued;
  }
  const QueueCounters& counters(PortIndex port) const { return ports_[port].counters; }
  Bytes used() const { return used_; }
  Bytes buffer() const { return buffer_; }
  size_t ports() const { return ports_.size(); }

 private:
  struct alignas(64) Port {
    SwitchPacket* head = nullptr;
    SwitchPacket* tail = nullptr;
    Bytes waiting;
    QueueObserver* observer = nullptr;
    EcnProfile ecn;
    QueueCounters counters;
    Rng marking{0};
  };
  static void Mark(Port& port, SwitchPacket& packet);

  Bytes buffer_;
  Bytes used_;
  std::vector<Port> ports_;
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_OUTPUT_QUEUES_H_
