#include "lab/report.h"

#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/json.h"
#include "lab/comparison.h"
#include "lab/result.h"
#include "lab/svg.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr size_t kQueuePoints = 1500;
constexpr size_t kRatePoints = 300;
constexpr size_t kMostHosts = 32;  // lines of one picture

constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5a646e; --paper: #fff; --grid: #d9dee3;
  --a: #0b6bcb; --b: #c2571a; --good: #1a7f37; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --paper: #14181c;
  --grid: #333b43; --a: #62b0ff; --b: #ff9d5c; --good: #5fcf7e; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 860px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.4em; margin: 0 0 .2em; } h2 { font-size: 1.1em; margin: 1.6em 0 .4em; }
.verdict { font-size: 1.1em; border-left: 4px solid var(--a); padding-left: 12px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: 3px 8px; border-bottom: 1px solid var(--grid);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child, td.text { text-align: left; } td.text { white-space: normal; }
.better { color: var(--good); } .worse { color: var(--bad); }
.key { color: var(--soft); } .key b.a { color: var(--a); } .key b.b { color: var(--b); }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 11px; fill: var(--soft); }
.grid { stroke: var(--grid); } .one { stroke: var(--ink); }
.line { fill: none; stroke-width: 1.4; stroke-linejoin: round; } .line.a { stroke: var(--a); }
.line.b { stroke: var(--b); } .thin { stroke-width: .8; stroke-opacity: .55; }
.seed { fill: var(--soft); fill-opacity: .45; } .interval { stroke: var(--soft); stroke-width: 2.5; }
.interval.better { stroke: var(--good); } .interval.worse { stroke: var(--bad); }
.ratio { fill: var(--soft); } .ratio.better { fill: var(--good); } .ratio.worse { fill: var(--bad); }
code, pre { font: 13px ui-monospace, monospace; } pre { overflow-x: auto; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } figure, table, .verdict {
  break-inside: avoid; } }
figure { margin: 0; } figcaption { color: var(--soft); }
)";

// A table of integers with one line of names above.
struct Csv {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
};

absl::Status NotOurs(const std::string& path, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: %s; make it anew with sluice-lab run ... -o DIR", path, std::string(why)));
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

absl::StatusOr<Csv> ReadCsv(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  std::vector<std::string_view> lines = Split(*text, '\n');
  if (!lines.back().empty() || lines.size() < 2) return NotOurs(path, "is cut off");
  lines.pop_back();
  Csv csv;
  for (const std::string_view name : Split(lines[0], ',')) csv.names.emplace_back(name);
  csv.columns.resize(csv.names.size());
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string_view> cells = Split(lines[i], ',');
    if (cells.size() != csv.names.size()) {
      return NotOurs(path, absl::StrFormat("line %d has %d columns", i + 1, cells.size()));
    }
    for (size_t c = 0; c < cells.size(); ++c) {
      int64_t v = 0;
      const auto [end, error] =
          std::from_chars(cells[c].data(), cells[c].data() + cells[c].size(), v);
      if (error != std::errc() || end != cells[c].data() + cells[c].size()) {
        return NotOurs(path, absl::StrFormat("line %d holds no number", i + 1));
      }
      csv.columns[c].push_back(static_cast<double>(v));
    }
  }
  return csv;
}

std::vector<std::pair<double, double>> Points(const Csv& csv, size_t column, double scale) {
  std::vector<std::pair<double, double>> points;
  for (size_t i = 0; i < csv.columns[0].size(); ++i) {
    points.push_back({csv.columns[0][i] * 1e-3, csv.columns[column][i] * scale});
  }
  return points;
}

// run.json is what ComparisonJson wrote, as far as this file reads it.
bool IsComparison(const Json& j) {
  if (!j.is_object()) return false;
  for (const char* name : {"experiment_text", "a", "b", "version", "commit"}) {
    if (!j.contains(name) || !j[name].is_string()) return false;
  }
  for (const char* name : {"seeds", "confidence", "equivalence_margin"}) {
    if (!j.contains(name) || !j[name].is_number()) return false;
  }
  if (!j.contains("params") || !j.contains("metrics") || !j["metrics"].is_array()) return false;
  for (const Json& m : j["metrics"]) {
    if (!m.is_object()) return false;
    for (const char* name : {"name", "unit", "verdict"}) {
      if (!m.contains(name) || !m[name].is_string()) return false;
    }
    for (const char* name : {"a", "b", "scale"}) {
      if (!m.contains(name) || !m[name].is_number()) return false;
    }
    for (const char* name : {"ratio", "low", "high", "per_seed"}) {
      if (!m.contains(name)) return false;
    }
    for (const char* arm : {"a", "b"}) {
      if (!m["per_seed"].contains(arm) || !m["per_seed"][arm].is_array()) return false;
      for (const Json& v : m["per_seed"][arm]) {
        if (!v.is_number()) return false;
      }
    }
    if (m["per_seed"]["a"].size() != m["per_seed"]["b"].size()) return false;
  }
  return true;
}

