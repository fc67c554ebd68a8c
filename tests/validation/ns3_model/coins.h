// Where the marks of the model come from.
#ifndef SLUICE_TESTS_VALIDATION_NS3_MODEL_COINS_H_
#define SLUICE_TESTS_VALIDATION_NS3_MODEL_COINS_H_

#include <cstdint>
#include <map>
#include <utility>

#include "base/rng.h"
#include "sim/ns3_coins.h"

namespace sluice::test::ns3 {

class CoinSource {
 public:
  virtual ~CoinSource() = default;
  // Whether a frame that leaves there is marked, where the probability is neither 0 nor 1.
  virtual bool Toss(uint32_t node, uint32_t port, double probability) = 0;
  // That simulator draws for each PFC frame, too.
  virtual void Skip() {}
};

// That simulator's: run 1 of them.
class TheirCoins final : public CoinSource {
 public:
  explicit TheirCoins(uint32_t nodes) : coins_(1, nodes) {}
  bool Toss(uint32_t, uint32_t, double probability) override {
    return coins_.Bernoulli(probability);
  }
  void Skip() override { coins_.Skip(); }

 private:
  sim::Ns3Coins coins_;
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
