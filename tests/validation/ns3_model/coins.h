// Where the marks of the model come from.
#ifndef SLUICE_TESTS_VALIDATION_NS3_MODEL_COINS_H_
#define SLUICE_TESTS_VALIDATION_NS3_MODEL_COINS_H_

#include <cstdint>
#include <map>
#include <utility>

#include "base/rng.h"

namespace sluice::test::ns3 {

class CoinSource {
 public:
  virtual ~CoinSource() = default;
  // Whether a frame that leaves there is marked, where the probability is neither 0 nor 1.
  virtual bool Toss(uint32_t node, uint32_t port, double probability) = 0;
  // That simulator draws for each PFC frame, too.
  virtual void Skip() {}
};

// Each coin is the first number of a new stream of MRG32k3a (L'Ecuyer et al., Operations Research
// 50(6), 2002): streams are 2^127 steps apart, and run 1 lies 2^76 steps behind the beginning of
// each. Setting up takes 6 streams for a node (its IP stack) and 2 for the errors of links.
class TheirCoins final : public CoinSource {
 public:
  explicit TheirCoins(uint32_t nodes);
  bool Toss(uint32_t, uint32_t, double probability) override { return First() < probability; }
  void Skip() override { NextStream(); }

 private:
  double First();
  void NextStream();

  uint64_t a_[3], b_[3];  // the state of the next stream
};

// A stream for each port, as lib/switch has them for queue 0.
class OurCoins final : public CoinSource {
 public:
  explicit OurCoins(uint64_t seed) : seed_(seed) {}
  bool Toss(uint32_t node, uint32_t port, double probability) override;

 private:
  const uint64_t seed_;
  std::map<std::pair<uint32_t, uint32_t>, Rng> ports_;
};

}  // namespace sluice::test::ns3

#endif  // SLUICE_TESTS_VALIDATION_NS3_MODEL_COINS_H_
