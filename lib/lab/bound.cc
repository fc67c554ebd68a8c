#include "lab/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "lab/ideal.h"
#include "lab/metrics.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr double kNever = std::numeric_limits<double>::infinity();
// A flow is done when less than this many bytes is left: rates are rounded.
constexpr double kRest = 1e-3;

class Fluid {
 public:
  explicit Fluid(const Scenario& scenario)
      : scenario_(scenario), ports_(sim::PortsOf(scenario.topology)) {}

  RunResult Go(const std::vector<std::vector<Crossing>>& crossings) {
    AddFlows(crossings);
    double now = 0;
    while (true) {
      const std::vector<double> rates = Rates();
      double next = NextStart();
      for (size_t k = 0; k < active_.size(); ++k) {
        next = std::min(next, now + left_[active_[k]] / rates[k]);
      }
      if (next == kNever) break;
      for (size_t k = 0; k < active_.size(); ++k) left_[active_[k]] -= rates[k] * (next - now);
      now = next;
      Finish(now);
      Start(now);
    }
    return std::move(result_);
  }

 private:
  void AddFlows(const std::vector<std::vector<Crossing>>& crossings) {
    const Paths paths(scenario_.topology);
    std::map<std::pair<sim::NodeId, sim::PortIndex>, size_t> known;
    for (size_t i = 0; i < scenario_.flows.size(); ++i) {
      const FlowSpec& f = scenario_.flows[i];
      const Duration ideal = paths.Ideal(f.source, f.destination, f.size, scenario_.mtu);
      result_.flows.push_back({f, true, true, Duration(), ideal});
      std::vector<size_t>& links = links_.emplace_back();
      double slowest = kNever;
      Bytes overhead = ports_[f.source][0].out.overhead;
      for (const Crossing& c : crossings[i]) {
        const sim::LinkConfig& link = ports_[c.node][c.port].out;
        const auto [at, fresh] = known.try_emplace({c.node, c.port}, capacity_.size());
        // Bytes per picosecond.
        if (fresh) capacity_.push_back(static_cast<double>(link.rate.bps()) / 8e12);
        links.push_back(at->second);
        slowest = std::min(slowest, capacity_[at->second]);
        overhead = std::min(overhead, link.overhead);
      }
      const double bytes = WireBytes(f.size, overhead);
      left_.push_back(bytes);
      way_.push_back(static_cast<double>(ideal.ps()) - bytes / slowest);
      order_.push_back(i);
    }
    std::stable_sort(order_.begin(), order_.end(), [this](size_t x, size_t y) {
      return scenario_.flows[x].start < scenario_.flows[y].start;
    });
  }

  double WireBytes(Bytes size, Bytes overhead) const {
    double sum = 0;
    for (int64_t sent = 0; sent < size.count(); sent += scenario_.mtu) {
      const auto payload =
          static_cast<uint32_t>(std::min<int64_t>(scenario_.mtu, size.count() - sent));
      sum += static_cast<double>(DataFrameLength(payload, sent == 0) + overhead.count());
    }
    return sum;
  }

  std::vector<double> Rates() const {
    std::vector<const std::vector<size_t>*> links;
    links.reserve(active_.size());
    for (const size_t flow : active_) links.push_back(&links_[flow]);
    return MaxMinRates(capacity_, links);
  }

  bool Waits() const { return scenario_.one_queue_pair && !active_.empty(); }

  double NextStart() const {
    if (next_ == order_.size() || Waits()) return kNever;
    const auto start = static_cast<double>(scenario_.flows[order_[next_]].start.ps());
    return std::max(start, latest_);
  }

  void Start(double now) {
    while (next_ < order_.size() && NextStart() <= now) active_.push_back(order_[next_++]);
  }

  void Finish(double now) {
    latest_ = now;
    const auto done = [&](size_t flow) {
      if (left_[flow] > kRest) return false;
      FlowResult& f = result_.flows[flow];
      const double fct = now + way_[flow] - static_cast<double>(f.spec.start.ps());
      // Rounded: the times of packets are whole picoseconds too.
      f.fct = std::max(f.ideal, Duration::Picoseconds(std::llround(fct)));
      result_.finished.push_back(flow);
      return true;
    };
    active_.erase(std::remove_if(active_.begin(), active_.end(), done), active_.end());
  }

