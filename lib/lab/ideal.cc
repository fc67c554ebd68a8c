#include "lab/ideal.h"

#include <algorithm>
#include <utility>

#include "wire/headers.h"

namespace sluice::lab {
namespace {

constexpr uint32_t kIcrcBytes = 4;
constexpr uint32_t kHeaderBytes =
    wire::kEthernetBytes + wire::Ipv4Header::kSize + wire::UdpHeader::kSize + wire::Bth::kSize;

}  // namespace

uint32_t DataFrameLength(uint32_t payload, bool first) {
  const uint32_t padded = (payload + 3) / 4 * 4;
  return kHeaderBytes + (first ? static_cast<uint32_t>(wire::Reth::kSize) : 0) + padded +
         kIcrcBytes;
}

uint32_t AckFrameLength() {
  return kHeaderBytes + static_cast<uint32_t>(wire::Aeth::kSize) + kIcrcBytes;
}

Paths::Paths(const sim::Topology& topology)
    : ports_(sim::PortsOf(topology)), routes_(topology, ports_, 0) {}

std::vector<sim::LinkConfig> Paths::Between(sim::NodeId from, sim::NodeId to) const {
  std::vector<sim::LinkConfig> links = {ports_[from][0].out};
  for (sim::NodeId node = ports_[from][0].peer; node != to;) {
    const sim::PortEnd& end = ports_[node][routes_.PortsTo(node, to)[0]];
    links.push_back(end.out);
    node = end.peer;
  }
  return links;
}

std::vector<Paths::Forced> Paths::ForcedHops(sim::NodeId from, sim::NodeId to) const {
  std::vector<Forced> hops;
  // Behind a choice a port is on the way of some packets only, until the paths are one again.
  std::vector<sim::NodeId> at = {ports_[from][0].peer};
  while (!at.empty() && (at.size() != 1 || at[0] != to)) {
    std::vector<sim::NodeId> next;
    for (const sim::NodeId node : at) {
      const std::vector<sim::PortIndex> ways = routes_.PortsTo(node, to);
      if (at.size() == 1 && ways.size() == 1) {
        hops.push_back({node, ways[0], ports_[node][ways[0]].out.rate});
      }
      for (const sim::PortIndex way : ways) next.push_back(ports_[node][way].peer);
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    at = std::move(next);
  }
  return hops;
}

bool Paths::Reaches(sim::NodeId from, sim::NodeId to) const {
  const sim::NodeId first = ports_[from][0].peer;
  return first == to || !routes_.PortsTo(first, to).empty();
}

Duration Paths::AckTime(sim::NodeId from, sim::NodeId to) const {
  Duration sum;
  for (const sim::LinkConfig& link : Between(from, to)) {
    sum += sim::FrameTime(link).Of(AckFrameLength()) + link.delay;
  }
  return sum;
}

Duration Paths::Ideal(sim::NodeId from, sim::NodeId to, Bytes size, uint32_t mtu) const {
  struct Hop {
    sim::FrameTime time;
    Duration delay;
    Duration free;  // since the post
  };
  std::vector<Hop> hops;
  for (const sim::LinkConfig& link : Between(from, to)) {
    hops.push_back({sim::FrameTime(link), link.delay, Duration()});
  }
  Duration arrived;
  for (int64_t sent = 0; sent < size.count(); sent += mtu) {
    const auto payload = static_cast<uint32_t>(std::min<int64_t>(mtu, size.count() - sent));
    const uint32_t length = DataFrameLength(payload, sent == 0);
    arrived = Duration();
    for (Hop& hop : hops) {
      hop.free = std::max(arrived, hop.free) + hop.time.Of(length);
      arrived = hop.free + hop.delay;
    }
  }
  return arrived + AckTime(to, from);
}

Duration Paths::BaseRtt(sim::NodeId from, sim::NodeId to, uint32_t mtu) const {
  Duration sum;
  for (const sim::LinkConfig& link : Between(from, to)) {
    sum += sim::FrameTime(link).Of(DataFrameLength(mtu, false)) + link.delay;
  }
  return sum + AckTime(to, from);
}

}  // namespace sluice::lab
