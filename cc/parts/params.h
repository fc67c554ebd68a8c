// Texts to typed parameters and back. The ranges and the legal words stand once, in the ParamSpec:
//     "1Mbps..10Tbps"        an interval, both ends included, in the grammar of base/values.h
//     "1Mbps..10Tbps|line"   an interval, or the word for "not set" (a std::optional)
//     "paper|ns3-50us"       words (an enum whose values count from 0 in that order)
#ifndef SLUICE_CC_PARTS_PARAMS_H_
#define SLUICE_CC_PARTS_PARAMS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "base/time.h"
#include "base/units.h"
#include "cc/registry.h"

namespace sluice::cc {

// Reads the texts that a user gave into an algorithm's parameter struct, by its Visit.
class ParamReader {
 public:
  // Checks the names at once: unknown ones and repeated ones are errors.
  ParamReader(std::string_view algorithm, std::span<const ParamSpec> specs, const ParamList& given);

  // Reads the text given for `name` into *value, if there is one; an error is kept in status().
  void operator()(const char* name, Bandwidth& value);
  void operator()(const char* name, Duration& value);
  void operator()(const char* name, Bytes& value);
  void operator()(const char* name, double& value);
  void operator()(const char* name, uint32_t& value);
  template <typename T>
  void operator()(const char* name, std::optional<T>& value) {
    if (IsWord(name)) {
      value.reset();
    } else if (T read = value.value_or(T{}); Given(name) != nullptr) {
      (*this)(name, read);
      value = read;
    }
  }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(const char* name, E& value) {
    uint32_t index = static_cast<uint32_t>(value);
    ReadWord(name, &index);
    value = static_cast<E>(index);
  }

  // The first thing that was wrong: the parameter, what, and the cure.
  const absl::Status& status() const { return status_; }

 private:
  const std::string* Given(std::string_view name) const;
  const ParamSpec* Spec(std::string_view name) const;
  bool IsWord(std::string_view name) const;
  void ReadWord(const char* name, uint32_t* index);
  template <typename T>
  void ReadValue(const char* name, T* value);
  void Fail(std::string_view name, std::string_view what);

  const std::string_view algorithm_;
  const std::span<const ParamSpec> specs_;
  const ParamList& given_;
  absl::Status status_;
};

// The opposite: collects every value as a text that ParamReader reads back to the same value.
class ParamWriter {
 public:
  explicit ParamWriter(std::span<const ParamSpec> specs) : specs_(specs) {}
  void operator()(const char* name, Bandwidth value);
  void operator()(const char* name, Duration value);
  void operator()(const char* name, Bytes value);
  void operator()(const char* name, double value);
  void operator()(const char* name, uint32_t value);
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value.has_value()) {
      (*this)(name, *value);
    } else {
      Word(name, 1);
    }
  }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(const char* name, E value) { Word(name, static_cast<uint32_t>(value)); }
  ParamList Take() { return std::move(out_); }

 private:
  // The index-th alternative of the parameter's range text.
  void Word(const char* name, uint32_t index);

  const std::span<const ParamSpec> specs_;
  ParamList out_;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_PARAMS_H_
