#include "lab/report_figures.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "lab/metrics.h"
#include "lab/svg.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr size_t kQueuePoints = 1000;
constexpr size_t kRatePoints = 250;
constexpr size_t kCumulativePoints = 250;
constexpr size_t kMostHosts = 32;  // lines of one picture

std::optional<double> Maybe(const Json& v) {
  return v.is_number() ? std::optional<double>(v.get<double>()) : std::nullopt;
}

std::string Figure(const std::string& title, const std::string& svg, const std::string& caption) {
  return "<figure><h3>" + Escape(title) + "</h3>" + svg +
         (caption.empty() ? "" : "<figcaption>" + Escape(caption) + "</figcaption>") +
         "</figure>\n";
}

std::string Grid(const std::string& figures) {
  return "<div class=\"grid2\">\n" + figures + "</div>\n";
}

std::vector<std::pair<double, double>> Points(const Csv& csv, size_t column, double scale) {
  std::vector<std::pair<double, double>> points;
  for (size_t i = 0; i < csv.columns[0].size(); ++i) {
    points.push_back({csv.columns[0][i] * 1e-3, csv.columns[column][i] * scale});
  }
  return points;
}

RatioRow RowOf(const std::string& name, const Json& m) {
  RatioRow row{name,
               CssOfVerdict(m["verdict"].get<std::string>()),
               Maybe(m["ratio"]),
               Maybe(m["low"]),
               Maybe(m["high"]),
               {}};
  const Json &a = m["per_seed"]["a"], &b = m["per_seed"]["b"];
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = Maybe(a[i]).value_or(0), y = Maybe(b[i]).value_or(0);
    if (x > 0 && y > 0) row.seeds.push_back(x / y);
  }
  return row;
}

bool Draws(const RatioRow& row, const Json& m) {
  return m["verdict"] != "identical" && (row.ratio.value_or(0) > 0 || !row.seeds.empty());
}

std::string SizeText(double bytes) {
  if (bytes >= 1e6) return absl::StrFormat("%gM", bytes / 1e6);
  return bytes >= 1e3 ? absl::StrFormat("%gK", bytes / 1e3) : absl::StrFormat("%g", bytes);
}

// The buckets that hold flows in any run, and what they are called.
struct Buckets {
  std::vector<size_t> places;
  std::vector<std::string> names;
};
Buckets UsedBuckets(const ReportData& data) {
  Buckets used;
  for (size_t place = 0; place <= std::size(kBucketEdges); ++place) {
    bool any = false;
    for (const ReportArm& arm : data.arms) {
      for (const ReportRun& run : arm.runs) {
        const Json& all = run.result["buckets"];
        any = any || (place < all.size() && all[place].is_object() &&
                      Maybe(all[place].value("p50", Json())).has_value());
      }
    }
    if (!any) continue;
    used.places.push_back(place);
    used.names.push_back(place < std::size(kBucketEdges)
                             ? "to " + SizeText(static_cast<double>(kBucketEdges[place]))
                             : "larger");
  }
  return used;
}

// One category: the arms themselves.
std::string ArmDots(const ReportData& data, const std::string& title, const std::string& unit,
                    const std::string& caption, double (*value)(const ReportRun&)) {
  DotChart chart{title, unit, {}, {}};
  for (size_t a = 0; a < data.arms.size(); ++a) {
    chart.categories.push_back(std::string(1, data.arms[a].letter));
    DotChart::Arm arm{CssOf(data.arms[a]), std::vector<std::vector<double>>(data.arms.size())};
    for (const ReportRun& run : data.arms[a].runs) arm.values[a].push_back(value(run));
    chart.arms.push_back(std::move(arm));
  }
  return Figure(title, ToSvg(chart), caption);
}

double Field(const ReportRun& run, const char* name) {
  return run.result.contains(name) ? Maybe(run.result[name]).value_or(0) : 0;
}

std::string RateFigures(const ReportData& data) {
  std::vector<LineChart> charts;
  double x = 0, y = 0;
  for (const ReportArm& arm : data.arms) {
    LineChart& chart = charts.emplace_back();
    chart.title = absl::StrFormat("rate of each sender, %c = %s", arm.letter, arm.name);
    chart.x_unit = "time, us";
    chart.y_unit = "rate, Gb/s";
    for (size_t c = 1; c < arm.rates.columns.size() && c <= kMostHosts; ++c) {
      chart.lines.push_back(
          {"thin " + CssOf(arm), Averages(Points(arm.rates, c, 1e-9), kRatePoints)});
      for (const auto& [px, py] : chart.lines.back().points) {
        x = std::max(x, px);
        y = std::max(y, py);
      }
    }
  }
  std::string s;
  for (size_t i = 0; i < charts.size(); ++i) {
    charts[i].x_max = x;  // the same scales, so that the arms can be compared
    charts[i].y_max = y;
    const size_t hosts = data.arms[i].rates.columns.size() - 1;
    s += Figure(charts[i].title, ToSvg(charts[i]),
                hosts > kMostHosts
                    ? absl::StrFormat("The first %d of %d senders.", kMostHosts, hosts)
                    : "");
  }
  return s;
}

}  // namespace

std::string CssOf(const ReportArm& arm) { return std::string(1, std::min(arm.letter, 'e')); }

std::string CssOfVerdict(const std::string& verdict) {
  return verdict == "better" || verdict == "worse" ? verdict : "";
}

