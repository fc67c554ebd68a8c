#include "validation/ns3_model/coins.h"

namespace sluice::test::ns3 {

bool OurCoins::Toss(uint32_t node, uint32_t port, double probability) {
  constexpr uint64_t kPurpose = 0x6d61726b;
  const auto [at, _] =
      ports_.try_emplace({node, port}, seed_, (uint64_t{node} << 16) + port, kPurpose);
  return at->second.Bernoulli(probability);
}

}  // namespace sluice::test::ns3
