#include "lab/cdf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/json_fields.h"

namespace sluice::lab {
namespace {

using ::testing::HasSubstr;

TEST(Cdf, IsLinearBetweenRows) {
  const auto cdf = Cdf::Parse("x", "0 0\n1000 50\n3000 100\n");
  ASSERT_TRUE(cdf.ok()) << cdf.status();
  EXPECT_EQ(cdf->Inverse(0), 1);  // no message is empty
  EXPECT_EQ(cdf->Inverse(Cdf::kWhole / 4), 500);
  EXPECT_EQ(cdf->Inverse(Cdf::kWhole / 2), 1000);
  EXPECT_EQ(cdf->Inverse(Cdf::kWhole * 3 / 4), 2000);
  EXPECT_EQ(cdf->Inverse(Cdf::kWhole - 1), 2999);
  // 1/2 x 500 + 1/2 x 2000.
  EXPECT_DOUBLE_EQ(cdf->MeanBytes(), 1250);
}

TEST(Cdf, AStepIsOneSize) {
  const auto cdf = Cdf::Parse("x", "100 0\n100 100\n");
  ASSERT_TRUE(cdf.ok()) << cdf.status();
  Rng rng(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(cdf->Sample(rng), 100);
}

TEST(Cdf, PercentsAreExact) {
  EXPECT_EQ(*Cdf::ParsePercent("6.48826"), 64'882'600'000);
  EXPECT_EQ(*Cdf::ParsePercent("100"), Cdf::kWhole);
  EXPECT_EQ(*Cdf::ParsePercent("0.0000000001"), 1);
  for (const char* wrong : {"", ".", "100.1", "-1", "1e2", "0.00000000001", "nan"}) {
    EXPECT_FALSE(Cdf::ParsePercent(wrong).ok()) << wrong;
  }
}

TEST(Cdf, DamageNamesTheLine) {
  const struct {
    const char* text;
    const char* says;
  } table[] = {
      {"", "there must be one before it"},
      {"0 0\n", "100 percent"},
      {"0 0\n10 50\n5 100\n", "line 3: sizes must not fall"},
      {"0 0\n10 50\n20 40\n", "line 3: percents must not fall"},
      {"0 5\n10 100\n", "line 1: the first percent must be 0"},
      {"0 0\n10 x\n", "line 2: 'x' is no percentage"},
      {"0 0\n10\n", "line 3: the file ends"},
      {"0 0\n1.5 100\n", "line 2: '1.5' is not a size"},
      {"0 0\n9999999999 100\n", "line 2"},
      {"0 0\n0 100\n", "all sizes are 0"},
  };
  for (const auto& row : table) {
    const auto cdf = Cdf::Parse("sizes.txt", row.text);
    ASSERT_FALSE(cdf.ok()) << row.text;
    EXPECT_THAT(MessageOf(cdf.status()), HasSubstr(row.says));
    EXPECT_THAT(MessageOf(cdf.status()), HasSubstr("sizes.txt"));
  }
}

TEST(BuiltInCdfs, AreTheFourThatArePublished) {
  ASSERT_EQ(BuiltInCdfs().size(), 4u);
  for (const BuiltInCdf& built_in : BuiltInCdfs()) {
    EXPECT_TRUE(Cdf::Parse(built_in.name, built_in.text).ok()) << built_in.name;
  }
  const auto web = Cdf::Parse("websearch", BuiltInCdfs()[0].text);
  ASSERT_TRUE(web.ok());
  // Of the rows: 0.15 x 5 K + 0.05 x 15 K + 0.1 x 25 K + 0.1 x 40 K + 0.13 x 65 K + 0.07 x 140 K +
  // 0.1 x 600 K + 0.1 x 1.5 M + 0.1 x 3.5 M + 0.07 x 7.5 M + 0.03 x 20 M.
  EXPECT_NEAR(web->MeanBytes(), 1'711'250, 1);
}

// The mean of many samples: the standard deviation of one is 4.2 MB at most, of the mean of 200,000
// less than 10 KB; 5 of these are 50 KB.
TEST(Cdf, SamplesHaveItsMean) {
  const auto web = Cdf::Parse("websearch", BuiltInCdfs()[0].text);
  ASSERT_TRUE(web.ok());
  Rng rng(7);
  double sum = 0;
  constexpr int kSamples = 200'000;
  for (int i = 0; i < kSamples; ++i) sum += static_cast<double>(web->Sample(rng));
  EXPECT_NEAR(sum / kSamples, web->MeanBytes(), 50e3);
}

}  // namespace
}  // namespace sluice::lab
