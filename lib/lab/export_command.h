// `sluice-lab export`: files of another simulator from a run.
#ifndef SLUICE_LAB_EXPORT_COMMAND_H_
#define SLUICE_LAB_EXPORT_COMMAND_H_

#include "cli/command.h"

namespace sluice::lab {

cli::Command ExportCommand();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPORT_COMMAND_H_
