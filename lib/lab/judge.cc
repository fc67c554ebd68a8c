#include "lab/judge.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/near.h"
#include "cli/values.h"

namespace sluice::lab {
namespace {

using cli::Json;

// name, unit, scale, lower is better, of flows, bounded, place in result.json
constexpr MetricKind kKinds[] = {
    {"slowdown_p99", "", 1, true, true, true, "slowdown", "p99"},
    {"slowdown_p95", "", 1, true, true, true, "slowdown", "p95"},
    {"slowdown_p50", "", 1, true, true, true, "slowdown", "p50"},
    {"slowdown_mean", "", 1, true, true, true, "slowdown", "mean"},
    {"fct_p50_ns", "us", 1e-3, true, true, true, "fct_ns", "p50"},
    {"fct_p99_ns", "us", 1e-3, true, true, true, "fct_ns", "p99"},
    {"last_finish_ns", "us", 1e-3, true, true, true, "last_finish_ns"},
    {"goodput_gbps", "Gb/s", 1, false, true, true, "goodput_gbps"},
    {"utilisation", "", 1, false, true, false, "utilisation"},
    {"jain", "", 1, false, true, true, "jain"},
    {"queue_max_bytes", "KB", 1e-3, true, false, false, "queue_bytes", "max"},
    {"queue_mean_bytes", "KB", 1e-3, true, false, false, "queue_bytes", "mean"},
    {"queue_p99_bytes", "KB", 1e-3, true, false, false, "queue_bytes", "p99"},
    {"pfc_pauses", "frames", 1, true, false, false, "pfc_pauses"},
    {"drops", "packets", 1, true, false, false, "drops"},
    {"ecn_marks", "packets", 1, true, false, false, "ecn_marks"},
    {"cnps", "packets", 1, true, false, false, "cnps"},
    {"retransmissions", "packets", 1, true, false, false, "retransmissions"},
    {"timeouts", "", 1, true, false, false, "timeouts"},
    {"unfinished", "flows", 1, true, false, false, "unfinished"},
};

Json OrNull(const std::optional<double>& v) { return v ? Json(*v) : Json(nullptr); }

double Unfinished(std::span<const RunValues> runs) {
  double flows = 0, unfinished = 0;
  for (const RunValues& run : runs) {
    flows += run.flows;
    unfinished += run.unfinished;
  }
  return flows > 0 ? unfinished / flows : 0;
}

// The other way of writing a percentile: p99_slowdown.
std::string Turned(std::string_view name) {
  const size_t cut = name.find("_p");
  if (cut == std::string_view::npos) return std::string(name);
  const std::string_view rest = name.substr(cut + 1);
  const size_t end = rest.find('_');
  const std::string_view unit = end == std::string_view::npos ? "" : rest.substr(end);
  return std::string(rest.substr(0, end)) + "_" + std::string(name.substr(0, cut)) +
         std::string(unit);
}

absl::StatusOr<double> ValueAt(const Json& result, std::string_view key, std::string_view part,
                               std::string_view path) {
  const Json* at = &result;
  for (const std::string_view name : {key, part}) {
    if (name.empty()) break;
    const auto found = at->is_object() ? at->find(std::string(name)) : at->end();
    if (!at->is_object() || found == at->end()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: has no %s%s%s; make the run anew with this sluice-lab", std::string(path),
          std::string(key), part.empty() ? "" : ".", std::string(part)));
    }
    at = &*found;
  }
  if (at->is_null()) return std::numeric_limits<double>::infinity();
  if (at->is_number()) return at->get<double>();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: %s is no number", std::string(path), std::string(key)));
}

// Flows that never finished make an arm worse in what flows feel, whatever those that did finish
// took.
void ApplyUnfinished(Judgement& j) {
  const bool bad_a = j.unfinished_a > kMostUnfinished, bad_b = j.unfinished_b > kMostUnfinished;
  if (!bad_a && !bad_b) return;
  for (MetricRow& row : j.rows) {
    if (!row.kind->of_flows || row.comparison.verdict == Verdict::kIdentical) continue;
    row.reason = "unfinished flows";
    row.comparison.verdict = bad_a && bad_b ? Verdict::kInconclusive
                             : bad_a        ? Verdict::kWorse
                                            : Verdict::kBetter;
  }
}

