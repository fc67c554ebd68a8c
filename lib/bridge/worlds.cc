#include "bridge/worlds.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/metrics.h"
#include "lab/result.h"

namespace sluice::bridge {
namespace {

using cli::Json;
using lab::RunOptions;
using lab::RunResult;

uint64_t PacketsOf(const RunResult& run, uint32_t mtu) {
  uint64_t n = run.retransmissions;
  for (const lab::FlowResult& f : run.flows) {
    if (f.posted) n += static_cast<uint64_t>((f.spec.size.count() + mtu - 1) / mtu);
  }
  return n;
}

WorldFigures FiguresOf(const RunResult& run, std::optional<Duration> rtt) {
  WorldFigures f;
  f.goodput_gbps = lab::Measure(run).goodput_gbps;
  f.rtt_p50 = rtt;
  const uint64_t packets = PacketsOf(run, kWireMtu);
  if (packets > 0) f.marked = static_cast<double>(run.ecn_marks) / static_cast<double>(packets);
  return f;
}

// One figure of the report.
struct Figure {
  const char* name;   // in JSON
  const char* title;  // for people, with the unit of `scale`
  double scale;
  std::optional<double> (*of)(const WorldFigures&);
};
constexpr Figure kFigures[] = {
    {"goodput_gbps", "goodput Mbps", 1e3,
     [](const WorldFigures& f) -> std::optional<double> { return f.goodput_gbps; }},
    {"rtt_p50_ns", "RTT p50 ms", 1e-6,
     [](const WorldFigures& f) -> std::optional<double> {
       if (!f.rtt_p50) return std::nullopt;
       return f.rtt_p50->ns();
     }},
    {"marked", "marked %", 100,
     [](const WorldFigures& f) -> std::optional<double> { return f.marked; }},
};

std::vector<double> ValuesOf(const Figure& figure, const WorldRow& row) {
  std::vector<double> values;
  for (const WorldFigures& f : row.on_wire) {
    if (const std::optional<double> v = figure.of(f)) values.push_back(*v);
  }
  return values;
}

Json OrNull(const std::optional<double>& v) { return v ? Json(*v) : Json(nullptr); }

Json RowJson(const WorldRow& row) {
  Json j;
  j["cc"] = row.algorithm;
  j["runs"] = row.on_wire.size();
  j["poll_gap_ns"] = row.poll_gap.ns();
  j["verified_bytes"] = row.verified.count();
  for (const Figure& figure : kFigures) {
    Json f;
    f["virtual"] = OrNull(figure.of(row.in_virtual_time));
    const std::vector<double> values = ValuesOf(figure, row);
    const auto wire = values.empty() ? std::nullopt : std::optional(SpreadOf(values));
    f["wire"] = wire ? Json(wire->mean) : Json(nullptr);
    f["wire_low"] = wire ? Json(wire->low) : Json(nullptr);
    f["wire_high"] = wire ? Json(wire->high) : Json(nullptr);
    j[figure.name] = std::move(f);
  }
  if (!row.skipped.empty()) j["skipped"] = row.skipped;
  return j;
}

std::string Cell(const Figure& figure, const WorldRow& row) {
  const std::optional<double> here = figure.of(row.in_virtual_time);
  const std::string left = here ? absl::StrFormat("%.4g", *here * figure.scale) : "-";
  const std::vector<double> values = ValuesOf(figure, row);
  if (values.empty()) return absl::StrFormat("%9s %21s ", left, "-");
  const Spread s = SpreadOf(values);
  return absl::StrFormat("%9s %21s ", left,
                         absl::StrFormat("%.4g (%.4g-%.4g)", s.mean * figure.scale,
                                         s.low * figure.scale, s.high * figure.scale));
}

class Comparing {
 public:
  Comparing(WireParts& parts, const WorldsPlan& plan) : parts_(parts), plan_(plan) {}

  absl::StatusOr<WorldsResult> Go() {
    absl::StatusOr<lab::Scenario> scenario = plan_.experiment.Build(plan_.seed);
    if (!scenario.ok()) return scenario.status();
    scenario_ = *std::move(scenario);
    absl::StatusOr<WirePlan> wire = PlanWire(scenario_, plan_.limits);
    if (!wire.ok()) return wire.status();
    WorldsResult result{*std::move(wire), {}};
    for (const std::string& algorithm : plan_.algorithms) {
      absl::StatusOr<WorldRow> row = Row(result.wire.scenario, algorithm);
      if (!row.ok()) return row.status();
      result.rows.push_back(*std::move(row));
    }
    return result;
  }

