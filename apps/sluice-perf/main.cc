// sluice-perf: moves verified messages over RoCEv2.
#include "cli/command.h"
#include "dpdk_source.h"
#include "perf/program.h"

int main(int argc, char** argv) {
  sluice::perf::Context context;
  context.version = SLUICE_VERSION;
  context.make = sluice::DpdkSource::Make;
  context.exit_of = sluice::DpdkSource::ExitOf;
  return sluice::cli::RunProgram(sluice::perf::PerfProgram(context), argc, argv);
}
