// Opening, closing and watching a DpdkPort: everything but its hot path.
#include <net/if.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dpdk/dpdk_port.h"
#include "dpdk/eal.h"
#include "dpdk/errors.h"
#include "dpdk/fault_guard.h"
#include "dpdk/mbuf_layout.h"

namespace sluice::dpdk {

namespace {

constexpr int64_t kEthernetHeader = 14;
constexpr uint32_t kPoolCache = 256;
constexpr uint16_t kDefaultMtu = 1500;

// The set_mtu of virtual drivers is refused or means nothing, although frames of any size that fits
// their buffers pass. A NIC that refuses an MTU means it.
bool IsVirtual(const std::string& driver) { return !DriverOf(driver).empty(); }

// The MTU of a kernel interface, after raising it to `wanted` if `raise`; nullopt when it cannot be
// read.
std::optional<int> InterfaceMtu(const char* name, int wanted, bool raise) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  ifreq request = {};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
  std::optional<int> mtu;
  if (ioctl(fd, SIOCGIFMTU, &request) == 0) mtu = request.ifr_mtu;
  if (mtu.has_value() && *mtu < wanted && raise) {
    request.ifr_mtu = wanted;
    if (ioctl(fd, SIOCSIFMTU, &request) == 0) mtu = wanted;
  }
  close(fd);
  return mtu;
}

}  // namespace

absl::Status DpdkPort::Failed(const char* step, int error) const {
  const std::string what = absl::StrCat(name_, ": ", step);
  // Virtual drivers return -1 for whatever went wrong, which is also -EPERM: the cause stands in
  // their log alone.
  if (error == -1 && IsVirtual(driver_)) {
    const std::string log = Eal::Log();
    return Translate(name_, std::string_view(log).substr(std::min(log_mark_, log.size())));
  }
  const std::string message =
      absl::StrCat(what, " failed: ", rte_strerror(error < 0 ? -error : error));
  if (error == -ENOMEM || error == ENOMEM) return absl::FailedPreconditionError(message);
  if (error == -EPERM || error == -EACCES) return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

absl::StatusOr<std::unique_ptr<DpdkPort>> DpdkPort::Open(uint16_t port,
                                                         const DpdkPortOptions& options) {
  if (options.max_frame.count() < 64 || options.max_frame.count() > 16384) {
    return absl::InvalidArgumentError(absl::StrCat("a longest frame of ", options.max_frame.count(),
                                                   " bytes; it lies between 64 and 16384"));
  }
  std::unique_ptr<DpdkPort> p(new DpdkPort);
  p->port_ = port;
  p->log_mark_ = Eal::Log().size();
  char name[RTE_ETH_NAME_MAX_LEN] = {};
  if (rte_eth_dev_get_name_by_port(port, name) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("there is no port ", port));
  }
  p->name_ = name;
  const absl::Status status = p->Configure(options);
  if (!status.ok()) return status;
  return p;
}

