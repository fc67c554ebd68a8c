// From words to typed arguments, by the command table. RunProgram is what programs call.
#ifndef SLUICE_CLI_PARSE_H_
#define SLUICE_CLI_PARSE_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/command.h"

namespace sluice::cli {

// The option that every command has, and the one that those with `json` have.
const Option& HelpOption();
const Option& JsonOption();

struct Invocation {
  enum class What { kRun, kPrint, kRefused };
  What what = What::kRefused;
  const Command* command = nullptr;  // of kRun
  Arguments arguments;               // of kRun
  std::string text;                  // for standard output; of kRefused only without any command
  std::string error;                 // of kRefused: one line without the program's name
  std::string json_path;             // of --json, also of kRefused when it could be found
};

Invocation Parse(const Program& program, const std::vector<std::string_view>& words);

}  // namespace sluice::cli

#endif  // SLUICE_CLI_PARSE_H_
