#include "cc/parts/params.h"

#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "base/near.h"
#include "base/values.h"

namespace sluice::cc {
namespace {

// The alternatives that '|' separates.
std::vector<std::string_view> Alternatives(std::string_view range) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t bar = range.find('|');
    out.push_back(range.substr(0, bar));
    if (bar == std::string_view::npos) return out;
    range.remove_prefix(bar + 1);
  }
}

absl::StatusOr<uint32_t> ParseCount(std::string_view text) {
  const absl::StatusOr<uint64_t> v = ParseUnsigned(text);
  if (!v.ok()) return v.status();
  if (*v > std::numeric_limits<uint32_t>::max()) return absl::InvalidArgumentError("too large");
  return static_cast<uint32_t>(*v);
}

// One overload per type of parameter.
auto Parse(std::string_view text, const Bandwidth&) { return ParseRate(text); }
auto Parse(std::string_view text, const Duration&) { return ParseTime(text); }
auto Parse(std::string_view text, const Bytes&) { return ParseSize(text); }
auto Parse(std::string_view text, const double&) { return ParseNumber(text); }
auto Parse(std::string_view text, const uint32_t&) { return ParseCount(text); }

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

}  // namespace

ParamReader::ParamReader(std::string_view algorithm, std::span<const ParamSpec> specs,
                         const ParamList& given)
    : algorithm_(algorithm), specs_(specs), given_(given) {
  std::vector<std::string_view> names;
  for (const ParamSpec& spec : specs) names.push_back(spec.name);
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string& name = given[i].first;
    if (Spec(name) == nullptr) {
      std::string known;
      for (std::string_view n : names) known.append(known.empty() ? "" : ", ").append(n);
      Fail(name, "no such parameter" + DidYouMean(name, names) + " (there are: " + known + ")");
    }
    for (size_t j = 0; j < i; ++j) {
      if (given[j].first == name) Fail(name, "given twice; keep one of them");
    }
  }
}

void ParamReader::operator()(const char* name, Bandwidth& value) { ReadValue(name, &value); }
void ParamReader::operator()(const char* name, Duration& value) { ReadValue(name, &value); }
void ParamReader::operator()(const char* name, Bytes& value) { ReadValue(name, &value); }
void ParamReader::operator()(const char* name, double& value) { ReadValue(name, &value); }
void ParamReader::operator()(const char* name, uint32_t& value) { ReadValue(name, &value); }

const std::string* ParamReader::Given(std::string_view name) const {
  for (const auto& [key, text] : given_) {
    if (key == name) return &text;
  }
  return nullptr;
}

const ParamSpec* ParamReader::Spec(std::string_view name) const {
  for (const ParamSpec& spec : specs_) {
    if (name == spec.name) return &spec;
  }
  return nullptr;
}

bool ParamReader::IsWord(std::string_view name) const {
  const std::string* text = Given(name);
  const ParamSpec* spec = Spec(name);
  if (text == nullptr || spec == nullptr) return false;
  const std::vector<std::string_view> legal = Alternatives(spec->range);
  return legal.size() > 1 && *text == legal[1];
}

void ParamReader::ReadWord(const char* name, uint32_t* index) {
  const std::string* text = Given(name);
  const ParamSpec* spec = Spec(name);
  if (text == nullptr || spec == nullptr) return;
  const std::vector<std::string_view> legal = Alternatives(spec->range);
  for (size_t i = 0; i < legal.size(); ++i) {
    if (*text != legal[i]) continue;
    *index = static_cast<uint32_t>(i);
    return;
  }
  Fail(name, "unknown '" + *text + "'" + DidYouMean(*text, legal) + " (" + spec->range + ")");
}

template <typename T>
void ParamReader::ReadValue(const char* name, T* value) {
  const std::string* text = Given(name);
  const ParamSpec* spec = Spec(name);
  if (text == nullptr || spec == nullptr) return;
  const auto read = Parse(*text, *value);
  if (!read.ok()) {
    const absl::string_view why = read.status().message();
    return Fail(name, "'" + *text + "': " + std::string(why.data(), why.size()));
  }
  const std::string_view interval = Alternatives(spec->range)[0];
  const size_t dots = interval.find("..");
  const auto low = Parse(interval.substr(0, dots), *value);
  const auto high = Parse(interval.substr(dots + 2), *value);
  if (!low.ok() || !high.ok()) return Fail(name, "its own range is malformed");
  if (*read < *low || *read > *high) {
    return Fail(name, "'" + *text + "' is out of range (" + spec->range + ")");
  }
  *value = *read;
}

void ParamReader::Fail(std::string_view name, std::string_view what) {
  if (!status_.ok()) return;
  status_ = Wrong("cc " + std::string(algorithm_) + ", parameter " + std::string(name) + ": " +
                  std::string(what));
}

void ParamWriter::operator()(const char* name, Bandwidth value) {
  out_.emplace_back(name, RateText(value));
}
void ParamWriter::operator()(const char* name, Duration value) {
  out_.emplace_back(name, TimeText(value));
}
void ParamWriter::operator()(const char* name, Bytes value) {
  out_.emplace_back(name, SizeText(value));
}
void ParamWriter::operator()(const char* name, double value) {
  out_.emplace_back(name, NumberText(value));
}
void ParamWriter::operator()(const char* name, uint32_t value) {
  out_.emplace_back(name, std::to_string(value));
}

void ParamWriter::Word(const char* name, uint32_t index) {
  for (const ParamSpec& spec : specs_) {
    if (std::string_view(name) != spec.name) continue;
    const std::vector<std::string_view> legal = Alternatives(spec.range);
    if (index < legal.size()) out_.emplace_back(name, std::string(legal[index]));
  }
}

}  // namespace sluice::cc