void ApplyHolm(std::vector<Judgement>& all, size_t primary) {
  std::vector<double> p;
  std::vector<MetricRow*> rows;
  for (Judgement& j : all) {
    MetricRow& row = j.rows[primary];
    if (!row.comparison.p) continue;
    p.push_back(*row.comparison.p);
    rows.push_back(&row);
  }
  const std::vector<double> adjusted = HolmAdjusted(p);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i]->holm = adjusted[i];
    Verdict& verdict = rows[i]->comparison.verdict;
    const bool decided = verdict == Verdict::kBetter || verdict == Verdict::kWorse;
    if (!decided || adjusted[i] <= 1 - kConfidence || !rows[i]->reason.empty()) continue;
    verdict = Verdict::kInconclusive;
    rows[i]->reason = "holm";
  }
}

std::string WithoutUnit(std::string_view metric) {
  for (const std::string_view suffix : {"_ns", "_gbps", "_bytes"}) {
    if (metric.ends_with(suffix)) metric.remove_suffix(suffix.size());
  }
  return std::string(metric);
}

std::string RowText(const MetricRow& row) {
  const Comparison& c = row.comparison;
  const auto interval = [](const std::optional<double>& low, const std::optional<double>& high) {
    return low && high ? absl::StrFormat("[%.3f, %.3f]", *low, *high) : std::string();
  };
  const std::optional<double> low = c.bootstrap ? std::optional(c.bootstrap->low) : std::nullopt;
  const std::optional<double> high = c.bootstrap ? std::optional(c.bootstrap->high) : std::nullopt;
  return absl::StrFormat("%-16s %-7s %10s %10s %8s  %-17s %-17s %s%s%s\n",
                         WithoutUnit(row.kind->name) + (row.primary ? "*" : ""),
                         std::string(row.kind->unit), NumberForPeople(c.a * row.kind->scale),
                         NumberForPeople(c.b * row.kind->scale),
                         c.ratio ? absl::StrFormat("%.3f", *c.ratio) : "-", interval(c.low, c.high),
                         interval(low, high), NameOf(c.verdict), row.reason.empty() ? "" : ", ",
                         std::string(row.reason));
}

}  // namespace

std::span<const MetricKind> MetricKinds() { return kKinds; }

absl::StatusOr<size_t> FindMetric(std::string_view name) {
  std::vector<std::string_view> names;
  std::string known;
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    const std::string_view n = kKinds[i].name;
    const std::string turned = Turned(n);
    for (const std::string& other : {std::string(n), WithoutUnit(n), turned, WithoutUnit(turned)}) {
      if (name == other) return i;
    }
    names.push_back(n);
    known.append(known.empty() ? "" : ", ").append(n);
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "no metric '%s'%s (there are: %s)", cli::OneLine(name), DidYouMean(name, names), known));
}

absl::StatusOr<RunValues> ValuesOf(const Json& result, std::string_view path) {
  RunValues run;
  for (const MetricKind& kind : kKinds) {
    const absl::StatusOr<double> v = ValueAt(result, kind.key, kind.part, path);
    if (!v.ok()) return v.status();
    run.values.push_back(*v);
  }
  for (const auto& [key, to] : {std::pair{"flows", &run.flows}, {"unfinished", &run.unfinished}}) {
    const absl::StatusOr<double> v = ValueAt(result, key, "", path);
    if (!v.ok()) return v.status();
    *to = *v;
  }
  return run;
}

const MetricRow& Judgement::primary() const {
  for (const MetricRow& row : rows) {
    if (row.primary) return row;
  }
  return rows.front();
}

