// RingPair: two DpdkPorts in this process, cross-connected by net_ring. What one sends the other
// receives, by pointer: the receiver sees the sender's memory. Needs no device argument.
#ifndef SLUICE_DPDK_RING_PAIR_H_
#define SLUICE_DPDK_RING_PAIR_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "dpdk/dpdk_port.h"

struct rte_ring;

namespace sluice::dpdk {

class RingPair {
 public:
  // transmit_ring is the capacity of the ring in each direction, rounded up to a power of two.
  static absl::StatusOr<std::unique_ptr<RingPair>> Create(const DpdkPortOptions& options = {});
  // Frames still under way are given back. Packets of either port must not be used afterwards.
  ~RingPair();
  RingPair(const RingPair&) = delete;
  RingPair& operator=(const RingPair&) = delete;

  DpdkPort& a() { return *a_; }
  DpdkPort& b() { return *b_; }

  // Packets of both pools that are lent or under way. Each ring belongs to two threads: call it
  // when neither polls.
  size_t in_use() const { return a_->in_use() + b_->in_use(); }

  // Closes both ports and gives back what is under way; what in_use says then is leaked.
  void Close();

 private:
  RingPair() = default;
  rte_ring* rings_[2] = {nullptr, nullptr};
  std::unique_ptr<DpdkPort> a_;
  std::unique_ptr<DpdkPort> b_;
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_RING_PAIR_H_
