#include "lab/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace sluice::lab {
namespace {

ComparisonPlan Plan(std::string_view experiment, std::string a, std::string b, int seeds,
                    int jobs) {
  ComparisonPlan plan;
  plan.experiment = *Choose(experiment);
  plan.a = std::move(a);
  plan.rivals = {std::move(b)};
  plan.seeds = seeds;
  plan.jobs = jobs;
  return plan;
}

TEST(CompareArms, AnAlgorithmAgainstItselfIsIdentical) {
  const auto plan = Plan("incast:senders=4,size=30KB", "tita", "tita", 3, 2);
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const MetricRow& row : result->rivals[0].rows) {
    EXPECT_EQ(row.comparison.verdict, Verdict::kIdentical) << row.kind->name;
    EXPECT_EQ(row.a.size(), 3u);
  }
  EXPECT_NE(VerdictLines(ComparisonJson(plan, *result))[0].find("no difference"),
            std::string::npos);
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
  for (const MetricRow& row : result->rivals[0].rows) {
    if (row.kind->name == "fct_p50_ns") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kWorse);
      // Twice the wire time of 86.57 us, and the same 4.1 us of way.
      EXPECT_NEAR(*row.comparison.ratio, (2 * 86.56 + 4.1) / (86.56 + 4.1), 0.01);
    }
    if (row.kind->name == "goodput_gbps") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kWorse);
    }
    if (row.kind->name == "drops") {
      EXPECT_EQ(row.comparison.verdict, Verdict::kIdentical);
    }
  }
}

TEST(CompareArms, StopsWhenAsked) {
  auto plan = Plan("incast", "fixed:rate=1Gbps", "fixed:rate=1Gbps", 50, 2);
  plan.progress = [](double, int, int) { return false; };
  EXPECT_EQ(CompareArms(plan).status().code(), absl::StatusCode::kCancelled);
}

TEST(CompareArms, SeveralRivalsAreCorrectedForTheirNumber) {
  auto plan = Plan("incast:senders=4,size=60KB", "tita", "dcqcn", 4, 2);
  plan.rivals.push_back("fixed");
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->rivals.size(), 2u);
  std::vector<double> p;
  for (const Judgement& j : result->rivals) p.push_back(*j.primary().comparison.p);
  const std::vector<double> holm = HolmAdjusted(p);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(result->rivals[i].primary().holm, holm[i]);
  const cli::Json j = ComparisonJson(plan, *result);
  EXPECT_EQ(j["b"], "dcqcn");
  EXPECT_EQ(j["rivals"].size(), 2u);
  EXPECT_EQ(j["rivals"][0]["metrics"], j["metrics"]);
  EXPECT_EQ(VerdictLines(j).size(), 2u);
}

TEST(CompareArms, APilotTellsHowManySeeds) {
  const auto same = CompareArms(Plan("incast:senders=4,size=30KB", "tita", "tita", 0, 2));
  ASSERT_TRUE(same.ok());
  EXPECT_TRUE(same->piloted);
  EXPECT_EQ(same->seeds, kPilotSeeds);
  const auto plan = Plan("incast-shallow:senders=8,size=60KB", "dcqcn", "fixed", 0, 2);
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok());
  const MetricRow& row = result->rivals[0].primary();
  EXPECT_EQ(row.a.size(), static_cast<size_t>(result->seeds));
  EXPECT_EQ(result->seeds,
            PlannedSeeds(std::span(row.a).first(kPilotSeeds), std::span(row.b).first(kPilotSeeds)));
}

TEST(CompareArms, RefusesSeedsThatChangeNothing) {
  auto plan = Plan("loss:p=0,messages=2,size=10KB", "fixed", "fixed", 2, 1);
  const auto refused = CompareArms(plan);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  plan.seeds = 1;
  EXPECT_TRUE(CompareArms(plan).ok());
}

// Two seeds are made to find out, not all that were asked for.
TEST(CompareArms, RefusesAfterTwoSeeds) {
  auto plan = Plan("loss:p=0,messages=2,size=10KB", "fixed", "fixed", 8, 1);
  plan.directory = testing::TempDir() + "/lab_comparison";
  std::filesystem::remove_all(plan.directory);
  EXPECT_EQ(CompareArms(plan).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::exists(RunDirectory(plan.directory, 1, 2)));
  EXPECT_FALSE(std::filesystem::exists(RunDirectory(plan.directory, 0, 3)));
  std::filesystem::remove_all(plan.directory);
}

