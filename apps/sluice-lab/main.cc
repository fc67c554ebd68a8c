// sluice-lab: runs congestion control against each other in virtual time.
#include "cli/command.h"
#include "commit.h"
#include "lab/program.h"

int main(int argc, char** argv) {
  return sluice::cli::RunProgram(sluice::lab::LabProgram(SLUICE_VERSION, SLUICE_COMMIT), argc,
                                 argv);
}
