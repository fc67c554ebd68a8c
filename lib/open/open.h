// Opens devices by a string: where the public interface meets DPDK.
//
// The first call starts DPDK for the whole process, with hugepages when enough are free and without
// them otherwise; it lives until the process ends. The thread that makes the first call is the one
// that opens and polls devices afterwards. DPDK logs nothing to the terminal: what went wrong comes
// back as a Status with the cause and the cure. A program whose peer may go away (vhost-user)
// should ignore SIGPIPE.
#ifndef SLUICE_OPEN_OPEN_H_
#define SLUICE_OPEN_OPEN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "verbs/verbs.h"

namespace sluice::open {

struct OpenOptions {
  // Ours, IPv4 or IPv6; on an interface that the kernel uses too, one that the kernel does not own.
  // With the link's prefix ("198.51.100.1/24") only addresses of that are neighbours, others are
  // reached by the gateway or a route; without, every address is a neighbour.
  std::string address;
  std::string gateway;              // "198.51.100.254": for all that no route leads to
  std::vector<std::string> routes;  // "10.0.0.0/8 via 198.51.100.253"
  uint32_t max_mtu = 4096;          // payload bytes of the longest packet: 256 to 4096
  uint32_t max_queue_pairs = 1024;
  // Connected to one address, whoever asked for them; 0: as many as there are. Of the connections
  // that one address asks for by RDMA-CM at most 512, or this if it is less.
  uint32_t max_queue_pairs_per_peer = 0;
  uint64_t seed = 0;           // of QPNs, PSNs and keys; 0: drawn from the system
  uint64_t line_rate_bps = 0;  // 0: the NIC's speed; 400 Gb/s on virtual devices
  bool icrc = true;            // false: neither computed nor checked; both ends must agree
  // How long to wait for the link, that is on vhost-user and memif for the peer; 0: not at all.
  uint64_t link_wait_ms = 0;
};

// `device` is what DPDK's --vdev takes ("net_vhost0,iface=/tmp/s.sock") or a PCI address, which
// must be in the first call of the process. InvalidArgument: a name or value is wrong;
// FailedPrecondition: this machine lacks something; PermissionDenied; Unavailable: the link stays
// down.
SLUICE_PUBLIC absl::StatusOr<std::unique_ptr<verbs::Device>> OpenDevice(std::string_view device,
                                                                        const OpenOptions& options);

// "net_ring": two cross-connected devices in this process, polled by one thread. What one sends the
// other receives. Neither address needs to be routable.
SLUICE_PUBLIC
absl::StatusOr<std::pair<std::unique_ptr<verbs::Device>, std::unique_ptr<verbs::Device>>>
OpenRingPair(const OpenOptions& first, const OpenOptions& second);

}  // namespace sluice::open

#endif  // SLUICE_OPEN_OPEN_H_
