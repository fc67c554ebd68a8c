// PlannedOrder: events of one moment in the order in which they were planned, as in a simulator
// with one list of events; for runs under Ns3Wire::exact.
//
// Otherwise events of one moment come by the place where they happen, which needs no number for
// each and lets nodes go alone for a round; and the end of what is on a line is no event.
//
// Of an Arrival's order: the number of the event and the source that it is of. Owned by a Context.
#ifndef SLUICE_SIM_PLANNED_ORDER_H_
#define SLUICE_SIM_PLANNED_ORDER_H_

#include <cstdint>

#include "sim/event_queue.h"

namespace sluice::sim {

class PlannedOrder {
 public:
  static constexpr int kSourceBits = 24;
  static constexpr Source kSources = Source{1} << kSourceBits;  // fewer are in a fabric

  // An event is planned now.
  uint64_t Next(Source source) { return ++planned_ << kSourceBits | source; }
  // Behind all others of its moment, and among its like by rank.
  static uint64_t Last(Source source, uint64_t rank) {
    return kLast | rank << kSourceBits | source;
  }

  static Source SourceOf(uint64_t order) { return static_cast<Source>(order % kSources); }
  static bool IsLast(uint64_t order) { return (order & kLast) != 0; }

 private:
  static constexpr uint64_t kLast = uint64_t{1} << 63;

  uint64_t planned_ = 0;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_PLANNED_ORDER_H_
