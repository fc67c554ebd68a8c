// LossClock: tells loss from reordering by time, after RACK (RFC 8985), for one sender.
//
// A packet is taken for lost when one that was sent later has arrived and, since it was sent, the
// round trip of that one and a reordering window have passed. The window starts at a quarter of the
// least round trip (RFC 8985, 6.2) and follows the lateness that packets were seen to have, with a
// quarter on top, up to twice the smoothed round trip; what was seen is forgotten after two periods
// of 64 round trips. Knows no packet, only times. One thread.
#ifndef SLUICE_TRANSPORT_SR_LOSS_H_
#define SLUICE_TRANSPORT_SR_LOSS_H_

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace sluice::transport {

class LossClock {
 public:
  // Something sent at `sent` (sequence `sequence`) is known to have arrived, by an answer that came
  // at `now`.
  void OnDelivered(Time now, Time sent, uint64_t sequence) {
    if (valid_ && (sent < sent_ || (sent == sent_ && sequence <= sequence_))) return;
    valid_ = true;
    sent_ = sent;
    sequence_ = sequence;
    rtt_ = now - sent;
  }
  // A round trip of one packet, for the least of them.
  void OnRoundTrip(Time now, Duration rtt, Duration smoothed) {
    Age(now, smoothed);
    if (least_ == Duration::Zero() || rtt < least_) least_ = rtt;
  }
  // A packet that had been sent only once arrived after one that was sent later; or it was given up
  // too early and arrived all the same. `rtt`: its round trip.
  void OnLate(Duration rtt) {
    const Duration late = rtt - rtt_;
    if (late > late_) late_ = late;
  }

  // Something that was sent later than this has arrived.
  bool Overtaken(Time sent, uint64_t sequence) const {
    return valid_ && (sent < sent_ || (sent == sent_ && sequence < sequence_));
  }
  // When such a packet is lost.
  Time Deadline(Time sent, Duration smoothed) const {
    return sent + rtt_ + ReorderingWindow(smoothed);
  }
  Duration ReorderingWindow(Duration smoothed) const {
    const Duration least = Older(least_, least_before_) ? least_ : least_before_;
    const Duration late = std::max(late_, late_before_);
    return std::max(least / 4, std::min(late + late / 4, smoothed * 2));
  }

 private:
  static bool Older(Duration a, Duration b) {
    return b == Duration::Zero() || (a != Duration::Zero() && a < b);
  }
  void Age(Time now, Duration smoothed) {
    if (now - period_ < smoothed * 64) return;
    period_ = now;
    late_before_ = late_;
    least_before_ = least_;
    late_ = least_ = Duration::Zero();
  }

  bool valid_ = false;
  Time sent_;  // of the packet sent last among those that arrived
  uint64_t sequence_ = 0;
  Duration rtt_;
  Time period_;
  Duration least_, least_before_;
  Duration late_, late_before_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_LOSS_H_
