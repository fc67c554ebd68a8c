// How a round trip becomes a sample: what was measured between two polls, and which part of it was
// spent in our own host (docs/decisions/0027-stamps.md).
#ifndef SLUICE_TRANSPORT_ROUND_TRIP_H_
#define SLUICE_TRANSPORT_ROUND_TRIP_H_

#include <algorithm>

#include "base/time.h"
#include "transport/context.h"
#include "transport/feedback.h"

namespace sluice::transport {

// `rtt`: from the decision to send to ctx.now. `leaving`: from that decision to the transmit stamp.
inline void SetRoundTrip(const Context& ctx, Duration rtt, Duration leaving, AckSignal* signal) {
  cc::Sample& sample = signal->sample;
  sample.rtt = rtt;
  sample.stamp = ctx.stamps;
  if (ctx.stamps == cc::StampSource::kPoll) return;
  // A burst is taken out after its poll has begun: then it is seen at its stamp.
  const Duration waited = ctx.now - ctx.arrived;
  if (waited < Duration::Zero()) sample.rtt = rtt - waited;
  const Duration host = std::max(leaving, Duration::Zero()) + std::max(waited, Duration::Zero());
  sample.host_delay = std::min(host, sample.rtt);
  signal->present.Add(cc::Signal::kHostDelay);
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_ROUND_TRIP_H_