  const Scenario& scenario_;
  const std::vector<std::vector<sim::PortEnd>> ports_;
  RunResult result_;
  std::vector<double> capacity_;            // per link in use
  std::vector<std::vector<size_t>> links_;  // per flow
  std::vector<double> left_;                // per flow: bytes of frames and overhead
  std::vector<double> way_;                 // per flow: ps beside the fluid
  std::vector<size_t> order_;               // by start
  std::vector<size_t> active_;
  size_t next_ = 0;  // of order_
  double latest_ = 0;
};

}  // namespace

std::vector<double> MaxMinRates(std::span<const double> capacity,
                                std::span<const std::vector<size_t>* const> links) {
  std::vector<double> rates(links.size(), 0);
  std::vector<double> left(capacity.begin(), capacity.end());
  std::vector<size_t> flows(capacity.size(), 0);  // without a rate, per link
  std::vector<std::vector<size_t>> on(capacity.size());
  std::vector<size_t> used;
  for (size_t i = 0; i < links.size(); ++i) {
    for (const size_t link : *links[i]) {
      if (flows[link]++ == 0) used.push_back(link);
      on[link].push_back(i);
    }
  }
  std::vector<bool> fixed(links.size());
  size_t open = links.size();
  while (open > 0) {
    // The link whose flows get least; among equals the one that was used first.
    size_t narrow = used.front();
    double share = kNever;
    for (const size_t link : used) {
      if (flows[link] == 0) continue;
      const double each = left[link] / static_cast<double>(flows[link]);
      if (each >= share) continue;
      share = each;
      narrow = link;
    }
    for (const size_t i : on[narrow]) {
      if (fixed[i]) continue;
      fixed[i] = true;
      rates[i] = share;
      --open;
      for (const size_t link : *links[i]) {
        left[link] = std::max(0.0, left[link] - share);
        --flows[link];
      }
    }
  }
  return rates;
}

absl::Status CheckBound(const Scenario& scenario) {
  if (scenario.profile == WireProfile::kHpccNs3) {
    return absl::InvalidArgumentError(
        "the paths of the wire profile hpcc-ns3 are not known to the bound; leave the profile out");
  }
  if (!scenario.triggers.empty()) {
    return absl::InvalidArgumentError(
        "flows of this experiment start when others end; the bound is for flows whose starts are "
        "given");
  }
  if (!scenario.link_events.empty()) {
    return absl::InvalidArgumentError(
        "links of this experiment fail or change; the bound is for a fabric that stays as it "
        "is");
  }
  if (scenario.queue_pairs.reused) {
    return absl::InvalidArgumentError(
        "messages of this experiment wait for each other on reused queue pairs; the bound is for "
        "queue pairs that are new");
  }
  return absl::OkStatus();
}

absl::StatusOr<RunResult> FluidRun(const RunOrder& order) {
  absl::StatusOr<Scenario> scenario = order.experiment->Build(order.seed);
  if (!scenario.ok()) return scenario.status();
  if (absl::Status s = CheckBound(*scenario); !s.ok()) return s;
  RunOptions options = OptionsOf(order);
  options.algorithm = "fixed";  // the packets' ways are those of any algorithm
  if (options.jitter > Duration::Zero()) *scenario = WithJitter(*scenario, options);
  const auto crossings = CrossingsOf(*scenario, options);
  if (!crossings.ok()) return crossings.status();
  return Fluid(*scenario).Go(*crossings);
}

absl::StatusOr<Json> BoundResult(const RunOrder& order) {
  const absl::StatusOr<RunResult> run = FluidRun(order);
  if (!run.ok()) return run.status();
  return ResultJson(LabelOf(order, "", ""), *run, Measure(*run));
}

absl::StatusOr<Json> BoundJson(const RunOrder& order) {
  const absl::StatusOr<Json> result = BoundResult(order);
  if (!result.ok()) return result.status();
  const Json& all = *result;
  Json j;
  j["bound"] = "max-min fluid";
  for (const char* name : {"experiment", "params", "seed", "flows", "fct_ns", "last_finish_ns",
                           "slowdown", "buckets", "goodput_gbps", "jain"}) {
    j[name] = all[name];
  }
  j["params"].erase("cc");
  return j;
}

}  // namespace sluice::lab
