// Nearest names: the hint behind every "did you mean".
#ifndef SLUICE_BASE_NEAR_H_
#define SLUICE_BASE_NEAR_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// Damerau-Levenshtein distance of two byte strings: the least number of insertions, deletions,
// substitutions and swaps of neighbours that turn one into the other, a swapped pair counting one
// also when letters were inserted between (Lowrance and Wagner 1975). Time and memory are the
// product of the lengths; for set-up only.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, both folded to lower case (ASCII), if their distance is at most
// max(1, length of word / 3); empty when none is near enough. Of equals the first. The answer views
// the candidate's bytes.
std::string_view NearestName(std::string_view word, std::span<const std::string_view> candidates);

// The tail of an error message: "; did you mean 'name'?", or nothing when no candidate is near.
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice

#endif  // SLUICE_BASE_NEAR_H_
