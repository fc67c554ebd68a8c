#include "lab/gate.h"

#include <optional>

#include "absl/strings/str_format.h"
#include "cli/values.h"

namespace sluice::lab {
namespace {

absl::Status Refuse(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s': %s; write worse:METRIC>NUMBER%%, such as worse:p99_slowdown>2%%",
                      cli::OneLine(text), std::string(why)));
}

// How many times worse: above 1 is worse, whatever the metric's direction.
struct Worse {
  double low = 0;
  double high = 0;
};
std::optional<Worse> WorseOf(const Comparison& c, bool lower_is_better) {
  std::optional<double> low = c.low, high = c.high;
  // Every seed gives the same ratio.
  if (!low && !high && !c.p && c.ratio && c.verdict != Verdict::kInconclusive) low = high = c.ratio;
  if (!low || !high) return std::nullopt;
  if (lower_is_better) return Worse{*low, *high};
  return Worse{1 / *high, 1 / *low};
}

}  // namespace

absl::StatusOr<Gate> ParseGate(std::string_view text) {
  constexpr std::string_view kWord = "worse:";
  if (text.substr(0, kWord.size()) != kWord) return Refuse(text, "does not start with worse:");
  Gate gate;
  gate.text = std::string(text);
  const std::string_view rest = text.substr(kWord.size());
  const size_t sign = rest.find('>');
  const absl::StatusOr<size_t> metric = FindMetric(rest.substr(0, sign));
  if (!metric.ok()) return metric.status();
  gate.metric = *metric;
  if (sign == std::string_view::npos) return gate;
  std::string_view number = rest.substr(sign + 1);
  if (number.empty() || number.back() != '%') return Refuse(text, "the margin is no percentage");
  number.remove_suffix(1);
  const absl::StatusOr<cli::Value> value = cli::ParseValue(cli::Kind::kNumber, number, {});
  if (!value.ok() || std::get<double>(*value) < 0) {
    return Refuse(text, "the margin is no percentage from 0 on");
  }
  gate.margin = std::get<double>(*value) / 100;
  return gate;
}

const char* NameOf(GateState state) {
  switch (state) {
    case GateState::kMet:
      return "met";
    case GateState::kNotMet:
      return "not met";
    case GateState::kUndecided:
      return "undecided";
  }
  return "undecided";
}

GateState Decide(const Gate& gate, const Judgement& judgement) {
  const MetricRow& row = judgement.rows[gate.metric];
  const Comparison& c = row.comparison;
  if (c.verdict == Verdict::kIdentical) return GateState::kMet;
  if (row.reason == "unfinished flows") {
    return c.verdict == Verdict::kWorse    ? GateState::kNotMet
           : c.verdict == Verdict::kBetter ? GateState::kMet
                                           : GateState::kUndecided;
  }
  if (const std::optional<Worse> worse = WorseOf(c, row.kind->lower_is_better)) {
    if (worse->low > 1 + gate.margin) return GateState::kNotMet;
    return worse->high <= 1 + gate.margin ? GateState::kMet : GateState::kUndecided;
  }
  // Zeros: a difference has been judged, its size is that of the means.
  if (c.verdict == Verdict::kBetter) return GateState::kMet;
  if (c.verdict != Verdict::kWorse) return GateState::kUndecided;
  const bool beyond =
      row.kind->lower_is_better ? c.a > c.b * (1 + gate.margin) : c.b > c.a * (1 + gate.margin);
  return beyond ? GateState::kNotMet : GateState::kUndecided;
}

}  // namespace sluice::lab
