// Scheduler: which of the queues of one egress port sends next.
//
// Strict queues go first, the higher number before the lower; the weighted ones share what is left
// by deficit round robin: each in turn may send weight x 1024 B, and what it does not use because
// its next frame is longer it keeps for its next turn. A queue that has nothing to send keeps
// nothing. Source: Shreedhar and Varghese, "Efficient Fair Queueing Using Deficit Round-Robin",
// SIGCOMM 1995; IEEE 802.1Q-2018, 8.6.8 (strict priority, weighted bandwidth sharing).
// A function of its state and arguments. One thread.
#ifndef SLUICE_SWITCH_SCHEDULER_H_
#define SLUICE_SWITCH_SCHEDULER_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"

namespace sluice::switching {

// Queues of a port, of which a packet asks for one by SwitchPacket::priority.
inline constexpr size_t kPriorities = 8;

struct SchedulerConfig {
  uint8_t queues = 1;  // per port, 1..8
  // By queue; 0: strict. At most 1024.
  std::array<uint16_t, kPriorities> weight = {};

  absl::Status Validate() const;
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config);

  // One of the queues of the mask `ready`, which is not 0; `length` holds the length of the first
  // frame of each of them, at most 65535 B. The queue sends that frame.
  uint8_t Pick(uint8_t ready, const std::array<uint32_t, kPriorities>& length);

 private:
  std::array<uint32_t, kPriorities> quantum_ = {};
  std::array<uint32_t, kPriorities> deficit_ = {};
  uint8_t strict_ = 0;
  uint8_t turn_ = 0;
  bool granted_ = false;  // the queue whose turn it is has got its quantum
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_SCHEDULER_H_
