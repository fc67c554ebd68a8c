// What sluice-wire does: the commands of sluice-lab that have a wire world.
#ifndef SLUICE_BRIDGE_PROGRAM_H_
#define SLUICE_BRIDGE_PROGRAM_H_

#include <string_view>

#include "cli/command.h"

namespace sluice::bridge {

// As lab::LabProgram.
cli::Program WireProgram(std::string_view version, std::string_view commit);

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_PROGRAM_H_
