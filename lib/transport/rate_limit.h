// RateLimit: at most one event per interval in the long run, and `burst` at once after a pause.
// Four bytes, so that a queue pair can have several.
//
// The generic cell rate algorithm (ITU-T I.371) in whole microseconds: one number, the time up to
// which the events so far have used up their share.
#ifndef SLUICE_TRANSPORT_RATE_LIMIT_H_
#define SLUICE_TRANSPORT_RATE_LIMIT_H_

#include <cstdint>

#include "base/time.h"

namespace sluice::transport {

template <uint32_t kIntervalUs, uint32_t kBurst>
class RateLimit {
 public:
  static constexpr Duration kInterval = Duration::Microseconds(kIntervalUs);
  static constexpr uint32_t kAtOnce = kBurst;

  // Whether one more event may happen now, and counts it.
  bool Take(Time now) {
    const uint32_t us = static_cast<uint32_t>(now.ps() / 1'000'000);
    const uint32_t ahead = used_until_ - us;
    if (ahead > kBurst * kIntervalUs) used_until_ = us;  // long ago, whatever has wrapped since
    if (used_until_ - us > (kBurst - 1) * kIntervalUs) return false;
    used_until_ += kIntervalUs;
    return true;
  }

 private:
  uint32_t used_until_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_RATE_LIMIT_H_
