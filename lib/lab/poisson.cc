// Workloads with Poisson arrivals and a measurement window.
#include <algorithm>
#include <tuple>

#include "absl/strings/str_format.h"
#include "lab/offered_load.h"
#include "lab/workload.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr uint64_t kArrivalPurpose = 0x6172726976616c;
constexpr uint64_t kSizePurpose = 0x73697a65;
constexpr uint64_t kPlacePurpose = 0x706c616365;
// Arrivals go on so many windows after the warm-up.
constexpr int kWindows = 4;

constexpr std::string_view kWindowDetails =
    "Flows that start in the window after the warm-up are measured. Arrivals go on until all of "
    "them\n"
    "have ended, or for 4 windows; what has not ended then counts as infinitely slow.\n";

std::vector<ParameterSpec> WindowSpecs() {
  return {{"warmup", K::kTime, "20ms", "0", "10s", "before the window"},
          {"window", K::kTime, "20ms", "1us", "10s", "flows that start in it are measured"}};
}

std::vector<ParameterSpec> With(std::vector<ParameterSpec> specs) {
  for (const ParameterSpec& w : WindowSpecs()) specs.push_back(w);
  return specs;
}

struct Window {
  Time first;
  Time end;
  Time last;  // no arrival from here on
};

Window WindowOf(const Parameters& p) {
  Window w;
  w.first = Time::Zero() + p.Time("warmup");
  w.end = w.first + p.Time("window");
  w.last = w.first + p.Time("window") * kWindows;
  return w;
}

// The next arrival after `t`, at least a picosecond later.
Time NextArrival(Time t, Rng& rng, double mean_ps) {
  constexpr double kLongest = 1e18;
  const double gap = std::clamp(rng.Exponential(mean_ps), 1.0, kLongest);
  return t + Duration::Picoseconds(static_cast<int64_t>(gap));
}

absl::Status TooMany(double flows) {
  return absl::InvalidArgumentError(
      absl::StrFormat("about %.0f flows would arrive, more than %d; shorten warmup and window, or "
                      "lower load",
                      flows, kMaxFlows));
}

void Finish(Scenario& s, size_t first, const Window& w) {
  std::sort(s.flows.begin() + static_cast<std::ptrdiff_t>(first), s.flows.end(),
            [](const FlowSpec& a, const FlowSpec& b) {
              return std::tuple(a.start, a.source, a.destination) <
                     std::tuple(b.start, b.source, b.destination);
            });
  s.limit = std::max(s.limit, w.last - Time::Zero());
}

// The hosts to which the one at `place` sends.
std::vector<sim::NodeId> Partners(const std::vector<sim::NodeId>& hosts, size_t place,
                                  uint32_t rails) {
  std::vector<sim::NodeId> partners;
  for (size_t i = place % rails; i < hosts.size(); i += rails) {
    if (i != place) partners.push_back(hosts[i]);
  }
  return partners;
}

absl::Status CheckHosts(const std::vector<sim::NodeId>& hosts, uint32_t rails) {
  if (hosts.size() >= 2 * size_t{rails} && hosts.size() % rails == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%d hosts are too few to send to each other", hosts.size()));
}

// Every host sends to the others by itself.
absl::Status AddPoisson(const WorkloadInput& input, Scenario& s, std::string_view cdf_name,
                        double load, uint64_t purpose) {
  const absl::StatusOr<Cdf> cdf = FindCdf(input, cdf_name);
  if (!cdf.ok()) return cdf.status();
  const std::vector<sim::NodeId> hosts = HostsOf(s.topology);
  if (absl::Status status = CheckHosts(hosts, input.rails); !status.ok()) return status;
  const Window w = WindowOf(input.p());
  const double rate = HostRateAtFullLoad(s.topology, input.rails) * load;
  const double mean_ps = cdf->MeanBytes() * 8 / rate * 1e12;
  const double flows = static_cast<double>((w.last - Time::Zero()).ps()) / mean_ps *
                       static_cast<double>(hosts.size());
  if (flows > static_cast<double>(kMaxFlows)) return TooMany(flows);
  const size_t first = s.flows.size();
  for (size_t i = 0; i < hosts.size(); ++i) {
    Rng arrivals = input.Draw(s, &RandomFactors::arrivals, i, kArrivalPurpose + purpose);
    Rng sizes = input.Draw(s, &RandomFactors::sizes, i, kSizePurpose + purpose);
    Rng places = input.Draw(s, &RandomFactors::placement, i, kPlacePurpose + purpose);
    const std::vector<sim::NodeId> partners = Partners(hosts, i, input.rails);
    for (Time t = NextArrival(Time::Zero(), arrivals, mean_ps); t < w.last;
         t = NextArrival(t, arrivals, mean_ps)) {
      const sim::NodeId to = partners[places.Below(partners.size())];
      const int64_t size = cdf->Sample(sizes);
      FlowSpec f{hosts[i], to, Bytes(size), t};
      f.measured = w.first <= t && t < w.end;
      s.flows.push_back(f);
    }
  }
  Finish(s, first, w);
  return absl::OkStatus();
}

// `fanin` hosts send to one at a time.
absl::Status AddPoissonIncast(const WorkloadInput& input, Scenario& s) {
  const Parameters& p = input.p();
  const std::vector<sim::NodeId> hosts = HostsOf(s.topology);
  if (absl::Status status = CheckHosts(hosts, input.rails); !status.ok()) return status;
  const auto fanin = static_cast<size_t>(p.Integer("fanin"));
  const size_t others = hosts.size() / input.rails - 1;
  if (fanin > others) {
    return absl::InvalidArgumentError(
        absl::StrFormat("fanin=%d, but a host has %d others to hear from; lower fanin or raise "
                        "hosts",
                        fanin, others));
  }
  const Window w = WindowOf(p);
  const Bytes size = p.Size("size");
  const double bytes = static_cast<double>(size.count()) * static_cast<double>(fanin);
  const double rate = HostRateAtFullLoad(s.topology, input.rails) * p.Number("load");
  const double mean_ps = bytes * 8 / (rate * static_cast<double>(hosts.size())) * 1e12;
  const double flows =
      static_cast<double>((w.last - Time::Zero()).ps()) / mean_ps * static_cast<double>(fanin);
  if (flows > static_cast<double>(kMaxFlows)) return TooMany(flows);
  const size_t first = s.flows.size();
  Rng arrivals = input.Draw(s, &RandomFactors::arrivals, 0, kArrivalPurpose);
  Rng places = input.Draw(s, &RandomFactors::placement, 0, kPlacePurpose);
  for (Time t = NextArrival(Time::Zero(), arrivals, mean_ps); t < w.last;
       t = NextArrival(t, arrivals, mean_ps)) {
    const size_t receiver = places.Below(hosts.size());
    std::vector<sim::NodeId> senders = Partners(hosts, receiver, input.rails);
    for (size_t i = 0; i < fanin; ++i) {
      std::swap(senders[i], senders[i + places.Below(senders.size() - i)]);
      FlowSpec f{senders[i], hosts[receiver], size, t};
      f.measured = w.first <= t && t < w.end;
      s.flows.push_back(f);
    }
  }
  Finish(s, first, w);
  return absl::OkStatus();
}

}  // namespace

