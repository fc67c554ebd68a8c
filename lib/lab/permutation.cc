#include "lab/permutation.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "lab/fabric.h"
#include "lab/ideal.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kStartPurpose = 0x7374617274;
constexpr uint64_t kPlacePurpose = 0x706c616365;

using K = cli::Kind;

std::vector<ParameterSpec> Specs() {
  std::vector<ParameterSpec> specs = {
      {"hosts", K::kInteger, "64", "2", "16384", "each sends one message and receives one"},
      {"topology", K::kChoice, "leaf-spine", "", "", "of the fabric", "", TopologyNames()},
      {"size", K::kSize, "1MB", "1", "2GiB", "bytes of each message (RDMA WRITE)"},
      {"core", K::kRate, "auto", "1Gbps", "1600Gbps",
       "of the links between switches; auto: as the others", "auto"}};
  AddFabricSpecs(specs);
  specs.push_back({"spread", K::kTime, "10us", "0", "1s", "starts are uniform in this time"});
  specs.push_back({"limit", K::kTime, "auto", "1us", "1000s",
                   "virtual time after which a flow counts as unfinished; auto: 100 times a lone "
                   "flow's + 20ms",
                   "auto"});
  return specs;
}

constexpr std::string_view kDetails =
    "Every host posts one RDMA WRITE to another, and every host is written to by one: no host is "
    "a\n"
    "bottleneck, only paths that several flows share are. Leaves have as many links up as down, "
    "so\n"
    "that what is lost is lost by ECMP. With rails a message stays on its rail.\n"
    "The seed varies who writes to whom (one cycle over all), the ECMP keys, the starts (uniform "
    "in\n"
    "`spread`), QPNs, PSNs, keys and the ECN marking. The reported queue is the one before\n"
    "the host to which host 0 writes.";

// One cycle through 0..n-1, every one equally likely (Sattolo 1986): nobody is its own partner.
std::vector<uint32_t> Cycle(uint32_t n, Rng rng) {
  std::vector<uint32_t> to(n);
  std::iota(to.begin(), to.end(), 0);
  for (uint32_t i = n - 1; i > 0; --i) std::swap(to[i], to[rng.Below(i)]);
  return to;
}

void Watch(Scenario& s) {
  const auto ports = sim::PortsOf(s.topology);
  const sim::PortEnd& last = ports[s.flows[0].destination][0];
  s.watched_node = last.peer;
  s.watched_port = last.peer_port;
}

absl::StatusOr<Scenario> Build(const Parameters& p, uint64_t seed) {
  Scenario s;
  if (absl::Status status = ApplyFabric("permutation", p, s); !status.ok()) return status;
  const std::string& name = p.Text("topology");
  const auto hosts = static_cast<uint32_t>(p.Integer("hosts"));
  const sim::LinkConfig edge = EdgeLink(p);
  sim::LinkConfig core = edge;
  if (p.Has("core")) core.rate = p.Rate("core");
  absl::StatusOr<sim::Topology> topology = MakeTopology(name, hosts, edge, core);
  if (!topology.ok()) {
    return Invalid(absl::StrFormat("experiment permutation: hosts=%d: %s", hosts,
                                   MessageOf(topology.status())));
  }
  s.topology = *std::move(topology);
  const uint32_t rails = RailsOf(name);
  const auto spread = static_cast<uint64_t>(p.Time("spread").ps());
  const Bytes size = p.Size("size");
  s.flows.resize(hosts);
  for (uint32_t rail = 0; rail < rails; ++rail) {
    const std::vector<uint32_t> to = Cycle(hosts / rails, Rng(seed, rail, kPlacePurpose));
    for (uint32_t server = 0; server < to.size(); ++server) {
      const sim::NodeId host = server * rails + rail;
      const uint64_t start = Rng(seed, host, kStartPurpose).Below(spread + 1);
      s.flows[host] = {host, to[server] * rails + rail, size, Time::FromPs(start)};
    }
  }
  Watch(s);
  s.timeout = TimerOf(p, s);
  const Paths paths(s.topology);
  s.limit = p.Has("limit") ? p.Time("limit")
                           : paths.Ideal(0, s.flows[0].destination, size, s.mtu) * 100 +
                                 p.Time("spread") + Duration::Milliseconds(20);
  return s;
}

}  // namespace

Experiment Permutation() {
  return {"permutation", "every host sends one message and receives one, over a fabric with ECMP",
          kDetails, Specs(), Build};
}

}  // namespace sluice::lab
