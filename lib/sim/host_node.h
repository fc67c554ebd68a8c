// HostNode: a simulated machine: its ports, and the Pollables that run on it (an engine, an
// application), which it polls when there is a reason: packets arrived, a deadline is due, a port
// that refused a packet has room again, or somebody asked for it.
//
// Poll order at one moment: all Pollables in the order of their attachment, and again while one of
// them has something due or received packets wait. A deadline that is due while a port refuses
// packets waits until the port has room. A host whose Pollables ask to be polled at once, again and
// again, and do nothing, has stopped polling at that moment and ends the run (Context::stuck).
// Owned by Simulation, one thread.
#ifndef SLUICE_SIM_HOST_NODE_H_
#define SLUICE_SIM_HOST_NODE_H_

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/optional_time.h"
#include "sim/context.h"
#include "sim/sim_port.h"

namespace sluice::sim {

class HostNode final : public LinkEnd {
 public:
  // `rank` among the hosts.
  HostNode(Context& context, const HostModel& model, Source rank, NodeId node, Rng stalls,
           Time start);

  void AddPort(std::unique_ptr<SimPort> port) { ports_.push_back(std::move(port)); }
  SimPort& port(PortIndex i) { return *ports_[i]; }
  size_t ports() const { return ports_.size(); }
  void Attach(Pollable* pollable) { pollables_.push_back(pollable); }

  // The record will arrive soon: fetches what that looks at, step by step from 0, each of which
  // reads where the next one's lines are.
  void Prefetch(const Record& record, int step) const;
  void OnArrival(Time now, Record& record, PortIndex port) override;
  void OnPfc(Time now, PortIndex port, uint8_t priority, bool pause) override;
  // The event of the wake-up source.
  void OnWake(Time now) { Poll(now); }
  // With Ns3Wire::exact: what this does is done in moments that Simulation::PlanLast gave only.
  void AttachLast(Pollable* pollable) { last_ = pollable; }
  void OnLast(Time now) {
    if (last_ != nullptr) last_->Poll(now);
    Poll(now);
  }
  // When it is polled next, as far as it is known.
  OptionalTime wake() const { return wake_; }
  // After a round (Context::alone): schedules that wake-up.
  void ScheduleWake();
  // The host is polled next at `now`, or as soon after it as it polls at all.
  void WakeSoon(Time now) { Arm(Align(now)); }

 private:
  void Poll(Time now);
  bool PollOnce(Time now, OptionalTime& next, size_t& handled);
  void TakeStalls(Time now);
  Duration UntilStall();
  void Arm(OptionalTime t);
  Time Align(Time t) const;

  Context& context_;
  HostModel model_;
  Source source_;
  OptionalTime wake_;  // the pending event
  Time busy_until_;    // the loop does not come by before
  Time next_stall_;    // if the model has stalls
  Rng stalls_;
  std::vector<std::unique_ptr<SimPort>> ports_;
  std::vector<Pollable*> pollables_;
  Pollable* last_ = nullptr;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_HOST_NODE_H_
