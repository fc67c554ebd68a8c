#include "cli/arguments.h"

#include <glog/logging.h>

namespace sluice::cli {

const Value& Arguments::One(std::string_view name, size_t alternative) const {
  const auto it = values_.find(name);
  CHECK(it != values_.end()) << "option '" << name << "' has no value; ask Has() first";
  CHECK_EQ(it->second.size(), 1u) << "option '" << name << "' repeats; ask All()";
  CHECK_EQ(it->second[0].index(), alternative) << "option '" << name << "' is of another kind";
  return it->second[0];
}

const std::vector<Value>& Arguments::All(std::string_view name) const {
  static const std::vector<Value>* const kNone = new std::vector<Value>;
  const auto it = values_.find(name);
  return it == values_.end() ? *kNone : it->second;
}

void Arguments::Add(std::string_view name, Value value, bool given) {
  values_[std::string(name)].push_back(std::move(value));
  if (given) given_.emplace(name);
}

}  // namespace sluice::cli
