#include "lab/report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/values.h"
#include "lab/comparison.h"
#include "lab/judge.h"
#include "lab/report_data.h"
#include "lab/report_figures.h"
#include "lab/report_style.h"
#include "lab/result.h"
#include "lab/svg.h"

namespace sluice::lab {
namespace {

using cli::Json;

std::string Text(const Json& v) { return Escape(v.get<std::string>()); }

std::string Number(const Json& v, double scale) {
  return v.is_number() ? absl::StrFormat("%.6g", v.get<double>() * scale) : "infinite";
}

std::string Span(const Json& low, const Json& high) {
  if (!low.is_number() || !high.is_number()) return "";
  return absl::StrFormat("%.3f &#8211; %.3f", low.get<double>(), high.get<double>());
}

std::string Verdicts(const std::vector<std::string>& lines) {
  std::string s;
  for (const std::string& line : lines) {
    // The exploratory part is a sentence of its own, small.
    const size_t cut = line.find("; exploratory: ");
    s += "<p class=\"verdict\">" + Escape(line.substr(0, cut)) + ".";
    if (cut != std::string::npos) {
      s += "<br><span class=\"key\">Exploratory: " + Escape(line.substr(cut + 15)) + ".</span>";
    }
    s += "</p>\n";
  }
  return s;
}

// The mean of the fluid bound of a metric, if it has one.
std::optional<double> BoundOf(const Json& run, const std::string& metric) {
  const Json& bound = run["bound"];
  if (!bound.contains(metric) || !bound[metric].is_array() || bound[metric].empty()) return {};
  double sum = 0;
  for (const Json& v : bound[metric]) {
    if (!v.is_number()) return {};
    sum += v.get<double>();
  }
  return sum / static_cast<double>(bound[metric].size());
}

// Of how many seeds the run has the bound; 0: it has none.
size_t BoundSeeds(const Json& run) {
  size_t seeds = 0;
  for (const Json& values : run["bound"]) {
    if (values.is_array()) seeds = std::max(seeds, values.size());
  }
  return seeds;
}

std::string Table(const Json& run, const Json& rival) {
  std::string s =
      "<div class=\"scroll\"><table><thead><tr><th>metric</th><th>unit</th><th>a</th><th>b</th>"
      "<th>a / b</th><th>95 % interval</th><th>bootstrap</th><th>bound</th><th>a / bound</th>"
      "<th>b / bound</th><th>a is</th></tr></thead><tbody>\n";
  for (const Json& m : rival["metrics"]) {
    const double scale = m["scale"];
    const std::string name = m["name"], verdict = m["verdict"];
    std::string bound, gap_a, gap_b;
    if (const auto at = BoundOf(run, name); at && *at > 0) {
      bound = absl::StrFormat("%.6g", *at * scale);
      const auto gap = [&](const Json& v) {
        return v.is_number() ? absl::StrFormat("%.3f", v.get<double>() / *at) : "";
      };
      gap_a = gap(m["a"]);
      gap_b = gap(m["b"]);
    }
    s += absl::StrFormat(
        "<tr%s><td>%s%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>"
        "<td>%s</td><td>%s</td><td>%s</td><td class=\"%s\">%s%s</td></tr>\n",
        m["role"] == "primary" ? " class=\"primary\"" : "", Escape(name),
        m["role"] == "primary" ? " *" : "", Text(m["unit"]), Number(m["a"], scale),
        Number(m["b"], scale),
        m["ratio"].is_number() ? absl::StrFormat("%.3f", m["ratio"].get<double>()) : "&#8211;",
        Span(m["low"], m["high"]), Span(m["bootstrap_low"], m["bootstrap_high"]), bound, gap_a,
        gap_b, CssOfVerdict(verdict), Escape(verdict),
        m.contains("reason") && m["reason"].is_string() ? " (" + Text(m["reason"]) + ")" : "");
  }
  return s + "</tbody></table></div>\n";
}

std::string Key(const ReportData& data) {
  std::string s = "<p class=\"key\">";
  for (const ReportArm& arm : data.arms) {
    s += absl::StrFormat("<span class=\"swatch %s\"></span>%c = %s &#160; ", CssOf(arm), arm.letter,
                         Escape(arm.name));
  }
  return s + "</p>\n";
}

// The seeds in which a looks worst against the rival, and how to see each again.
std::string WorstSeeds(const ReportData& data, const Json& rival, char letter) {
  const Json* primary = &rival["metrics"][0];
  for (const Json& m : rival["metrics"]) {
    if (m["role"] == "primary") primary = &m;
  }
  const Json &a = (*primary)["per_seed"]["a"], &b = (*primary)["per_seed"]["b"];
  const double scale = (*primary)["scale"];
  const double sign = (*primary)["lower_is_better"].get<bool>() ? 1 : -1;
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i].is_number() ? a[i].get<double>() : kInfinite;
    const double y = b[i].is_number() ? b[i].get<double>() : kInfinite;
    // Neither is worse where both are infinite.
    const double ratio = x == y ? 1 : y > 0 ? x / y : x;
    order.push_back({-sign * ratio, i});
  }
  std::sort(order.begin(), order.end());
  std::string s = absl::StrFormat(
      "<div class=\"scroll\"><table><thead><tr><th>seed</th><th>a</th><th>%c</th><th>ratio</th>"
      "<th class=\"text\">to see it again, bit for bit</th></tr></thead><tbody>\n",
      letter);
  for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i) {
    const size_t at = order[i].second;
    const double ratio = -sign * order[i].first;
    const bool both = !a[at].is_number() && !b[at].is_number();
    s += absl::StrFormat(
        "<tr><td>%d</td><td>%s</td><td>%s</td><td>%s</td><td class=\"text\"><code>sluice-lab "
        "replay %s</code></td></tr>\n",
        at + 1, Number(a[at], scale), Number(b[at], scale),
        both                ? "&#8211;"
        : std::isinf(ratio) ? "infinite"
                            : absl::StrFormat("%.3f", ratio),
        Escape(ShellWord(RunDirectory(data.directory, 0, at + 1))));
  }
  return s + "</tbody></table></div>\n";
}

