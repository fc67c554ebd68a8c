// DpdkPort: the Port on an ethdev: one receive queue, one transmit queue, a packet pool of its own.
//
// A Packet's handle is an rte_mbuf. An allocated frame begins 138 bytes into its buffer, so that
// the payload behind Ethernet 14, IPv4 20, UDP 8 and BTH 12 bytes lies on a cache line: one pass of
// copy and CRC over it is 28 % faster than unaligned. A frame that arrives in several buffers is
// described by segments that lie in the private area of its first mbuf.
//
// Payload segments given to Transmit are copied behind the header span (every buffer is as long as
// the longest frame), so application memory is read before Transmit returns and never after. The
// packet then describes the whole frame in its header span, also if it was refused.
//
// Received packets carry the NIC's stamp where the device offers one; nic_clock.h says what it is
// in the poll loop's time. Transmitted ones have that of their burst: no driver tells when each
// left.
//
// Threads: the hot path belongs to one thread that EAL knows (the one that made the Eal, or an
// Lcore). Open, Close, WaitLink and Stats are for set-up and control.
#ifndef SLUICE_DPDK_DPDK_PORT_H_
#define SLUICE_DPDK_DPDK_PORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/time.h"
#include "base/units.h"
#include "dpdk/nic_clock.h"
#include "port/packet.h"
#include "port/port.h"

struct rte_mbuf;
struct rte_mempool;

namespace sluice::dpdk {

struct DpdkPortOptions {
  // The longest frame, without FCS: 4096 bytes of payload behind the longest headers
  // (802.1Q, IPv6, BTH, RETH, immediate) and the iCRC need 4198.
  Bytes max_frame = Bytes(4224);
  uint16_t receive_ring = 1024;  // descriptors; the driver may round
  uint16_t transmit_ring = 1024;
  // Packets that the caller and decorators may hold beside the rings.
  uint32_t spare_packets = 1024;
  // 0: the speed that a NIC reports; on a virtual device, whose speed is a fiction, 400 Gb/s.
  Bandwidth line_rate;
  // What the driver wants of a buffer beyond max_frame (SizedVdev::min_data_room).
  Bytes min_data_room;
  // Stamps bursts; the clock that the poll's time comes from. Outlives the port; null: no stamps.
  Clock* clock = nullptr;
  // With a clock, counts per second of the stamps that the driver leaves in received packets. 0:
  // what a device says that offers them (RTE_ETH_RX_OFFLOAD_TIMESTAMP) and lets its clock be read.
  double stamp_hz = 0;
};

struct DpdkPortStats {
  // Of the driver, since Open.
  uint64_t rx_packets = 0;
  uint64_t tx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_bytes = 0;
  uint64_t rx_missed = 0;  // the ring was full
  uint64_t rx_errors = 0;
  uint64_t rx_no_buffer = 0;  // the pool was empty
  uint64_t tx_errors = 0;
  // Of this port.
  uint64_t rx_unusable = 0;  // dropped: headers over several buffers, or too many of them
  uint64_t tx_unusable =
      0;  // dropped: longer than a buffer, or a chain that the driver cannot send
  // Bursts that ended because the peer's memory was gone (memif, fault_guard.h); the buffers that
  // the driver held at that moment are lost to the pool.
  uint64_t peer_faults = 0;
};

class DpdkPort final : public port::Port {
 public:
  // Takes the ethdev `port` (Eal::CreateVdev, Eal::FindPci) and starts it.
  static absl::StatusOr<std::unique_ptr<DpdkPort>> Open(uint16_t port,
                                                        const DpdkPortOptions& options = {});
  ~DpdkPort() override;
  DpdkPort(const DpdkPort&) = delete;
  DpdkPort& operator=(const DpdkPort&) = delete;

  size_t Receive(std::span<port::Packet> burst) override;
  size_t Allocate(std::span<port::Packet> burst) override;
  size_t Transmit(std::span<port::Packet> burst) override;
  void Release(std::span<port::Packet> burst) override;
  Time ReceiveStamp(Time now) override { return clock_ != nullptr ? clock_->Now() : now; }
  Time TransmitStamp(Time now) override { return clock_ != nullptr ? clock_->Now() : now; }
  const port::Capabilities& capabilities() const override { return capabilities_; }

  // Waits until the link is up (a peer of memif or vhost-user has come); Unavailable after
  // `limit`.
  absl::Status WaitLink(Duration limit);
  bool LinkUp() const;

  DpdkPortStats Stats() const;

  // The device's address, or one of our own where the driver has none (net_ring).
  const std::array<uint8_t, 6>& mac() const { return mac_; }
  // "net_tap0" and "net_tap".
  const std::string& name() const { return name_; }
  const std::string& driver() const { return driver_; }

  // Packets of this port's pool that are lent, under way, or in the driver's rings.
  size_t in_use() const;

  // Stops and closes the device; only Release, in_use and the destructor may be called afterwards.
  // What in_use says then is leaked, if nobody holds a packet on purpose.
  void Close();

 private:
  DpdkPort() = default;
  absl::Status Configure(const DpdkPortOptions& options);
  absl::Status Failed(const char* step, int error) const;
  absl::Status MakePool(const DpdkPortOptions& options, uint32_t rings);
  absl::Status FitFrames(Bytes max_frame, uint32_t interface_index, uint16_t device_max_mtu);
  bool DescribeChain(rte_mbuf* mbuf, port::Packet* packet);
  bool PrepareChain(rte_mbuf* mbuf, port::Packet* packet);
  void WantNicStamps(const DpdkPortOptions& options, uint64_t capabilities, uint64_t* offloads);
  void StartNicClock(const DpdkPortOptions& options);
  void StampPackets(std::span<port::Packet> burst);
  size_t ReceiveMbufs(rte_mbuf** mbufs, size_t count);
  size_t TransmitMbufs(rte_mbuf** mbufs, size_t count);

  uint16_t port_ = 0;
  bool open_ = false;
  size_t log_mark_ = 0;  // what DPDK had logged before Open
  bool sends_chains_ = false;
  bool guarded_ = false;  // the driver reads memory of a peer that may go at any time
  int stamp_field_ = -1;  // where a received mbuf has the NIC's stamp; below 0: nowhere
  uint64_t stamp_flag_ = 0;
  NicClock nic_clock_;
  Clock* clock_ = nullptr;
  rte_mempool* pool_ = nullptr;
  port::Capabilities capabilities_;
  uint64_t rx_unusable_ = 0;
  uint64_t tx_unusable_ = 0;
  uint64_t peer_faults_ = 0;
  std::array<uint8_t, 6> mac_{};
  std::string name_;
  std::string driver_;
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_DPDK_PORT_H_
