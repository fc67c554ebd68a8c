// Partition: the nodes of a fabric that one thread handles at a time, and what happens to them.
//
// A fabric of one partition is handled event by event. Several go on in rounds (Simulation::Run):
// within a round, which is shorter than the delay of every link between partitions, nothing that
// one of them does reaches another, so each handles its own events in their order, (time, node,
// port, sequence), whatever the others do. Between two rounds frames change hands.
//
// One thread at a time; what is static for the fabric is shared by all.
#ifndef SLUICE_SIM_PARTITION_H_
#define SLUICE_SIM_PARTITION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "sim/context.h"
#include "sim/host_node.h"
#include "sim/routes.h"
#include "sim/transmitter.h"

namespace sluice::sim {

using PfcObserver =
    std::function<void(Time now, NodeId node, PortIndex port, uint8_t priority, bool pause)>;

// Told apart by a sum, so that the order in which partitions came to their events does not matter.
inline uint64_t EventHash(Time now, Source source) {
  return Mix64(now.ps() * 0x9e3779b97f4a7c15ULL + source);
}

class Partition {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<int64_t>::max();

  // What all partitions of a fabric know.
  struct Fabric {
    std::vector<Transmitter*> links;  // by source; null where it is no link
    PfcObserver pfc_observer;
    std::atomic<bool> stop{false};  // the run ends after the event that is being handled
  };
  // An event's place in the order of all.
  struct Key {
    uint64_t offset = kNever;
    Source source = 0;
    bool operator<(const Key& o) const {
      return offset != o.offset ? offset < o.offset : source < o.source;
    }
  };

  // Of so many hosts, and `partitions` in all.
  Partition(const SimulationConfig& config, Fabric& fabric, size_t hosts, uint32_t room,
            const Topology& topology, const std::vector<std::vector<PortEnd>>& ports,
            size_t partitions);

  // At set-up, in the order of the nodes.
  void AddHost(HostNode* host, Source source) { wakes_.push_back({source, host}); }
  void AddBorder(Transmitter* transmitter) { borders_.push_back(transmitter); }
  Source hosts() const { return static_cast<Source>(wakes_.size()); }
  Outbox& outbox(size_t to) { return outboxes_[to]; }

  // Handles the events up to and including `last`, until it has handled `limit` in all its life, or
  // somebody stops the run; which it does not heed, beside a stuck host, with `heedless`.
  void RunTo(Time last, uint64_t limit, bool heedless);
  // The first event that waits, as far as it is one of this partition alone.
  Key First();
  bool Done(Time last) {
    return First().offset > context.arrivals.Make(last, 0, 0, nullptr).offset;
  }
  void HandleFirst();

  // One round has ended with `last`: whatever starts until then is on its way.
  void CloseRound(Time last);
  // Between two rounds, while nobody else is at work: what is in the outboxes can be fetched.
  void TurnOutboxes();
  // In the round after that, before anything else.
  void Fetch(Partition& from, size_t self);
  // After CloseRound: the first moment at which something happens here, or leaves from here.
  uint64_t earliest() const { return earliest_; }

  Context context;
  Routes routes;
  uint64_t events = 0;
  uint64_t trace_hash = 0;

 private:
  struct WakeSource {
    Source source = 0;  // among all sources
    HostNode* host = nullptr;
  };

  void Begin(Time now, Source source) {
    context.clock.Set(now);
    ++events;
    trace_hash += EventHash(now, source);
  }
  void Handle(const Arrival& arrival);
  void OnArrival(Transmitter& link, Record* record, Time now);
  void FetchAhead() const;

  Fabric& fabric_;
  std::vector<WakeSource> wakes_;      // by rank, as in Context::events
  std::vector<Transmitter*> borders_;  // whose links lead to other partitions
  std::vector<Outbox> outboxes_;       // by partition
  uint64_t earliest_ = kNever;
};

// The partition of each node. Hosts are cut into equal runs, in their order; a switch goes where
// most of its neighbours are.
std::vector<uint32_t> Divide(const Topology& topology,
                             const std::vector<std::vector<PortEnd>>& ports, size_t partitions);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_PARTITION_H_