std::optional<double> Maybe(const Json& v) {
  return v.is_number() ? std::optional<double>(v.get<double>()) : std::nullopt;
}

std::string CssOf(const std::string& verdict) {
  return verdict == "better" || verdict == "worse" ? verdict : "";
}

std::string TableOf(const Json& run) {
  std::string s =
      "<div class=\"scroll\"><table><thead><tr><th>metric</th><th>unit</th><th>a</th><th>b</th>"
      "<th>a / b</th><th>95 % interval</th><th>a is</th></tr></thead><tbody>\n";
  for (const Json& m : run["metrics"]) {
    const double scale = m["scale"];
    const std::string verdict = m["verdict"];
    const auto ratio = Maybe(m["ratio"]), low = Maybe(m["low"]), high = Maybe(m["high"]);
    s += absl::StrFormat(
        "<tr><td>%s</td><td>%s</td><td>%.6g</td><td>%.6g</td><td>%s</td><td>%s</td>"
        "<td class=\"%s\">%s</td></tr>\n",
        Escape(m["name"].get<std::string>()), Escape(m["unit"].get<std::string>()),
        m["a"].get<double>() * scale, m["b"].get<double>() * scale,
        ratio ? absl::StrFormat("%.3f", *ratio) : "&#8211;",
        low && high && verdict != "identical" ? absl::StrFormat("%.3f &#8211; %.3f", *low, *high)
                                              : "",
        CssOf(verdict), Escape(verdict));
  }
  return s + "</tbody></table></div>\n";
}

std::string RatiosOf(const Json& run) {
  std::vector<RatioRow> rows;
  for (const Json& m : run["metrics"]) {
    const std::string verdict = m["verdict"];
    if (verdict == "identical") continue;
    RatioRow row{m["name"],       CssOf(verdict),   Maybe(m["ratio"]),
                 Maybe(m["low"]), Maybe(m["high"]), {}};
    const Json& a = m["per_seed"]["a"];
    const Json& b = m["per_seed"]["b"];
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i].get<double>() > 0 && b[i].get<double>() > 0) {
        row.seeds.push_back(a[i].get<double>() / b[i].get<double>());
      }
    }
    if (row.ratio || !row.seeds.empty()) rows.push_back(std::move(row));
  }
  if (rows.empty()) return "<p>Every metric is identical in both arms.</p>\n";
  return "<figure>" + ToSvg(rows) +
         "<figcaption>Each dot is one seed; bar and large dot are interval and ratio. A seed in "
         "which a value is zero has no ratio and no dot.</figcaption></figure>\n";
}

struct ArmSeries {
  Csv queues;
  Csv rates;
};

absl::StatusOr<ArmSeries> ReadArm(const std::string& directory, char arm) {
  ArmSeries s;
  const std::string at = absl::StrFormat("%s/%c/1/", directory, arm);
  absl::StatusOr<Csv> queues = ReadCsv(at + "queues.csv");
  if (!queues.ok()) return queues.status();
  if (queues->columns.size() < 2) return NotOurs(at + "queues.csv", "has no queue");
  absl::StatusOr<Csv> rates = ReadCsv(at + "rates.csv");
  if (!rates.ok()) return rates.status();
  s.queues = std::move(*queues);
  s.rates = std::move(*rates);
  return s;
}

std::string QueueFigure(const ArmSeries& a, const ArmSeries& b) {
  LineChart chart{"queue over time", "time, us", "queue, KB", {}, 0, 0};
  // Arm b first, so that a lies on top.
  chart.lines.push_back({"b", Envelope(Points(b.queues, 1, 1e-3), kQueuePoints)});
  chart.lines.push_back({"a", Envelope(Points(a.queues, 1, 1e-3), kQueuePoints)});
  return "<figure>" + ToSvg(chart) + "</figure>\n";
}

LineChart RateChart(const ArmSeries& arm, const std::string& css) {
  LineChart chart{"rate of each sender over time, arm " + css, "time, us", "rate, Gb/s", {}, 0, 0};
  for (size_t c = 1; c < arm.rates.columns.size() && c <= kMostHosts; ++c) {
    chart.lines.push_back({"thin " + css, Averages(Points(arm.rates, c, 1e-9), kRatePoints)});
  }
  return chart;
}

