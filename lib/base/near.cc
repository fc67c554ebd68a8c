#include "base/near.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sluice {
namespace {

std::string LowerCase(std::string_view s) {
  std::string r(s);
  for (char& c : r) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return r;
}

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  // d(i + 1, j + 1) is the distance of the first i bytes of a and the first j of b; row and column
  // 0 hold a bound that no path can beat, so that a swap which reaches out of the table loses.
  const size_t width = b.size() + 2;
  const size_t never = a.size() + b.size();
  std::vector<size_t> table((a.size() + 2) * width, never);
  auto d = [&](size_t i, size_t j) -> size_t& { return table[i * width + j]; };
  for (size_t i = 0; i <= a.size(); ++i) d(i + 1, 1) = i;
  for (size_t j = 0; j <= b.size(); ++j) d(1, j + 1) = j;

  std::array<size_t, 256> last_row{};  // where each byte was last seen in a; 0 = not yet
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t last_column = 0;  // where a[i - 1] was last seen in b
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t row = last_row[static_cast<unsigned char>(b[j - 1])];
      const size_t column = last_column;
      const bool same = a[i - 1] == b[j - 1];
      if (same) last_column = j;
      const size_t swap = d(row, column) + (i - row - 1) + 1 + (j - column - 1);
      d(i + 1, j + 1) =
          std::min({d(i, j) + (same ? 0 : 1), d(i + 1, j) + 1, d(i, j + 1) + 1, swap});
    }
    last_row[static_cast<unsigned char>(a[i - 1])] = i;
  }
  return d(a.size() + 1, b.size() + 1);
}

std::string_view NearestName(std::string_view word, std::span<const std::string_view> candidates) {
  const size_t limit = std::max<size_t>(1, word.size() / 3);
  const std::string folded = LowerCase(word);
  std::string_view best;
  size_t best_distance = limit + 1;
  for (std::string_view candidate : candidates) {
    const size_t gap =
        std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (candidate.empty() || gap >= best_distance) continue;
    const size_t distance = EditDistance(folded, LowerCase(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view nearest = NearestName(word, candidates);
  if (nearest.empty()) return "";
  return "; did you mean '" + std::string(nearest) + "'?";
}

}  // namespace sluice
