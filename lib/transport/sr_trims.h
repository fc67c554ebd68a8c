// SrTrims: packets of a queue pair of the extension that arrived without their payload, because a
// switch cut them (wire/trimmed.h), and are to be told to their sender (docs/wire-formats.md,
// "Trimmed packets").
//
// Such a packet is not protected by an iCRC and may be forged, so all that becomes of it is its
// name, repeated: number, attempt and stamp of the copy. The sender compares all three with what it
// wrote down. Reports have a rate: kAtOnce at once, then one per microsecond; at most kMost wait
// for the poll in which they leave. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_TRIMS_H_
#define SLUICE_TRANSPORT_SR_TRIMS_H_

#include <array>
#include <cstdint>

#include "base/checks.h"
#include "base/psn.h"
#include "transport/context.h"
#include "transport/rate_limit.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

class SrTrims {
 public:
  static constexpr uint32_t kMost = 16;
  static constexpr uint32_t kAtOnce = 256;

  // `response`: of the stream of responses.
  void Note(Context& ctx, const wire::FrameView& view, bool response) {
    if (Enabled(Check::kXtTrimRate) && (count_ == kMost || !rate_.Take(ctx.now))) {
      ctx.counters.Add(Count::kTrimsWithheld);
      return;
    }
    const wire::ExtendedData data = view.extended_data();
    waiting_[(first_ + count_) % kMost] = {view.psn, data.sent, data.attempt, response};
    if (count_ < kMost) ++count_;
  }
  bool HasAnswer() const { return count_ > 0; }
  // Takes out the oldest: opcode and PSN, and the header, of the packet that tells of it.
  void Take(Context& ctx) {
    taken_ = waiting_[first_];
    first_ = (first_ + 1) % kMost;
    --count_;
    ctx.counters.Add(Count::kTrimsReported);
  }
  wire::Opcode opcode() const {
    return taken_.response ? wire::Opcode::kXtResponseTrimmed : wire::Opcode::kXtTrimmed;
  }
  Psn psn() const { return taken_.psn; }
  wire::ExtendedAck ack() const {
    wire::ExtendedAck ack;
    ack.sent = taken_.sent;
    ack.attempt = taken_.attempt;
    ack.psn = taken_.psn;
    return ack;
  }
  // Nothing will be told any more.
  void Clear() { count_ = 0; }

 private:
  struct Trim {
    Psn psn;
    wire::Stamp sent;
    uint8_t attempt = 0;
    bool response = false;
  };

  std::array<Trim, kMost> waiting_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
  RateLimit<1, kAtOnce> rate_;
  Trim taken_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_TRIMS_H_
