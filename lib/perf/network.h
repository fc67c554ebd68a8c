// `sluice-perf server` and `sluice-perf client`: one end each, over any virtual device, with the
// control connection beside it.
#ifndef SLUICE_PERF_NETWORK_H_
#define SLUICE_PERF_NETWORK_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/report.h"
#include "cli/values.h"
#include "perf/options.h"
#include "perf/ports.h"
#include "perf/result.h"
#include "verbs/assemble.h"
#include "wire/address.h"

namespace sluice::perf {

struct NetworkOptions {
  std::string vdev;
  wire::IpAddress ip;
  verbs::Addressing addressing;  // the same with its prefix, and --gateway
  wire::IpAddress to;            // the client's peer
  cli::HostPort control;
  uint64_t clients = 0;  // the server ends after so many; 0: never
};

// Runs the client. As RunLoopback: an error Status when the run could not be made, otherwise a
// result, and in `why` what went wrong in it.
absl::StatusOr<Result> RunClient(const Options& options, const NetworkOptions& network,
                                 PortSource* source, cli::Report* report, std::string* why);

// Called after each client with the options that were in effect.
using Served =
    std::function<void(const Options& options, const Result& result, const std::string& why)>;

// Serves clients in turn until Ctrl-C or `clients`. OK: ended as asked for.
absl::Status RunServer(const Options& options, const NetworkOptions& network, PortSource* source,
                       cli::Report* report, const Served& served);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_NETWORK_H_
