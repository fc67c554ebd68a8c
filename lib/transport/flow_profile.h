// FlowProfile: what the send flows of many queue pairs have in common: the algorithm, the line and
// the path. A hundred thousand queue pairs of one engine mostly share one of it, so that none of
// them carries a copy (docs/decisions/0006-borrowed-scoreboards.md).
//
// A profile never changes once a flow holds it. FlowProfiles is used at set-up, on the engine's
// thread; it allocates.
#ifndef SLUICE_TRANSPORT_FLOW_PROFILE_H_
#define SLUICE_TRANSPORT_FLOW_PROFILE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "base/block_pool.h"
#include "base/units.h"
#include "cc/controller.h"

namespace sluice::transport {

// How to make a controller of the algorithm that a queue pair was connected with.
struct ControllerMaker {
  const void* algorithm = nullptr;  // outlives every flow that has the profile
  cc::Controller* (*make)(const void* algorithm, void* storage,
                          const cc::FlowContext& context) = nullptr;
  size_t size = cc::kMaxControllerSize;  // bytes that a controller takes of its storage

  friend bool operator==(const ControllerMaker&, const ControllerMaker&) = default;
};

struct FlowProfile {
  ControllerMaker maker;
  // Its seed is the engine's: each flow mixes the number of its queue pair into it.
  cc::FlowContext context;
  // How far a flow may fall behind its pace and catch up in one burst; a poll loop needs some,
  // virtual time none.
  Bytes pacing_credit;
  // Where flows that are lent no room for their controller take it from; null: from the heap.
  sluice::BlockPool* rooms = nullptr;

  bool SameAs(const FlowProfile& other) const {
    const cc::FlowContext& a = context;
    const cc::FlowContext& b = other.context;
    return maker == other.maker && a.line_rate == b.line_rate && a.mtu == b.mtu &&
           a.header_bytes == b.header_bytes && a.base_rtt == b.base_rtt && a.signals == b.signals &&
           a.seed == b.seed && a.fan_in == b.fan_in && pacing_credit == other.pacing_credit &&
           rooms == other.rooms;
  }
};

// The profiles that were asked for last, for those who ask for an equal one.
class FlowProfiles {
 public:
  std::shared_ptr<const FlowProfile> Get(const FlowProfile& wanted) {
    for (const std::shared_ptr<const FlowProfile>& p : recent_) {
      if (p->SameAs(wanted)) return p;
    }
    auto made = std::make_shared<const FlowProfile>(wanted);
    if (recent_.size() < kMost) {
      recent_.push_back(made);
    } else {
      recent_[next_++ % kMost] = made;
    }
    return made;
  }

 private:
  static constexpr size_t kMost = 8;
  std::vector<std::shared_ptr<const FlowProfile>> recent_;
  size_t next_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_FLOW_PROFILE_H_
