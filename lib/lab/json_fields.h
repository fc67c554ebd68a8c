// JsonFields: reads the fields of one JSON object, so that nothing in it goes unseen.
//
// Every getter leaves its target as it is when the key is missing. The first thing that is wrong is
// kept, and what follows changes nothing; Finish() tells it, or names a key that nobody asked for
// with the nearest one. Errors name the place: "x.json: switch.ecn.kmin: ...".
#ifndef SLUICE_LAB_JSON_FIELDS_H_
#define SLUICE_LAB_JSON_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "cli/json.h"
#include "lab/status.h"

namespace sluice::lab {

class JsonFields {
 public:
  // `json` outlives the object. Not an object: the first error. `where` is a place in a file,
  // "x.json: switch", or with a colon at its end the file itself, "x.json:".
  JsonFields(const cli::Json& json, std::string where);

  // Null if the key is missing or something is wrong.
  const cli::Json* Get(std::string_view key);
  const cli::Json* Require(std::string_view key);
  void Text(std::string_view key, std::string* value);
  void Boolean(std::string_view key, bool* value);
  void Integer(std::string_view key, int64_t min, int64_t max, int64_t* value);
  void Number(std::string_view key, double min, double max, double* value);
  // A text in the value grammar; a number counts as whole bytes.
  void Size(std::string_view key, Bytes* value);
  void Time(std::string_view key, Duration* value);
  void Rate(std::string_view key, Bandwidth* value);
  // One of these names; its place among them.
  void Choice(std::string_view key, const std::vector<std::string_view>& names, size_t* value);

  // "x.json: switch" + ".ecn"
  std::string Where(std::string_view key) const;
  void Fail(std::string_view key, std::string_view why);
  void Fail(const absl::Status& status);  // as it is
  bool ok() const { return status_.ok(); }
  absl::Status Finish();

 private:
  const cli::Json& json_;
  std::string where_;
  bool top_ = false;                // where_ is a file
  std::vector<std::string> known_;  // each once, in the order in which they were asked for
  absl::Status status_;
};

// A value of the grammar that a JSON value stands for; errors without a place.
absl::StatusOr<Bytes> SizeOf(const cli::Json& json);
absl::StatusOr<Duration> TimeOf(const cli::Json& json);
absl::StatusOr<Bandwidth> RateOf(const cli::Json& json);

// The document. A text that is none fails with name, line and cause; so does a key that stands
// twice in one object, and nesting deeper than 32.
absl::StatusOr<cli::Json> ParseJsonStrictly(std::string_view name, std::string_view text);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_JSON_FIELDS_H_
