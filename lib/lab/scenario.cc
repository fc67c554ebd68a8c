#include "lab/scenario.h"

#include <map>
#include <utility>

#include "base/rng.h"
#include "lab/ideal.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kJitterPurpose = 0x6a6974746572;

}  // namespace

uint8_t TimeoutCode(Bytes buffer, Bandwidth rate, Duration base_rtt) {
  constexpr uint8_t kLast = 31;  // of the field (IBTA 1.4, 9.7.6.1.3)
  const Duration longest = TransmissionTime(buffer, rate) * 5 / 4 + base_rtt * 8;
  uint8_t code = 1;
  while (code < kLast && Duration::Nanoseconds(4096) * (int64_t{1} << code) < longest) ++code;
  return code;
}

std::string AlgorithmOf(std::span<const Arm> arms, std::string_view name) {
  for (const Arm& arm : arms) {
    if (arm.name == name) return arm.algorithm;
  }
  return std::string(name);
}

void ShiftStarts(Scenario& s, uint64_t seed, uint64_t stream, Duration most) {
  if (most == Duration::Zero()) return;
  const uint64_t range = static_cast<uint64_t>(most.ps()) + 1;
  for (size_t i = 0; i < s.flows.size(); ++i) {
    Rng rng(seed, i | stream, kJitterPurpose);
    s.flows[i].start += Duration::Picoseconds(static_cast<int64_t>(rng.Below(range)));
  }
}

void WatchBusiest(Scenario& s) {
  const Paths paths(s.topology);
  std::map<std::pair<sim::NodeId, sim::PortIndex>, double> seconds;
  for (const FlowSpec& f : s.flows) {
    for (const Paths::Forced& hop : paths.ForcedHops(f.source, f.destination)) {
      seconds[{hop.node, hop.port}] +=
          static_cast<double>(f.size.count()) / static_cast<double>(hop.rate.bps());
    }
  }
  double most = -1;
  for (const auto& [port, load] : seconds) {
    if (load <= most) continue;
    most = load;
    s.watched_node = port.first;
    s.watched_port = port.second;
  }
}

}  // namespace sluice::lab
