// Recorder: watches the controllers of a run from inside: the round trips that they are told and,
// if wanted, a tape of each.
//
// It stands around an algorithm: every controller that it makes has the algorithm's own beside it,
// hands every call on and gives its answer. So the run is the same with and without it, in any
// world. That controller lies on the heap, which cc/controller.h forbids to algorithms.
// Outlives the algorithms and controllers. One thread.
#ifndef SLUICE_BRIDGE_RECORDER_H_
#define SLUICE_BRIDGE_RECORDER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "base/time.h"
#include "bridge/tape.h"
#include "cc/registry.h"
#include "telemetry/histogram.h"
#include "verbs/assemble.h"

namespace sluice::bridge {

class Recorder {
 public:
  explicit Recorder(bool tapes) : tapes_wanted_(tapes) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  std::shared_ptr<const cc::Algorithm> Around(std::shared_ptr<const cc::Algorithm> algorithm);
  verbs::AlgorithmDecorator decorator() {
    return [this](std::shared_ptr<const cc::Algorithm> a) { return Around(std::move(a)); };
  }

  // In the order in which the controllers were made; empty if no tapes are wanted.
  const std::deque<Tape>& tapes() const { return tapes_; }
  // Replays every tape; Internal names the first answer that differs.
  absl::Status ReplayAll() const;
  // Of all samples of all controllers; nullopt if there was none.
  std::optional<Duration> MedianRtt() const;

  // For the controllers. Null if no tapes are wanted.
  Tape* NewTape();
  void Note(const cc::Feedback& feedback);

 private:
  const bool tapes_wanted_;
  std::deque<Tape> tapes_;
  telemetry::Histogram rtt_ns_{48};
};

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_RECORDER_H_
