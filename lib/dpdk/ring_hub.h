// RingHub: DpdkPorts of hosts, each cross-connected by a net_ring to an end of its own that a
// bridge in this process holds. What one sends the other receives, by pointer: the receiver sees
// the sender's memory, so a bridge that alters a frame copies it first.
//
// The bridge's ends are no devices, because a process has room for 32: they are the far sides of
// the devices' rings, with one packet pool for all.
#ifndef SLUICE_DPDK_RING_HUB_H_
#define SLUICE_DPDK_RING_HUB_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "dpdk/dpdk_port.h"

struct rte_mempool;

namespace sluice::dpdk {

class RingHub {
 public:
  // Devices that a process can have.
  static constexpr size_t kMaxLinks = 32;

  // One link per element; the ring of each direction holds options.transmit_ring frames at least.
  static absl::StatusOr<std::unique_ptr<RingHub>> Create(
      const std::vector<DpdkPortOptions>& options);
  // Frames still under way are given back. Packets of any port must not be used afterwards.
  ~RingHub();
  RingHub(const RingHub&) = delete;
  RingHub& operator=(const RingHub&) = delete;

  size_t links() const;
  DpdkPort& host(size_t link);
  port::Port& bridge(size_t link);

  // Packets of all pools that are lent or under way.
  size_t in_use() const;
  // Closes the ports and gives back what is under way; what in_use says then is leaked.
  void Close();

 private:
  class End;
  struct Link;
  RingHub();

  std::vector<Link> links_;
  rte_mempool* pool_ = nullptr;  // of the bridge's ends
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_RING_HUB_H_
