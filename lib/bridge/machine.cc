#include "bridge/machine.h"

#include <sched.h>

#include <ctime>
#include <utility>
#include <vector>

#include "dpdk/errors.h"

namespace sluice::bridge {
namespace {

// Packets that a host's port takes beyond what the bridge has staged.
constexpr uint16_t kRing = 63;
constexpr Bytes kMemory{int64_t{512} << 20};

// What the machine lacks is Unavailable, whoever says it.
absl::Status Lacking(const absl::Status& status) {
  const dpdk::ErrorKind kind = dpdk::KindOf(status);
  if (kind != dpdk::ErrorKind::kMissing && kind != dpdk::ErrorKind::kPermission) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Machine>> Machine::Start() {
  dpdk::EalOptions options;
  options.program = "sluice-wire";
  options.memory = kMemory;
  absl::StatusOr<std::unique_ptr<dpdk::Eal>> eal = dpdk::Eal::Create(options);
  if (!eal.ok()) return Lacking(eal.status());
  absl::StatusOr<dpdk::TscClock> clock = dpdk::TscClock::Calibrate();
  if (!clock.ok()) return Lacking(clock.status());
  return std::unique_ptr<Machine>(new Machine(std::move(*eal), *clock));
}

absl::Status Machine::Open(std::span<const Bandwidth> line_rates, Bytes max_frame, Clock* clock) {
  std::vector<dpdk::DpdkPortOptions> options;
  for (const Bandwidth rate : line_rates) {
    dpdk::DpdkPortOptions& o = options.emplace_back();
    o.max_frame = max_frame;
    o.receive_ring = o.transmit_ring = kRing;
    o.spare_packets = kRing;
    o.line_rate = rate;
    o.clock = clock;
  }
  absl::StatusOr<std::unique_ptr<dpdk::RingHub>> hub = dpdk::RingHub::Create(options);
  if (!hub.ok()) return Lacking(hub.status());
  hub_ = *std::move(hub);
  return absl::OkStatus();
}

// A loop of that class that lasts for most of a second is interrupted all the same, because the
// kernel lets nobody starve for longer.
void Machine::BeginLoop() {
  constexpr timespec kPause = {0, 50'000'000};
  nanosleep(&kPause, nullptr);
  const sched_param first = {.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_FIFO, &first);
}

void Machine::EndLoop() {
  const sched_param none = {};
  (void)sched_setscheduler(0, SCHED_OTHER, &none);
}

size_t Machine::Close() {
  if (hub_ == nullptr) return 0;
  hub_->Close();
  const size_t leaked = hub_->in_use();
  hub_.reset();
  return leaked;
}

}  // namespace sluice::bridge
