#include <sched.h>

#include <cstdio>

#include "dpdk/eal.h"
#include "dpdk/lcore.h"
#include "gtest/gtest.h"
#include "test_eal.h"

namespace sluice::dpdk {

Eal* test_eal = nullptr;

TEST(EalTest, TheThreadKeepsItsAffinity) {
  // main compared the cores before and after Create.
  ASSERT_NE(test_eal, nullptr);
  EXPECT_FALSE(test_eal->hugepages());
}

TEST(EalTest, ASecondStartIsRefusedWithTheReason) {
  const auto again = Eal::Create({});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(again.status().message()).find("only once"), std::string::npos);
}

}  // namespace sluice::dpdk

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const std::vector<int> before = sluice::dpdk::AllowedCores();
  sluice::dpdk::EalOptions options;
  options.hugepages = sluice::dpdk::Hugepages::kOff;
  options.memory = sluice::Bytes(int64_t{256} << 20);
  auto eal = sluice::dpdk::Eal::Create(options);
  if (!eal.ok()) {
    std::fprintf(stderr, "%s\n", eal.status().ToString().c_str());
    return 1;
  }
  if (sluice::dpdk::AllowedCores() != before) {
    std::fprintf(stderr, "Eal::Create changed the affinity of its caller\n");
    return 1;
  }
  sluice::dpdk::test_eal = eal->get();
  return RUN_ALL_TESTS();
}
