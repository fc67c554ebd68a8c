#include "sim/topology.h"

#include "absl/strings/str_cat.h"
#include "base/be.h"

namespace sluice::sim {
namespace {

constexpr Bytes kMaxOverhead{1'000'000};
constexpr size_t kMaxPorts = 4096;

}  // namespace

absl::Status ValidateDirection(const LinkConfig& link) {
  if (link.rate.bps() <= 0) return absl::InvalidArgumentError("rate is not positive");
  if (link.delay < Duration::Zero() || link.delay > Duration::Seconds(1)) {
    return absl::InvalidArgumentError("delay is not in 0..1 s");
  }
  if (link.overhead < Bytes(0) || link.overhead > kMaxOverhead) {
    return absl::InvalidArgumentError("overhead is not in 0..1 MB");
  }
  // Written so that a NaN fails too.
  if (!(link.loss >= 0 && link.loss <= 1)) {
    return absl::InvalidArgumentError("loss is not in 0..1");
  }
  return link.faults.Validate();
}

FrameTime::FrameTime(const LinkConfig& link) : overhead_(link.overhead), rate_(link.rate) {
  constexpr int64_t kPsPerByteAtOneBps = 8'000'000'000'000;
  const bool whole = kPsPerByteAtOneBps % rate_.bps() == 0;
  const int64_t ps_per_byte = whole ? kPsPerByteAtOneBps / rate_.bps() : 0;
  whole_nanoseconds_ = link.whole_nanoseconds;
  (whole_nanoseconds_ ? whole_ps_per_byte_ : ps_per_byte_) = ps_per_byte;
}

NodeId Topology::AddHost() {
  nodes.push_back(NodeKind::kHost);
  return static_cast<NodeId>(nodes.size() - 1);
}

NodeId Topology::AddSwitch() {
  nodes.push_back(NodeKind::kSwitch);
  return static_cast<NodeId>(nodes.size() - 1);
}

absl::Status Topology::Validate() const {
  std::vector<size_t> degree(nodes.size());
  for (size_t i = 0; i < links.size(); ++i) {
    const Link& link = links[i];
    if (link.a >= nodes.size() || link.b >= nodes.size()) {
      return absl::InvalidArgumentError(absl::StrCat("link ", i, ": unknown node"));
    }
    if (link.a == link.b) {
      return absl::InvalidArgumentError(absl::StrCat("link ", i, ": both ends are one node"));
    }
    for (const LinkConfig& direction : {link.forward, link.backward}) {
      if (absl::Status status = ValidateDirection(direction); !status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("link ", i, ": ", status.message()));
      }
    }
    ++degree[link.a];
    ++degree[link.b];
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] == NodeKind::kHost && degree[i] == 0) {
      return absl::InvalidArgumentError(absl::StrCat("host ", i, " has no link"));
    }
    if (degree[i] > kMaxPorts) {
      return absl::InvalidArgumentError(absl::StrCat("node ", i, " has more than 4096 links"));
    }
  }
  return absl::OkStatus();
}

Topology Star(size_t hosts, const LinkConfig& link) {
  Topology topology;
  for (size_t i = 0; i < hosts; ++i) topology.AddHost();
  const NodeId center = topology.AddSwitch();
  for (NodeId host = 0; host < hosts; ++host) topology.AddLink(host, center, link);
  return topology;
}

std::vector<std::vector<PortEnd>> PortsOf(const Topology& topology) {
  std::vector<std::vector<PortEnd>> ports(topology.nodes.size());
  for (const Link& link : topology.links) {
    const auto a_port = static_cast<PortIndex>(ports[link.a].size());
    const auto b_port = static_cast<PortIndex>(ports[link.b].size());
    ports[link.a].push_back({link.b, b_port, link.forward});
    ports[link.b].push_back({link.a, a_port, link.backward});
  }
  return ports;
}

HostAddress AddressOf(NodeId host) {
  HostAddress address = {};
  address.mac[0] = 0x02;  // locally administered
  StoreBe32(&address.mac[2], host);
  address.ipv4 = 0x0b000001 + (host / 256 << 16) + (host % 256 << 8);
  address.ipv6[0] = 0xfd;  // unique local address, RFC 4193
  StoreBe32(&address.ipv6[12], host);
  return address;
}

}  // namespace sluice::sim
