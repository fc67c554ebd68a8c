// The two worlds side by side: the same stretched experiment in virtual time and on the wire, for
// each algorithm.
//
// Throughput, round trip and marks are compared with the spread that the wire has by itself: runs
// of the same inputs, A against A. What differs by less is no difference between the worlds.
#ifndef SLUICE_BRIDGE_WORLDS_H_
#define SLUICE_BRIDGE_WORLDS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/wire_run.h"
#include "cli/json.h"
#include "lab/experiment.h"

namespace sluice::bridge {

// Of one run.
struct WorldFigures {
  double goodput_gbps = 0;
  std::optional<Duration> rtt_p50;  // of the samples that controllers were given; nullopt: none
  double marked = 0;                // CE marks per data packet sent
};

struct WorldRow {
  std::string algorithm;
  WorldFigures in_virtual_time;
  std::vector<WorldFigures> on_wire;  // of the runs that count
  std::vector<std::string> skipped;   // causes of the runs that do not
  Duration poll_gap;                  // the largest of all of them
  Bytes verified;                     // of all of them
};

struct WorldsPlan {
  lab::Chosen experiment;
  std::vector<std::string> algorithms;
  int repeats = 3;
  uint64_t seed = 1;
  WireLimits limits;
  std::function<bool(double)> progress;  // false stops: Cancelled
};

struct WorldsResult {
  WirePlan wire;  // what both worlds executed
  std::vector<WorldRow> rows;
};

absl::StatusOr<WorldsResult> CompareWorlds(WireParts& parts, const WorldsPlan& plan);

// Lowest, mean and highest of the runs that count.
struct Spread {
  double low = 0;
  double mean = 0;
  double high = 0;
};
// Not empty.
Spread SpreadOf(std::span<const double> values);

cli::Json WorldsJson(const WorldsPlan& plan, const WorldsResult& result);
std::string WorldsText(const WorldsPlan& plan, const WorldsResult& result);

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_WORLDS_H_
