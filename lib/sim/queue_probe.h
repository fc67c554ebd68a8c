// QueueProbe: watches one egress queue: its level weighted by time, and samples at a fixed interval
// for a plot. The level is the bytes that wait, without the frame on the line. One thread.
#ifndef SLUICE_SIM_QUEUE_PROBE_H_
#define SLUICE_SIM_QUEUE_PROBE_H_

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "switch/output_queues.h"

namespace sluice::sim {

class QueueProbe final : public switching::QueueObserver {
 public:
  struct Sample {
    Time time;
    Bytes waiting;
    Bytes sent;  // that left the queue until then: the rate is the difference of two samples
  };

  // Of a queue that is empty at `start`. Samples at start, start + interval, ...; none if the
  // interval is zero. A sample holds the changes at its moment.
  QueueProbe(Time start, Duration interval);

  // From now on a sample only adds one to the count of its level: levels of one bin (`bin` bytes, >
  // 0) are counted together.
  void CountSamples(Bytes bin) { bin_ = bin; }
  // By bin, the last one not empty.
  const std::vector<int64_t>& counts() const { return counts_; }

  void OnLevel(Time now, Bytes waiting) override;
  // Accounts for the time up to now; samples before now are complete then. May be called again.
  void Finish(Time now);

  // Levels that lasted for no time do not count. Zero before any time has passed.
  Bytes max() const { return max_; }
  double mean_bytes() const;
  // The lowest level L such that the queue was at or below L for `percent` of the time; exact below
  // 256 B, then rounded down by less than 1 %.
  Bytes Percentile(int percent) const;
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  void TakeSamples(Time now);

  Time start_;
  Duration interval_;
  Time since_;  // of the level
  Time next_sample_;
  Bytes level_;
  Bytes sent_;
  Bytes max_;
  Uint128 byte_ps_ = 0;
  std::vector<int64_t> ps_at_;  // by class of level
  std::vector<Sample> samples_;
  Bytes bin_;  // 0: samples are kept
  std::vector<int64_t> counts_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_QUEUE_PROBE_H_