// Metrics in which the two intervals do not say the same about 1.
std::string Disagreements(const ReportData& data) {
  std::string names;
  for (const Json& rival : data.rivals) {
    for (const Json& m : rival["metrics"]) {
      if (!m["low"].is_number() || !m["bootstrap_low"].is_number()) continue;
      const auto holds = [&](const char* low, const char* high) {
        return m[low].get<double>() <= 1 && m[high].get<double>() >= 1;
      };
      if (holds("low", "high") == holds("bootstrap_low", "bootstrap_high")) continue;
      names += (names.empty() ? "" : ", ") + m["name"].get<std::string>();
    }
  }
  return names;
}

std::string Threats(const ReportData& data) {
  const Json& run = data.run;
  std::vector<std::string> items;
  const std::string independent = run["independent"];
  if (independent.empty()) {
    items.push_back(
        "Both arms share every random draw. What chance alone does to a verdict shows an A/A run: "
        "sluice-lab run EXPERIMENT -a X -b X --independent ecmp,marking,jitter.");
  } else {
    items.push_back("The rivals draw " + independent + " anew.");
  }
  items.push_back(absl::StrFormat(
      "%d seeds%s.", run["seeds"].get<int>(),
      run.value("seeds_from_pilot", false)
          ? ", as many as a pilot of 5 asked for to find 5 % with 80 % power (at most 60); the "
            "pilot's seeds are among them"
          : ""));
  const size_t metrics = data.rivals[0]["metrics"].size() - 1;
  items.push_back(absl::StrFormat(
      "%d metrics are exploratory: with 95 %% intervals about one in 20 leaves out the truth.",
      metrics));
  if (const std::string names = Disagreements(data); !names.empty()) {
    items.push_back("t interval and bootstrap disagree about 1 in " + names + ".");
  }
  for (const auto& [arm, part] : run["unfinished"].items()) {
    if (!part.is_number() || part.get<double>() <= 0) continue;
    items.push_back(absl::StrFormat("Arm %s: %.2f %% of the flows did not finish.", arm,
                                    part.get<double>() * 100));
  }
  items.push_back(
      "Hosts and switches are models in virtual time: no bus, no cache, no clock error.");
  if (BoundSeeds(run) > 0) {
    items.push_back(
        "The bound is fair sharing without queues; an algorithm that lets short flows go first may "
        "beat it in a percentile.");
  }
  std::string s = "<ul>\n";
  for (const std::string& item : items) s += "<li>" + Escape(item) + "</li>\n";
  return s + "</ul>\n";
}

