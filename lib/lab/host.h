// Host: one machine of a run: a device of the public API over a port, simulated or real, and the
// application on it, which posts the messages that start here and notes when they are done.
//
// Payload is elided in virtual time, so the memory of the messages is an address that nobody reads;
// elsewhere it is memory, and what arrives can be compared with what was sent. One thread.
#ifndef SLUICE_LAB_HOST_H_
#define SLUICE_LAB_HOST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/optional_time.h"
#include "lab/scenario.h"
#include "port/port.h"
#include "sim/topology.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::lab {

class Host final : public Pollable {
 public:
  // What becomes of flow `flow` at `now`.
  struct Events {
    std::function<void(size_t flow, Time now)> posted;
    std::function<void(size_t flow, Time now, bool delivered)> done;  // at the sender
    std::function<void(size_t flow, Time now)> received;  // of flows that were connected to notify
  };

  // Where it stands.
  struct Place {
    sim::NodeId node = 0;
    port::Port* port = nullptr;  // both outlive the host
    Clock* clock = nullptr;
    Time now;
    verbs::AlgorithmDecorator decorate;
    // Messages are not posted by Poll, but when whoever has made the host polls starts().
    bool posted_by_hand = false;
  };

  // `flows`: how many start or end here. `use`: of queue pairs by the flows that start here.
  // `engine`: what is not said of it is filled in; its seed is that of QPNs, PSNs and keys.
  // `events` outlives the host.
  Host(const Place& place, size_t flows, const QueuePairUse& use,
       const engine::EngineConfig& engine, const Events& events);
  ~Host() override;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // At set-up: the region that holds the longest message (or all of them, one behind the other),
  // then each flow between two hosts. With `notify` the receiver's end reports the arrival.
  absl::Status Register(Bytes longest);
  // Instead, where the port carries payload: `longest` bytes of a pattern of this seed, which every
  // message from here is the beginning of, and behind it a place of its own for each flow that ends
  // here, `arriving` bytes in all.
  absl::Status RegisterMemory(Bytes longest, Bytes arriving, uint64_t seed);
  // Flows are added in ascending order. Where queue pairs are reused, `depth` is not looked at.
  static absl::Status Connect(Host& source, Host& destination, size_t flow, const FlowSpec& spec,
                              verbs::ConnectOptions options, uint32_t depth = 1,
                              bool notify = false);
  // Where queue pairs are reused and never left: a flow between hosts that have one already.
  bool HasQueuePairTo(sim::NodeId destination) const { return lanes_.contains(destination); }
  void AddToQueuePair(size_t flow, const FlowSpec& spec, bool notify);
  // A further flow on the queue pair of the flow before it, into memory behind that one's.
  void AddFlow(size_t flow, const FlowSpec& spec);
  // The trigger of a flow that starts here has fired: it is posted at `start`, now or later. Unless
  // this host is being polled, it has to be woken (sim::Simulation::Wake).
  void Release(size_t flow, Time start);

  // The UDP source port of a flow that starts here.
  uint16_t SourcePortOf(size_t flow) const;

  // Posts what is due; for Place::posted_by_hand.
  Pollable& starts() { return starts_; }

  size_t Poll(Time now) override;
  OptionalTime NextDeadline() const override;
  void Prefetch(std::span<const uint8_t> frame, int step) const override;

  // With RegisterMemory: whether the place of a flow that ends here holds what its source sent.
  bool Holds(size_t flow) const;

  verbs::Statistics statistics() const { return device_->statistics(); }

 private:
  class Starts final : public Pollable {
   public:
    explicit Starts(Host& host) : host_(host) {}
    size_t Poll(Time now) override {
      host_.PostDue(now);
      return 0;
    }
    OptionalTime NextDeadline() const override {
      return host_.due_.empty() ? OptionalTime() : host_.due_.top().start;
    }

   private:
    Host& host_;
  };
  struct Outgoing {
    size_t flow = 0;
    FlowSpec spec;
    verbs::QueuePair* qp = nullptr;
    uint64_t remote_address = 0;
    uint32_t rkey = 0;
    uint16_t source_port = 0;
    bool notify = false;
    Host* peer = nullptr;
    verbs::QueuePair* peer_qp = nullptr;
  };
  // The messages to one host, where they reuse queue pairs.
  struct Lane {
    size_t owner = 0;  // place in outgoing_ of the flow that the queue pair was connected for
    bool taken = false;
    bool failed = false;
    size_t under_way = 0;
    Time idle_since;
    std::queue<size_t> waiting;  // places in outgoing_; the queue pair has all that it takes
  };
  // To be posted; the first is the earliest, of equals the one that was added first.
  struct Due {
    Time start;
    size_t place = 0;  // in outgoing_
    bool operator>(const Due& other) const {
      return start != other.start ? other.start < start : place > other.place;
    }
  };

  // Of a flow that ends here, in our memory.
  struct Arrival {
    size_t flow = 0;
    size_t offset = 0;
    size_t length = 0;
    const Host* source = nullptr;
  };

  absl::Status RegisterAt(uint64_t base, Bytes length);
  uint64_t PlaceOf(size_t flow, const Host* source, Bytes length);
  absl::StatusOr<verbs::QueuePair*> MakeQueuePair(uint32_t depth, uint32_t receives);
  absl::Status ExpectArrival(verbs::QueuePair& qp, size_t flow);
  void Add(Outgoing out);
  void PostDue(Time now);
  void PostOnLane(size_t place, Time now);
  void Drain(Lane& lane, Time now);
  bool LaneIsDone(size_t flow, bool delivered, Time now);
  // On a queue pair, to where that of `way` writes. False: the flow is over.
  bool Send(const Outgoing& out, const Outgoing& way, Time now);
  // True if there is more to be sent.
  bool Reap(Time now);

  const Events& events_;
  const QueuePairUse use_;
  const bool posted_by_hand_;
  Starts starts_{*this};
  std::unique_ptr<verbs::Device> device_;
  engine::Engine* engine_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::vector<uint8_t> memory_;  // empty where payload is elided
  uint64_t base_ = 0;            // of the messages
  size_t placed_ = 0;            // of the memory; the next arriving flow's place begins there
  std::vector<Arrival> places_;
  std::unique_ptr<verbs::MemoryRegion> region_;
  std::unique_ptr<verbs::CompletionQueue> completions_;
  std::unique_ptr<verbs::CompletionQueue> arrivals_;
  std::vector<std::unique_ptr<verbs::QueuePair>> queue_pairs_;
  std::vector<Outgoing> outgoing_;  // flows ascend
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unordered_map<size_t, size_t> waiting_;  // flows with a trigger to their place in outgoing_
  std::map<sim::NodeId, Lane> lanes_;           // by destination, where queue pairs are reused
  size_t pending_ = 0;                          // posted and not done
  size_t expected_ = 0;                         // arrivals to be reported
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_HOST_H_
