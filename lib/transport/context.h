// Context: what an engine lends to its queue pairs for the length of one call. Nothing in it may be
// kept.
#ifndef SLUICE_TRANSPORT_CONTEXT_H_
#define SLUICE_TRANSPORT_CONTEXT_H_

#include <array>
#include <cstdint>

#include "base/time.h"
#include "cc/signals.h"
#include "memory/region_table.h"
#include "port/packet.h"
#include "telemetry/counter.h"
#include "transport/counters.h"
#include "transport/drop_cause.h"
#include "transport/feedback.h"
#include "transport/framer.h"
#include "transport/response_pool.h"
#include "transport/send_records.h"

namespace sluice::transport {

// Received frames dropped, by cause.
class DropCounters {
 public:
  void Add(RxDrop cause) { counters_[static_cast<size_t>(cause)].Add(1); }
  uint64_t value(RxDrop cause) const { return counters_[static_cast<size_t>(cause)].value(); }

 private:
  std::array<telemetry::Counter, static_cast<size_t>(RxDrop::kCount)> counters_;
};

struct Context {
  Time now;  // the poll's one reading of the clock
  Counters& counters;
  DropCounters& drops;
  FeedbackBatch& feedback;
  RecordPool& records;
  memory::RegionTable& regions;
  const Framer& framer;
  bool check_icrc = true;
  bool hold_timers = false;  // the poll loop stood still: silence proves nothing
  ResponsePool* responses = nullptr;
  // Time stamps (docs/decisions/0027-stamps.md), which are `now` while nobody wants them.
  cc::StampSource stamps = cc::StampSource::kPoll;  // of what is received
  Time arrived;  // of the burst, or with kNic of the packet, under way
  Time departs;  // of the burst that is being written

  // Before an acknowledgement or a packet of the extension is handled.
  void StampFrom(const port::Packet& packet) {
    if (stamps == cc::StampSource::kNic) arrived = packet.stamp;
  }
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_CONTEXT_H_
