#include "lab/svg.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace sluice::lab {
namespace {

constexpr double kWidth = 420, kHeight = 240;
constexpr double kLeft = 58, kRight = 14, kTop = 10, kBottom = 36;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = kHeight - kTop - kBottom;

std::string Begin(double height, const std::string& title) {
  return absl::StrFormat(
      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\"><title>%s</title>\n", kWidth,
      height, Escape(title), Escape(title));
}

std::string Label(double v) {
  return v >= 1e6 ? absl::StrFormat("%.3g", v) : absl::StrFormat("%.6g", v);
}

std::string YAxis(const LineChart& c, double y_max) {
  std::string s;
  const double y_step = NiceStep(y_max, 5);
  for (int i = 0; i * y_step <= y_max * 1.0001; ++i) {
    const double y = kTop + kPlotHeight * (1 - i * y_step / y_max);
    s += absl::StrFormat(
        "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
        "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
        kLeft, kLeft + kPlotWidth, y, y, kLeft - 6, y + 4, Label(i * y_step));
  }
  s += absl::StrFormat(
      "<text transform=\"translate(12 %.0f) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
      kTop + kPlotHeight / 2, Escape(c.y_unit));
  return s;
}

std::string Axes(const LineChart& c, double x_max, double y_max) {
  std::string s = YAxis(c, y_max);
  const double x_step = NiceStep(x_max, 5);
  for (int i = 0; i * x_step <= x_max * 1.0001; ++i) {
    s += absl::StrFormat("<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
                         kLeft + kPlotWidth * i * x_step / x_max, kTop + kPlotHeight + 16,
                         Label(i * x_step));
  }
  s += absl::StrFormat("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n",
                       kLeft + kPlotWidth, kHeight - 4, Escape(c.x_unit));
  return s;
}

template <typename Step>
std::vector<std::pair<double, double>> Thin(const std::vector<std::pair<double, double>>& points,
                                            size_t steps, const Step& step) {
  if (points.size() <= steps || steps == 0) return points;
  std::vector<std::pair<double, double>> out;
  for (size_t i = 0; i < steps; ++i) {
    const size_t begin = points.size() * i / steps;
    const size_t end = points.size() * (i + 1) / steps;
    step(points.begin() + static_cast<std::ptrdiff_t>(begin),
         points.begin() + static_cast<std::ptrdiff_t>(end), &out);
  }
  return out;
}

// The axis of ratios: powers of two about 1 that hold all that is drawn.
double LogSpan(const std::vector<RatioRow>& rows) {
  double most = std::log(1.1);
  const auto see = [&](double v) {
    if (v > 0 && std::isfinite(v)) most = std::max(most, std::fabs(std::log(v)));
  };
  for (const RatioRow& r : rows) {
    for (const std::optional<double>& v : {r.ratio, r.low, r.high}) see(v.value_or(1));
    for (const double v : r.seeds) see(v);
  }
  return most * 1.05;
}

std::string RatioTicks(double span, double x0, double width, double bottom) {
  std::string s;
  for (const double tick :
       {0.001, 0.01, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 10.0, 100.0, 1000.0}) {
    const double at = std::log(tick);
    // Ticks that would crowd are left out.
    if (std::fabs(at) > span || (tick != 1.0 && std::fabs(at) < span / 8)) continue;
    const double x = x0 + width * (at / span + 1) / 2;
    s += absl::StrFormat(
        "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"4\" y2=\"%.0f\"/>"
        "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%g</text>\n",
        tick == 1.0 ? "one" : "grid", x, x, bottom, x, bottom + 16, tick);
  }
  return s;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return out;
}

double NiceStep(double range, int parts) {
  double step = 1e-9;
  while (true) {
    for (const double m : {1.0, 2.0, 5.0}) {
      if (range / (step * m) <= parts * 1.0001) return step * m;
    }
    step *= 10;
  }
}

std::vector<std::pair<double, double>> Envelope(
    const std::vector<std::pair<double, double>>& points, size_t most) {
  return Thin(points, most / 2, [](auto begin, auto end, auto* out) {
    const auto by_value = [](const auto& p, const auto& q) { return p.second < q.second; };
    auto low = std::min_element(begin, end, by_value);
    auto high = std::max_element(begin, end, by_value);
    if (high < low) std::swap(low, high);
    out->push_back(*low);
    if (high != low) out->push_back(*high);
  });
}

std::vector<std::pair<double, double>> Averages(
    const std::vector<std::pair<double, double>>& points, size_t most) {
  return Thin(points, most, [](auto begin, auto end, auto* out) {
    double x = 0, y = 0;
    for (auto i = begin; i != end; ++i) {
      x += i->first;
      y += i->second;
    }
    const auto n = static_cast<double>(end - begin);
    out->push_back({x / n, y / n});
  });
}

std::string ToSvg(const LineChart& chart) {
  double x_max = chart.x_max, y_max = chart.y_max;
  for (const Line& line : chart.lines) {
    for (const auto& [x, y] : line.points) {
      x_max = std::max(x_max, x);
      y_max = std::max(y_max, y);
    }
  }
  if (x_max <= 0) x_max = 1;
  if (y_max <= 0) y_max = 1;
  std::string s = Begin(kHeight, chart.title) + Axes(chart, x_max, y_max);
  for (const Line& line : chart.lines) {
    s += absl::StrFormat("<polyline class=\"line %s\" points=\"", line.css_class);
    for (const auto& [x, y] : line.points) {
      s += absl::StrFormat("%.1f,%.1f ", kLeft + kPlotWidth * x / x_max,
                           kTop + kPlotHeight * (1 - y / y_max));
    }
    s += "\"/>\n";
  }
  return s + "</svg>\n";
}

std::vector<std::pair<double, double>> Cumulative(std::vector<double> values, size_t most) {
  std::sort(values.begin(), values.end());
  std::vector<std::pair<double, double>> points;
  const size_t n = values.size();
  const size_t steps = std::min(n, most);
  for (size_t i = 1; i <= steps; ++i) {
    const size_t rank = n * i / steps;
    points.push_back({values[rank - 1], static_cast<double>(rank) / static_cast<double>(n)});
  }
  if (!points.empty()) points.insert(points.begin(), {values.front(), 0});
  return points;
}

std::string ToSvg(const DotChart& chart) {
  double y_max = 0;
  for (const DotChart::Arm& arm : chart.arms) {
    for (const std::vector<double>& values : arm.values) {
      for (const double v : values) y_max = std::max(y_max, v);
    }
  }
  if (y_max <= 0) y_max = 1;
  LineChart frame;
  frame.y_unit = chart.y_unit;
  std::string s = Begin(kHeight, chart.title) + YAxis(frame, y_max);
  const double slot =
      kPlotWidth / static_cast<double>(std::max<size_t>(chart.categories.size(), 1));
  const double lane = slot / static_cast<double>(chart.arms.size() + 1);
  const auto y_of = [&](double v) { return kTop + kPlotHeight * (1 - v / y_max); };
  for (size_t c = 0; c < chart.categories.size(); ++c) {
    const double left = kLeft + slot * static_cast<double>(c);
    s += absl::StrFormat("<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
                         left + slot / 2, kTop + kPlotHeight + 16, Escape(chart.categories[c]));
    for (size_t a = 0; a < chart.arms.size(); ++a) {
      const DotChart::Arm& arm = chart.arms[a];
      if (c >= arm.values.size() || arm.values[c].empty()) continue;
      const double x = left + lane * static_cast<double>(a + 1);
      double sum = 0;
      for (const double v : arm.values[c]) {
        sum += v;
        s += absl::StrFormat("<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>",
                             arm.css_class, x, y_of(v));
      }
      const double y = y_of(sum / static_cast<double>(arm.values[c].size()));
      const double half = std::min(lane / 2.5, 12.0);
      s += absl::StrFormat(
          "<line class=\"mean %s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
          arm.css_class, x - half, x + half, y, y);
    }
  }
  return s + "</svg>\n";
}

std::string ToSvg(const std::vector<RatioRow>& rows, const std::string& title) {
  constexpr double kRow = 26, kNames = 128;
  const double span = LogSpan(rows);
  const double bottom = kRow * static_cast<double>(rows.size()) + 8;
  const double width = kWidth - kNames - kRight;
  const auto x_of = [&](double ratio) { return kNames + width * (std::log(ratio) / span + 1) / 2; };
  std::string s = Begin(bottom + 24, title);
  s += RatioTicks(span, kNames, width, bottom);
  double y = kRow / 2 + 6;
  for (const RatioRow& row : rows) {
    s += absl::StrFormat("<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", kNames - 8,
                         y + 4, Escape(row.name));
    for (const double seed : row.seeds) {
      s += absl::StrFormat("<circle class=\"seed\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", x_of(seed),
                           y);
    }
    if (row.low && row.high) {
      s += absl::StrFormat(
          "<line class=\"interval %s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
          row.css_class, x_of(*row.low), x_of(*row.high), y, y);
    }
    if (row.ratio && *row.ratio > 0) {
      s += absl::StrFormat("<circle class=\"ratio %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n",
                           row.css_class, x_of(*row.ratio), y);
    }
    y += kRow;
  }
  return s + "</svg>\n";
}

}  // namespace sluice::lab
