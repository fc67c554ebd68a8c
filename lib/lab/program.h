// What sluice-lab does: the command table.
#ifndef SLUICE_LAB_PROGRAM_H_
#define SLUICE_LAB_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace sluice::lab {

// `commit` names the sources that the program was built from. Both are literals. `words`: of the
// command line, behind the program's name, for the program that a command hands over to.
cli::Program LabProgram(std::string_view version, std::string_view commit,
                        std::vector<std::string> words = {});

}  // namespace sluice::lab

#endif  // SLUICE_LAB_PROGRAM_H_
