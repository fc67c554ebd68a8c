// sluice-wire: runs experiments in real time over virtual devices, for sluice-lab.
#include "bridge/program.h"
#include "cli/command.h"
#include "commit.h"

int main(int argc, char** argv) {
  return sluice::cli::RunProgram(sluice::bridge::WireProgram(SLUICE_VERSION, SLUICE_COMMIT), argc,
                                 argv);
}