absl::Status DpdkPort::MakePool(const DpdkPortOptions& options, uint32_t rings) {
  // As many as can be in rings, in a cache and in hands; 2^n - 1 is what a pool's ring holds.
  const uint32_t wanted =
      rings + 2 * kPoolCache + 2 * static_cast<uint32_t>(port::kMaxBurst) + options.spare_packets;
  const uint32_t count = std::bit_ceil(wanted) - 1;
  const int64_t longest = std::max(options.max_frame.count(), options.min_data_room.count());
  const int64_t room =
      (kDataOffset + longest + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE;
  pool_ = rte_pktmbuf_pool_create(absl::StrCat("sluice_", port_).c_str(), count, kPoolCache,
                                  sizeof(MbufPrivate), static_cast<uint16_t>(room),
                                  static_cast<int>(rte_socket_id()));
  if (pool_ == nullptr) {
    if (rte_errno != ENOMEM) return Failed("making a packet pool", rte_errno);
    const int64_t bytes = int64_t{count} * (room + int64_t{sizeof(rte_mbuf)} +
                                            int64_t{sizeof(MbufPrivate)} + RTE_CACHE_LINE_SIZE);
    return absl::FailedPreconditionError(
        absl::StrCat(name_, ": DPDK has no memory for ", count, " packets (", bytes >> 20,
                     " MiB); give it more, or the port smaller rings"));
  }
  capabilities_.linear_room = static_cast<uint32_t>(room - kDataOffset);
  return absl::OkStatus();
}

absl::Status DpdkPort::FitFrames(Bytes max_frame, uint32_t interface_index,
                                 uint16_t device_max_mtu) {
  const int mtu = static_cast<int>(max_frame.count() - kEthernetHeader);
  if (mtu > kDefaultMtu) {
    const int result = rte_eth_dev_set_mtu(port_, static_cast<uint16_t>(mtu));
    if (result != 0 && !IsVirtual(driver_)) {
      return absl::FailedPreconditionError(absl::StrCat(name_, ": the device takes no MTU of ", mtu,
                                                        " (at most ", device_max_mtu,
                                                        "); choose a smaller path MTU"));
    }
  }
  // Drivers on a kernel interface send what its MTU allows, whatever DPDK says. A TAP interface is
  // ours to change, any other belongs to whoever set it up.
  char interface[IF_NAMESIZE] = {};
  if (interface_index == 0 || if_indextoname(interface_index, interface) == nullptr) {
    return absl::OkStatus();
  }
  const std::optional<int> have = InterfaceMtu(interface, mtu, driver_ == "net_tap");
  if (have.has_value() && *have < mtu) {
    return absl::FailedPreconditionError(absl::StrCat(
        name_, ": the interface ", interface, " has an MTU of ", *have, " and frames need ", mtu,
        "; sudo ip link set ", interface, " mtu ", mtu, ", or choose a smaller path MTU"));
  }
  return absl::OkStatus();
}

absl::Status DpdkPort::Configure(const DpdkPortOptions& options) {
  rte_eth_dev_info info;
  int result = rte_eth_dev_info_get(port_, &info);
  if (result != 0) return Failed("asking the device", result);
  driver_ = info.driver_name;
  open_ = true;
  guarded_ = driver_ == "net_memif";
  if (guarded_) FaultGuard::Install();
  sends_chains_ = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;

  rte_eth_conf conf = {};
  if (sends_chains_) conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  WantNicStamps(options, info.rx_offload_capa, &conf.rxmode.offloads);
  result = rte_eth_dev_configure(port_, 1, 1, &conf);
  if (result != 0) return Failed("configuring it", result);
  const absl::Status fits = FitFrames(options.max_frame, info.if_index, info.max_mtu);
  if (!fits.ok()) return fits;

  uint16_t receive_ring = options.receive_ring;
  uint16_t transmit_ring = options.transmit_ring;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive_ring, &transmit_ring);
  const absl::Status pool = MakePool(options, uint32_t{receive_ring} + transmit_ring);
  if (!pool.ok()) return pool;
  const unsigned socket = SOCKET_ID_ANY;
  result = rte_eth_rx_queue_setup(port_, 0, receive_ring, socket, nullptr, pool_);
  if (result != 0) return Failed("setting up the receive queue", result);
  result = rte_eth_tx_queue_setup(port_, 0, transmit_ring, socket, nullptr);
  if (result != 0) return Failed("setting up the transmit queue", result);
  result = rte_eth_dev_start(port_);
  if (result != 0) return Failed("starting it", result);
  // RoCE is unicast to our own address; this helps where the driver has no address of its own.
  // Not every driver can, and none that cannot filters.
  rte_eth_promiscuous_enable(port_);

  rte_ether_addr address = {};
  rte_eth_macaddr_get(port_, &address);
  if (rte_is_zero_ether_addr(&address)) {
    // Locally administered, distinct within the process.
    mac_ = {0x02, 's', 'l', 'c', static_cast<uint8_t>(port_ >> 8), static_cast<uint8_t>(port_)};
  } else {
    std::copy_n(address.addr_bytes, mac_.size(), mac_.begin());
  }

  rte_eth_link link = {};
  rte_eth_link_get_nowait(port_, &link);
  const bool is_virtual = !DriverOf(driver_).empty() || absl::StrContains(driver_, "virtio");
  capabilities_.line_rate = options.line_rate;
  if (options.line_rate.bps() == 0) {
    capabilities_.line_rate =
        is_virtual || link.link_speed == 0 || link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN
            ? Bandwidth::GigabitsPerSecond(400)
            : Bandwidth::MegabitsPerSecond(link.link_speed);
  }
  capabilities_.max_frame = static_cast<uint32_t>(options.max_frame.count());
  capabilities_.segments = true;
  clock_ = options.clock;
  capabilities_.burst_stamps = clock_ != nullptr;
  StartNicClock(options);
  capabilities_.shared_memory = driver_ == "net_ring";
  return absl::OkStatus();
}

bool DpdkPort::LinkUp() const {
  rte_eth_link link = {};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

absl::Status DpdkPort::WaitLink(Duration limit) {
  constexpr int64_t kStepUs = 1000;
  for (int64_t waited = 0;; waited += kStepUs) {
    if (LinkUp()) return absl::OkStatus();
    if (Duration::Microseconds(waited) >= limit) break;
    const timespec step = {0, kStepUs * 1000};
    nanosleep(&step, nullptr);
  }
  return absl::UnavailableError(
      absl::StrCat(name_, ": the link is still down after ", limit.ps() / 1'000'000'000,
                   " ms; is the peer there, and its socket or cable the same?"));
}

DpdkPortStats DpdkPort::Stats() const {
  DpdkPortStats out;
  rte_eth_stats s = {};
  if (open_ && rte_eth_stats_get(port_, &s) == 0) {
    out.rx_packets = s.ipackets;
    out.tx_packets = s.opackets;
    out.rx_bytes = s.ibytes;
    out.tx_bytes = s.obytes;
    out.rx_missed = s.imissed;
    out.rx_errors = s.ierrors;
    out.rx_no_buffer = s.rx_nombuf;
    out.tx_errors = s.oerrors;
  }
  out.rx_unusable = rx_unusable_;
  out.tx_unusable = tx_unusable_;
  out.peer_faults = peer_faults_;
  return out;
}

size_t DpdkPort::in_use() const { return rte_mempool_in_use_count(pool_); }

void DpdkPort::Close() {
  if (!open_) return;
  open_ = false;
  rte_eth_dev_info info;
  const bool known = rte_eth_dev_info_get(port_, &info) == 0;
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
  // Also takes away a virtual device, so that its name is free again.
  if (known && IsVirtual(driver_)) rte_dev_remove(info.device);
}

DpdkPort::~DpdkPort() {
  Close();
  rte_mempool_free(pool_);
}

}  // namespace sluice::dpdk