std::string Rows(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string s = "<div class=\"scroll\"><table><tbody>\n";
  for (const auto& [name, text] : rows) {
    s += absl::StrFormat("<tr><td>%s</td><td class=\"text\">%s</td></tr>\n", Escape(name),
                         text.empty() ? "none" : Escape(text));
  }
  return s + "</tbody></table></div>\n";
}

std::string Joined(const Json& values) {
  std::string text;
  if (!values.is_object()) return text;
  for (const auto& [name, value] : values.items()) {
    text += (text.empty() ? "" : ", ") + name + "=" +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

std::string Provenance(const ReportData& data) {
  const Json& run = data.run;
  std::vector<std::pair<std::string, std::string>> rows = {
      {"sluice-lab", run["version"].get<std::string>()},
      {"sources", run["commit"].get<std::string>()},
      {"compiler", run["compiler"].get<std::string>()},
      {"experiment",
       Joined(run["params"].contains("a") ? run["params"]["a"].value("experiment", Json::object())
                                          : Json::object())},
      {"start jitter", TimeText(Duration::Picoseconds(run["jitter_ps"].get<int64_t>()))}};
  for (const ReportArm& arm : data.arms) {
    const std::string letter(1, arm.letter);
    const Json params = run["params"].value(letter, Json::object());
    rows.push_back({letter + " = " + arm.name,
                    Joined(params.is_object() ? params.value("cc", Json::object()) : Json())});
  }
  rows.push_back({"SHA-256 of run.json", data.run_hash});
  for (const ReportArm& arm : data.arms) {
    rows.push_back({absl::StrFormat("SHA-256 of %c/*/result.json", arm.letter), arm.hash});
  }
  const std::string experiment = ShellWord(run["experiment_text"].get<std::string>());
  std::string command = "sluice-lab run " + experiment + " -a " + ShellWord(data.arms[0].name);
  for (size_t i = 1; i < data.arms.size(); ++i) command += " -b " + ShellWord(data.arms[i].name);
  command += absl::StrFormat(" --seeds %d --primary %s", run["seeds"].get<int>(),
                             run["primary"].get<std::string>());
  if (run["independent"] != "")
    command += " --independent " + run["independent"].get<std::string>();
  std::string jitter;
  if (run["jitter_ps"].get<int64_t>() > 0) {
    jitter = " --jitter " + TimeText(Duration::Picoseconds(run["jitter_ps"].get<int64_t>()));
  }
  return Rows(rows) +
         "<p>A run is the same byte for byte on any machine. To repeat all, or one "
         "run:</p>\n<pre>" +
         Escape(command + jitter + " -o DIR") + "\n" +
         Escape("sluice-lab exec " + experiment + " -a " + ShellWord(data.arms[0].name) +
                " --seed 1" + jitter + " -o DIR") +
         "</pre>\n";
}

// A text as a link that saves it and as text to look at.
std::string Inside(const std::string& name, const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == ',' || c == '_' || c == '-' || c == ':';
    encoded += plain ? std::string(1, c) : absl::StrFormat("%%%02X", byte);
  }
  return "<details><summary>" + Escape(name) + "</summary>\n<p><a download=\"" + Escape(name) +
         "\" href=\"data:text/csv;charset=utf-8," + encoded + "\">Save " + Escape(name) +
         "</a></p>\n<pre>" + Escape(text) + "</pre></details>\n";
}

std::string SeedsCsv(const ReportData& data) {
  std::string text = "arm,seed";
  for (const Json& m : data.rivals[0]["metrics"]) text += "," + m["name"].get<std::string>();
  text += ",cpu_seconds\n";
  for (size_t a = 0; a < data.arms.size(); ++a) {
    const Json& metrics = data.rivals[a == 0 ? 0 : a - 1]["metrics"];
    for (size_t seed = 0; seed < data.arms[a].runs.size(); ++seed) {
      text += absl::StrFormat("\"%s\",%d", data.arms[a].name, seed + 1);
      for (const Json& m : metrics) {
        const Json& values = m["per_seed"][a == 0 ? "a" : "b"];
        text += "," + (seed < values.size() ? values[seed].dump() : "");
      }
      text += absl::StrFormat(",%.6f\n", data.arms[a].runs[seed].cpu_seconds);
    }
  }
  return text;
}

std::string BucketsCsv(const ReportData& data) {
  std::string text = "arm,seed,up_to_bytes,flows,slowdown_p50,slowdown_p95,slowdown_p99\n";
  for (const ReportArm& arm : data.arms) {
    for (size_t seed = 0; seed < arm.runs.size(); ++seed) {
      for (const Json& bucket : arm.runs[seed].result["buckets"]) {
        if (!bucket.is_object() || bucket.value("n", Json()) == 0) continue;
        text += absl::StrFormat("\"%s\",%d", arm.name, seed + 1);
        for (const char* name : {"up_to_bytes", "n", "p50", "p95", "p99"}) {
          const Json v = bucket.value(name, Json());
          text += "," + (v.is_null() ? "" : v.dump());
        }
        text += "\n";
      }
    }
  }
  return text;
}

std::string Page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
         title + "</title><style>" + kReportStyle + "</style></head><body>\n<h1>" + title +
         "</h1>\n" + body + "</body></html>\n";
}

