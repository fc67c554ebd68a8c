// sluice-lab: runs congestion control against each other in virtual time.
#include <string>
#include <vector>

#include "cli/command.h"
#include "commit.h"
#include "lab/program.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return sluice::cli::RunProgram(sluice::lab::LabProgram(SLUICE_VERSION, SLUICE_COMMIT, words),
                                 argc, argv);
}
