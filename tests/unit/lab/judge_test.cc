#include "lab/judge.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::lab {
namespace {

// A run whose metrics are all 1, but for the named one.
RunValues Values(std::string_view metric, double value, double unfinished = 0) {
  RunValues run;
  run.values.assign(MetricKinds().size(), 1);
  run.values[*FindMetric(metric)] = value;
  run.flows = 100;
  run.unfinished = unfinished;
  return run;
}

const MetricRow& Row(const Judgement& j, std::string_view metric) {
  return j.rows[*FindMetric(metric)];
}

TEST(FindMetric, TakesBothWaysOfWritingAPercentile) {
  const size_t p99 = *FindMetric("slowdown_p99");
  EXPECT_EQ(MetricKinds()[p99].name, "slowdown_p99");
  EXPECT_EQ(*FindMetric("p99_slowdown"), p99);
  EXPECT_EQ(*FindMetric("p50_fct"), *FindMetric("fct_p50_ns"));
  EXPECT_EQ(*FindMetric("goodput"), *FindMetric("goodput_gbps"));
  const absl::Status unknown = FindMetric("slowdwn_p99").status();
  EXPECT_NE(unknown.ToString().find("did you mean 'slowdown_p99'"), std::string::npos) << unknown;
}

TEST(ValuesOf, NamesWhatIsMissing) {
  cli::Json result;
  EXPECT_NE(ValuesOf(result, "x/result.json").status().ToString().find("x/result.json"),
            std::string::npos);
  for (const MetricKind& kind : MetricKinds()) {
    if (kind.part.empty()) {
      result[std::string(kind.key)] = 2;
    } else {
      result[std::string(kind.key)][std::string(kind.part)] = 2;
    }
  }
  result["flows"] = 7;
  result["slowdown"]["p99"] = nullptr;  // an infinite one, in JSON
  const auto values = ValuesOf(result, "");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_TRUE(std::isinf(values->values[*FindMetric("slowdown_p99")]));
  EXPECT_EQ(values->values[*FindMetric("jain")], 2);
  EXPECT_EQ(values->flows, 7);
  result["jain"] = "much";
  EXPECT_FALSE(ValuesOf(result, "").ok());
}

// More than 1 % of the flows over all seeds: what flows feel is worse; the queue is what it is.
TEST(JudgeAll, UnfinishedFlowsMakeAnArmWorse) {
  Contest contest;
  for (int seed = 0; seed < 5; ++seed) {
    contest.a.push_back(Values("slowdown_p99", 0.5 + 0.001 * seed, seed == 0 ? 6 : 0));
    contest.b.push_back(Values("slowdown_p99", 1));
  }
  std::vector<Judgement> judged = JudgeAll({&contest, 1}, 0);
  EXPECT_EQ(Row(judged[0], "slowdown_p99").comparison.verdict, Verdict::kWorse);
  EXPECT_EQ(Row(judged[0], "slowdown_p99").reason, "unfinished flows");
  EXPECT_EQ(Row(judged[0], "queue_max_bytes").comparison.verdict, Verdict::kIdentical);
  EXPECT_DOUBLE_EQ(judged[0].unfinished_a, 6.0 / 500);
  std::swap(contest.a, contest.b);
  EXPECT_EQ(Row(JudgeAll({&contest, 1}, 0)[0], "slowdown_p99").comparison.verdict,
            Verdict::kBetter);
  contest.b[0].unfinished = 5;  // 1 % is not more than 1 %
  EXPECT_EQ(Row(JudgeAll({&contest, 1}, 0)[0], "slowdown_p99").comparison.verdict, Verdict::kWorse);
  contest.b[0].unfinished = contest.a[0].unfinished = 50;
  EXPECT_EQ(Row(JudgeAll({&contest, 1}, 0)[0], "slowdown_p99").comparison.verdict,
            Verdict::kInconclusive);
}

// The logarithms 0.1, 0.2, 0.2, 0.3 of n = 4 seeds have mean 0.2 and standard deviation 0.08165; t
// is 0.2 / (0.08165 / 2) = 4.899 and p = 0.0163: enough alone, not enough among five.
TEST(JudgeAll, HolmGoesOverAllContests) {
  Contest contest;
  for (const double d : {0.1, 0.2, 0.2, 0.3}) {
    contest.a.push_back(Values("slowdown_p99", std::exp(d)));
    contest.b.push_back(Values("slowdown_p99", 1));
  }
  const std::vector<Contest> one(1, contest), five(5, contest);
  const auto alone = JudgeAll(one, 0);
  EXPECT_EQ(alone[0].primary().comparison.verdict, Verdict::kWorse);
  EXPECT_NEAR(*alone[0].primary().comparison.p, 0.0163, 0.0002);
  const auto among = JudgeAll(five, 0);
  EXPECT_EQ(among[0].primary().comparison.verdict, Verdict::kInconclusive);
  EXPECT_EQ(among[0].primary().reason, "holm");
  EXPECT_NEAR(*among[0].primary().holm, 5 * *alone[0].primary().comparison.p, 1e-12);
  // Another primary metric: this one is exploratory, and not corrected.
  const auto other = JudgeAll(five, *FindMetric("jain"));
  EXPECT_EQ(Row(other[0], "slowdown_p99").comparison.verdict, Verdict::kWorse);
  EXPECT_FALSE(Row(other[0], "slowdown_p99").primary);
}

TEST(VerdictSentence, PutsThePrimaryMetricFirst) {
  Contest contest;
  for (const double d : {0.10, 0.11, 0.12}) {
    contest.a.push_back(Values("slowdown_p99", std::exp(d)));
    contest.b.push_back(Values("slowdown_p99", 1));
  }
  const auto judged = JudgeAll({&contest, 1}, 0);
  const std::string line = VerdictSentence("x", "y", MetricsJson(judged[0]));
  EXPECT_EQ(line.find("x against y: worse in slowdown_p99 x1.116 ["), 0u) << line;
  EXPECT_NE(line.find("exploratory: no difference that matters"), std::string::npos) << line;
}

}  // namespace
}  // namespace sluice::lab
