#include "lab/stored.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "lab/result.h"

namespace sluice::lab {
namespace {

class Stored : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/lab_stored";
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Make(const std::string& name, uint64_t seed, Redraw redraw = {}, Duration jitter = {}) {
    const auto experiment = Choose("incast:senders=2,size=20KB");
    RunOrder order;
    order.experiment = &*experiment;
    order.algorithm = "dcqcn";
    order.seed = seed;
    order.redraw = redraw;
    order.jitter = jitter;
    order.directory = directory_ + "/" + name;
    const auto run = RunOne(order, {1, "1", "abc", {}}, {});
    ASSERT_TRUE(run.ok()) << run.status();
  }

  std::string directory_;
};

TEST_F(Stored, HoldsTheInputsOfTheRun) {
  Make("x", 7, {false, true, true}, Duration::Nanoseconds(250));
  const auto run = ReadStored(directory_ + "/x");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->seed, 7u);
  EXPECT_EQ(run->experiment.find("incast:senders=2,size=20KB,"), 0u) << run->experiment;
  EXPECT_EQ(run->arm, "dcqcn (marking,jitter drawn anew)");
  const auto experiment = ExperimentOf(*run);
  ASSERT_TRUE(experiment.ok()) << experiment.status();
  const auto order = OrderOf(*run, *experiment);
  ASSERT_TRUE(order.ok());
  EXPECT_EQ(order->jitter, Duration::Nanoseconds(250));
  EXPECT_TRUE(order->redraw.marking && order->redraw.jitter && !order->redraw.ecmp);
  const auto again = RunOne(*order, {1, "1", "abc", {}}, {});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->result, run->result);
}

TEST_F(Stored, FindsRunsInOrderAndLeavesOutTheUnfinished) {
  Make("b/2", 2);
  Make("a/1", 1);
  Make("c", 3);
  std::filesystem::create_directories(directory_ + "/d");
  ASSERT_TRUE(WriteText(directory_ + "/d/result.json.part", "{").ok());
  const auto runs = FindStored(directory_);
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->size(), 3u);
  EXPECT_EQ((*runs)[0].seed, 1u);
  EXPECT_EQ((*runs)[2].seed, 3u);
  EXPECT_EQ(FindStored(directory_ + "/c")->size(), 1u);
}

TEST_F(Stored, NamesTheFileThatIsWrong) {
  EXPECT_NE(FindStored(directory_).status().ToString().find(directory_), std::string::npos);
  std::filesystem::create_directories(directory_);
  EXPECT_NE(FindStored(directory_).status().ToString().find("no result.json"), std::string::npos);
  for (const char* text :
       {"", "[]", "{}", "\xff", "{\"experiment\": 1}",
        R"({"experiment":"incast","arm":"tita","seed":-1,"commit":"","version":"","params":{}})",
        R"({"experiment":"incast","arm":"tita","seed":1,"commit":"","version":"",
            "params":{"experiment":{"senders":5}}})"}) {
    ASSERT_TRUE(WriteText(directory_ + "/result.json", text).ok());
    const absl::Status status = ReadStored(directory_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.ToString().find("result.json"), std::string::npos) << text;
  }
}

// A file of ours has each key once; which of two seeds a run had, nobody could tell.
TEST_F(Stored, TakesNoKeyTwice) {
  Make("x", 7);
  const std::string path = directory_ + "/x/result.json";
  std::string text = *ReadText(path);
  const size_t at = text.find("\"seed\": 7,");
  ASSERT_NE(at, std::string::npos);
  ASSERT_TRUE(WriteText(path, text.insert(at, "\"seed\": 8,\n  ")).ok());
  EXPECT_NE(ReadStored(directory_ + "/x").status().ToString().find("'seed' stands twice"),
            std::string::npos);
  ASSERT_TRUE(WriteText(path, "{\n  \"seed\": 7,\n").ok());
  EXPECT_NE(ReadStored(directory_ + "/x").status().ToString().find("result.json: line 3: "),
            std::string::npos);
}

TEST(Redraw, HasOneWayOfWriting) {
  EXPECT_EQ(RedrawText(*ParseRedraw("jitter,ecmp")), "ecmp,jitter");
  EXPECT_EQ(RedrawText(*ParseRedraw("")), "");
  for (const char* text : {"ecmp,", "ecmp,ecmp", ",ecmp", "loss"}) {
    EXPECT_FALSE(ParseRedraw(text).ok()) << text;
  }
  EXPECT_NE(ParseRedraw("markng").status().ToString().find("did you mean 'marking'"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::lab