std::string RateFigures(const ArmSeries& a, const ArmSeries& b) {
  LineChart charts[] = {RateChart(a, "a"), RateChart(b, "b")};
  double x = 0, y = 0;
  for (const LineChart& chart : charts) {
    for (const Line& line : chart.lines) {
      for (const auto& [px, py] : line.points) {
        x = std::max(x, px);
        y = std::max(y, py);
      }
    }
  }
  std::string s;
  for (LineChart& chart : charts) {
    chart.x_max = x;  // the same scales, so that the arms can be compared
    chart.y_max = y;
    s += "<figure>" + ToSvg(chart) + "</figure>\n";
  }
  const size_t hosts = a.rates.columns.size() - 1;
  if (hosts > kMostHosts) {
    s += absl::StrFormat("<p class=\"key\">The first %d of %d senders.</p>\n", kMostHosts, hosts);
  }
  return s;
}

std::string ParameterTable(const Json& params) {
  std::string s = "<div class=\"scroll\"><table><tbody>\n";
  for (const auto& [group, values] : params.items()) {
    if (!values.is_object()) continue;
    std::string text;
    for (const auto& [name, value] : values.items()) {
      if (!text.empty()) text += ", ";
      text += name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    s += absl::StrFormat("<tr><td>%s</td><td class=\"text\">%s</td></tr>\n", Escape(group),
                         text.empty() ? "none" : Escape(text));
  }
  return s + "</tbody></table></div>\n";
}

std::string Provenance(const Json& run) {
  const std::string experiment = run["experiment_text"], a = run["a"], b = run["b"];
  Json params;
  params["experiment"] = run["params"]["a"].value("experiment", Json::object());
  params["a = " + a] = run["params"]["a"].value("cc", Json::object());
  params["b = " + b] = run["params"]["b"].value("cc", Json::object());
  return "<h2>Parameters in effect</h2>\n" + ParameterTable(params) +
         absl::StrFormat(
             "<h2>Provenance</h2>\n<p>Seeds 1 to %d. sluice-lab %s, sources %s. Virtual time: a "
             "run "
             "is the same byte for byte on any machine. The series are those of seed 1; the points "
             "lie in a/1/ and b/1/ beside run.json. To repeat all, or one run:</p>\n"
             "<pre>sluice-lab run '%s' -a '%s' -b '%s' --seeds %d -o DIR\n"
             "sluice-lab exec '%s' -a '%s' --seed 1 -o DIR</pre>\n",
             run["seeds"].get<int>(), Escape(run["version"].get<std::string>()),
             Escape(run["commit"].get<std::string>()), Escape(experiment), Escape(a), Escape(b),
             run["seeds"].get<int>(), Escape(experiment), Escape(a));
}

}  // namespace

absl::StatusOr<std::string> ReportOf(const std::string& directory) {
  const std::string path = directory + "/run.json";
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  const Json run = Json::parse(*text, nullptr, false);
  if (!IsComparison(run) || !run["params"].is_object() || !run["params"].contains("a") ||
      !run["params"].contains("b") || !run["params"]["a"].is_object() ||
      !run["params"]["b"].is_object()) {
    return NotOurs(path, "is not what `sluice-lab run` writes");
  }
  const absl::StatusOr<ArmSeries> a = ReadArm(directory, 'a');
  if (!a.ok()) return a.status();
  const absl::StatusOr<ArmSeries> b = ReadArm(directory, 'b');
  if (!b.ok()) return b.status();

  const std::string name_a = Escape(run["a"].get<std::string>());
  const std::string name_b = Escape(run["b"].get<std::string>());
  const std::string key = absl::StrFormat(
      "<p class=\"key\"><b class=\"a\">a = %s</b> &#160; <b class=\"b\">b = %s</b></p>\n", name_a,
      name_b);
  const std::string title = Escape(run["experiment_text"].get<std::string>());
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
         title + "</title><style>" + kStyle + "</style></head><body>\n<h1>" + title + "</h1>\n" +
         key + "<p class=\"verdict\">" + Escape(VerdictLine(run)) + ".</p>\n" + TableOf(run) +
         absl::StrFormat(
             "<p class=\"key\">Means over %d seeds; the ratio is that of geometric "
             "means, paired by seed, with a Student-t interval, each metric by itself. "
             "Equivalent: the whole interval lies within %.0f %%.</p>\n",
             run["seeds"].get<int>(), run["equivalence_margin"].get<double>() * 100) +
         "<h2>Queue before the receiver, seed 1</h2>\n" + key + QueueFigure(*a, *b) +
         "<h2>Rate of each sender, seed 1</h2>\n" + key + RateFigures(*a, *b) +
         "<h2>Ratio a / b, every seed</h2>\n" + RatiosOf(run) + Provenance(run) +
         "</body></html>\n";
}

}  // namespace sluice::lab
