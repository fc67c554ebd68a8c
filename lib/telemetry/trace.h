// TraceRing: events of fixed size from one writer thread to one reader thread. A full ring drops
// the newest and counts it: the writer never waits.
#ifndef SLUICE_TELEMETRY_TRACE_H_
#define SLUICE_TELEMETRY_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/spsc_ring.h"
#include "base/time.h"
#include "telemetry/counter.h"

namespace sluice::telemetry {

struct TraceRecord {
  Time time;
  uint32_t entity = 0;  // whom it concerns: a QPN, a flow, a port; the code says which
  uint16_t code = 0;    // what happened; the room that emits it owns the numbers
  uint64_t a = 0;       // two numbers whose meaning the code gives
  uint64_t b = 0;
};
static_assert(sizeof(TraceRecord) == 32, "two records in a cache line");

class TraceRing {
 public:
  // Holds at least `capacity` records; allocates only here.
  explicit TraceRing(size_t capacity) : ring_(capacity) {}

  // Writer.
  void Emit(const TraceRecord& r) {
    if (!ring_.Push(r)) [[unlikely]]
      dropped_.Add();
  }

  // Reader: takes the oldest records, at most out.size(); returns how many.
  size_t Take(std::span<TraceRecord> out) { return ring_.PopBulk(out); }

  // Any thread: records that found the ring full.
  uint64_t dropped() const { return dropped_.value(); }
  size_t capacity() const { return ring_.capacity(); }

 private:
  SpscRing<TraceRecord> ring_;
  Counter dropped_;
};

}  // namespace sluice::telemetry

#endif  // SLUICE_TELEMETRY_TRACE_H_
