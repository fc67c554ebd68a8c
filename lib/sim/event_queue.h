// EventQueue: what happens next in virtual time.
//
// Events belong to sources, each of which has at most one pending event that may be moved or
// cancelled: the wake-up of a host. (Frames on a link are an ArrivalQueue's.) Sources are numbered
// in the order of their nodes when a simulation is built and equal times go by source, so that
// events come out in that order whatever the order of the calls.
//
// A winner tree over the sources: rescheduling, cancelling and taking the first cost one walk from
// leaf to root, without a branch on the data, and nothing is allocated. (Knuth, The Art of Computer
// Programming, volume 3, section 5.4.1.) One thread.
#ifndef SLUICE_SIM_EVENT_QUEUE_H_
#define SLUICE_SIM_EVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/time.h"

namespace sluice::sim {

using Source = uint32_t;

class EventQueue {
 public:
  // For sources 0..sources-1. All times lie between origin and origin + 106 days; an earlier one
  // counts as origin.
  EventQueue(Time origin, size_t sources);

  // The source's next event is at t, whatever it was before.
  void Schedule(Source source, Time t) { Update(source, OffsetOf(t)); }
  void Cancel(Source source) { Update(source, kNever); }

  bool empty() const { return nodes_[1].offset == kNever; }
  // Of the first event; only when not empty. It stays first until its source is scheduled anew.
  Source next_source() const { return nodes_[1].source; }
  // From the origin; beyond all times when empty.
  uint64_t next_offset() const { return nodes_[1].offset; }
  Time next_time() const {
    return origin_ + Duration::Picoseconds(static_cast<int64_t>(nodes_[1].offset));
  }

 private:
  static constexpr uint64_t kNever = std::numeric_limits<int64_t>::max();
  struct Node {
    uint64_t offset = kNever;  // from the origin, so that plain unsigned order is time order
    Source source = 0;
  };

  uint64_t OffsetOf(Time t) const {
    const int64_t offset = (t - origin_).ps();
    return offset < 0 ? 0 : static_cast<uint64_t>(offset);
  }
  void Update(Source source, uint64_t offset) {
    Node winner{offset, source};
    size_t i = leaves_ + source;
    nodes_[i] = winner;
    while (i > 1) {
      const Node& sibling = nodes_[i ^ 1];
      // A left child wins ties: its sources are the smaller ones.
      const bool wins = winner.offset < sibling.offset + (~i & 1);
      winner.offset = wins ? winner.offset : sibling.offset;
      winner.source = wins ? winner.source : sibling.source;
      i >>= 1;
      nodes_[i] = winner;
    }
  }

  Time origin_;
  size_t leaves_ = 1;        // a power of two
  std::vector<Node> nodes_;  // children of i are 2i and 2i + 1; leaves from leaves_
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_EVENT_QUEUE_H_
