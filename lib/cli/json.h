// JSON as programs write it.
#ifndef SLUICE_CLI_JSON_H_
#define SLUICE_CLI_JSON_H_

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::cli {

// Keys keep the order in which they were added: a document reads as its page in the docs.
using Json = nlohmann::ordered_json;

// What --json holds when a command failed: {"error": message, "exit": status}.
Json ErrorJson(std::string_view message, int exit_status);

// The document as text, two blanks per level, with a newline at the end. Bytes that are no UTF-8
// (names of files) become U+FFFD; an infinity or NaN becomes null. Never throws for valid `json`.
std::string JsonText(const Json& json);

// Writes to `path`, which is made or replaced; "-" is `out`. Fails with the path and the cause.
absl::Status WriteJson(const Json& json, const std::string& path, std::ostream& out);

}  // namespace sluice::cli

#endif  // SLUICE_CLI_JSON_H_
