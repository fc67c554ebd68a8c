#include "cli/report.h"

#include <utility>

#include "cli/exit.h"

namespace sluice::cli {

Report::Report(std::string json_path, std::ostream& out, std::ostream& err)
    : json_path_(std::move(json_path)), out_(out), err_(err) {}

int Report::Fail(int exit_status, std::string_view message) {
  if (error_.empty()) error_ = message;
  return exit_status;
}

int Report::Finish(std::string_view program, int exit_status) {
  out_ << std::flush;
  if (!out_.good()) {
    err_ << program << ": cannot write to standard output\n";
    if (exit_status == kExitOk) exit_status = kExitFailed;
  }
  if (!error_.empty()) err_ << program << ": " << error_ << "\n";
  if (json_path_.empty()) return exit_status;

  if (!error_.empty()) {
    if (!json_.is_object()) json_ = Json::object();
    json_["error"] = error_;
    json_["exit"] = exit_status;
  }
  const absl::Status written = WriteJson(json_, json_path_, out_);
  if (!written.ok()) {
    err_ << program << ": " << written.message() << "\n";
    if (exit_status == kExitOk) exit_status = kExitFailed;
  }
  return exit_status;
}

}  // namespace sluice::cli
