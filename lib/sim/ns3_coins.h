// Ns3Coins: the coins of ECN marks as the ns-3 simulator of HPCC's authors tosses them, for runs
// under Ns3Wire::exact. All switches share one source, so that a coin depends on all before it.
//
// Each coin is the first number of a new stream of MRG32k3a (L'Ecuyer, Simard, Chen and Kelton,
// "An Object-Oriented Random-Number Package with Many Long Streams and Substreams", Operations
// Research 50(6), 2002): streams lie 2^127 steps apart, and run r (RngRun) begins r * 2^76 steps
// behind the beginning of each. Setting up takes 6 streams for a node (its IP stack) and 2 for the
// errors of links. Owned by a Context, one thread.
#ifndef SLUICE_SIM_NS3_COINS_H_
#define SLUICE_SIM_NS3_COINS_H_

#include <array>
#include <cstdint>

#include "switch/ecn.h"

namespace sluice::sim {

class Ns3Coins final : public switching::CoinSource {
 public:
  // Of a fabric of so many nodes, hosts and switches.
  Ns3Coins(uint64_t run, uint32_t nodes);

  bool Bernoulli(double probability) override { return First() < probability; }
  // That simulator looks at each PFC frame, too, and tosses.
  void Skip() { NextStream(); }

 private:
  using State = std::array<uint64_t, 3>;  // the last three numbers, the oldest first

  double First();
  void NextStream();

  State a_ = {1, 1, 1};  // of both halves, where the next stream begins
  State b_ = {1, 1, 1};
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_NS3_COINS_H_
