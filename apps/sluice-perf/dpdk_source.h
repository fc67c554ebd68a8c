// The ports of sluice-perf on DPDK.
#ifndef SLUICE_APPS_SLUICE_PERF_DPDK_SOURCE_H_
#define SLUICE_APPS_SLUICE_PERF_DPDK_SOURCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dpdk/dpdk_port.h"
#include "dpdk/eal.h"
#include "dpdk/ring_pair.h"
#include "dpdk/tsc_clock.h"
#include "perf/ports.h"

namespace sluice {

class DpdkSource : public perf::PortSource {
 public:
  // Starts EAL and calibrates the clock.
  static absl::StatusOr<std::unique_ptr<perf::PortSource>> Make();
  // The exit status that an error of this source deserves.
  static int ExitOf(const absl::Status& status);

  absl::StatusOr<std::pair<perf::PerfPort, perf::PerfPort>> Loopback(
      const perf::PortRequest& request) override;
  absl::StatusOr<perf::PerfPort> Vdev(const std::string& devargs,
                                      const perf::PortRequest& request) override;
  uint64_t PacketsInUse() override;
  Clock& clock() override { return clock_; }
  uint64_t Cycles() override { return __rdtsc(); }
  double cycles_per_second() const override { return clock_.hz(); }
  absl::Status RunOnTwoCores(const std::function<void()>& here,
                             const std::function<void()>& there) override;

 private:
  DpdkSource(std::unique_ptr<dpdk::Eal> eal, dpdk::TscClock clock)
      : eal_(std::move(eal)), clock_(clock) {}

  std::unique_ptr<dpdk::Eal> eal_;
  dpdk::TscClock clock_;
  std::shared_ptr<dpdk::RingPair> pair_;
  std::vector<std::shared_ptr<dpdk::DpdkPort>> ports_;
};

}  // namespace sluice

#endif  // SLUICE_APPS_SLUICE_PERF_DPDK_SOURCE_H_
