#include "lab/cdf.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/int128.h"
#include "cli/values.h"
#include "lab/limits.h"
#include "lab/tokens.h"

namespace sluice::lab {
namespace {

absl::Status Refuse(std::string_view name, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s", std::string(name), why));
}

// What is wrong with a row after those before it; nothing is the empty text.
std::string WrongWith(std::span<const Cdf::Point> before, const Cdf::Point& p) {
  if (p.bytes < 0 || p.bytes > kMostMessageBytes) {
    return absl::StrFormat("%d bytes are no size from 0 to 2^31", p.bytes);
  }
  if (p.part > Cdf::kWhole) return "more than 100 percent";
  if (before.empty()) return p.part == 0 ? "" : "the first percent must be 0";
  if (p.bytes < before.back().bytes) return "sizes must not fall";
  if (p.part < before.back().part) return "percents must not fall";
  return "";
}

}  // namespace

absl::StatusOr<int64_t> Cdf::ParsePercent(std::string_view text) {
  const absl::StatusOr<int64_t> value = ParseDecimal(text, 10);
  if (value.ok() && *value <= kWhole) return *value;
  return absl::InvalidArgumentError(absl::StrFormat(
      "'%s' is no percentage from 0 to 100 with at most ten decimals", cli::OneLine(text)));
}

absl::StatusOr<Cdf> Cdf::Of(std::string_view name, std::vector<Point> points) {
  for (size_t i = 0; i < points.size(); ++i) {
    const std::string wrong = WrongWith(std::span(points).first(i), points[i]);
    if (!wrong.empty()) return Refuse(name, absl::StrFormat("row %d: %s", i + 1, wrong));
  }
  if (points.size() < 2 || points.back().part != kWhole) {
    return Refuse(name, "the last row must be 100 percent, and there must be one before it");
  }
  if (points.back().bytes < 1) return Refuse(name, "all sizes are 0");
  return Cdf(std::move(points));
}

absl::StatusOr<Cdf> Cdf::Parse(std::string_view name, std::string_view text) {
  Tokens tokens(name, text);
  std::vector<Point> points;
  while (!tokens.AtEnd()) {
    const int line = tokens.line();
    Point p;
    absl::StatusOr<int64_t> bytes = tokens.Integer("a size in bytes", 0, kMostMessageBytes);
    if (!bytes.ok()) return bytes.status();
    p.bytes = *bytes;
    absl::StatusOr<std::string_view> percent = tokens.Word("a percentage");
    if (!percent.ok()) return percent.status();
    absl::StatusOr<int64_t> part = ParsePercent(*percent);
    if (!part.ok()) return tokens.Wrong(part.status());
    p.part = *part;
    const std::string wrong = WrongWith(points, p);
    if (!wrong.empty()) return Refuse(name, absl::StrFormat("line %d: %s", line, wrong));
    points.push_back(p);
  }
  return Of(name, std::move(points));
}

int64_t Cdf::Inverse(int64_t part) const {
  // The first row above; there is one, because the last is kWhole.
  const auto above = std::upper_bound(points_.begin(), points_.end(), part,
                                      [](int64_t x, const Point& p) { return x < p.part; });
  const Point& high = *above;
  const Point& low = *(above - 1);
  const auto rise =
      static_cast<Uint128>(high.bytes - low.bytes) * static_cast<Uint128>(part - low.part);
  return std::max<int64_t>(
      low.bytes + static_cast<int64_t>(rise / static_cast<Uint128>(high.part - low.part)), 1);
}

double Cdf::MeanBytes() const {
  double sum = 0;
  for (size_t i = 1; i < points_.size(); ++i) {
    const auto part = static_cast<double>(points_[i].part - points_[i - 1].part);
    sum += part * static_cast<double>(points_[i].bytes + points_[i - 1].bytes) / 2;
  }
  return sum / static_cast<double>(kWhole);
}

std::span<const BuiltInCdf> BuiltInCdfs() {
  static constexpr BuiltInCdf kAll[] = {
#include "cdf_texts.inc"
  };
  return kAll;
}

}  // namespace sluice::lab
