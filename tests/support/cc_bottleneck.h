// A bottleneck for congestion controllers alone: N senders, one FIFO queue with ECN, one receiver,
// packet by packet in virtual time. No engine, no transport: what is wrong here is the algorithm.
//
// Each sender has a link of line_rate of its own. A data packet takes base_rtt / 4 to the queue,
// the queue's service, base_rtt / 4 to the receiver; its acknowledgement base_rtt / 2 back, without
// a queue. Lost packets are noticed when a later one is acknowledged, or by a timer, and are sent
// again. Deterministic: equal arguments give equal results.
#ifndef SLUICE_TESTS_SUPPORT_CC_BOTTLENECK_H_
#define SLUICE_TESTS_SUPPORT_CC_BOTTLENECK_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "cc/controller.h"
#include "cc/registry.h"

namespace sluice::test {

struct BottleneckFlow {
  Duration start;
  std::optional<Bytes> size;     // not set: always has more
  std::optional<Duration> stop;  // an unlimited flow posts nothing after this
  std::optional<Bandwidth> app;  // the application gives no more than this
};

struct CapacityChange {
  Duration at;
  Bandwidth rate;
};

struct BottleneckConfig {
  std::vector<BottleneckFlow> flows;
  Bandwidth line_rate = Bandwidth::GigabitsPerSecond(100);
  Bandwidth bottleneck = Bandwidth::GigabitsPerSecond(100);
  std::vector<CapacityChange> changes;  // in order of time
  Duration base_rtt = Duration::Microseconds(8);
  Bytes mtu{4096};
  Bytes header{58};                // Ethernet, IPv4, UDP, BTH, iCRC
  Bytes buffer{int64_t{1} << 40};  // a packet that does not fit is dropped
  // Marks with probability 0 at min to ecn_probability at max, and always above (the thresholds of
  // the HPCC authors at 100 Gb/s).
  Bytes ecn_min{100'000};
  Bytes ecn_max{400'000};
  double ecn_probability = 0.2;
  double MarkProbability(int64_t queued) const;
  // What the peer and the fabric deliver, beside what the algorithm requires.
  cc::SignalSet signals;
  bool tell_base_rtt = false;  // FlowContext::base_rtt is given
  uint32_t fan_in = 0;         // FlowContext::fan_in
  int batch = 1;               // acknowledgements per OnFeedback, at most kMaxSamples ...
  Duration batch_wait = Duration::Microseconds(2);  // ... or what came in this time
  int rtt_every = 1;                                // of so many packets one is timed
  Duration stamp_noise;                             // uniform, 0 to this, added to each rtt
  double loss = 0;                                  // of data packets, behind the queue
  uint64_t seed = 1;
  Duration duration = Duration::Milliseconds(10);
  Duration bucket = Duration::Microseconds(100);  // resolution of what was delivered
  Time origin;                                    // added to every stamp that an algorithm sees
};

struct BottleneckResult {
  // delivered[flow][bucket]: new payload bytes that reached the receiver.
  std::vector<std::vector<int64_t>> delivered;
  std::vector<std::optional<Duration>> finish;  // last acknowledgement, from the flow's start
  std::vector<int64_t> queue_max;               // per bucket, bytes with headers
  std::vector<int64_t> queue_mean;              // per bucket, mean over arrivals
  int64_t drops = 0;
  int64_t marks = 0;
  int64_t cnps = 0;
  int64_t retransmitted = 0;
  int64_t timeouts = 0;
  int64_t senseless = 0;  // answers that a transport would have to clamp
  int64_t past_deadlines = 0;

  int64_t DeliveredBy(size_t flow, size_t first_bucket, size_t last_bucket) const;
  // Payload of all flows per second over the buckets [first, last), against what the link of `rate`
  // could carry with these headers.
  double Utilisation(const BottleneckConfig& config, size_t first, size_t last,
                     Bandwidth rate) const;
  // Jain's index of what the flows got over the buckets [first, last).
  double Jain(size_t first, size_t last) const;
  int64_t QueueMax(size_t first, size_t last) const;
  double QueueMean(size_t first, size_t last) const;
};

BottleneckResult RunBottleneck(const cc::Algorithm& algorithm, const BottleneckConfig& config);

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_CC_BOTTLENECK_H_
