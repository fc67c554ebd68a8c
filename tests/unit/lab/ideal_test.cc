#include "lab/ideal.h"

#include <gtest/gtest.h>

#include "lab/scenario.h"

namespace sluice::lab {
namespace {

sim::LinkConfig Link(int64_t gbps, Duration delay) {
  sim::LinkConfig link;
  link.rate = Bandwidth::GigabitsPerSecond(gbps);
  link.delay = delay;
  return link;
}

TEST(FrameLength, CountsEveryHeader) {
  EXPECT_EQ(DataFrameLength(1000, false), 14u + 20 + 8 + 12 + 1000 + 4);
  EXPECT_EQ(DataFrameLength(1000, true), 14u + 20 + 8 + 12 + 16 + 1000 + 4);
  EXPECT_EQ(DataFrameLength(1, false), 14u + 20 + 8 + 12 + 4 + 4);  // padded to 4
  EXPECT_EQ(AckFrameLength(), 14u + 20 + 8 + 12 + 4 + 4);
}

// At 100 Gb/s a byte lasts 80 ps. One packet of 1000 B with RETH is 1074 + 24 B = 87.84 ns, an ACK
// 62 + 24 B = 6.88 ns; each crosses two links of 1 us.
TEST(Ideal, OnePacketOverAStar) {
  const Paths paths(sim::Star(3, Link(100, Duration::Microseconds(1))));
  EXPECT_EQ(paths.Ideal(0, 2, Bytes(1000), 1000),
            Duration::Picoseconds(2 * 87'840 + 2 * 6'880 + 4 * 1'000'000));
  EXPECT_EQ(paths.BaseRtt(0, 2, 1000),
            Duration::Picoseconds(2 * 86'560 + 2 * 6'880 + 4 * 1'000'000));
}

// 1 MB: 1000 packets back to back. The first is 16 B longer, so that the others meet a busy second
// link, and follow it there back to back.
TEST(Ideal, ManyPacketsArePipelined) {
  const Paths paths(sim::Star(2, Link(100, Duration::Microseconds(1))));
  EXPECT_EQ(paths.Ideal(0, 1, Bytes(1'000'000), 1000),
            Duration::Picoseconds(2 * 87'840 + 999 * 86'560 + 2 * 6'880 + 4 * 1'000'000));
}

// The second link at 50 Gb/s is the bottleneck: all packets queue before it.
TEST(Ideal, TheSlowerLinkSetsThePace) {
  sim::Topology t;
  const sim::NodeId a = t.AddHost(), b = t.AddHost(), s = t.AddSwitch();
  t.AddLink(a, s, Link(100, Duration::Zero()));
  t.AddLink(b, s, Link(50, Duration::Zero()));
  const Paths paths(t);
  // Packets of 1098 and 1082 B: 87.84 ns, then 175.68 + 173.12 ns; the ACK 13.76 + 6.88 ns back.
  EXPECT_EQ(paths.Ideal(a, b, Bytes(2000), 1000),
            Duration::Picoseconds(87'840 + 175'680 + 173'120 + 13'760 + 6'880));
}

// A short last packet overtakes nobody: it waits on the second link for the packet before it.
TEST(Ideal, AShortLastPacketWaitsForTheOneBefore) {
  const Paths paths(sim::Star(2, Link(100, Duration::Zero())));
  // First 1098 B; last 14+20+8+12+4+4 + 24 = 86 B, which arrives at the switch 6.88 ns after it and
  // waits until the first has left the second link.
  EXPECT_EQ(paths.Ideal(0, 1, Bytes(1004), 1000),
            Duration::Picoseconds(87'840 * 2 + 6'880 + 2 * 6'880));
}

// 32 MiB at 100 Gb/s drain in 2.68 ms, 1.25 times that is 3.36 ms: code 10 is 4.19 ms. 2 MiB: 168
// us, 210 us and 8 round trips of 4.2 us: code 6 is 262 us.
TEST(TimeoutCode, OutlastsTheBuffer) {
  const Bandwidth rate = Bandwidth::GigabitsPerSecond(100);
  const Duration rtt = Duration::Nanoseconds(4187);
  EXPECT_EQ(TimeoutCode(Bytes(32 << 20), rate, rtt), 10);
  EXPECT_EQ(TimeoutCode(Bytes(2 << 20), rate, rtt), 6);
  EXPECT_EQ(TimeoutCode(Bytes(int64_t{1} << 50), rate, rtt), 31);
}

}  // namespace
}  // namespace sluice::lab