std::vector<Judgement> JudgeAll(std::span<const Contest> contests, size_t primary) {
  std::vector<Judgement> all;
  for (const Contest& contest : contests) {
    Judgement& j = all.emplace_back();
    j.unfinished_a = Unfinished(contest.a);
    j.unfinished_b = Unfinished(contest.b);
    for (size_t m = 0; m < std::size(kKinds); ++m) {
      MetricRow& row = j.rows.emplace_back();
      row.kind = &kKinds[m];
      row.primary = m == primary;
      for (const RunValues& run : contest.a) row.a.push_back(run.values[m]);
      for (const RunValues& run : contest.b) row.b.push_back(run.values[m]);
      row.comparison = Compare(row.a, row.b, row.kind->lower_is_better);
    }
    ApplyUnfinished(j);
  }
  ApplyHolm(all, primary);
  return all;
}

Json MetricsJson(const Judgement& judgement) {
  Json all = Json::array();
  for (const MetricRow& row : judgement.rows) {
    const Comparison& c = row.comparison;
    Json m;
    m["name"] = row.kind->name;
    m["role"] = row.primary ? "primary" : "exploratory";
    m["a"] = c.a;
    m["b"] = c.b;
    m["ratio"] = OrNull(c.ratio);
    m["low"] = OrNull(c.low);
    m["high"] = OrNull(c.high);
    m["bootstrap_low"] = c.bootstrap ? Json(c.bootstrap->low) : Json(nullptr);
    m["bootstrap_high"] = c.bootstrap ? Json(c.bootstrap->high) : Json(nullptr);
    m["p"] = OrNull(c.p);
    if (row.primary) m["p_holm"] = OrNull(row.holm);
    m["noninferior"] = c.noninferior ? Json(*c.noninferior) : Json(nullptr);
    m["verdict"] = NameOf(c.verdict);
    if (!row.reason.empty()) m["reason"] = row.reason;
    m["lower_is_better"] = row.kind->lower_is_better;
    m["unit"] = row.kind->unit;
    m["scale"] = row.kind->scale;
    m["per_seed"] = {{"a", row.a}, {"b", row.b}};
    all.push_back(std::move(m));
  }
  return all;
}

std::string MetricsTable(const Judgement& judgement) {
  std::string text = absl::StrFormat("%-16s %-7s %10s %10s %8s  %-17s %-17s %s\n", "metric", "unit",
                                     "a", "b", "a/b", "95% interval", "bootstrap", "a is");
  for (const MetricRow& row : judgement.rows) text += RowText(row);
  return text;
}

std::string VerdictSentence(std::string_view a, std::string_view b, const Json& metrics) {
  std::vector<std::string> better, worse, open;
  std::string primary;
  for (const Json& m : metrics) {
    const std::string verdict = m["verdict"];
    std::string name = m["name"];
    if (m["ratio"].is_number()) name += absl::StrFormat(" x%.3f", m["ratio"].get<double>());
    if (m.value("role", "") == "primary") {
      primary = verdict + " in " + name;
      if (m["low"].is_number() && m["high"].is_number()) {
        primary +=
            absl::StrFormat(" [%.3f, %.3f]", m["low"].get<double>(), m["high"].get<double>());
      }
      continue;
    }
    if (verdict == "better") better.push_back(name);
    if (verdict == "worse") worse.push_back(name);
    if (verdict == "inconclusive") open.push_back(m["name"]);
  }
  std::vector<std::string> parts;
  if (!better.empty()) parts.push_back("better in " + absl::StrJoin(better, ", "));
  if (!worse.empty()) parts.push_back("worse in " + absl::StrJoin(worse, ", "));
  if (!open.empty()) parts.push_back("undecided in " + absl::StrJoin(open, ", "));
  if (parts.empty()) parts.push_back("no difference that matters");
  return std::string(a) + " against " + std::string(b) + ": " +
         (primary.empty() ? "" : primary + "; exploratory: ") + absl::StrJoin(parts, "; ");
}

std::string NumberForPeople(double v) {
  if (!std::isfinite(v)) return "infinite";
  if (v >= 1e6 || (v > 0 && v < 1e-3)) return absl::StrFormat("%.3g", v);
  return v >= 100 ? absl::StrFormat("%.1f", v) : absl::StrFormat("%.3f", v);
}

}  // namespace sluice::lab
