// PathStrategy: which path the next packet takes. A path is a pair (port, entropy); the entropy
// goes into the UDP source port and so into the hash of every switch.
//
// The transport has one path per queue pair today and asks no strategy; SinglePath says the same.
//
// Threads, memory and determinism as cc/controller.h; at most kMaxPathSize bytes inline.
#ifndef SLUICE_CC_PATH_H_
#define SLUICE_CC_PATH_H_

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace sluice::cc {

inline constexpr size_t kMaxPathSize = 64;

// What became of one packet; told before the controller gets the aggregate.
struct PathOutcome {
  Time now;
  uint16_t path = 0;
  bool ce = false;
  bool lost = false;
  Duration rtt;  // zero: not measured
};

class PathStrategy {
 public:
  virtual ~PathStrategy() = default;
  virtual void OnOutcome(const PathOutcome& outcome) = 0;
  // The path of the next packet.
  virtual uint16_t Choose(Time now) = 0;
};

// One path for ever, as a base peer expects.
class SinglePath final : public PathStrategy {
 public:
  void OnOutcome(const PathOutcome&) override {}
  uint16_t Choose(Time) override { return 0; }
};
static_assert(sizeof(SinglePath) <= kMaxPathSize);

}  // namespace sluice::cc

#endif  // SLUICE_CC_PATH_H_
