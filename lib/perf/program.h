// sluice-perf's command table.
#ifndef SLUICE_PERF_PROGRAM_H_
#define SLUICE_PERF_PROGRAM_H_

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "perf/ports.h"

namespace sluice::perf {

// What the program hands in.
struct Context {
  std::string_view version;
  // Makes the source of ports when a command needs it, so that help does not start DPDK.
  std::function<absl::StatusOr<std::unique_ptr<PortSource>>()> make;
  // The exit status that an error of a source deserves.
  std::function<int(const absl::Status&)> exit_of;
};

cli::Program PerfProgram(const Context& context);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_PROGRAM_H_
