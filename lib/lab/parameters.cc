#include "lab/parameters.h"

#include <glog/logging.h>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "base/values.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

// One way of writing a value.
std::string Canonical(const cli::Value& value) {
  if (const auto* v = std::get_if<int64_t>(&value)) return absl::StrFormat("%d", *v);
  if (const auto* v = std::get_if<std::string>(&value)) return *v;
  if (const auto* v = std::get_if<double>(&value)) return NumberText(*v);
  if (const auto* v = std::get_if<Bytes>(&value)) return SizeText(*v);
  if (const auto* v = std::get_if<Duration>(&value)) return TimeText(*v);
  if (const auto* v = std::get_if<Bandwidth>(&value)) return RateText(*v);
  LOG(FATAL) << "a parameter of a kind that no experiment has";
}

cli::Value MustParse(const ParameterSpec& spec, std::string_view text) {
  absl::StatusOr<cli::Value> value = cli::ParseValue(spec.kind, text, spec.choices);
  CHECK(value.ok()) << std::string(spec.name) << "=" << std::string(text) << ": " << value.status();
  return *value;
}

absl::StatusOr<Parameters::Items> Split(std::string_view experiment, std::string_view text) {
  Parameters::Items items;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == item.size()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("experiment %s: '%s' is not name=value; write %s:name=value,name=value",
                          std::string(experiment), cli::OneLine(item), std::string(experiment)));
    }
    items.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
    if (text.empty()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("experiment %s: ends with a comma", std::string(experiment)));
    }
  }
  return items;
}

}  // namespace

absl::Status Parameters::Set(std::string_view owner, const ParameterSpec& spec,
                             std::string_view text) {
  size_t i = 0;
  while (i < texts_.size() && texts_[i].first != spec.name) ++i;
  if (i == texts_.size()) {
    texts_.emplace_back(std::string(spec.name), "");
    values_.emplace_back();
  }
  if (!spec.word.empty() && text == spec.word) {
    texts_[i].second = std::string(text);
    values_[i].reset();
    return absl::OkStatus();
  }
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: %s=%s: %s", std::string(owner), std::string(spec.name), cli::OneLine(text), why));
  };
  absl::StatusOr<cli::Value> value = cli::ParseValue(spec.kind, text, spec.choices);
  if (!value.ok()) return refuse(MessageOf(value.status()));
  if (!spec.min.empty() && cli::Less(*value, MustParse(spec, spec.min))) {
    return refuse("must be at least " + std::string(spec.min));
  }
  if (!spec.max.empty() && cli::Less(MustParse(spec, spec.max), *value)) {
    return refuse("must be at most " + std::string(spec.max));
  }
  texts_[i].second = Canonical(*value);
  values_[i] = std::move(*value);
  return absl::OkStatus();
}

absl::StatusOr<Parameters> Parameters::Parse(std::string_view experiment,
                                             std::span<const ParameterSpec> specs,
                                             std::string_view text) {
  absl::StatusOr<Items> items = Split(experiment, text);
  if (!items.ok()) return items.status();
  return Of("experiment " + std::string(experiment), specs, *items);
}

absl::StatusOr<Parameters> Parameters::Of(std::string_view owner,
                                          std::span<const ParameterSpec> specs,
                                          const Items& items) {
  Parameters p;
  std::vector<std::string_view> names;
  for (const ParameterSpec& spec : specs) {
    const absl::Status status = p.Set(owner, spec, spec.default_text);
    CHECK(status.ok()) << status;
    names.push_back(spec.name);
  }
  std::vector<bool> given(specs.size());
  for (const auto& [name, value] : items) {
    size_t i = 0;
    while (i < specs.size() && specs[i].name != name) ++i;
    if (i == specs.size()) {
      std::string known;
      for (const std::string_view n : names) known.append(known.empty() ? "" : ", ").append(n);
      return absl::InvalidArgumentError(absl::StrFormat("%s: no parameter '%s'%s (there are: %s)",
                                                        std::string(owner), cli::OneLine(name),
                                                        DidYouMean(name, names), known));
    }
    if (given[i]) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: %s is given twice; keep one", std::string(owner), name));
    }
    given[i] = true;
    if (absl::Status s = p.Set(owner, specs[i], value); !s.ok()) return s;
  }
  return p;
}

Parameters Parameters::Label(Items texts) {
  Parameters p;
  p.values_.resize(texts.size());
  p.texts_ = std::move(texts);
  return p;
}

const std::optional<cli::Value>& Parameters::Find(std::string_view name) const {
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (texts_[i].first == name) return values_[i];
  }
  LOG(FATAL) << "no parameter " << std::string(name);
}

}  // namespace sluice::lab
