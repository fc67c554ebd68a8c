#include "transport/feedback.h"

namespace sluice::transport {

void FeedbackBatch::Add(SendFlow* flow, const AckSignal& signal) {
  if (signal_count_ == signals_.size()) return;
  const uint8_t at = static_cast<uint8_t>(signal_count_++);
  signals_[at] = signal;
  next_[at] = kNone;
  // Bursts touch few flows, and mostly the one touched last.
  for (size_t i = touched_count_; i-- > 0;) {
    if (touched_[i].flow == flow) {
      next_[touched_[i].last] = at;
      touched_[i].last = at;
      return;
    }
  }
  touched_[touched_count_++] = {flow, at, at};
}

void FeedbackBatch::Deliver(const Touched& t, Time now, Duration poll_gap) {
  size_t count = 0;
  cc::Feedback f;
  f.now = now;
  f.poll_gap = poll_gap;
  bool timed = false;
  for (uint8_t i = t.first; i != kNone; i = next_[i]) {
    const AckSignal& s = signals_[i];
    f.acked += s.sample.acked;
    f.acked_packets += s.packets;
    f.in_flight = s.in_flight;
    f.app_limited = s.app_limited;
    f.present.Add(s.present);
    f.ce_bytes += s.ce_bytes;
    f.ce_packets += s.ce_packets;
    if (s.present.Has(cc::Signal::kHopWait)) {
      f.longest_wait = Duration::Nanoseconds(s.longest_wait_ns);
    }
    if (s.active_senders > 0) f.active_senders = s.active_senders;
    if (s.delivered_rate.bps() > 0) f.delivered_rate = s.delivered_rate;
    if (s.sample.stamp != cc::StampSource::kNone) {
      timed = true;
      f.newest_rtt = s.sample.rtt;
      if (f.smallest_rtt.ps() == 0 || s.sample.rtt < f.smallest_rtt) f.smallest_rtt = s.sample.rtt;
    }
    // A burst longer than the span keeps its newest samples; the aggregates hold all.
    if (count == samples_.size()) {
      samples_[count - 1].acked += s.sample.acked;
      const Bytes acked = samples_[count - 1].acked;
      samples_[count - 1] = s.sample;
      samples_[count - 1].acked = acked;
    } else {
      samples_[count++] = s.sample;
    }
  }
  if (timed) f.present.Add(cc::Signal::kRtt);
  f.samples = {samples_.data(), count};
  t.flow->OnFeedback(f);
}

}  // namespace sluice::transport
