// What sluice-lab does: the command table.
#ifndef SLUICE_LAB_PROGRAM_H_
#define SLUICE_LAB_PROGRAM_H_

#include <string_view>

#include "cli/command.h"

namespace sluice::lab {

// `commit` names the sources that the program was built from. Both are literals.
cli::Program LabProgram(std::string_view version, std::string_view commit);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_PROGRAM_H_
