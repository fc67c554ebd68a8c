#include "lab/fabric.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
#include "lab/ideal.h"
#include "sim/topologies.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr std::string_view kOnOff[] = {"off", "on"};
constexpr std::string_view kTopologies[] = {"star",     "dumbbell", "parking-lot", "leaf-spine",
                                            "fat-tree", "rail",     "rail-planes"};
constexpr uint32_t kRails = 8;

// The largest divisor that is no more than the square root.
uint32_t HostsPerLeaf(uint32_t hosts) {
  uint32_t best = 1;
  for (uint32_t d = 1; d * d <= hosts; ++d) {
    if (hosts % d == 0) best = d;
  }
  return best;
}

absl::StatusOr<sim::Topology> MakeFatTree(uint32_t hosts, const sim::LinkConfig& edge,
                                          const sim::LinkConfig& core) {
  uint32_t k = 2;
  while (k * k * k / 4 < hosts) k += 2;
  if (k * k * k / 4 == hosts) return sim::FatTree(k, edge, core);
  return absl::InvalidArgumentError(
      absl::StrFormat("a fat tree has k^3/4 hosts, k even: choose %d or %d",
                      (k - 2) * (k - 2) * (k - 2) / 4, k * k * k / 4));
}

absl::StatusOr<sim::Topology> MakeRail(uint32_t hosts, bool planes, const sim::LinkConfig& edge,
                                       const sim::LinkConfig& core) {
  if (hosts % kRails != 0 || hosts < 2 * kRails) {
    return absl::InvalidArgumentError(
        absl::StrFormat("each server has 8 NICs: choose a multiple of 8 from 16 on, such as %d",
                        std::max(hosts / kRails, 2u) * kRails));
  }
  const uint32_t servers = hosts / kRails;
  const uint32_t unit = std::max(HostsPerLeaf(servers), 2u);
  return sim::RailOptimised(
      {.servers = servers, .rails = kRails, .unit = unit, .spines = unit, .planes = planes}, edge,
      core);
}

}  // namespace

void AddFabricSpecs(std::vector<ParameterSpec>& specs) {
  specs.insert(
      specs.end(),
      {{"rate", K::kRate, "100Gbps", "1Gbps", "1600Gbps", "of every link"},
       {"delay", K::kTime, "1us", "0", "1ms", "propagation of every link, one way"},
       {"buffer", K::kSize, "32MiB", "16KB", "1GB", "of each switch, shared by its ports"},
       {"alpha", K::kNumber, "0", "0", "1024",
        "dynamic threshold: a queue may hold alpha x the free buffer; 0: all of it"},
       {"pfc", K::kChoice, "off", "", "", "priority flow control: pause instead of drop", "",
        kOnOff},
       {"kmin", K::kSize, "400KB", "0", "1GB", "ECN: no mark up to this queue"},
       {"kmax", K::kSize, "1600KB", "0", "1GB", "ECN: every packet is marked above this queue"},
       {"pmax", K::kProbability, "0.2", "", "", "ECN: probability of a mark at kmax"},
       {"mtu", K::kInteger, "1000", "256", "4096", "payload bytes per packet, a multiple of 4"},
       {"timeout", K::kInteger, "auto", "1", "31",
        "retransmission timer 4.096us * 2^code; auto: longer than the whole buffer drains", "auto"},
       {"sample", K::kTime, "1us", "10ns", "1s",
        "between two points of queues.csv and rates.csv"}});
}

absl::Status ApplyFabric(std::string_view owner, const Parameters& p, Scenario& s) {
  s.switches.buffer = p.Size("buffer");
  s.switches.sharing.alpha = p.Number("alpha");
  s.switches.sharing.lossless = p.Text("pfc") == "on" ? 1 : 0;
  s.switches.ecn = {switching::EcnProfile::Mode::kDequeue, p.Size("kmin"), p.Size("kmax"),
                    p.Number("pmax")};
  if (s.switches.ecn.kmin > s.switches.ecn.kmax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "experiment %s: kmin exceeds kmax; lower kmin or raise kmax", std::string(owner)));
  }
  s.mtu = static_cast<uint32_t>(p.Integer("mtu"));
  if (s.mtu % 4 != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("experiment %s: mtu=%d is no multiple of 4; choose %d", std::string(owner),
                        s.mtu, s.mtu / 4 * 4));
  }
  s.sample = p.Time("sample");
  return absl::OkStatus();
}

sim::LinkConfig EdgeLink(const Parameters& p) {
  sim::LinkConfig link;
  link.rate = p.Rate("rate");
  link.delay = p.Time("delay");
  return link;
}

namespace {

uint8_t LongTimer(const Scenario& s, Bandwidth slowest) {
  const Paths paths(s.topology);
  Duration rtt;
  Duration longest;
  for (const FlowSpec& f : s.flows) {
    rtt = std::max(rtt, paths.BaseRtt(f.source, f.destination, s.mtu));
    const auto links = static_cast<int64_t>(paths.Between(f.source, f.destination).size());
    longest = std::max(longest, rtt * links);
  }
  return TimeoutCode(s.switches.buffer, slowest, longest);
}

}  // namespace

uint8_t TimerOf(const Parameters& p, const Scenario& s) {
  if (p.Has("timeout")) return static_cast<uint8_t>(p.Integer("timeout"));
  return LongTimer(s, p.Rate("rate"));
}

uint8_t AutoTimer(const Scenario& s) {
  Bandwidth slowest = s.topology.links[0].forward.rate;
  for (const sim::Link& link : s.topology.links) {
    slowest = std::min({slowest, link.forward.rate, link.backward.rate});
  }
  for (const sim::LinkEvent& event : s.link_events) {
    if (event.kind == sim::LinkEvent::Kind::kChange) slowest = std::min(slowest, event.config.rate);
  }
  return LongTimer(s, slowest);
}

std::span<const std::string_view> TopologyNames() { return kTopologies; }

uint32_t RailsOf(std::string_view topology) { return topology.substr(0, 4) == "rail" ? kRails : 1; }

absl::StatusOr<sim::Topology> MakeTopology(std::string_view name, uint32_t hosts,
                                           const sim::LinkConfig& edge,
                                           const sim::LinkConfig& core) {
  const uint32_t per_leaf = HostsPerLeaf(hosts);
  if (name == "dumbbell") return sim::Dumbbell(hosts / 2, hosts - hosts / 2, edge, core);
  if (name == "parking-lot") return sim::ParkingLot(hosts / per_leaf, per_leaf, edge, core);
  if (name == "leaf-spine") return sim::LeafSpine(hosts / per_leaf, per_leaf, per_leaf, edge, core);
  if (name == "fat-tree") return MakeFatTree(hosts, edge, core);
  if (RailsOf(name) > 1) return MakeRail(hosts, name == "rail-planes", edge, core);
  return sim::Star(hosts, edge);
}

absl::Status SetEcnByRate(const Scenario& scenario, sim::Simulation& simulation) {
  if (scenario.ecn_by_rate.empty()) return absl::OkStatus();
  const auto ports = sim::PortsOf(scenario.topology);
  for (sim::NodeId node = 0; node < ports.size(); ++node) {
    if (scenario.topology.nodes[node] != sim::NodeKind::kSwitch) continue;
    for (size_t port = 0; port < ports[node].size(); ++port) {
      for (const RateEcn& ecn : scenario.ecn_by_rate) {
        if (ecn.rate != ports[node][port].out.rate) continue;
        absl::Status s = simulation.SetEcn(node, static_cast<sim::PortIndex>(port), ecn.profile);
        if (!s.ok()) return s;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::lab
