// Topology: nodes and links as plain data, and what follows from them: port numbers, addresses,
// routes. Builders such as Star() make one; so does an importer.
#ifndef SLUICE_SIM_TOPOLOGY_H_
#define SLUICE_SIM_TOPOLOGY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/time.h"
#include "base/units.h"
#include "base/whole_nanoseconds.h"
#include "sim/link_faults.h"
#include "switch/switch_packet.h"

namespace sluice::sim {

using NodeId = uint32_t;
using switching::PortIndex;

enum class NodeKind : uint8_t { kHost, kSwitch };

// One direction of a link.
struct LinkConfig {
  Bandwidth rate = Bandwidth::GigabitsPerSecond(100);
  Duration delay = Duration::Microseconds(1);  // propagation
  Bytes overhead = kEthernetOverhead;          // per frame, beyond Packet::frame_length
  bool whole_nanoseconds = false;              // a frame takes that many, rounded down
  double loss = 0;                             // probability that a frame is lost on its way
  LinkFaults faults;                           // beside that loss
};

// What is wrong with one direction (see Topology::Validate).
absl::Status ValidateDirection(const LinkConfig& link);

// Serialisation time of a frame, exact and rounded up to a picosecond, or as the link has it.
class FrameTime {
 public:
  explicit FrameTime(const LinkConfig& link);
  Duration Of(uint32_t frame_length) const {
    const Bytes n = Bytes(frame_length) + overhead_;
    if (ps_per_byte_ > 0) return Duration::Picoseconds(n.count() * ps_per_byte_);
    return Other(n);
  }

 private:
  Duration Other(Bytes n) const {
    if (!whole_nanoseconds_) return TransmissionTime(n, rate_);
    const int64_t ps = n.count() * whole_ps_per_byte_;
    if (ps % 1000 != 0) return Duration::Nanoseconds(ps / 1000);  // no double comes near it
    return WholeNanoseconds(n, rate_);
  }

  int64_t ps_per_byte_ = 0;  // 0: not a whole number at this rate, or not the answer
  Bytes overhead_;
  Bandwidth rate_;
  int64_t whole_ps_per_byte_ = 0;
  bool whole_nanoseconds_ = false;
};

struct Link {
  NodeId a = 0;
  NodeId b = 0;
  LinkConfig forward;   // a to b
  LinkConfig backward;  // b to a
};

struct Topology {
  std::vector<NodeKind> nodes;  // a node's id is its place here
  std::vector<Link> links;

  NodeId AddHost();
  NodeId AddSwitch();
  void AddLink(NodeId a, NodeId b, const LinkConfig& both) { links.push_back({a, b, both, both}); }

  // What is wrong, by link number: unknown node, a host without a link, a rate that is not
  // positive, a delay out of 0..1 s, an overhead out of 0..1 MB, a loss out of 0..1.
  absl::Status Validate() const;
};

// Hosts 0..hosts-1 around switch `hosts`, which reaches host i through its port i.
Topology Star(size_t hosts, const LinkConfig& link);

// One end of a link as a node sees it. A node's ports are numbered from 0 in the order of the links
// that name it.
struct PortEnd {
  NodeId peer = 0;
  PortIndex peer_port = 0;
  LinkConfig out;  // from this node to the peer
};
std::vector<std::vector<PortEnd>> PortsOf(const Topology& topology);

// The addresses that every simulated host answers to. The IPv4 scheme is that of the HPCC
// simulator: 11.x.y.1 with id = 256 x + y.
struct HostAddress {
  std::array<uint8_t, 6> mac;
  uint32_t ipv4;  // host order
  std::array<uint8_t, 16> ipv6;
};
HostAddress AddressOf(NodeId host);

}  // namespace sluice::sim

#endif  // SLUICE_SIM_TOPOLOGY_H_
