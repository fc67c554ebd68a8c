#include "base/units.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Units, SixtyFourBytesAt400GigabitsLast1280Picoseconds) {
  EXPECT_EQ(TransmissionTime(Bytes(64), Bandwidth::GigabitsPerSecond(400)).ps(), 1280);
}

TEST(Units, TransmissionTimeRoundsUp) {
  // 1 byte at 3 bit/s: 8/3 s.
  EXPECT_EQ(TransmissionTime(Bytes(1), Bandwidth::BitsPerSecond(3)).ps(), 2666666666667);
}

TEST(Units, PsPerByteDoesNotAccumulateError) {
  // 1082 bytes at 100 Gb/s last 86.56 ns; a thousand of them are off by less than a picosecond.
  const PsPerByte pace = PsPerByte::Of(Bandwidth::GigabitsPerSecond(100));
  EXPECT_EQ(pace.TimeOf(Bytes(1082)).ps(), 86560);
  EXPECT_EQ(pace.TimeOf(Bytes(1082000)).ps(), 86560000);
  const PsPerByte odd = PsPerByte::Of(Bandwidth::BitsPerSecond(99'999'999'977));
  const int64_t exact =
      TransmissionTime(Bytes(1'000'000), Bandwidth::BitsPerSecond(99'999'999'977)).ps();
  EXPECT_NEAR(static_cast<double>(odd.TimeOf(Bytes(1'000'000)).ps()), static_cast<double>(exact),
              1.0);
}

TEST(Units, RatesTooSmallSaturateInsteadOfWrapping) {
  EXPECT_EQ(PsPerByte::Of(Bandwidth::BitsPerSecond(0)).q32(), ~uint64_t{0});
  EXPECT_GT(PsPerByte::Of(Bandwidth::BitsPerSecond(1)).TimeOf(Bytes(9000)).ps(),
            Duration::Seconds(1).ps());
}

TEST(Units, RateAndBytesInvertEachOther) {
  const Bandwidth b = Bandwidth::GigabitsPerSecond(100);
  EXPECT_EQ(BytesIn(Duration::Nanoseconds(4160), b).count(), 52000);
  EXPECT_EQ(RateOf(Bytes(52000), Duration::Nanoseconds(4160)).bps(), b.bps());
}

}  // namespace
}  // namespace sluice
