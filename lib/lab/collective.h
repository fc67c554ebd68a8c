// Collective operations as flows that wait for flows.
//
// A rank may send when it has what it sends: each message starts when those that its sender needs
// have arrived (a WRITE with immediate tells it so), on a queue pair of its own.
#ifndef SLUICE_LAB_COLLECTIVE_H_
#define SLUICE_LAB_COLLECTIVE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "lab/scenario.h"

namespace sluice::lab {

// What a rank waits for before its first message: all of the events, and then `delay`. Without
// events: `delay` from time zero.
struct Ready {
  std::vector<FlowEvent> events;
  Duration delay;
};

// Adds messages to a scenario.
class Messages {
 public:
  explicit Messages(Scenario& scenario) : scenario_(scenario) {}

  // A message that waits for `after`; returns its number among the flows. A size of 0 counts as 1.
  uint32_t Send(sim::NodeId from, sim::NodeId to, int64_t bytes, const Ready& after);

 private:
  Scenario& scenario_;
};

// All-reduce of `bytes` over ranks (hosts, in the order of the ring or tree). `ready` is by rank;
// returns by rank what says that it has the result.
//   ring              2 (n - 1) steps of bytes / n to the next rank. Patarasuk, Yuan: "Bandwidth
//                     optimal all-reduce algorithms for clusters of workstations", JPDC 2009.
//   tree              up a binary tree and down again, in `chunks` parts that follow each other.
//   halving-doubling  log2 n exchanges of half, a quarter, ..., and back; n is a power of two.
//                     Thakur, Rabenseifner, Gropp: "Optimization of Collective Communication
//                     Operations in MPICH", IJHPCA 2005.
std::vector<Ready> RingAllReduce(Messages& messages, const std::vector<sim::NodeId>& ranks,
                                 int64_t bytes, const std::vector<Ready>& ready);
std::vector<Ready> TreeAllReduce(Messages& messages, const std::vector<sim::NodeId>& ranks,
                                 int64_t bytes, int chunks, const std::vector<Ready>& ready);
std::vector<Ready> HalvingDoublingAllReduce(Messages& messages,
                                            const std::vector<sim::NodeId>& ranks, int64_t bytes,
                                            const std::vector<Ready>& ready);

// Rank i writes bytes[i][j] to rank j, starting with the next rank; no more than `outstanding` of
// its messages are under way at a time. What is 0 is not sent.
std::vector<Ready> AllToAll(Messages& messages, const std::vector<sim::NodeId>& ranks,
                            const std::vector<std::vector<int64_t>>& bytes, size_t outstanding,
                            const std::vector<Ready>& ready);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_COLLECTIVE_H_
