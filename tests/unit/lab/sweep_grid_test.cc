#include "lab/sweep_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lab/result.h"

namespace sluice::lab {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kArms = {"tita", "dcqcn"};

TEST(ParseGridAxis, TakesNameAndValues) {
  const auto axis = ParseGridAxis("load=.3,.5,.8");
  ASSERT_TRUE(axis.ok());
  EXPECT_EQ(axis->name, "load");
  EXPECT_EQ(axis->values, (std::vector<std::string>{".3", ".5", ".8"}));
  for (const char* text : {"", "load", "=1", "load=", "load=1,", "load=1,,2", "load=1,1"}) {
    EXPECT_EQ(ParseGridAxis(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(MakePoints, GoesThroughTheWholeGrid) {
  const auto points =
      MakePoints("incast:size=20KB", {{"senders", {"2", "3"}}, {"mtu", {"512", "1024"}}}, kArms);
  ASSERT_TRUE(points.ok()) << points.status();
  std::vector<std::string> texts;
  for (const SweepPoint& p : *points) texts.push_back(p.experiment.text);
  EXPECT_EQ(texts,
            (std::vector<std::string>{
                "incast:size=20KB,senders=2,mtu=512", "incast:size=20KB,senders=2,mtu=1024",
                "incast:size=20KB,senders=3,mtu=512", "incast:size=20KB,senders=3,mtu=1024"}));
  EXPECT_EQ(MakePoints("incast", {}, kArms)->size(), 1u);
  EXPECT_EQ((*points)[3].arms, kArms);
}

std::vector<std::vector<std::string>> ArmsOf(const std::vector<GridAxis>& grid,
                                             const std::vector<std::string>& arms,
                                             std::string_view experiment = "incast") {
  const auto points = MakePoints(experiment, grid, arms);
  EXPECT_TRUE(points.ok()) << points.status();
  std::vector<std::vector<std::string>> all;
  if (!points.ok()) return all;
  for (const SweepPoint& p : *points) all.push_back(p.arms);
  return all;
}

TEST(MakePoints, GivesArmsTheirParameters) {
  using Arms = std::vector<std::vector<std::string>>;
  EXPECT_EQ(ArmsOf({{"tita.beta", {"0.01", "0.02"}}}, kArms),
            (Arms{{"tita:beta=0.01", "dcqcn"}, {"tita:beta=0.02", "dcqcn"}}));
  // Behind what is there already; every arm of the algorithm, or one of them.
  EXPECT_EQ(ArmsOf({{"tita.beta", {"0.01"}}}, {"tita:t0=0.2", "tita"}),
            (Arms{{"tita:t0=0.2,beta=0.01", "tita:beta=0.01"}}));
  EXPECT_EQ(ArmsOf({{"b.beta", {"0.01"}}}, {"tita", "tita"}), (Arms{{"tita", "tita:beta=0.01"}}));
  // With an axis of the experiment, the last one fastest.
  const auto points =
      MakePoints("incast", {{"tita.beta", {"0.01", "0.02"}}, {"senders", {"2", "3"}}}, kArms);
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), 4u);
  EXPECT_EQ((*points)[1].arms[0], "tita:beta=0.01");
  EXPECT_EQ((*points)[1].experiment.text, "incast:senders=3");
  EXPECT_EQ(ValuesText((*points)[2]), "tita.beta=0.02 senders=2");
}

// The value takes the place of the file's: an arm of a file is where a sweep begins.
TEST(MakePoints, ReplaceParametersOfAnArmOfAFile) {
  const std::string path = testing::TempDir() + "/lab_sweep_grid.json";
  ASSERT_TRUE(WriteText(path, R"({"format": "sluice-experiment/1", "name": "x",
      "topology": {"kind": "star", "hosts": 2}, "flows": [[0, 1, 1000, "0"]],
      "arms": {"mine": {"cc": "dcqcn", "parameters": {"ai": "100Mbps", "g": 0.5}}}})")
                  .ok());
  const auto arms =
      ArmsOf({{"mine.ai", {"50Mbps"}}, {"dcqcn.ai", {"1Gbps"}}}, {"mine", "dcqcn"}, path);
  EXPECT_EQ(arms,
            (std::vector<std::vector<std::string>>{{"dcqcn:g=0.5,ai=50Mbps", "dcqcn:ai=1Gbps"}}));
  EXPECT_THAT(MakePoints(path, {{"ai", {"1Gbps"}}}, {"dcqcn", "tita"}).status().ToString(),
              HasSubstr("did you mean 'dcqcn.ai'?"));
  std::filesystem::remove(path);
}

// One line that names the axis, what is wrong, and the nearest name.
TEST(MakePoints, RefuseWhatNobodyTakes) {
  const struct {
    std::string experiment;
    GridAxis axis;
    std::vector<std::string> says;
  } table[] = {
      {"incast", {"sendrs", {"1"}}, {"experiment incast: no parameter 'sendrs'", "'senders'"}},
      {"incast:mtu=512", {"mtu", {"512"}}, {"mtu is given twice"}},
      {"incats", {"senders", {"1"}}, {"did you mean 'incast'?"}},
      {"incast", {"titta.beta", {"1"}}, {"titta.beta: no arm 'titta'; did you mean 'tita'?"}},
      {"incast", {"c.beta", {"1"}}, {"c.beta: no arm 'c'", "(there are: a, b, tita, dcqcn)"}},
      {"incast", {"tita.", {"1"}}, {"write arm.parameter=value,value"}},
      {"incast", {"tita.betta", {"0.1"}}, {"tita.betta=0.1: ", "did you mean 'beta'?"}},
      {"incast", {"tita.beta", {"0.01", "7"}}, {"tita.beta=7: ", "beta"}},
      {"incast",
       {"beta", {"0.01"}},
       {"--grid beta: no parameter of the experiment", "'tita.beta'"}},
  };
  for (const auto& row : table) {
    const absl::Status status = MakePoints(row.experiment, {row.axis}, kArms).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.axis.name;
    for (const std::string& part : row.says) EXPECT_THAT(status.ToString(), HasSubstr(part));
    EXPECT_EQ(status.ToString().find('\n'), std::string::npos);
  }
  EXPECT_THAT(MakePoints("incast", {{"tita.beta", {"0.01"}}}, {"tita:beta=0.02", "dcqcn"})
                  .status()
                  .ToString(),
              HasSubstr("beta"));
  EXPECT_THAT(MakePoints("incast", {}, {"titta", "dcqcn"}).status().ToString(),
              HasSubstr("arm titta: cc: no algorithm 'titta'; did you mean 'tita'?"));
}

}  // namespace
}  // namespace sluice::lab
