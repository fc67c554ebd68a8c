// Host: one machine of a run: a device of the public API over a simulated port, and the
// application on it, which posts the messages that start here and notes when they are done.
//
// Payload is elided in virtual time, so the memory of the messages is an address that nobody reads.
// Attached to its node of the simulation; one thread.
#ifndef SLUICE_LAB_HOST_H_
#define SLUICE_LAB_HOST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "lab/scenario.h"
#include "sim/simulation.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::lab {

class Host final : public Pollable {
 public:
  // Is told that flow `flow` has ended at `now`; whether the message was delivered.
  using Done = std::function<void(size_t flow, Time now, bool delivered)>;

  // `flows`: how many start or end here. `seed`: of QPNs, PSNs and keys.
  Host(sim::Simulation& simulation, sim::NodeId node, size_t flows, uint64_t seed, Done done);
  ~Host() override;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // At set-up: the region that holds the longest message (or all of them, one behind the other),
  // then each flow between two hosts, in the order of their starts.
  absl::Status Register(Bytes longest);
  static absl::Status Connect(Host& source, Host& destination, size_t flow, const FlowSpec& spec,
                              verbs::ConnectOptions options, uint32_t depth = 1);
  // A further flow on the queue pair of the flow before it, into memory behind that one's.
  void AddFlow(size_t flow, const FlowSpec& spec);

  // The UDP source port of a flow that starts here.
  uint16_t SourcePortOf(size_t flow) const;

  size_t Poll(Time now) override;
  std::optional<Time> NextDeadline() const override;

  verbs::Statistics statistics() const { return device_->statistics(); }

 private:
  struct Outgoing {
    size_t flow = 0;
    FlowSpec spec;
    verbs::QueuePair* qp = nullptr;
    uint64_t remote_address = 0;
    uint32_t rkey = 0;
    uint16_t source_port = 0;
  };

  absl::StatusOr<verbs::QueuePair*> MakeQueuePair(uint32_t depth);
  void PostDue(Time now);
  void Reap(Time now);

  Done done_;
  std::unique_ptr<verbs::Device> device_;
  engine::Engine* engine_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::unique_ptr<verbs::MemoryRegion> region_;
  std::unique_ptr<verbs::CompletionQueue> completions_;
  std::vector<std::unique_ptr<verbs::QueuePair>> queue_pairs_;
  std::vector<Outgoing> outgoing_;
  size_t next_ = 0;     // of outgoing_, to post
  size_t pending_ = 0;  // posted and not done
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_HOST_H_