std::string RunPage(const ReportData& data) {
  const Json& run = data.run;
  const std::string key = Key(data);
  std::string forests, tables, worst;
  for (size_t i = 0; i < data.rivals.size(); ++i) {
    const std::string b = data.rivals[i]["b"];
    const std::string heading = "<h3>" + Escape(data.arms[0].name + " against " + b) + "</h3>\n";
    forests += ForestFigure(data.arms[0].name, data.rivals[i]);
    tables += heading + Table(run, data.rivals[i]);
    worst += heading + WorstSeeds(data, data.rivals[i], static_cast<char>('b' + i));
  }
  const size_t bounds = BoundSeeds(run);
  const std::string note = absl::StrFormat(
      "<p class=\"key\">Means over %d seeds; the ratio is that of geometric means, paired by seed, "
      "with a Student-t interval and the BCa bootstrap's beside it. * primary metric%s; the others "
      "are exploratory. Equivalent: the whole interval lies within %.0f %%.%s</p>\n",
      run["seeds"].get<int>(), data.rivals.size() > 1 ? ", Holm over the rivals" : "",
      run["equivalence_margin"].get<double>() * 100,
      bounds > 0 ? absl::StrFormat(" Bound: max-min fair fluid of the first %d seeds.", bounds)
                 : "");
  return Page(Escape(run["experiment_text"].get<std::string>()),
              key + Verdicts(VerdictLines(run)) + "<h2>Every metric</h2>\n<div class=\"grid2\">" +
                  forests + "</div>\n" + tables + note + "<h2>Slowdown by size of flow</h2>\n" +
                  key + SlowdownFigures(data) + "<h2>Distributions</h2>\n" + key +
                  DistributionFigures(data) + "<h2>Over time, seed 1</h2>\n" + key +
                  TimeFigures(data) + "<h2>Fairness, use and events</h2>\n" + key +
                  CountFigures(data) + "<h2>Cost</h2>\n" + key + CostFigure(data) +
                  "<h2>Worst seeds</h2>\n" + worst + "<h2>Threats</h2>\n" + Threats(data) +
                  "<h2>Provenance</h2>\n" + Provenance(data) + "<h2>Data</h2>\n" +
                  Inside("seeds.csv", SeedsCsv(data)) + Inside("sizes.csv", BucketsCsv(data)));
}

