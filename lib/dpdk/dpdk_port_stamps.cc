// Where the time stamps of received packets come from.
// rte_eth_read_clock is experimental since DPDK 19.08 and still in 22.11.
#define ALLOW_EXPERIMENTAL_API 1
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <ctime>

#include "dpdk/dpdk_port.h"

namespace sluice::dpdk {
namespace {

// Long enough that the few microseconds of reading a NIC's clock are some parts per million.
constexpr int64_t kMeasureNs = 200'000'000;

// Counts per second of the device's clock; 0: it cannot be read, or stands still.
double MeasureHz(uint16_t port, Clock* clock) {
  uint64_t first = 0, last = 0;
  if (rte_eth_read_clock(port, &first) != 0) return 0;
  const Time begin = clock->Now();
  const timespec span = {0, kMeasureNs};
  nanosleep(&span, nullptr);
  if (rte_eth_read_clock(port, &last) != 0) return 0;
  const Duration passed = clock->Now() - begin;
  return passed > Duration::Zero() ? static_cast<double>(last - first) / passed.seconds() : 0;
}

}  // namespace

// Before the device is configured.
void DpdkPort::WantNicStamps(const DpdkPortOptions& options, uint64_t capabilities,
                             uint64_t* offloads) {
  if (options.clock == nullptr) return;
  const bool offered = (capabilities & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0;
  if (!offered && options.stamp_hz <= 0) return;
  if (rte_mbuf_dyn_rx_timestamp_register(&stamp_field_, &stamp_flag_) != 0) {
    stamp_field_ = -1;  // no room in the mbuf: stamps of bursts must do
    return;
  }
  if (offered) *offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
}

// After it was started.
void DpdkPort::StartNicClock(const DpdkPortOptions& options) {
  if (stamp_field_ < 0) return;
  const double hz = options.stamp_hz > 0 ? options.stamp_hz : MeasureHz(port_, options.clock);
  // A clock below 1 kHz is none; above 100 GHz it was misread.
  if (hz < 1e3 || hz > 1e11) {
    stamp_field_ = -1;
    return;
  }
  nic_clock_ = NicClock(hz);
  capabilities_.hardware_stamps = true;
}

void DpdkPort::StampPackets(std::span<port::Packet> burst) {
  if (burst.empty()) return;
  const Time seen = clock_->Now();
  for (port::Packet& p : burst) {
    const auto* m = static_cast<const rte_mbuf*>(p.handle);
    p.stamp = seen;
    if ((m->ol_flags & stamp_flag_) == 0) continue;
    const uint64_t count = *RTE_MBUF_DYNFIELD(m, stamp_field_, const rte_mbuf_timestamp_t*);
    nic_clock_.Observe(count, seen);
    p.stamp = nic_clock_.At(count, seen);
  }
}

}  // namespace sluice::dpdk
