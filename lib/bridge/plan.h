// The plan of a wire run: which experiments the wire world carries, and how slowly.
//
// A whole experiment is stretched by one whole number: rates are divided by it, delays, starts and
// timers multiplied; bytes stay. Round trips in packets, buffers in bandwidth-delay products and
// the order of everything stay as they are, while a loop that comes by every few microseconds can
// keep up. (What an algorithm counts in seconds is not stretched: it meets a slower network, in
// whichever world that is run.)
#ifndef SLUICE_BRIDGE_PLAN_H_
#define SLUICE_BRIDGE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "lab/scenario.h"

namespace sluice::bridge {

// The payload of a packet on the wire.
inline constexpr uint32_t kWireMtu = 1024;
// A poll gap of more than this part of the base round trip is seen in the figures.
inline constexpr int64_t kGapsPerRtt = 20;

struct WireLimits {
  Duration base_rtt = Duration::Milliseconds(4);        // at least, of every flow
  Bandwidth carried = Bandwidth::GigabitsPerSecond(4);  // the lines of all hosts together
  size_t hosts = 32;
  Bytes memory{int64_t{1} << 30};
  Duration time = Duration::Seconds(120);
};

// A host that sends or receives.
struct WireHost {
  sim::NodeId node = 0;
  sim::PortIndex port = 0;  // of the switch
  sim::LinkConfig up;       // from the host
  sim::LinkConfig down;
};

struct WirePlan {
  lab::Scenario scenario;  // stretched, with kWireMtu
  int64_t scale = 1;
  sim::NodeId node = 0;  // the switch
  std::vector<WireHost> hosts;
  Duration base_rtt;  // the shortest of its flows
  Bandwidth rate;     // of the slowest line of a host
  Duration time;      // that the flows take at least
};

// InvalidArgument says what the wire world cannot carry, and the cure.
absl::StatusOr<WirePlan> PlanWire(const lab::Scenario& scenario, const WireLimits& limits = {});

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_PLAN_H_
