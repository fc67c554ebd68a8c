// Parameters: what may stand behind the colon of an experiment, typed and checked.
//
// An experiment lists what it takes (ParameterSpec); a text such as "senders=64,size=1MB" becomes
// Parameters, which hold a value for every entry of that list, given or default. Set-up only.
#ifndef SLUICE_LAB_PARAMETERS_H_
#define SLUICE_LAB_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "cli/values.h"

namespace sluice::lab {

// One parameter. All texts are in the value grammar (base/values.h).
struct ParameterSpec {
  std::string_view name;
  cli::Kind kind = cli::Kind::kInteger;
  std::string_view default_text;
  std::string_view min;  // both included; empty: none
  std::string_view max;
  std::string_view help;  // one line, lower case, no full stop
  // "auto" where a parameter may be left to the experiment, which computes it from the others.
  std::string_view word = {};
  // Of kChoice: the names that it may have.
  std::span<const std::string_view> choices = {};
};

class Parameters {
 public:
  // The text behind the colon of an experiment, empty for all defaults. An unknown or repeated
  // name, a value that is no value of its kind or outside its bounds fails in one line that names
  // the experiment, what is wrong, the nearest name and the cure.
  static absl::StatusOr<Parameters> Parse(std::string_view experiment,
                                          std::span<const ParameterSpec> specs,
                                          std::string_view text);
  // The same of names and values that stand elsewhere, in a file. `owner` is whose they are, in
  // errors: "workload incast".
  using Items = std::vector<std::pair<std::string, std::string>>;
  static absl::StatusOr<Parameters> Of(std::string_view owner, std::span<const ParameterSpec> specs,
                                       const Items& items);
  // Of an experiment without parameters of its own: what stands for them in results.
  static Parameters Label(Items texts);

  // Asking for a name or a type that the list does not have is a bug (CHECK).
  int64_t Integer(std::string_view name) const { return Get<int64_t>(name); }
  double Number(std::string_view name) const { return Get<double>(name); }  // and probability
  Bytes Size(std::string_view name) const { return Get<Bytes>(name); }
  Duration Time(std::string_view name) const { return Get<Duration>(name); }
  Bandwidth Rate(std::string_view name) const { return Get<Bandwidth>(name); }
  const std::string& Text(std::string_view name) const { return Get<std::string>(name); }
  // The parameter is not left to the experiment.
  bool Has(std::string_view name) const { return Find(name).has_value(); }

  // Every parameter in the order of the list, each value in one way of writing it, so that "1000KB"
  // and "1MB" are the same.
  const std::vector<std::pair<std::string, std::string>>& texts() const { return texts_; }

 private:
  const std::optional<cli::Value>& Find(std::string_view name) const;
  template <typename T>
  const T& Get(std::string_view name) const {
    return std::get<T>(*Find(name));
  }
  absl::Status Set(std::string_view owner, const ParameterSpec& spec, std::string_view text);

  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<std::optional<cli::Value>> values_;  // by place in texts_; nullopt: the word
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_PARAMETERS_H_
