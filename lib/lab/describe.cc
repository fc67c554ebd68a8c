#include "lab/describe.h"

#include <vector>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "cc/registry.h"
#include "lab/experiment.h"

namespace sluice::lab {
namespace {

using cli::Json;

std::string RangeText(const ParameterSpec& p) {
  std::string range;
  if (!p.min.empty()) range = std::string(p.min) + ".." + std::string(p.max);
  if (p.kind == cli::Kind::kProbability) range = "0..1";
  for (const std::string_view choice : p.choices) {
    range.append(range.empty() ? "" : "|").append(choice);
  }
  if (!p.word.empty()) range += "|" + std::string(p.word);
  return range;
}

Description Describe(const Experiment& e) {
  Description d;
  d.text = absl::StrFormat("%s: %s\n\n%s\n\n  %-10s %-10s %-18s %s\n", std::string(e.name),
                           std::string(e.summary), std::string(e.details), "parameter", "default",
                           "range", "");
  d.json = {{"experiment", e.name}, {"summary", e.summary}, {"details", e.details}};
  d.json["parameters"] = Json::array();
  for (const ParameterSpec& p : e.parameters) {
    const std::string range = RangeText(p);
    d.text += absl::StrFormat("  %-10s %-10s %-18s %s\n", std::string(p.name),
                              std::string(p.default_text), range, std::string(p.help));
    d.json["parameters"].push_back(
        {{"name", p.name}, {"default", p.default_text}, {"range", range}, {"help", p.help}});
  }
  return d;
}

Description Describe(const cc::RegistryEntry& e) {
  Description d;
  d.text = absl::StrFormat("%s: %s\n", e.name, e.summary);
  d.json = {{"algorithm", e.name}, {"summary", e.summary}};
  d.json["parameters"] = Json::array();
  if (!e.params.empty()) {
    d.text += absl::StrFormat("\n  %-14s %-10s %-22s %s\n", "parameter", "default", "range", "");
  }
  for (const cc::ParamSpec& p : e.params) {
    d.text += absl::StrFormat("  %-14s %-10s %-22s %s (%s)\n", p.name, p.default_text, p.range,
                              p.help, p.source);
    d.json["parameters"].push_back({{"name", p.name},
                                    {"default", p.default_text},
                                    {"range", p.range},
                                    {"help", p.help},
                                    {"source", p.source}});
  }
  return d;
}

}  // namespace

std::string ListText() {
  std::string text = "experiments\n";
  for (const Experiment& e : Experiments()) {
    text += absl::StrFormat("  %-16s %s\n", std::string(e.name), std::string(e.summary));
  }
  text += "algorithms\n";
  for (const cc::RegistryEntry& a : cc::Algorithms()) {
    text += absl::StrFormat("  %-16s %s\n", a.name, a.summary);
  }
  return text + "Parameters: sluice-lab describe NAME\n";
}

Json ListJson() {
  Json j = {{"experiments", Json::array()}, {"algorithms", Json::array()}};
  for (const Experiment& e : Experiments()) {
    j["experiments"].push_back({{"name", e.name}, {"summary", e.summary}});
  }
  for (const cc::RegistryEntry& a : cc::Algorithms()) {
    j["algorithms"].push_back({{"name", a.name}, {"summary", a.summary}});
  }
  return j;
}

absl::StatusOr<Description> DescribeName(std::string_view name) {
  std::vector<std::string_view> names;
  std::string known;
  const auto add = [&](std::string_view n) {
    names.push_back(n);
    known.append(known.empty() ? "" : ", ").append(n);
  };
  for (const Experiment& e : Experiments()) {
    if (e.name == name) return Describe(e);
    add(e.name);
  }
  for (const cc::RegistryEntry& a : cc::Algorithms()) {
    if (a.name == name) return Describe(a);
    add(a.name);
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("no experiment or algorithm '%s'%s (there are: %s)", cli::OneLine(name),
                      DidYouMean(name, names), known));
}

std::string RunText(const RunLabel& label, const RunResult& run, const Metrics& m) {
  const sim::LinkCounters& links = run.link_totals;
  const std::string losses =
      run.lossy ? absl::StrFormat("  links lost %d frames, %d of them corrupt, %d in blackholes\n",
                                  links.lost, links.corrupt, links.blackholed)
                : "";
  return absl::StrFormat(
      "%s, %s, seed %d: %d flows, %d unfinished\n"
      "  last finish %.1f us, FCT p50 %.1f us, p99 %.1f us, slowdown p50 %.2f p99 %.2f\n"
      "  goodput %.2f Gb/s, utilisation %.3f, Jain %.4f\n"
      "  queue max %.1f KB, mean %.1f KB, p99 %.1f KB\n"
      "  drops %d, marks %d, CNPs %d, retransmissions %d, timeouts %d\n"
      "%s  %d packet hops in %.2f s of CPU: %.2f M/s\n",
      label.experiment->text, label.arm, label.seed, m.flows, m.unfinished, m.last_finish.us(),
      m.fct_p50.us(), m.fct_p99.us(), m.slowdown_p50, m.slowdown_p99, m.goodput_gbps, m.utilisation,
      m.jain, static_cast<double>(run.queue_max.count()) * 1e-3, run.queue_mean_bytes * 1e-3,
      static_cast<double>(run.queue_p99.count()) * 1e-3, run.drops, run.ecn_marks, run.cnps,
      run.retransmissions, run.timeouts, losses, run.packet_hops, run.cpu_seconds,
      run.cpu_seconds > 0 ? static_cast<double>(run.packet_hops) / run.cpu_seconds * 1e-6 : 0.0);
}

}  // namespace sluice::lab
