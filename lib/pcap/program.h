// The program sluice-pcap as a command table.
#ifndef SLUICE_PCAP_PROGRAM_H_
#define SLUICE_PCAP_PROGRAM_H_

#include <string_view>

#include "cli/command.h"

namespace sluice::pcap {

// verify [--json -] FILE... and show [--json -] FILE.
cli::Program PcapProgram(std::string_view version);

}  // namespace sluice::pcap

#endif  // SLUICE_PCAP_PROGRAM_H_
