// Round: which acknowledgement is the first one of data that was sent after the last round began;
// the once-per-round-trip clock of DCTCP, TIMELY and HPCC.
//
// The stream is counted in payload bytes: what was ever acknowledged, and with what is in flight
// what was ever sent. Retransmitted bytes count as they leave and return, so loss shifts a round by
// no more than was lost.
#ifndef SLUICE_CC_PARTS_ROUND_H_
#define SLUICE_CC_PARTS_ROUND_H_

#include <cstdint>

#include "base/units.h"
#include "cc/controller.h"

namespace sluice::cc {

// Payload in flight after each sample of a batch, for the batch tells only what is left in the end.
class BatchInFlight {
 public:
  explicit BatchInFlight(const Feedback& feedback)
      : in_flight_(feedback.in_flight), later_(feedback.acked) {}
  // In the order of the samples, once for each.
  Bytes After(const Sample& sample) {
    later_ -= sample.acked;
    return in_flight_ + later_;
  }

 private:
  Bytes in_flight_;
  Bytes later_;  // acknowledged by the samples that follow
};

class Round {
 public:
  // Takes one acknowledgement; true if a round ends with it. The first one ends the round before
  // everything. `in_flight`: after it (BatchInFlight).
  bool Ends(Bytes acked, Bytes in_flight) {
    acked_ += static_cast<uint64_t>(acked.count());
    sent_ = acked_ + static_cast<uint64_t>(in_flight.count() > 0 ? in_flight.count() : 0);
    if (begun_ && static_cast<int64_t>(acked_ - end_) <= 0) return false;
    begun_ = true;
    end_ = sent_;
    return true;
  }
  // Places in the stream: acknowledged so far, and sent so far.
  uint64_t acked() const { return acked_; }
  uint64_t sent() const { return sent_; }

 private:
  uint64_t acked_ = 0;
  uint64_t sent_ = 0;
  uint64_t end_ = 0;
  bool begun_ = false;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_ROUND_H_
