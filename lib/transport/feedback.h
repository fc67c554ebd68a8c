// FeedbackBatch: collects what a receive burst told each send flow, and calls each touched
// controller once with it (design decision 5: one call per flow and burst, not per packet).
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
  uint32_t packets = 0;
  Bytes in_flight;           // after it
  Bandwidth delivered_rate;  // zero: unknown
  bool app_limited = false;
  // From peers of the extension.
  cc::SignalSet present;  // beyond the round trip, which the sample tells
  Bytes ce_bytes;
  uint32_t ce_packets = 0;
  uint32_t active_senders = 0;
};

class FeedbackBatch {
 public:
  // At most port::kMaxBurst signals between two flushes: one per received packet.
  void Add(SendFlow* flow, const AckSignal& signal);

  // Calls the controllers of the flows that were touched, in the order in which they were touched
  // first. `each` is called with every flow afterwards, for rescheduling.
  template <typename Each>
  void Flush(Time now, const Each& each) {
    for (size_t i = 0; i < touched_count_; ++i) {
      Deliver(touched_[i], now);
      each(touched_[i].flow);
    }
    touched_count_ = 0;
    signal_count_ = 0;
  }
  bool empty() const { return touched_count_ == 0; }

 private:
  static constexpr size_t kNone = ~size_t{0};
  struct Entry {
    AckSignal signal;
    size_t next = kNone;  // next signal of the same flow
  };
  struct Touched {
    SendFlow* flow = nullptr;
    size_t first = kNone;
    size_t last = kNone;
  };

  void Deliver(const Touched& t, Time now);

  std::array<Entry, port::kMaxBurst> signals_;
  std::array<cc::Sample, cc::kMaxSamples> samples_;
  std::array<Touched, port::kMaxBurst> touched_;
  size_t signal_count_ = 0;
  size_t touched_count_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_FEEDBACK_H_
