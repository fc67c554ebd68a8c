#include "lab/json_fields.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "base/values.h"
#include "cli/values.h"

namespace sluice::lab {
namespace {

using cli::Json;

// Follows a document as it is read; keeps the first thing that is wrong.
class Watcher final : public nlohmann::json_sax<Json> {
 public:
  const std::string& wrong() const { return wrong_; }
  size_t position() const { return position_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    wrong_ = "the key '" + cli::OneLine(name) + "' stands twice in one object; keep one";
    return false;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& e) override {
    position_ = position;
    wrong_ = e.what();
    // "[json.exception.parse_error.101] parse error at line 3, column 4: cause"
    const size_t cause = wrong_.find(": ");
    if (cause != std::string::npos) wrong_.erase(0, cause + 2);
    wrong_ = cli::OneLine(wrong_, 200);
    return false;
  }

 private:
  static constexpr size_t kDeepest = 32;
  bool Open() {
    keys_.emplace_back();
    if (keys_.size() <= kDeepest) return true;
    wrong_ = "nested deeper than 32";
    return false;
  }
  bool Close() {
    keys_.pop_back();
    return true;
  }
  std::vector<std::set<std::string>> keys_;
  std::string wrong_;
  size_t position_ = 0;
};

template <typename T>
absl::StatusOr<T> ParsedText(const Json& json, absl::StatusOr<T> (*parse)(std::string_view),
                             const char* example) {
  if (!json.is_string()) {
    return Invalid(absl::StrFormat("a text such as \"%s\" is needed", example));
  }
  return parse(json.get_ref<const std::string&>());
}

}  // namespace

absl::StatusOr<Json> ParseJsonStrictly(std::string_view name, std::string_view text) {
  Watcher watcher;
  if (!Json::sax_parse(text, &watcher)) {
    if (watcher.position() == 0) {
      return Invalid(absl::StrFormat("%s: %s", std::string(name), watcher.wrong()));
    }
    const std::string_view before = text.substr(0, std::min(watcher.position(), text.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    return Invalid(absl::StrFormat("%s: line %d: %s", std::string(name), line, watcher.wrong()));
  }
  return Json::parse(text, nullptr, false);
}

absl::StatusOr<Bytes> SizeOf(const Json& json) {
  if (json.is_number_integer()) return Bytes(json.get<int64_t>());
  return ParsedText<Bytes>(json, ParseSize, "32MiB");
}
absl::StatusOr<Duration> TimeOf(const Json& json) {
  return ParsedText<Duration>(json, ParseTime, "10us");
}
absl::StatusOr<Bandwidth> RateOf(const Json& json) {
  return ParsedText<Bandwidth>(json, ParseRate, "100Gbps");
}

JsonFields::JsonFields(const Json& json, std::string where)
    : json_(json), where_(std::move(where)) {
  // A file's name ends with a colon, what stands in the file does not.
  top_ = where_.ends_with(":");
  if (top_) where_.pop_back();
  if (!json.is_object()) status_ = Invalid(where_ + ": an object { ... } is needed");
}

std::string JsonFields::Where(std::string_view key) const {
  return where_ + (top_ ? ": " : ".") + std::string(key);
}

void JsonFields::Fail(std::string_view key, std::string_view why) {
  if (status_.ok()) status_ = Invalid(Where(key) + ": " + std::string(why));
}
void JsonFields::Fail(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

const Json* JsonFields::Get(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  if (!status_.ok()) return nullptr;
  const auto found = json_.find(std::string(key));
  return found == json_.end() ? nullptr : &*found;
}

const Json* JsonFields::Require(std::string_view key) {
  const Json* json = Get(key);
  if (json == nullptr) Fail(key, "is missing");
  return json;
}

void JsonFields::Text(std::string_view key, std::string* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  if (!json->is_string()) return Fail(key, "a text is needed");
  *value = json->get<std::string>();
}

void JsonFields::Boolean(std::string_view key, bool* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  if (!json->is_boolean()) return Fail(key, "true or false is needed");
  *value = json->get<bool>();
}

void JsonFields::Integer(std::string_view key, int64_t min, int64_t max, int64_t* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  if (!json->is_number_integer() || *json < min || *json > max) {
    return Fail(key, absl::StrFormat("an integer from %d to %d is needed", min, max));
  }
  *value = json->get<int64_t>();
}

void JsonFields::Number(std::string_view key, double min, double max, double* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  if (!json->is_number() || *json < min || *json > max) {
    return Fail(key, absl::StrFormat("a number from %g to %g is needed", min, max));
  }
  *value = json->get<double>();
}

void JsonFields::Size(std::string_view key, Bytes* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  const absl::StatusOr<Bytes> size = SizeOf(*json);
  if (!size.ok()) return Fail(key, MessageOf(size.status()));
  *value = *size;
}
void JsonFields::Time(std::string_view key, Duration* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  const absl::StatusOr<Duration> time = TimeOf(*json);
  if (!time.ok()) return Fail(key, MessageOf(time.status()));
  *value = *time;
}
void JsonFields::Rate(std::string_view key, Bandwidth* value) {
  const Json* json = Get(key);
  if (json == nullptr) return;
  const absl::StatusOr<Bandwidth> rate = RateOf(*json);
  if (!rate.ok()) return Fail(key, MessageOf(rate.status()));
  *value = *rate;
}

void JsonFields::Choice(std::string_view key, const std::vector<std::string_view>& names,
                        size_t* value) {
  std::string text(names[*value]);
  Text(key, &text);
  if (!status_.ok()) return;
  std::string all;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) *value = i;
    all.append(all.empty() ? "" : ", ").append(names[i]);
  }
  if (names[*value] != text) {
    Fail(key,
         absl::StrFormat("'%s' is none of %s%s", cli::OneLine(text), all, DidYouMean(text, names)));
  }
}

absl::Status JsonFields::Finish() {
  if (!status_.ok()) return status_;
  std::vector<std::string_view> names(known_.begin(), known_.end());
  for (const auto& [key, value] : json_.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    std::string all;
    for (const std::string_view n : names) all.append(all.empty() ? "" : ", ").append(n);
    return Invalid(absl::StrFormat("%s: no key '%s'%s (there are: %s)", where_, cli::OneLine(key),
                                   DidYouMean(key, names), all));
  }
  return absl::OkStatus();
}

}  // namespace sluice::lab
