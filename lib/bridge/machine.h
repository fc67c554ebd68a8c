// Machine: the WireParts of DPDK: net_ring ports without hugepages if need be, and the time stamp
// counter.
#ifndef SLUICE_BRIDGE_MACHINE_H_
#define SLUICE_BRIDGE_MACHINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "bridge/wire_parts.h"
#include "dpdk/eal.h"
#include "dpdk/ring_hub.h"
#include "dpdk/tsc_clock.h"

namespace sluice::bridge {

class Machine final : public WireParts {
 public:
  // Once per process; the calling thread makes the runs. Unavailable says what this machine lacks.
  static absl::StatusOr<std::unique_ptr<Machine>> Start();

  Clock& clock() override { return clock_; }
  absl::Status Open(std::span<const Bandwidth> line_rates, Bytes max_frame, Clock* clock) override;
  port::Port& host(size_t link) override { return hub_->host(link); }
  port::Port& bridge(size_t link) override { return hub_->bridge(link); }
  // Takes the real-time class where the user may, for as long as the loop runs, after a pause in
  // which the others have their turn.
  void BeginLoop() override;
  void EndLoop() override;
  size_t Close() override;

 private:
  Machine(std::unique_ptr<dpdk::Eal> eal, const dpdk::TscClock& clock)
      : eal_(std::move(eal)), clock_(clock) {}

  const std::unique_ptr<dpdk::Eal> eal_;
  dpdk::TscClock clock_;
  std::unique_ptr<dpdk::RingHub> hub_;
};

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_MACHINE_H_
