// Where sluice-perf gets its ports and its time from. The program hands in an implementation on
// DPDK; lib/perf itself knows none.
#ifndef SLUICE_PERF_PORTS_H_
#define SLUICE_PERF_PORTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/units.h"
#include "port/port.h"
#include "wire/address.h"

namespace sluice::perf {

struct PerfPort {
  std::shared_ptr<void> keep;  // the port lives as long as this
  port::Port* port = nullptr;
  wire::MacAddress mac;
  std::string driver;
  // Waits until the link is up (a peer of vhost-user or memif has come); empty: it always is.
  std::function<absl::Status(Duration)> wait_link;
};

struct PortRequest {
  Bytes max_frame;
  Bandwidth line_rate;  // zero: the driver's
};

class PortSource {
 public:
  virtual ~PortSource() = default;
  // Two ports of this process, cross-connected.
  virtual absl::StatusOr<std::pair<PerfPort, PerfPort>> Loopback(const PortRequest& request) = 0;
  // A virtual device, by the text that DPDK's --vdev takes. Its link may still be down.
  virtual absl::StatusOr<PerfPort> Vdev(const std::string& devargs, const PortRequest& request) = 0;
  // Packets of all ports made so far that are lent or under way; ports must be idle.
  virtual uint64_t PacketsInUse() = 0;
  virtual Clock& clock() = 0;
  virtual uint64_t Cycles() = 0;  // of the time stamp counter
  virtual double cycles_per_second() const = 0;
  // Runs `work` on another core and returns when it and `here`, on this one, are over.
  virtual absl::Status RunOnTwoCores(const std::function<void()>& here,
                                     const std::function<void()>& there) = 0;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_PORTS_H_
