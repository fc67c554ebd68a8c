// The command table: what a program's command line may say. Parsing, help and every "did you mean"
// come from this one table, so that they cannot disagree.
//
// Rules, the same for every program:
//   options stand before or after the command; --name=value or --name value, -x value or -x=value
//   "--" ends the options; "-" alone is an ordinary word; no prefix of a name is taken for it
//   an option given twice is an error unless the table says that it repeats
//   a word that starts with "-" and a letter or "-" is no value; --name=-value says it anyway
//   -h short help (at most 24 lines), --help all, `help COMMAND` = `COMMAND -h`, `help TOPIC`
//   wrong usage is kExitUsage and one line: what, where, the nearest name, the cure
//
// Texts are views: the table lives as long as the program, usually as literals. Set-up only, one
// thread.
#ifndef SLUICE_CLI_COMMAND_H_
#define SLUICE_CLI_COMMAND_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/arguments.h"
#include "cli/report.h"
#include "cli/values.h"

namespace sluice::cli {

struct Option {
  std::string_view name;  // without dashes
  char short_name = 0;    // 'o' for -o, 0 for none
  Kind kind = Kind::kText;
  std::string_view help;          // one line, lower case, no full stop
  std::string_view default_text;  // in the value grammar; empty: no value unless given
  std::string_view placeholder;   // instead of the kind's own word in help
  std::string_view group;         // heading in --help; those without one also show with -h
  std::vector<std::string_view> choices = {};  // of kChoice
  std::string_view min;                        // bounds of an ordered kind, both included,
  std::string_view max;                        // in the value grammar; empty: none
  bool required = false;
  bool repeated = false;   // may be given more than once
  std::string_view gflag;  // also set this flag of a library (glog's "v"), through gflags
};

struct Positional {
  std::string_view name;  // "FILE"
  std::string_view help;
  bool optional = false;
  bool repeated = false;  // takes all words that are left; the last positional only
};

struct Example {
  std::string_view line;  // what to type, the program's name included
  std::string_view what;  // what it does
};

// Does the work of a command and returns the exit status.
using Runner = std::function<int(const Arguments&, Report&)>;

struct Command {
  std::string_view name;
  std::string_view summary;  // one line
  std::vector<Example> examples;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  bool json = true;  // adds --json PATH
  Runner run;
};

// A word that people bring from another tool, and what it is called here: {"-D", "--seconds"}.
struct ForeignWord {
  std::string_view word;
  std::string_view here;
};

struct Program {
  std::string_view name;
  std::string_view summary;
  std::string_view version;
  std::vector<Command> commands;
  std::vector<ForeignWord> foreign_words = {};
};

// What is wrong with the table itself: a default outside its bounds, a name twice, an option that
// takes a value in one command and none in another. RunProgram checks it; so does a unit test.
absl::Status CheckTable(const Program& program);

// The whole life of a program: parses, prints help or runs, writes the JSON, returns the exit
// status for main. `words` are those after the program's name.
int RunProgram(const Program& program, const std::vector<std::string_view>& words,
               std::ostream& out, std::ostream& err);
int RunProgram(const Program& program, int argc, char** argv);

}  // namespace sluice::cli

#endif  // SLUICE_CLI_COMMAND_H_
