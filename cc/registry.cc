#include "cc/registry.h"

#include "absl/status/status.h"
#include "base/near.h"

// Every algorithm defines RegistryEntry <name>::Entry() in its file; the list of names is that of
// cc/meson.build.
#define SLUICE_CC_ALGORITHM(name) \
  namespace sluice::cc::name {    \
  const RegistryEntry& Entry();   \
  }
#include "algorithms.inc"
#undef SLUICE_CC_ALGORITHM

namespace sluice::cc {
namespace {

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

// "key=value,key=value"; empty: no parameters.
absl::StatusOr<ParamList> SplitParams(std::string_view name, std::string_view text) {
  ParamList params;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string item(text.substr(0, comma));
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      return Wrong("cc " + std::string(name) + ": '" + item + "' is not key=value; write " +
                   std::string(name) + ":key=value,key=value");
    }
    params.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    if (comma == std::string_view::npos) return params;
    text.remove_prefix(comma + 1);
    if (text.empty()) return Wrong("cc " + std::string(name) + ": ends with a comma");
  }
  return params;
}

}  // namespace

std::span<const RegistryEntry> Algorithms() {
  static const RegistryEntry table[] = {
#define SLUICE_CC_ALGORITHM(name) name::Entry(),
#include "algorithms.inc"
#undef SLUICE_CC_ALGORITHM
  };
  return table;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> MakeAlgorithm(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  std::string_view rest;
  if (colon != std::string_view::npos) {
    rest = text.substr(colon + 1);
    if (rest.empty()) {
      return Wrong("cc " + std::string(name) + ": nothing after the colon");
    }
  }
  for (const RegistryEntry& entry : Algorithms()) {
    if (name != entry.name) continue;
    absl::StatusOr<ParamList> params = SplitParams(name, rest);
    if (!params.ok()) return params.status();
    return entry.configure(*params);
  }
  std::vector<std::string_view> names;
  for (const RegistryEntry& entry : Algorithms()) names.push_back(entry.name);
  std::string known;
  for (std::string_view n : names) known.append(known.empty() ? "" : ", ").append(n);
  return Wrong("cc: no algorithm '" + std::string(name) + "'" + DidYouMean(name, names) +
               " (there are: " + known + ")");
}

}  // namespace sluice::cc
