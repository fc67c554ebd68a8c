// In a build with -Dmutants=true: takes away the checks that the environment names, before any test
// runs. SLUICE_MUTANTS_MASK is a number, bit i for Check i (base/checks.h).
#include <cstdlib>

#include "base/checks.h"

namespace sluice {
namespace {

const bool kSet = [] {
  const char* mask = std::getenv("SLUICE_MUTANTS_MASK");
  if (mask != nullptr) disabled_checks = std::strtoull(mask, nullptr, 0);
  return true;
}();

}  // namespace
}  // namespace sluice