 private:
  RunOptions OptionsOf(const std::string& algorithm) {
    RunOptions options;
    options.algorithm = algorithm;
    options.seed = plan_.seed;
    if (plan_.progress) {
      const double all =
          static_cast<double>(plan_.algorithms.size()) * static_cast<double>(plan_.repeats + 1);
      options.progress = [this, all](double part) { return plan_.progress((done_ + part) / all); };
    }
    return options;
  }

  absl::StatusOr<WorldRow> Row(const lab::Scenario& stretched, const std::string& algorithm) {
    WorldRow row;
    row.algorithm = algorithm;
    RunOptions options = OptionsOf(algorithm);
    Recorder recorder(false);
    options.decorate = recorder.decorator();
    const absl::StatusOr<RunResult> there = lab::Run(stretched, options);
    if (!there.ok()) return there.status();
    ++done_;
    row.in_virtual_time = FiguresOf(*there, recorder.MedianRtt());
    options.decorate = nullptr;
    for (int i = 0; i < plan_.repeats; ++i, ++done_) {
      Recorder own(false);
      const absl::StatusOr<RunResult> run =
          RunOnWire(parts_, scenario_, options, own, plan_.limits);
      if (!run.ok()) return run.status();
      row.poll_gap = std::max(row.poll_gap, run->real->poll_gap);
      row.verified += run->real->verified;
      if (run->real->skipped.empty()) {
        row.on_wire.push_back(FiguresOf(*run, run->real->rtt_p50));
      } else {
        row.skipped.push_back(run->real->skipped);
      }
    }
    return row;
  }

  WireParts& parts_;
  const WorldsPlan& plan_;
  lab::Scenario scenario_;
  double done_ = 0;
};

}  // namespace

Spread SpreadOf(std::span<const double> values) {
  Spread s{values[0], 0, values[0]};
  for (const double v : values) {
    s.low = std::min(s.low, v);
    s.high = std::max(s.high, v);
    s.mean += v / static_cast<double>(values.size());
  }
  return s;
}

absl::StatusOr<WorldsResult> CompareWorlds(WireParts& parts, const WorldsPlan& plan) {
  return Comparing(parts, plan).Go();
}

Json WorldsJson(const WorldsPlan& plan, const WorldsResult& result) {
  Json j;
  j["experiment"] = plan.experiment.experiment->name;
  j["experiment_text"] = plan.experiment.text;
  j["seed"] = plan.seed;
  j["repeats"] = plan.repeats;
  j["scale"] = result.wire.scale;
  j["rate_bps"] = result.wire.rate.bps();
  j["base_rtt_ns"] = result.wire.base_rtt.ns();
  j["mtu"] = kWireMtu;
  j["most_poll_gap_ns"] = (result.wire.base_rtt / kGapsPerRtt).ns();
  j["rows"] = Json::array();
  Json skipped = Json::array();
  for (const WorldRow& row : result.rows) {
    j["rows"].push_back(RowJson(row));
    for (const std::string& cause : row.skipped) {
      skipped.push_back({{"cc", row.algorithm}, {"cause", cause}});
    }
  }
  if (!skipped.empty()) j["skipped"] = std::move(skipped);
  return j;
}

std::string WorldsText(const WorldsPlan& plan, const WorldsResult& result) {
  std::string text = absl::StrFormat(
      "%s, seed %d, in both worlds with rates / %d and times x %d:\n"
      "lines of %.1f Mbps, base RTT %.0f us, MTU %d. Of the wire: mean (lowest-highest) of %d runs "
      "alike.\n\n%-12s",
      plan.experiment.text, plan.seed, result.wire.scale, result.wire.scale,
      result.wire.rate.gbps() * 1e3, result.wire.base_rtt.us(), kWireMtu, plan.repeats, "");
  for (const Figure& figure : kFigures) text += absl::StrFormat("%31s ", figure.title);
  text += absl::StrFormat("\n%-12s", "");
  for (size_t i = 0; i < std::size(kFigures); ++i) {
    text += absl::StrFormat("%9s %21s ", "virtual", "wire");
  }
  text += "\n";
  for (const WorldRow& row : result.rows) {
    text += absl::StrFormat("%-12s", row.algorithm);
    for (const Figure& figure : kFigures) text += Cell(figure, row);
    text += "\n";
  }
  for (const WorldRow& row : result.rows) {
    for (const std::string& cause : row.skipped) {
      text += absl::StrFormat("SKIPPED a run of %s: %s.\n", row.algorithm, cause);
    }
  }
  return text;
}

}  // namespace sluice::bridge
