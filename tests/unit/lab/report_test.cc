#include "lab/report.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "lab/comparison.h"
#include "lab/result.h"
#include "lab/svg.h"

namespace sluice::lab {
namespace {

TEST(NiceStep, CutsInto1And2And5) {
  EXPECT_DOUBLE_EQ(NiceStep(10, 5), 2);
  EXPECT_DOUBLE_EQ(NiceStep(100, 5), 20);
  EXPECT_DOUBLE_EQ(NiceStep(24, 5), 5);
  EXPECT_DOUBLE_EQ(NiceStep(1400, 8), 200);
}

TEST(Envelope, KeepsTheExtremes) {
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 10000; ++i) points.push_back({i, i == 5000 ? 99 : i == 7001 ? -7 : 1});
  const auto thin = Envelope(points, 100);
  EXPECT_LE(thin.size(), 100u);
  double low = 0, high = 0;
  for (const auto& [x, y] : thin) {
    low = std::min(low, y);
    high = std::max(high, y);
  }
  EXPECT_EQ(low, -7);
  EXPECT_EQ(high, 99);
}

TEST(Averages, KeepTheMean) {
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 1000; ++i) points.push_back({i, i % 2});
  for (const auto& [x, y] : Averages(points, 10)) EXPECT_NEAR(y, 0.5, 1e-9);
}

TEST(Escape, LeavesNoMarkup) { EXPECT_EQ(Escape("<a b=\"&\">"), "&lt;a b=&quot;&amp;&quot;&gt;"); }

class ReportFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/lab_report";
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void MakeRun(Duration jitter = {}) {
    ComparisonPlan plan;
    plan.experiment = *Choose("incast:senders=3,size=50KB");
    plan.a = "tita";
    plan.rivals = {"fixed"};
    plan.seeds = 2;
    plan.jitter = jitter;
    plan.directory = directory_;
    plan.version = "1.2.3";
    plan.commit = "abcdef";
    const auto result = CompareArms(plan);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(
        WriteText(directory_ + "/run.json", cli::JsonText(ComparisonJson(plan, *result))).ok());
  }

  std::string directory_;
};

TEST_F(ReportFiles, HoldsEverythingAndAsksForNothing) {
  MakeRun();
  const auto html = ReportOf(directory_);
  ASSERT_TRUE(html.ok()) << html.status();
  EXPECT_LT(html->size(), 1'500'000u);
  for (const char* part : {"class=\"verdict\"", "<table>", "<svg", "abcdef", "1.2.3", "fct_p99_ns",
                           "prefers-color-scheme", "@media print", "sluice-lab exec"}) {
    EXPECT_NE(html->find(part), std::string::npos) << part;
  }
  // No request: no address, no script, no file.
  EXPECT_FALSE(std::regex_search(*html, std::regex("https?:|<script|<link|src=|@import|url\\(")));
  EXPECT_FALSE(std::regex_search(*html, std::regex("\\b(nan|inf)\\b")));
  EXPECT_LT(html->find("class=\"verdict\""), html->find("<table>"));
}

TEST_F(ReportFiles, TellsHowToRepeatWhatWasRun) {
  MakeRun(Duration::Nanoseconds(250));
  const auto html = ReportOf(directory_);
  ASSERT_TRUE(html.ok()) << html.status();
  EXPECT_NE(html->find(" --jitter 250ns -o DIR\nsluice-lab exec "), std::string::npos);
  EXPECT_NE(html->find(" --seed 1 --jitter 250ns -o DIR"), std::string::npos);
}

// Seed 1: a did not finish, b did; seed 2: neither.
TEST_F(ReportFiles, UnfinishedSeedsHaveNoRatioInNumbers) {
  MakeRun();
  const auto text = ReadText(directory_ + "/run.json");
  ASSERT_TRUE(text.ok());
  cli::Json run = cli::Json::parse(*text);
  for (cli::Json& m : run["metrics"]) {
    if (m["role"] != "primary") continue;
    m["per_seed"] = {{"a", {nullptr, nullptr}}, {"b", {2.5, nullptr}}};
  }
  ASSERT_TRUE(WriteText(directory_ + "/run.json", run.dump()).ok());
  const auto html = ReportOf(directory_);
  ASSERT_TRUE(html.ok()) << html.status();
  EXPECT_NE(html->find("<td>1</td><td>infinite</td><td>2.5</td><td>infinite</td>"),
            std::string::npos);
  EXPECT_NE(html->find("<td>2</td><td>infinite</td><td>infinite</td><td>&#8211;</td>"),
            std::string::npos);
  EXPECT_FALSE(std::regex_search(*html, std::regex("[0-9]{40}\\.")));
}

// The bound is that of as many seeds as the run has it of, which may be none.
TEST_F(ReportFiles, SaysWhoseTheBoundIs) {
  MakeRun();
  auto html = ReportOf(directory_);
  ASSERT_TRUE(html.ok()) << html.status();
  EXPECT_NE(html->find("fluid of the first 2 seeds."), std::string::npos);
  cli::Json run = cli::Json::parse(*ReadText(directory_ + "/run.json"));
  for (const bool absent : {false, true}) {
    for (auto& [name, values] : run["bound"].items()) values = cli::Json::array();
    if (absent) run["bound"] = cli::Json::object();
    ASSERT_TRUE(WriteText(directory_ + "/run.json", run.dump()).ok());
    html = ReportOf(directory_);
    ASSERT_TRUE(html.ok()) << html.status();
    EXPECT_EQ(html->find("luid"), std::string::npos);
    EXPECT_EQ(html->find("The bound is"), std::string::npos);
  }
}

TEST_F(ReportFiles, NamesTheFileThatIsWrong) {
  EXPECT_NE(ReportOf(directory_).status().ToString().find("run.json"), std::string::npos);
  MakeRun();
  ASSERT_TRUE(WriteText(directory_ + "/b/1/queues.csv", "time_ns,queue_bytes\n1,x\n").ok());
  EXPECT_NE(ReportOf(directory_).status().ToString().find("queues.csv"), std::string::npos);
  MakeRun();
  const std::string bytes = *ReadText(directory_ + "/a/2/result.json");
  ASSERT_TRUE(WriteText(directory_ + "/a/2/result.json", "{\"seed\": 1," + bytes.substr(1)).ok());
  EXPECT_NE(ReportOf(directory_).status().ToString().find("a/2/result.json: the key 'seed' stands"),
            std::string::npos);
  for (const char* text : {"", "[]", "{}", "{\"a\": 1}", "\xff", "{\"metrics\": [1]}"}) {
    ASSERT_TRUE(WriteText(directory_ + "/run.json", text).ok());
    EXPECT_EQ(ReportOf(directory_).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace sluice::lab