Workload PoissonWorkload() {
  static const std::string details =
      "Every host posts messages to the others, each as likely, with exponential gaps and sizes of "
      "a\n"
      "published distribution (lab/cdf). `load` is the payload offered to the most loaded tier of "
      "links.\n" +
      std::string(kWindowDetails) +
      "The seed varies arrivals, sizes, destinations, ECMP keys, QPNs, PSNs and the ECN marking.";
  return {"poisson", "Poisson arrivals, sizes of a distribution, to all hosts alike", details,
          With({{"cdf", K::kText, "websearch", "", "",
                 "sizes: websearch, hadoop, alistorage or googlerpc"},
                {"load", K::kNumber, "0.5", "0.001", "0.99", "of the most loaded tier"}}),
          [](const WorkloadInput& input, Scenario& s) {
            return AddPoisson(input, s, input.p().Text("cdf"), input.p().Number("load"), 0);
          }};
}

Workload PoissonIncastWorkload() {
  static const std::string details =
      "At exponential gaps one host, each as likely, is written to by `fanin` others at once.\n" +
      std::string(kWindowDetails) +
      "The seed varies arrivals, who writes to whom, ECMP keys, QPNs, PSNs and the ECN marking.";
  return {"incast-poisson", "incasts at Poisson times", details,
          With({{"fanin", K::kInteger, "8", "1", "4096", "senders of each incast"},
                {"size", K::kSize, "100KB", "1", "2GiB", "bytes from each"},
                {"load", K::kNumber, "0.3", "0.001", "0.99", "of the most loaded tier"}}),
          AddPoissonIncast};
}

Workload MixedWorkload() {
  static const std::string details =
      "Two Poisson workloads at once: short RPCs and bulk transfers, each with a distribution and "
      "a\n"
      "load of its own.\n" +
      std::string(kWindowDetails) +
      "The seed varies arrivals, sizes, destinations, ECMP keys, QPNs, PSNs and the ECN marking.";
  return {"mixed", "RPCs and bulk transfers side by side", details,
          With({{"rpc", K::kText, "googlerpc", "", "", "sizes of the RPCs"},
                {"rpc-load", K::kNumber, "0.01", "0.001", "0.99", "of the most loaded tier"},
                {"bulk", K::kText, "alistorage", "", "", "sizes of the bulk transfers"},
                {"bulk-load", K::kNumber, "0.5", "0.001", "0.99", "of the most loaded tier"}}),
          [](const WorkloadInput& input, Scenario& s) {
            const Parameters& p = input.p();
            const double rpc = p.Number("rpc-load");
            const double bulk = p.Number("bulk-load");
            if (rpc + bulk >= 1) {
              return absl::InvalidArgumentError("rpc-load and bulk-load make 1 or more; lower one");
            }
            absl::Status status = AddPoisson(input, s, p.Text("rpc"), rpc, 0);
            if (!status.ok()) return status;
            return AddPoisson(input, s, p.Text("bulk"), bulk, 1);
          }};
}

}  // namespace sluice::lab
