// FeedbackBatch: collects what a receive burst told each send flow, and calls each touched
// controller once with it (decision 4: one call per flow and burst, not per packet).
//
// Owned by an engine; one thread; no allocation.
#ifndef SLUICE_TRANSPORT_FEEDBACK_H_
#define SLUICE_TRANSPORT_FEEDBACK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "base/units.h"
#include "cc/controller.h"
#include "port/port.h"
#include "transport/send_flow.h"

namespace sluice::transport {

// What one acknowledgement told: a sample and the aggregates that go with it.
struct AckSignal {
  cc::Sample sample;
  Bytes in_flight;           // after it
  Bandwidth delivered_rate;  // zero: unknown
  uint32_t packets = 0;
  // From peers of the extension.
  uint32_t ce_packets = 0;
  Bytes ce_bytes;
  uint32_t active_senders = 0;
  cc::SignalSet present;  // beyond the round trip, which the sample tells
  bool app_limited = false;
  uint32_t longest_wait_ns = 0;  // if Signal::kHopWait
};

class FeedbackBatch {
 public:
  // At most port::kMaxBurst signals between two flushes; further ones are dropped. A received
  // packet brings one, or, where it releases READs and atomics that waited, one for each of those
  // too.
  void Add(SendFlow* flow, const AckSignal& signal);

  // Calls the controllers of the flows that were touched, in the order in which they were touched
  // first. `poll_gap`: since the poll before this one. `each` is called with every flow afterwards,
  // for rescheduling.
  template <typename Each>
  void Flush(Time now, Duration poll_gap, const Each& each) {
    for (size_t i = 0; i < touched_count_; ++i) {
      Deliver(touched_[i], now, poll_gap);
      each(touched_[i].flow);
    }
    touched_count_ = 0;
    signal_count_ = 0;
  }
  bool empty() const { return touched_count_ == 0; }
  // The flow that was touched first most recently, or null.
  const SendFlow* touched_last() const {
    return touched_count_ == 0 ? nullptr : touched_[touched_count_ - 1].flow;
  }

 private:
  static_assert(port::kMaxBurst <= 254);
  static constexpr uint8_t kNone = 255;
  struct Touched {
    SendFlow* flow = nullptr;
    uint8_t first = kNone;
    uint8_t last = kNone;
  };

  void Deliver(const Touched& t, Time now, Duration poll_gap);

  std::array<AckSignal, port::kMaxBurst> signals_;
  std::array<uint8_t, port::kMaxBurst> next_;  // the next signal of the same flow
  std::array<cc::Sample, cc::kMaxSamples> samples_;
  std::array<Touched, port::kMaxBurst> touched_;
  size_t signal_count_ = 0;
  size_t touched_count_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_FEEDBACK_H_
