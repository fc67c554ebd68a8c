// Help texts from the command table.
#ifndef SLUICE_CLI_HELP_H_
#define SLUICE_CLI_HELP_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace sluice::cli {

// What the program is, its commands, the first examples, where to go next: at most 24 lines with
// up to 12 commands.
std::string Overview(const Program& program);

// Examples first. Short: the options without a group, and how to see the others.
std::string CommandHelp(const Program& program, const Command& command, bool all);

// A topic that holds for every program ("units", "exit-codes"); empty when there is none.
std::string Topic(std::string_view name);
std::vector<std::string_view> TopicNames();

}  // namespace sluice::cli

#endif  // SLUICE_CLI_HELP_H_
