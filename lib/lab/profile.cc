#include "lab/profile.h"

#include <algorithm>

namespace sluice::lab {
namespace {

constexpr uint32_t kHeader = sim::Ns3Wire{}.data_header;
constexpr uint32_t kIntBytes = 42;
constexpr uint32_t kStampBytes = 8;
constexpr uint32_t kIntAckFrame = 88;
// Of its telemetry.
constexpr Bytes kQueueStep{80 * kIntMulti};
constexpr Bytes kSentStep{128 * kIntMulti};

bool NeedsInt(const cc::Algorithm& algorithm) {
  return algorithm.traits().required.Has(cc::Signal::kInt);
}

uint32_t HeaderOf(const cc::Algorithm& algorithm) {
  if (NeedsInt(algorithm)) return kHeader + kIntBytes;
  const bool stamped = algorithm.traits().required.Has(cc::Signal::kRtt);
  return stamped ? kHeader + kStampBytes : kHeader;
}

Duration WholeNs(Bytes n, Bandwidth rate) {
  return Duration::Nanoseconds(TransmissionTime(n, rate).ps() / 1000);
}

}  // namespace

void UseHpccNs3(Scenario& scenario, bool ack_priority) {
  scenario.profile = WireProfile::kHpccNs3;
  scenario.ack_priority = ack_priority;
  scenario.timeout = 0;
  scenario.extended = true;
  for (sim::Link& link : scenario.topology.links) {
    for (sim::LinkConfig* way : {&link.forward, &link.backward}) {
      way->overhead = Bytes(0);
      way->whole_nanoseconds = true;
    }
  }
  scenario.switches.scheduler.queues = 1;
}

void ApplyProfile(const Scenario& scenario, const cc::Algorithm& algorithm,
                  sim::SimulationConfig& config) {
  config.switches.telemetry.on = NeedsInt(algorithm);
  if (scenario.profile != WireProfile::kHpccNs3) return;
  config.switches.telemetry.queue_step = kQueueStep;
  config.switches.telemetry.sent_step = kSentStep;
  config.ns3.on = true;
  config.ns3.data_header = HeaderOf(algorithm);
  if (NeedsInt(algorithm)) config.ns3.ack_frame = kIntAckFrame;
  config.ns3.ack_priority = scenario.ack_priority;
  config.ns3.exact = scenario.exact;
}

void ApplyProfile(const Scenario& scenario, const cc::Algorithm& algorithm,
                  engine::EngineConfig& config) {
  if (scenario.profile != WireProfile::kHpccNs3) return;
  config.burst = 1;
  config.model.header_bytes = HeaderOf(algorithm);
  config.model.repace = NeedsInt(algorithm);
}

Duration HpccBaseRtt(const Paths& paths, const FlowSpec& flow, uint32_t mtu) {
  Duration sum;
  for (const sim::LinkConfig& link : paths.Between(flow.source, flow.destination)) {
    sum += link.delay * 2 + WholeNs(Bytes(mtu), link.rate);
  }
  return sum;
}

Duration HpccIdeal(const Paths& paths, const FlowSpec& flow, uint32_t mtu) {
  Bandwidth slowest = cc::kNoRate;
  for (const sim::LinkConfig& link : paths.Between(flow.source, flow.destination)) {
    slowest = std::min(slowest, link.rate);
  }
  const int64_t packets = (flow.size.count() + mtu - 1) / mtu;
  return HpccBaseRtt(paths, flow, mtu) + WholeNs(flow.size + Bytes(kHeader) * packets, slowest);
}

}  // namespace sluice::lab