// "tita.beta=0.01 senders=8": where a point of the grid is; without a grid its experiment.
std::string PointText(const Json& point) {
  std::string text;
  for (const auto& [name, value] : point["values"].items()) {
    text += (text.empty() ? "" : " ") + name + "=" + value.get<std::string>();
  }
  return text.empty() ? point["experiment_text"].get<std::string>() : text;
}

std::string SweepTable(const Json& merged) {
  std::string s =
      "<div class=\"scroll\"><table><thead><tr><th class=\"text\">point</th>"
      "<th class=\"text\">experiment</th><th class=\"text\">a</th><th class=\"text\">b</th>"
      "<th>a</th><th>b</th>"
      "<th>a / b</th><th>95 % interval</th><th>bootstrap</th><th>a is</th></tr></thead><tbody>\n";
  for (const Json& p : merged["points"]) {
    for (const Json& m : p["metrics"]) {
      if (m["role"] != "primary") continue;
      const std::string verdict = m["verdict"];
      s += absl::StrFormat(
          "<tr><td class=\"text\">%s</td><td class=\"text\">%s</td><td class=\"text\">%s</td>"
          "<td class=\"text\">%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>"
          "<td class=\"%s\">%s</td></tr>\n",
          Escape(PointText(p)), Text(p["experiment_text"]), Text(p["a"]), Text(p["b"]),
          Number(m["a"], m["scale"]), Number(m["b"], m["scale"]),
          m["ratio"].is_number() ? absl::StrFormat("%.3f", m["ratio"].get<double>()) : "&#8211;",
          Span(m["low"], m["high"]), Span(m["bootstrap_low"], m["bootstrap_high"]),
          CssOfVerdict(verdict), Escape(verdict));
    }
  }
  return s + "</tbody></table></div>\n";
}

std::string SweepPage(const Json& merged, const std::string& csv) {
  std::vector<std::string> lines;
  for (const Json& p : merged["points"]) {
    lines.push_back(
        PointText(p) + ": " +
        VerdictSentence(p["a"].get<std::string>(), p["b"].get<std::string>(), p["metrics"]));
  }
  std::vector<std::pair<std::string, std::string>> rows = {
      {"sluice-lab", merged["version"].get<std::string>()},
      {"sources", merged["commit"].get<std::string>()},
      {"experiment", merged["experiment"].get<std::string>()}};
  for (const auto& [name, values] : merged["grid"].items()) {
    rows.push_back({name, absl::StrJoin(values.get<std::vector<std::string>>(), ", ")});
  }
  rows.push_back({"seeds at each point", merged["seeds"].dump()});
  rows.push_back({"primary metric", merged["primary"].get<std::string>()});
  return Page("Sweep of " + Text(merged["experiment"]),
              Verdicts(lines) + "<h2>Every point</h2>\n" + SweepForest(merged) +
                  SweepTable(merged) + "<p class=\"key\">Holm over all points.</p>\n" +
                  "<h2>Provenance</h2>\n" + Rows(rows) + "<h2>Data</h2>\n" +
                  Inside("merged.csv", csv));
}

}  // namespace

absl::StatusOr<std::string> ReportOf(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory + "/sweep.json", error)) {
    const absl::StatusOr<Json> merged = ReadMerged(directory);
    if (!merged.ok()) return merged.status();
    const absl::StatusOr<std::string> csv = ReadText(directory + "/merged.csv");
    if (!csv.ok()) return csv.status();
    return SweepPage(*merged, *csv);
  }
  const absl::StatusOr<ReportData> data = ReadRun(directory);
  if (!data.ok()) return data.status();
  return RunPage(*data);
}

}  // namespace sluice::lab
