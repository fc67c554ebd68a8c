#include "switch/scheduler.h"

#include <bit>

namespace sluice::switching {
namespace {

constexpr uint16_t kMaxWeight = 1024;
constexpr uint32_t kQuantum = 1024;

}  // namespace

absl::Status SchedulerConfig::Validate() const {
  if (queues == 0 || queues > kPriorities) {
    return absl::InvalidArgumentError("queues per port are not in 1..8");
  }
  for (const uint16_t w : weight) {
    if (w > kMaxWeight) return absl::InvalidArgumentError("a weight is not in 0..1024");
  }
  return absl::OkStatus();
}

Scheduler::Scheduler(const SchedulerConfig& config) {
  for (size_t i = 0; i < kPriorities; ++i) {
    quantum_[i] = config.weight[i] * kQuantum;
    if (config.weight[i] == 0) strict_ |= static_cast<uint8_t>(1u << i);
  }
}

uint8_t Scheduler::Pick(uint8_t ready, const std::array<uint32_t, kPriorities>& length) {
  const auto strict = static_cast<uint8_t>(ready & strict_);
  if (strict != 0) return static_cast<uint8_t>(std::bit_width(strict) - 1);
  while (true) {
    if ((ready >> turn_ & 1) != 0) {
      if (!granted_) deficit_[turn_] += quantum_[turn_];
      granted_ = true;
      if (deficit_[turn_] >= length[turn_]) {
        deficit_[turn_] -= length[turn_];
        return turn_;
      }
    } else {
      deficit_[turn_] = 0;
    }
    turn_ = (turn_ + 1) % kPriorities;
    granted_ = false;
  }
}

}  // namespace sluice::switching