std::string ForestFigure(const std::string& a, const Json& rival) {
  std::vector<RatioRow> rows;
  for (const bool primary : {true, false}) {
    for (const Json& m : rival["metrics"]) {
      if ((m["role"] == "primary") != primary) continue;
      RatioRow row = RowOf(m["name"].get<std::string>() + (primary ? " *" : ""), m);
      if (Draws(row, m)) rows.push_back(std::move(row));
    }
  }
  const std::string title = a + " / " + rival["b"].get<std::string>();
  if (rows.empty()) return "<p>" + Escape(title) + ": every metric is identical.</p>\n";
  return Figure(title, ToSvg(rows, "ratio of every metric, " + title + ", each seed a dot"),
                "* primary. Small dots: seeds; bar and large dot: 95 % interval and ratio; green "
                "is better, red worse. A seed with a zero has no ratio.");
}

std::string SweepForest(const Json& merged) {
  std::vector<RatioRow> rows;
  for (const Json& p : merged["points"]) {
    std::string name;
    for (const auto& [axis, value] : p["values"].items()) {
      name += (name.empty() ? "" : " ") + axis + "=" + value.get<std::string>();
    }
    name += (name.empty() ? "" : " ") + p["b"].get<std::string>();
    for (const Json& m : p["metrics"]) {
      if (m["role"] != "primary") continue;
      RatioRow row = RowOf(name, m);
      if (Draws(row, m)) rows.push_back(std::move(row));
    }
  }
  if (rows.empty()) return "<p>The primary metric is identical at every point.</p>\n";
  const std::string primary = merged["primary"];
  return Figure(primary + ", a / b at every point",
                ToSvg(rows, "ratio of " + primary + " at every point, each seed a dot"),
                "Small dots: seeds; bar and large dot: 95 % interval and ratio; green is better, "
                "red worse.");
}

std::string SlowdownFigures(const ReportData& data) {
  const Buckets used = UsedBuckets(data);
  if (used.places.empty()) return "<p>No flow has finished.</p>\n";
  std::string s;
  for (const char* percentile : {"p50", "p95", "p99"}) {
    const std::string title = std::string("slowdown ") + percentile + " by size of flow";
    DotChart chart{title, "slowdown", used.names, {}};
    for (const ReportArm& arm : data.arms) {
      DotChart::Arm dots{CssOf(arm), std::vector<std::vector<double>>(used.places.size())};
      for (const ReportRun& run : arm.runs) {
        for (size_t i = 0; i < used.places.size(); ++i) {
          const Json& all = run.result["buckets"];
          if (used.places[i] >= all.size() || !all[used.places[i]].is_object()) continue;
          const auto v = Maybe(all[used.places[i]].value(percentile, Json()));
          if (v) dots.values[i].push_back(*v);
        }
      }
      chart.arms.push_back(std::move(dots));
    }
    s += Figure(title, ToSvg(chart), "Bytes. Each dot a seed, the bar their mean.");
  }
  return Grid(s);
}

std::string DistributionFigures(const ReportData& data) {
  LineChart fct{"flow completion times", "FCT, us", "part of flows", {}, 0, 1};
  LineChart queue{"levels of the queue", "queue, KB", "part of samples", {}, 0, 1};
  for (size_t i = data.arms.size(); i-- > 0;) {  // a last, so that it lies on top
    const ReportArm& arm = data.arms[i];
    std::vector<double> times, levels;
    for (const ReportRun& run : arm.runs) {
      times.insert(times.end(), run.fct_us.begin(), run.fct_us.end());
      for (const double v : run.queue_bytes) levels.push_back(v * 1e-3);
    }
    fct.lines.push_back({CssOf(arm), Cumulative(std::move(times), kCumulativePoints)});
    queue.lines.push_back({CssOf(arm), Cumulative(std::move(levels), kCumulativePoints)});
  }
  return Grid(Figure("flow completion times, all seeds", ToSvg(fct), "Finished flows only.") +
              Figure("levels of the watched queue", ToSvg(queue),
                     absl::StrFormat("Samples of the first %d seeds, idle times included.",
                                     std::min(kSeriesSeeds, data.arms[0].runs.size()))));
}

std::string TimeFigures(const ReportData& data) {
  LineChart chart{"queue over time", "time, us", "queue, KB", {}, 0, 0};
  for (size_t i = data.arms.size(); i-- > 0;) {
    chart.lines.push_back(
        {CssOf(data.arms[i]), Envelope(Points(data.arms[i].queues, 1, 1e-3), kQueuePoints)});
  }
  return Grid(Figure("watched queue", ToSvg(chart), "") + RateFigures(data));
}

std::string CountFigures(const ReportData& data) {
  const auto dots = [&](const char* title, const char* unit, double (*value)(const ReportRun&)) {
    return ArmDots(data, title, unit, "", value);
  };
  return Grid(
      dots("Jain's index", "", [](const ReportRun& r) { return Field(r, "jain"); }) +
      dots("utilisation of the watched line", "",
           [](const ReportRun& r) { return Field(r, "utilisation"); }) +
      dots("PFC pauses", "frames", [](const ReportRun& r) { return Field(r, "pfc_pauses"); }) +
      dots("CNPs", "packets", [](const ReportRun& r) { return Field(r, "cnps"); }) +
      dots("retransmissions", "packets",
           [](const ReportRun& r) { return Field(r, "retransmissions"); }) +
      dots("drops", "packets", [](const ReportRun& r) { return Field(r, "drops"); }));
}

std::string CostFigure(const ReportData& data) {
  return Grid(ArmDots(data, "CPU time per packet hop", "ns",
                      "The whole simulation: transport, congestion control, fabric. Of the machine "
                      "that made the runs, not part of their results.",
                      [](const ReportRun& run) {
                        const double hops = Field(run, "packet_hops");
                        return hops > 0 ? run.cpu_seconds / hops * 1e9 : 0.0;
                      }));
}

}  // namespace sluice::lab
