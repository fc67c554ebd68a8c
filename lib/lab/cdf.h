// Cdf: a distribution of flow sizes, sampled in integers so that every machine draws the same.
//
// The file format is that of the HPCC simulator's traffic generator: rows of `<bytes> <percent>`,
// ascending, the first percent 0 and the last 100; sizes are uniform between two rows.
#ifndef SLUICE_LAB_CDF_H_
#define SLUICE_LAB_CDF_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"

namespace sluice::lab {

class Cdf {
 public:
  // Percentages are exact to ten decimals: all of them together are kWhole.
  static constexpr int64_t kWhole = 1'000'000'000'000;

  struct Point {
    int64_t bytes = 0;
    int64_t part = 0;  // of kWhole
  };

  // "6.48826" as a part of kWhole.
  static absl::StatusOr<int64_t> ParsePercent(std::string_view text);
  // A file's text. An error names the line and what is wrong with it; `name` stands before it.
  static absl::StatusOr<Cdf> Parse(std::string_view name, std::string_view text);
  static absl::StatusOr<Cdf> Of(std::string_view name, std::vector<Point> points);

  // The size below which `part` of all lie, at least 1; 0 <= part < kWhole.
  int64_t Inverse(int64_t part) const;
  int64_t Sample(Rng& rng) const {
    return Inverse(static_cast<int64_t>(rng.Below(static_cast<uint64_t>(kWhole))));
  }
  double MeanBytes() const;
  std::span<const Point> points() const { return points_; }

 private:
  explicit Cdf(std::vector<Point> points) : points_(std::move(points)) {}
  std::vector<Point> points_;
};

// Distributions that come with the program: lab/cdf.
struct BuiltInCdf {
  std::string_view name;
  std::string_view text;
};
std::span<const BuiltInCdf> BuiltInCdfs();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_CDF_H_
