// `sluice-lab import`: experiment files from those of other simulators.
#ifndef SLUICE_LAB_IMPORT_COMMAND_H_
#define SLUICE_LAB_IMPORT_COMMAND_H_

#include "cli/command.h"

namespace sluice::lab {

cli::Command ImportCommand();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_IMPORT_COMMAND_H_
