#include "base/psn.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Psn, WrapsAt24Bits) {
  EXPECT_EQ((Psn(0xffffff) + 1).value(), 0u);
  EXPECT_EQ((Psn(0) - 1).value(), 0xffffffu);
  EXPECT_EQ(Psn(0x1000000).value(), 0u);
}

TEST(Psn, EveryDifferenceIsTheSigned24BitOne) {
  for (uint32_t d = 0; d < 1u << 24; ++d) {
    const int32_t want =
        d < (1u << 23) ? static_cast<int32_t>(d) : static_cast<int32_t>(d) - (1 << 24);
    ASSERT_EQ(Psn(0xabcdef + d) - Psn(0xabcdef), want);
  }
}

TEST(Psn, OrderHoldsAcrossTheWrap) {
  EXPECT_LT(Psn(0xffffff), Psn(0));
  EXPECT_GT(Psn(3), Psn(0xfffff0));
  EXPECT_LE(Psn(7), Psn(7));
}

}  // namespace
}  // namespace sluice