// What the text says was drawn anew is true of every arm that it names.
TEST(ComparisonText, TellsWhatDiffersBesideTheAlgorithm) {
  auto plan = Plan("incast:senders=2,size=10KB", "tita", "dcqcn", 2, 1);
  plan.jitter = Duration::Nanoseconds(100);
  const auto jittered = CompareArms(plan);
  ASSERT_TRUE(jittered.ok());
  const std::string alone = ComparisonText(plan, *jittered);
  EXPECT_NE(alone.find("Starts are jittered by up to 100ns.\n"), std::string::npos);
  EXPECT_EQ(alone.find("anew"), std::string::npos);
  plan.independent.marking = true;
  plan.rivals.push_back("fixed");
  const auto two = CompareArms(plan);
  ASSERT_TRUE(two.ok());
  EXPECT_NE(ComparisonText(plan, *two).find("The rivals draw marking anew.\n"), std::string::npos);
}

// Only what is named differs: with the marking of arm b drawn anew, an algorithm that looks at
// marks takes another course, one that does not takes the same.
TEST(CompareArms, DrawsAnewWhatIsNamed) {
  auto plan = Plan("incast:senders=8,size=200KB,kmin=10KB,kmax=1MB", "dcqcn", "dcqcn", 3, 2);
  plan.independent.marking = true;
  const auto marked = CompareArms(plan);
  ASSERT_TRUE(marked.ok());
  EXPECT_NE(marked->rivals[0].primary().comparison.verdict, Verdict::kIdentical);
  plan.a = "fixed";
  plan.rivals = {"fixed"};
  const auto deaf = CompareArms(plan);
  ASSERT_TRUE(deaf.ok());
  EXPECT_EQ(deaf->rivals[0].primary().comparison.verdict, Verdict::kIdentical);
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

// A world beside a clock, in which the runs of some seeds do not count.
World Restless(std::vector<uint64_t> bad_seeds) {
  World world;
  world.name = "restless";
  world.parallel = false;
  world.run = [bad_seeds](const Scenario& scenario,
                          const RunOptions& options) -> absl::StatusOr<RunResult> {
    absl::StatusOr<RunResult> run = Run(scenario, options);
    if (!run.ok()) return run;
    RealTime real;
    real.poll_gap = Duration::Microseconds(static_cast<int64_t>(options.seed));
    const bool bad = std::count(bad_seeds.begin(), bad_seeds.end(), options.seed) > 0;
    if (bad && options.algorithm == "dcqcn") real.skipped = "it stood still";
    run->real = real;
    return run;
  };
  return world;
}

TEST(CompareArms, ASkippedRunTakesItsPairAlong) {
  const auto plain = Plan("incast:senders=2,size=10KB", "tita", "dcqcn", 4, 1);
  auto plan = plain;
  plan.world = Restless({2});
  const auto result = CompareArms(plan);
  const auto all = CompareArms(plain);
  ASSERT_TRUE(result.ok() && all.ok()) << result.status();
  EXPECT_EQ(result->seeds, 3);
  ASSERT_EQ(result->skipped.size(), 1u);
  EXPECT_EQ(result->skipped[0].seed, 2u);
  EXPECT_EQ(result->skipped[0].arm, 1u);
  EXPECT_TRUE(result->bounds.empty());
  std::vector<double> rest = all->rivals[0].primary().a;
  rest.erase(rest.begin() + 1);
  EXPECT_EQ(result->rivals[0].primary().a, rest);
  const cli::Json j = ComparisonJson(plan, *result);
  EXPECT_EQ(j["skipped"][0]["cc"], "dcqcn");
  EXPECT_EQ(j["skipped"][0]["cause"], "it stood still");
  EXPECT_EQ(j["world"]["poll_gap_ns"], 4000);  // the largest of all runs
  EXPECT_NE(ComparisonText(plan, *result).find("SKIPPED seed 2 of dcqcn: it stood still."),
            std::string::npos);
  EXPECT_FALSE(ComparisonJson(plain, *all).contains("skipped"));
  EXPECT_FALSE(ComparisonJson(plain, *all).contains("world"));
}

TEST(CompareArms, WithoutAPairNothingIsJudged) {
  auto plan = Plan("incast:senders=2,size=10KB", "tita", "dcqcn", 2, 1);
  plan.world = Restless({1, 2});
  const auto result = CompareArms(plan);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->seeds, 0);
  const cli::Json j = ComparisonJson(plan, *result);
  EXPECT_EQ(j["a"], "tita");
  EXPECT_EQ(j["b"], "dcqcn");
  EXPECT_EQ(j["seeds"], 0);
  EXPECT_TRUE(j["metrics"].empty());
  EXPECT_EQ(j["skipped"].size(), 2u);
  EXPECT_NE(VerdictLines(j)[0].find("Nothing is judged"), std::string::npos);
}

}  // namespace
}  // namespace sluice::lab
