#include "cli/json.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace sluice::cli {

Json ErrorJson(std::string_view message, int exit_status) {
  Json j;
  j["error"] = message;
  j["exit"] = exit_status;
  return j;
}

std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status WriteJson(const Json& json, const std::string& path, std::ostream& out) {
  const std::string text = JsonText(json);
  if (path == "-") {
    out << text << std::flush;
    return out.good() ? absl::OkStatus()
                      : absl::InternalError("cannot write JSON to standard output");
  }
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  const char* cause = errno != 0 ? std::strerror(errno) : "write failed";
  return absl::InternalError("cannot write JSON to '" + path + "': " + cause);
}

}  // namespace sluice::cli
