// In a build with -Dmutants=true: takes away the checks that the environment names, before any test
// runs. SLUICE_MUTANTS holds names of base/checks.h with commas between.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/checks.h"

namespace sluice {
namespace {

void Disable(std::string_view name) {
  for (size_t i = 0; i < kChecks; ++i) {
    if (name != kCheckInfos[i].name) continue;
    disabled_checks[i] = true;
    return;
  }
  std::fprintf(stderr, "SLUICE_MUTANTS: no check is called '%.*s'\n", static_cast<int>(name.size()),
               name.data());
  std::exit(2);
}

const bool kSet = [] {
  const char* mask = std::getenv("SLUICE_MUTANTS");
  std::string_view rest = mask != nullptr ? mask : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    Disable(rest.substr(0, comma));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return true;
}();

}  // namespace
}  // namespace sluice
