// Partition: the nodes of a fabric that one thread handles at a time, and what happens to them.
//
// A run without rounds is handled event by event. Otherwise (Simulation::Run) it goes on in rounds,
// which are shorter than the delay of every link: nothing that one node does in a round reaches
// another one in it. So each node handles its own events of a round in their order, (time, node,
// port, sequence), all of them in one go, whatever the others do: what it needs, its memory and the
// code that it runs, is near from the first to the last. Between two rounds frames change hands
// between partitions.
//
// One thread at a time; what is static for the fabric is shared by all.
#ifndef SLUICE_SIM_PARTITION_H_
#define SLUICE_SIM_PARTITION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "base/optional_time.h"
#include "base/rng.h"
#include "sim/context.h"
#include "sim/host_node.h"
#include "sim/routes.h"
#include "sim/switch_node.h"
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

  // A direction of a link: who sends; the places of both ends among the nodes of their partitions,
  // and the port at the far one. Of a host's wake-up no link, and the host as the near place.
  struct Way {
    Transmitter* link = nullptr;
    uint32_t near = 0;
    uint32_t far = 0;
    PortIndex port = 0;
  };
  // What all partitions of a fabric know.
  struct Fabric {
    std::vector<Way> ways;  // by source; without a link where it is none
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

  // At set-up, in the order of the nodes. A host's wake-up is `source`. Returns the node's place.
  uint32_t AddHost(HostNode* host, Source source);
  uint32_t AddSwitch(SwitchNode* node);
  Source hosts() const { return static_cast<Source>(wakes_.size()); }
  Backlog::OfNode& backlog(uint32_t place) { return nodes_[place]->backlog; }
  Outbox& outbox(size_t to) { return outboxes_[to]; }

  // Handles the events up to and including `last`, until it has handled `limit` in all its life, or
  // somebody stops the run.
  void RunTo(Time last, uint64_t limit);
  // The same with Ns3Wire::exact, of the only partition.
  void RunPlanned(Time last, uint64_t limit);
  // The first event that waits, as far as it is one of this partition alone.
  Key First();
  bool Done(Time last) {
    return First().offset > context.arrivals.Make(last, 0, 0, nullptr).offset;
  }
  void HandleFirst();

  // A round: all events up to and including `last`, node by node, whoever stops the run.
  void RunRound(Time last);

  // One round has ended with `last`: whatever starts until then is on its way.
  void CloseRound(Time last);
  // Between two rounds, while nobody else is at work: what is in the outboxes can be fetched.
  void TurnOutboxes();
  // In the round after that, before anything else.
  void Fetch(Partition& from, size_t self);
  // After CloseRound or RunRound: the first moment at which something happens here, or leaves from
  // here.
  uint64_t earliest() const { return earliest_; }

  Context context;
  Routes routes;
  uint64_t events = 0;
  uint64_t trace_hash = 0;

 private:
  struct Node {
    HostNode* host = nullptr;  // or
    SwitchNode* fabric_switch = nullptr;
    Source wake = 0;  // of a host
    bool due = false;
    uint32_t count = 0;  // arrivals of the round, and from where on they are in batch_
    uint32_t begin = 0;
    Backlog::OfNode backlog;
  };
  struct Due {
    Arrival arrival;
    uint32_t place = 0;
  };

  void Begin(Time now, Source source) {
    context.clock.Set(now);
    ++events;
    trace_hash += EventHash(now, source);
  }
  // What has crossed a link, if it was not lost there.
  template <typename End>
  void Receive(const Way& way, End& end, Record* record, Time now) {
    if (record->lost) {
      context.pool.Put(record);
      return;
    }
    ++context.counters.hops[static_cast<size_t>(record->traffic)];
    if (record->traffic == Traffic::kPfc) return HandlePfc(way, record, now);
    end.OnArrival(now, *record, way.port);
  }
  void HandlePfc(const Way& way, Record* record, Time now);
  void Handle(const Arrival& arrival);
  void HandleWake();
  void HandlePlanned(const Arrival& event);

  void Collect(uint64_t last);
  void SetDue(uint32_t place);
  void FetchHost(const Node& node, int step) const;
  void HostTurn(Node& node, Time last);
  void SwitchTurn(Node& node);
  void EndTurn(uint32_t place, Time last);
  void CloseNode(uint32_t place, Time last);
  void NoteStuck();
  void FindEarliest();

  Fabric& fabric_;
  std::vector<std::unique_ptr<Node>> nodes_;  // by place; transmitters point into them
  std::vector<uint32_t> wakes_;               // the places of hosts by rank, as in Context::events
  std::vector<Outbox> outboxes_;              // by partition
  Backlog backlog_;
  std::vector<uint32_t> closing_;  // of CloseRound, kept for its memory
  uint64_t earliest_ = kNever;

  // Of a round.
  std::vector<Due> due_;
  std::vector<Arrival> batch_;  // those of one node after those of another
  std::vector<uint32_t> due_switches_;
  std::vector<uint32_t> due_hosts_;
  uint64_t departure_ = kNever;  // the first one of what waits
  OptionalTime stuck_at_;
  NodeId stuck_ = 0;
};

// The partition of each node. Hosts are cut into equal runs, in their order; a switch goes where
// most of its neighbours are.
std::vector<uint32_t> Divide(const Topology& topology,
                             const std::vector<std::vector<PortEnd>>& ports, size_t partitions);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_PARTITION_H_
