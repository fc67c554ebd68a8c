// sluice-pcap: checks and shows captures of RoCEv2.
#include "cli/command.h"
#include "pcap/program.h"

int main(int argc, char** argv) {
  return sluice::cli::RunProgram(sluice::pcap::PcapProgram(SLUICE_VERSION), argc, argv);
}
