// Pictures of a report as inline SVG: lines over time, and ratios with their intervals. Colours are
// CSS classes of the report's style sheet, so that a picture follows dark mode and print. A picture
// is 420 units wide, to be read on a telephone as it is and side by side with others on a screen.
#ifndef SLUICE_LAB_SVG_H_
#define SLUICE_LAB_SVG_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::lab {

// `<`, `>`, `&` and quotes as entities; other control characters than line feed become blanks.
std::string Escape(std::string_view text);

struct Line {
  std::string css_class;  // "a", "b", "thin a"
  std::vector<std::pair<double, double>> points;
};

struct LineChart {
  std::string title;  // for people who cannot see it, too
  std::string x_unit;
  std::string y_unit;
  std::vector<Line> lines;
  double x_max = 0;  // 0: of the lines
  double y_max = 0;
};
std::string ToSvg(const LineChart& chart);

// Values of several arms side by side in each category, each seed a dot, their mean a bar.
struct DotChart {
  std::string title;
  std::string y_unit;
  std::vector<std::string> categories;
  struct Arm {
    std::string css_class;
    std::vector<std::vector<double>> values;  // per category; may be empty
  };
  std::vector<Arm> arms;
};
std::string ToSvg(const DotChart& chart);

// The distribution of values in any order: (value, part of them that is no greater), at most `most`
// points.
std::vector<std::pair<double, double>> Cumulative(std::vector<double> values, size_t most);

// One row per metric: the ratio's interval as a bar, each seed's ratio as a dot, on a logarithmic
// axis with 1 marked.
struct RatioRow {
  std::string name;
  std::string css_class;  // of the verdict
  std::optional<double> ratio, low, high;
  std::vector<double> seeds;  // positive
};
std::string ToSvg(const std::vector<RatioRow>& rows, const std::string& title);

// Thins a series to about `most` points: the lowest and the highest of each step stay.
std::vector<std::pair<double, double>> Envelope(
    const std::vector<std::pair<double, double>>& points, size_t most);
// Likewise by the mean of each step.
std::vector<std::pair<double, double>> Averages(
    const std::vector<std::pair<double, double>>& points, size_t most);

// A step of 1, 2 or 5 times a power of ten that cuts `range` > 0 into at most `parts`.
double NiceStep(double range, int parts);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SVG_H_
