#include "base/values.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

template <typename T>
std::string Why(const absl::StatusOr<T>& r) {
  EXPECT_EQ(r.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(r.status().message().data(), r.status().message().size());
}

#define EXPECT_SAYS(result, words) \
  EXPECT_NE(Why(result).find(words), std::string::npos) << Why(result)

TEST(ParseSize, KnowsTheUnits) {
  EXPECT_EQ(ParseSize("64")->count(), 64);
  EXPECT_EQ(ParseSize("0")->count(), 0);
  EXPECT_EQ(ParseSize("64B")->count(), 64);
  EXPECT_EQ(ParseSize("4KB")->count(), 4000);
  EXPECT_EQ(ParseSize("4KiB")->count(), 4096);
  EXPECT_EQ(ParseSize("1MB")->count(), 1'000'000);
  EXPECT_EQ(ParseSize("1MiB")->count(), 1'048'576);
  EXPECT_EQ(ParseSize("2GB")->count(), 2'000'000'000);
  EXPECT_EQ(ParseSize("2GiB")->count(), 2'147'483'648);
  EXPECT_EQ(ParseSize("1.5KB")->count(), 1500);
  EXPECT_EQ(ParseSize("0.5KiB")->count(), 512);
  EXPECT_EQ(ParseSize("1e6")->count(), 1'000'000);
  EXPECT_EQ(ParseSize("9223372036854775807")->count(), INT64_MAX);
}

TEST(ParseSize, SaysWhatIsWrongAndTheCure) {
  EXPECT_SAYS(ParseSize(""), "empty");
  EXPECT_SAYS(ParseSize("1M"), "MB (10^6) or MiB (2^20)");
  EXPECT_SAYS(ParseSize("5X"), "unknown unit 'X'");
  EXPECT_SAYS(ParseSize("4kb"), "did you mean 'KB'");
  EXPECT_SAYS(ParseSize("4 KB"), "did you mean 'KB'");
  EXPECT_SAYS(ParseSize("1.5B"), "one byte");
  EXPECT_SAYS(ParseSize("-1"), "no sign");
  EXPECT_SAYS(ParseSize("+1"), "no sign");
  EXPECT_SAYS(ParseSize("KB"), "no number");
  EXPECT_SAYS(ParseSize("."), "no number");
  EXPECT_SAYS(ParseSize("5.KB"), "after the point");
  EXPECT_SAYS(ParseSize("1.2.3"), "unknown unit '.3'");
  EXPECT_SAYS(ParseSize("0x40"), "unknown unit 'x40'");
  EXPECT_SAYS(ParseSize("9223372036854775808"), "too large");
  EXPECT_SAYS(ParseSize("9223372037GB"), "too large");
  EXPECT_SAYS(ParseSize("1e9999999999999"), "too large");
  EXPECT_SAYS(ParseSize("99999999999999999999"), "more digits");
  EXPECT_SAYS(ParseSize("64\n"), "unknown unit '?'");
  EXPECT_FALSE(ParseSize(std::string_view("64\0", 3)).ok());
  EXPECT_LT(Why(ParseSize("1" + std::string(100'000, 'x'))).size(), 200u);
}

TEST(ParseTime, IsExactInPicoseconds) {
  EXPECT_EQ(ParseTime("3")->ps(), 3'000'000'000'000);
  EXPECT_EQ(ParseTime("0.5")->ps(), 500'000'000'000);
  EXPECT_EQ(ParseTime("1ps")->ps(), 1);
  EXPECT_EQ(ParseTime("1.3ns")->ps(), 1300);
  EXPECT_EQ(ParseTime("55us")->ps(), 55'000'000);
  EXPECT_EQ(ParseTime("4.096us")->ps(), 4'096'000);
  EXPECT_EQ(ParseTime("1.5ms")->ps(), 1'500'000'000);
  EXPECT_EQ(ParseTime("1e-6")->ps(), 1'000'000);
  EXPECT_EQ(ParseTime("2s")->ps(), 2'000'000'000'000);
  EXPECT_EQ(ParseTime("0")->ps(), 0);
}

TEST(ParseTime, Refuses) {
  EXPECT_SAYS(ParseTime("5m"), "say ms, or minutes as 60s each");
  EXPECT_SAYS(ParseTime("20uss"), "did you mean 'us'");
  EXPECT_SAYS(ParseTime("20\xc2\xb5s"), "say us");
  EXPECT_SAYS(ParseTime("1.5ps"), "one picosecond");
  EXPECT_SAYS(ParseTime("1e-13"), "one picosecond");
  EXPECT_SAYS(ParseTime("-1s"), "no sign");
  EXPECT_SAYS(ParseTime("99999999s"), "too large");
  EXPECT_SAYS(ParseTime("1KB"), "unknown unit 'KB'");
}

TEST(ParseRate, KnowsTheUnits) {
  EXPECT_EQ(ParseRate("1000")->bps(), 1000);
  EXPECT_EQ(ParseRate("8bps")->bps(), 8);
  EXPECT_EQ(ParseRate("8Kbps")->bps(), 8000);
  EXPECT_EQ(ParseRate("40Mbps")->bps(), 40'000'000);
  EXPECT_EQ(ParseRate("2.5Gbps")->bps(), 2'500'000'000);
  EXPECT_EQ(ParseRate("400Gbps")->bps(), 400'000'000'000);
  EXPECT_EQ(ParseRate("1.6Tbps")->bps(), 1'600'000'000'000);
}

TEST(ParseRate, Refuses) {
  EXPECT_SAYS(ParseRate("100G"), "say Gbps");
  EXPECT_SAYS(ParseRate("100GBps"), "bytes");
  EXPECT_SAYS(ParseRate("100gbps"), "did you mean 'Gbps'");
  EXPECT_SAYS(ParseRate("0.5bps"), "one bit/s");
  EXPECT_SAYS(ParseRate("10000000Tbps"), "too large");
}

TEST(ParseProbability, TakesFractionsAndPercent) {
  EXPECT_EQ(*ParseProbability("0"), 0.0);
  EXPECT_EQ(*ParseProbability("1"), 1.0);
  EXPECT_EQ(*ParseProbability("0.01"), 0.01);
  EXPECT_EQ(*ParseProbability("1%"), 0.01);
  EXPECT_EQ(*ParseProbability("100%"), 1.0);
  EXPECT_EQ(*ParseProbability("1e-5"), 1e-5);
  EXPECT_EQ(*ParseProbability(".5"), 0.5);
  EXPECT_SAYS(ParseProbability("1.01"), "out of range");
  EXPECT_SAYS(ParseProbability("101%"), "out of range");
  EXPECT_SAYS(ParseProbability("-0.1"), "out of range");
  for (const char* bad : {"", "%", "nan", "inf", "1%%", "0,5", "0.5x", "5."}) {
    EXPECT_FALSE(ParseProbability(bad).ok()) << bad;
  }
}

TEST(ParseNumbers, AcceptTheWholeTextOnly) {
  EXPECT_EQ(*ParseInteger("-12"), -12);
  EXPECT_EQ(*ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(*ParseInteger("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(*ParseUnsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(*ParseUnsigned("0xdeadBEEF"), 0xdeadbeefu);
  EXPECT_EQ(*ParseNumber("-2.5e3"), -2500.0);
  for (const char* bad : {"", "x", "1x", "1 ", " 1", "+1", "1.0", "9223372036854775808", "--1"}) {
    EXPECT_FALSE(ParseInteger(bad).ok()) << bad;
  }
  for (const char* bad : {"", "-1", "0x", "0x1g", "18446744073709551616", "+1", "0x-1"}) {
    EXPECT_FALSE(ParseUnsigned(bad).ok()) << bad;
  }
  for (const char* bad : {"", "-", "nan", "-inf", "0x10", "1e999", "1.", "+1", "1 ", "--1"}) {
    EXPECT_FALSE(ParseNumber(bad).ok()) << bad;
  }
}

TEST(ParseBoolean, KnowsEightWords) {
  for (const char* yes : {"on", "true", "yes", "1"}) EXPECT_TRUE(*ParseBoolean(yes));
  for (const char* no : {"off", "false", "no", "0"}) EXPECT_FALSE(*ParseBoolean(no));
  EXPECT_SAYS(ParseBoolean("flase"), "did you mean 'false'");
  EXPECT_SAYS(ParseBoolean(""), "say on or off");
}

TEST(Texts, AreWholeNumbersInTheLargestUnitAndParseBack) {
  EXPECT_EQ(SizeText(Bytes(4096)), "4KiB");
  EXPECT_EQ(SizeText(Bytes(64)), "64B");
  EXPECT_EQ(SizeText(Bytes(0)), "0B");
  EXPECT_EQ(TimeText(Duration::Microseconds(1500)), "1500us");
  EXPECT_EQ(TimeText(Duration::Seconds(3)), "3s");
  EXPECT_EQ(RateText(Bandwidth::GigabitsPerSecond(400)), "400Gbps");
  EXPECT_EQ(RateText(Bandwidth::MegabitsPerSecond(2500)), "2500Mbps");
  EXPECT_EQ(NumberText(0.1), "0.1");
  for (int64_t v = 0; v < (int64_t{1} << 60); v = v * 7 + 1000) {
    EXPECT_EQ(ParseSize(SizeText(Bytes(v)))->count(), v);
    EXPECT_EQ(ParseTime(TimeText(Duration::Picoseconds(v)))->ps(), v);
    EXPECT_EQ(ParseRate(RateText(Bandwidth::BitsPerSecond(v)))->bps(), v);
    EXPECT_EQ(*ParseNumber(NumberText(static_cast<double>(v) / 3)), static_cast<double>(v) / 3);
  }
}

}  // namespace
}  // namespace sluice
