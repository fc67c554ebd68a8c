#include "bridge/plan.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/ideal.h"

namespace sluice::bridge {
namespace {

using lab::FlowSpec;
using lab::Scenario;

// Frame bytes of a packet and its gap beyond the payload, at most.
constexpr int64_t kOverhead = 200;
constexpr uint8_t kLongestTimer = 31;

absl::Status Refuse(const std::string& what, const std::string& cure) {
  return absl::InvalidArgumentError(
      absl::StrFormat("--world wire cannot carry it: %s; %s", what, cure));
}

size_t CountSwitches(const Scenario& s) {
  return static_cast<size_t>(
      std::count(s.topology.nodes.begin(), s.topology.nodes.end(), sim::NodeKind::kSwitch));
}

bool Impaired(const sim::LinkConfig& link) { return link.loss > 0 || link.faults.any(); }

absl::Status CheckFlows(const Scenario& s) {
  if (!s.triggers.empty()) {
    return Refuse("flows wait for each other", "take one whose flows start by themselves");
  }
  if (s.one_queue_pair) {
    return Refuse("all messages share one queue pair", "take incast, which has one for each");
  }
  if (s.queue_pairs.reused) {
    return Refuse("messages reuse queue pairs", "say queue-pairs=new");
  }
  return absl::OkStatus();
}

absl::Status CheckFabric(const Scenario& s) {
  if (s.profile != lab::WireProfile::kRoce) {
    return Refuse("its packets are those of the ns-3 simulator",
                  "run it in virtual time, without --world");
  }
  if (const size_t n = CountSwitches(s); n != 1) {
    return Refuse(absl::StrFormat("%d switches, and its bridge is one", n),
                  "take incast, or say topology=star where there is that parameter");
  }
  if (!s.hosts.ideal()) {
    return Refuse("its hosts are this machine's, no model of any", "leave host out");
  }
  if (!s.link_events.empty()) {
    return Refuse("links change", "run it in virtual time, without --world");
  }
  for (const sim::Link& link : s.topology.links) {
    if (Impaired(link.forward) || Impaired(link.backward)) {
      return Refuse("links lose packets", "leave the loss out, or run it in virtual time");
    }
  }
  if (s.switches.sharing.lossless != 0) {
    return Refuse("its bridge does not pause senders", "say pfc=off");
  }
  if (s.switches.trim.on() || s.switches.scheduler.queues > 1) {
    return Refuse("its bridge has one queue for each port, which trims nothing",
                  "run it in virtual time, without --world");
  }
  return absl::OkStatus();
}

// Those that flows start or end at, by the switch's ports.
void FindHosts(const Scenario& s, WirePlan& plan) {
  std::vector<bool> used(s.topology.nodes.size());
  for (const FlowSpec& f : s.flows) used[f.source] = used[f.destination] = true;
  const auto ports = sim::PortsOf(s.topology);
  const auto at =
      std::find(s.topology.nodes.begin(), s.topology.nodes.end(), sim::NodeKind::kSwitch);
  plan.node = static_cast<sim::NodeId>(at - s.topology.nodes.begin());
  for (size_t i = 0; i < ports[plan.node].size(); ++i) {
    const sim::PortEnd& end = ports[plan.node][i];
    if (!used[end.peer]) continue;
    plan.hosts.push_back(
        {end.peer, static_cast<sim::PortIndex>(i), ports[end.peer][end.peer_port].out, end.out});
  }
}

Duration ShortestRtt(const Scenario& s) {
  const lab::Paths paths(s.topology);
  Duration shortest = Duration::Max();
  for (const FlowSpec& f : s.flows) {
    shortest = std::min(shortest, paths.BaseRtt(f.source, f.destination, s.mtu));
  }
  return shortest;
}

int64_t RoundedUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

Bandwidth Slower(Bandwidth rate, int64_t scale) {
  return Bandwidth::BitsPerSecond(std::max<int64_t>(rate.bps() / scale, 1));
}

Time Stretched(Time t, int64_t scale) {
  return Time::FromPs(t.ps() * static_cast<uint64_t>(scale));
}

void Stretch(Scenario& s, int64_t scale) {
  for (sim::Link& link : s.topology.links) {
    for (sim::LinkConfig* way : {&link.forward, &link.backward}) {
      way->rate = Slower(way->rate, scale);
      way->delay = way->delay * scale;
    }
  }
  for (lab::RateEcn& ecn : s.ecn_by_rate) ecn.rate = Slower(ecn.rate, scale);
  for (FlowSpec& f : s.flows) f.start = Stretched(f.start, scale);
  s.limit = s.limit * scale;
  s.sample = s.sample * scale;
  if (s.timeout != 0) {
    const int more = std::bit_width(static_cast<uint64_t>(scale - 1));
    s.timeout = static_cast<uint8_t>(std::min(s.timeout + more, int{kLongestTimer}));
  }
}

// By the line that has most to carry.
Duration LeastTime(const WirePlan& plan) {
  Duration longest;
  for (const WireHost& host : plan.hosts) {
    Bytes out, in;
    for (const FlowSpec& f : plan.scenario.flows) {
      const Bytes wire = f.size + Bytes(RoundedUp(f.size.count(), kWireMtu) * kOverhead);
      if (f.source == host.node) out += wire;
      if (f.destination == host.node) in += wire;
    }
    longest = std::max(
        {longest, TransmissionTime(out, host.up.rate), TransmissionTime(in, host.down.rate)});
  }
  Time last;
  for (const FlowSpec& f : plan.scenario.flows) last = Later(last, f.start);
  return longest + (last - Time::Zero());
}

absl::Status CheckSize(const WirePlan& plan, const WireLimits& limits) {
  Bytes memory;
  for (const FlowSpec& f : plan.scenario.flows) memory += f.size;
  if (memory > limits.memory) {
    return Refuse(absl::StrFormat("%d MB of messages, and it has room for %d MB in memory",
                                  memory.count() / 1'000'000, limits.memory.count() / 1'000'000),
                  "lower size, or the number of flows");
  }
  if (plan.time > limits.time) {
    return Refuse(absl::StrFormat("it would take %.0f s at %.1f Mbps, %d times slower than asked, "
                                  "and the most is %.0f s",
                                  plan.time.seconds(), plan.rate.gbps() * 1e3, plan.scale,
                                  limits.time.seconds()),
                  "lower size, or the number of flows");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WirePlan> PlanWire(const Scenario& scenario, const WireLimits& limits) {
  if (absl::Status s = CheckFabric(scenario); !s.ok()) return s;
  if (absl::Status s = CheckFlows(scenario); !s.ok()) return s;
  if (scenario.flows.empty()) return Refuse("it has no flows", "give it some");
  WirePlan plan;
  plan.scenario = scenario;
  plan.scenario.mtu = kWireMtu;
  FindHosts(plan.scenario, plan);
  if (plan.hosts.size() > limits.hosts) {
    return Refuse(
        absl::StrFormat("%d hosts, and it has ports for %d", plan.hosts.size(), limits.hosts),
        absl::StrFormat("choose at most %d, such as incast:senders=%d", limits.hosts,
                        limits.hosts - 1));
  }
  int64_t lines = 0;
  for (const WireHost& host : plan.hosts) lines += host.up.rate.bps();
  plan.scale =
      std::max({int64_t{1}, RoundedUp(limits.base_rtt.ps(), ShortestRtt(plan.scenario).ps()),
                RoundedUp(lines, limits.carried.bps())});
  Stretch(plan.scenario, plan.scale);
  plan.hosts.clear();
  FindHosts(plan.scenario, plan);
  plan.base_rtt = ShortestRtt(plan.scenario);
  plan.rate = plan.hosts[0].up.rate;
  for (const WireHost& host : plan.hosts) {
    plan.rate = std::min({plan.rate, host.up.rate, host.down.rate});
  }
  plan.time = LeastTime(plan);
  if (absl::Status s = CheckSize(plan, limits); !s.ok()) return s;
  plan.scenario.limit = std::min(plan.scenario.limit, limits.time * 2);
  return plan;
}

}  // namespace sluice::bridge
