// What a command line said, typed.
#ifndef SLUICE_CLI_ARGUMENTS_H_
#define SLUICE_CLI_ARGUMENTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/values.h"

namespace sluice::cli {

// The values of a command's options, defaults included, and its positional words. A value object;
// names are those of the table, and asking for one that the table lacks, with the wrong type, or
// for a value that is neither given nor defaulted is a bug in the program (CHECK). Read-only after
// parsing, by any thread.
class Arguments {
 public:
  // Whether the command line itself gave it.
  bool Given(std::string_view name) const { return given_.find(name) != given_.end(); }
  // Whether it has a value, given or by default. A switch always has one.
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }

  bool Flag(std::string_view name) const { return Get<bool>(name); }  // switch, boolean
  const std::string& Text(std::string_view name) const { return Get<std::string>(name); }
  int64_t Integer(std::string_view name) const { return Get<int64_t>(name); }
  uint64_t Unsigned(std::string_view name) const { return Get<uint64_t>(name); }
  double Number(std::string_view name) const { return Get<double>(name); }  // and probability
  Bytes Size(std::string_view name) const { return Get<Bytes>(name); }
  Duration Time(std::string_view name) const { return Get<Duration>(name); }
  Bandwidth Rate(std::string_view name) const { return Get<Bandwidth>(name); }
  const HostPort& Address(std::string_view name) const { return Get<HostPort>(name); }

  // Every value of an option that repeats, in order; empty when it was not given.
  const std::vector<Value>& All(std::string_view name) const;

  const std::vector<std::string>& positionals() const { return positionals_; }

  // For the parser. Add appends; a default is added without being marked as given.
  void Add(std::string_view name, Value value, bool given);
  void AddPositional(std::string_view word) { positionals_.emplace_back(word); }

 private:
  template <typename T>
  const T& Get(std::string_view name) const {
    return std::get<T>(One(name, Value(std::in_place_type<T>).index()));
  }
  const Value& One(std::string_view name, size_t alternative) const;

  std::map<std::string, std::vector<Value>, std::less<>> values_;
  std::set<std::string, std::less<>> given_;
  std::vector<std::string> positionals_;
};

}  // namespace sluice::cli

#endif  // SLUICE_CLI_ARGUMENTS_H_
