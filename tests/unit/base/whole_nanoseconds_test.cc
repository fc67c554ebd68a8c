#include "base/whole_nanoseconds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice {
namespace {

constexpr Bandwidth kLine = Bandwidth::GigabitsPerSecond(100);

// Starts as they stand in a flow file of HPCC's simulator, and as its results repeat them
// (tests/data/hpcc: flow_ws64.txt.gz, ws64_dctcp.fct.txt.gz).
TEST(WholeNanosecondsTest, StartsAreThoseOfTheSimulator) {
  EXPECT_EQ(WholeNanoseconds(2.000000577), 2'000'000'576);
  EXPECT_EQ(WholeNanoseconds(2.000005948), 2'000'005'948);
  EXPECT_EQ(WholeNanoseconds(2.000007057), 2'000'007'056);
  EXPECT_EQ(WholeNanoseconds(2.000007873), 2'000'007'872);
}

TEST(WholeNanosecondsTest, TheRestIsCut) {
  EXPECT_EQ(WholeNanoseconds(Bytes(1048), kLine), Duration::Nanoseconds(83));  // 83.84
  EXPECT_EQ(WholeNanoseconds(Bytes(60), kLine), Duration::Nanoseconds(4));     // 4.8
  EXPECT_EQ(WholeNanoseconds(Bytes(1048), Bandwidth::GigabitsPerSecond(10)),
            Duration::Nanoseconds(838));  // 838.4
}

// 975 bytes take 78 ns, and the double next to 7.8e-8 lies below it. Those next to 8e-8 and 7.04e-6
// do not, but with 64 binary places they do.
TEST(WholeNanosecondsTest, AWholeNumberMayLoseOne) {
  EXPECT_LT(std::fma(7.8e-8, 1e9, -78.0), 0);
  EXPECT_EQ(WholeNanoseconds(Bytes(975), kLine), Duration::Nanoseconds(77));
  EXPECT_GT(std::fma(8e-8, 1e9, -80.0), 0);
  EXPECT_EQ(WholeNanoseconds(Bytes(1000), kLine), Duration::Nanoseconds(79));
  EXPECT_GT(std::fma(7.04e-6, 1e9, -7040.0), 0);
  EXPECT_EQ(WholeNanoseconds(Bytes(1056), Bandwidth::MegabitsPerSecond(1200)),
            Duration::Nanoseconds(7039));
}

// What has no more places stays: 2^-9 s are 1953125 ns.
TEST(WholeNanosecondsTest, AWholeNumberMayStay) {
  EXPECT_EQ(WholeNanoseconds(0x1p-9), 1'953'125);
  EXPECT_EQ(WholeNanoseconds(0x1p-9 + 0x1p-61), 1'953'125);
  EXPECT_EQ(WholeNanoseconds(0x1p-9 - 0x1p-61), 1'953'124);
}

TEST(WholeNanosecondsTest, Ends) {
  EXPECT_EQ(WholeNanoseconds(0.0), 0);
  EXPECT_EQ(WholeNanoseconds(std::numeric_limits<double>::denorm_min()), 0);
  EXPECT_EQ(WholeNanoseconds(0x1p-75), 0);
  EXPECT_EQ(WholeNanoseconds(1.0), 1'000'000'000);
  // 2^33 - 1 seconds.
  EXPECT_EQ(WholeNanoseconds(0x1.ffffffffp32), 8'589'934'591 * 1'000'000'000);
}

}  // namespace
}  // namespace sluice
