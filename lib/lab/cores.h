// What a run on several cores needs to know: when it may end, and in which order things happened.
#ifndef SLUICE_LAB_CORES_H_
#define SLUICE_LAB_CORES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"
#include "lab/scenario.h"
#include "sim/simulation.h"

namespace sluice::lab {

struct RunOptions;

// Whether each host may go alone for a while, shorter than the delay of any link: hosts share
// nothing but packets, which must have a delay.
bool GoesInRounds(const Scenario& scenario, const RunOptions& options);

// Whether the last measured flow may be done within a round, which is shorter than any round trip.
// One thread, between rounds.
class EndForecast {
 public:
  explicit EndForecast(const Scenario& scenario);

  // Not as long as a host has not sent all of its payload once: then one of its flows has not.
  bool MayEnd(const sim::Simulation& simulation);

 private:
  std::vector<uint64_t> payload_;  // by host: of its measured flows
  size_t witness_ = 0;             // hosts before it have sent theirs
};

// Flows that are done, in the order in which one core comes to their ends: by (time, source).
class CompletionLog {
 public:
  // Of so many partitions, each of which has a thread of its own.
  explicit CompletionLog(size_t partitions) : ends_(partitions) {}

  // On the thread of the partition; those of one source in the order of its events.
  void Add(size_t partition, Time when, sim::NodeId source, size_t flow) {
    ends_[partition].push_back({when, source, flow});
  }
  // When all have finished.
  std::vector<size_t> Flows() const;

 private:
  struct End {
    Time when;
    sim::NodeId source = 0;
    size_t flow = 0;
  };
  std::vector<std::vector<End>> ends_;
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_CORES_H_
