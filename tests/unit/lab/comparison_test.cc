#include "lab/comparison.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

ComparisonPlan Plan(std::string_view experiment, std::string a, std::string b, int seeds,
                    int jobs) {
  ComparisonPlan plan;
  plan.experiment = *Choose(experiment);
  plan.a = std::move(a);
  plan.b = std::move(b);
  plan.seeds = seeds;
  plan.jobs = jobs;
  return plan;
}

TEST(CompareArms, AnAlgorithmAgainstItselfIsIdentical) {
  const auto plan = Plan("incast:senders=4,size=30KB", "tita", "tita", 3, 2);
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const MetricRow& row : result->rows) {
    EXPECT_EQ(row.comparison.verdict, Verdict::kIdentical) << row.name;
    EXPECT_EQ(row.a.size(), 3u);
  }
  EXPECT_NE(VerdictLine(ComparisonJson(plan, *result)).find("no difference"), std::string::npos);
}

TEST(CompareArms, DoesNotDependOnTheThreads) {
  const auto one = Plan("incast:senders=4,size=60KB", "tita", "fixed", 4, 1);
  const auto many = Plan("incast:senders=4,size=60KB", "tita", "fixed", 4, 8);
  const auto x = CompareArms(one), y = CompareArms(many);
  ASSERT_TRUE(x.ok() && y.ok());
  EXPECT_EQ(cli::JsonText(ComparisonJson(one, *x)), cli::JsonText(ComparisonJson(many, *y)));
}

// Half the line rate takes twice as long: the verdict is certain with any seeds.
TEST(CompareArms, FindsTheSlowerOne) {
  const auto plan = Plan("incast:senders=1,size=1MB", "fixed:rate=50Gbps", "fixed", 3, 2);
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const MetricRow& row : result->rows) {
    if (row.name == "fct_p50_ns") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kWorse);
      // Twice the wire time of 86.57 us, and the same 4.1 us of way.
      EXPECT_NEAR(*row.comparison.ratio, (2 * 86.56 + 4.1) / (86.56 + 4.1), 0.01);
    }
    if (row.name == "goodput_gbps") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kWorse);
    }
    if (row.name == "drops") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kIdentical);
    }
  }
}

TEST(CompareArms, StopsWhenAsked) {
  auto plan = Plan("incast", "fixed:rate=1Gbps", "fixed:rate=1Gbps", 50, 2);
  plan.progress = [](double, int, int) { return false; };
  EXPECT_EQ(CompareArms(plan).status().code(), absl::StatusCode::kCancelled);
}

TEST(ComparisonJson, HasTheFieldsOfTheContract) {
  const auto plan = Plan("incast:senders=2,size=10KB", "tita", "dcqcn", 2, 1);
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok());
  const cli::Json j = ComparisonJson(plan, *result);
  EXPECT_EQ(j["a"], "tita");
  EXPECT_EQ(j["b"], "dcqcn");
  EXPECT_EQ(j["seeds"], 2);
  ASSERT_FALSE(j["metrics"].empty());
  for (const cli::Json& m : j["metrics"]) {
    for (const char* name : {"name", "a", "b", "ratio", "low", "high", "verdict"}) {
      EXPECT_TRUE(m.contains(name)) << name;
    }
  }
}

}  // namespace
}  // namespace sluice::lab
