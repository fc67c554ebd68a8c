// Where a command's results go: text for people, JSON for scripts, messages to standard error.
#ifndef SLUICE_CLI_REPORT_H_
#define SLUICE_CLI_REPORT_H_

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "cli/json.h"

namespace sluice::cli {

// One per run of a command, made by RunProgram. One thread.
class Report {
 public:
  // `json_path` empty: no JSON asked for; "-": JSON takes `out`, and text goes nowhere.
  Report(std::string json_path, std::ostream& out, std::ostream& err);

  // Text for people: standard output, or nowhere.
  std::ostream& text() { return json_path_ == "-" ? nowhere_ : out_; }
  // Warnings and progress: standard error.
  std::ostream& messages() { return err_; }
  bool wants_json() const { return !json_path_.empty(); }

  // The document that is written when the command ends; the last one counts.
  void set_json(Json json) { json_ = std::move(json); }

  // Notes why the command fails and returns `exit_status`, for the runner to return. The message is
  // one line without the program's name; the first one counts. It is printed to standard error, and
  // with --json the document gets "error" and "exit" (in place of the document if that is no
  // object). A status other than 0 without a message leaves the document alone: the command worked
  // and found something.
  int Fail(int exit_status, std::string_view message);

  // Ends the run: prints the message behind `program`, writes the JSON; returns the exit status,
  // which is kExitFailed instead of kExitOk when something could not be written.
  int Finish(std::string_view program, int exit_status);

 private:
  std::string json_path_;
  std::ostream& out_;
  std::ostream& err_;
  std::ostream nowhere_{nullptr};
  Json json_;
  std::string error_;
};

}  // namespace sluice::cli

#endif  // SLUICE_CLI_REPORT_H_
