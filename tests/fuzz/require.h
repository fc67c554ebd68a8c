// Require: what an oracle says. Ends the process as a sanitizer does, so that libFuzzer keeps the
// input.
#ifndef SLUICE_TESTS_FUZZ_REQUIRE_H_
#define SLUICE_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

namespace sluice::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_REQUIRE_H_
