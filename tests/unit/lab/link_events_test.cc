// Links of an experiment file that slow down, lose and swallow.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "cli/json.h"
#include "lab/experiment_file.h"
#include "lab/metrics.h"
#include "lab/result.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

using cli::Json;

// Two hosts (nodes 0 and 1) at a switch (2), and one flow of `bytes` from one to the other, of
// packets of 1000 B.
Json File(const char* second_rate, int64_t bytes) {
  return {{"format", "sluice-experiment/1"},
          {"name", "links"},
          {"topology",
           {{"kind", "inline"},
            {"nodes", 3},
            {"switches", {2}},
            {"links", {{0, 2, "100Gbps", "1us"}, {1, 2, second_rate, "1us"}}}}},
          {"limit", "1s"},
          {"flows", {{0, 1, bytes, "0"}}}};
}

RunResult RunOf(const Json& json, Json* result = nullptr) {
  const auto chosen = ParseExperimentFile("x.json", json.dump());
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  if (!chosen.ok()) return {};
  const auto scenario = chosen->Build(1);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  if (!scenario.ok()) return {};
  RunOptions options;
  options.algorithm = "dcqcn";
  auto run = Run(*scenario, options);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return {};
  if (result != nullptr) {
    const RunLabel label{&*chosen, "dcqcn", 1, "0", "0"};
    *result = ResultJson(label, *run, Measure(*run));
  }
  return *std::move(run);
}

// A link that is slow from the start is as slow as one that was built so.
TEST(LinkEvents, ADegradedLinkIsASlowerOne) {
  Json slow = File("100Gbps", 1'000'000);
  slow["link_events"] =
      Json::parse(R"([{"at": "0", "link": 1, "event": "change", "rate": "25Gbps"}])");
  const RunResult built = RunOf(File("25Gbps", 1'000'000));
  const RunResult changed = RunOf(slow);
  const RunResult whole = RunOf(File("100Gbps", 1'000'000));
  ASSERT_EQ(changed.flows.size(), 1u);
  EXPECT_TRUE(changed.flows[0].finished);
  EXPECT_EQ(changed.flows[0].fct, built.flows[0].fct);
  EXPECT_GT(changed.flows[0].fct, whole.flows[0].fct);
}

TEST(LinkEvents, AChangeWithoutAnythingMakesALinkWhole) {
  Json healed = File("100Gbps", 100'000);
  healed["link_events"] = Json::parse(R"([
      {"at": "0", "link": "all", "event": "change", "loss": 1, "rate": "1Gbps"},
      {"at": "0", "link": "all", "event": "change"}])");
  const RunResult run = RunOf(healed);
  EXPECT_EQ(run.link_totals.lost, 0u);
  EXPECT_EQ(run.flows[0].fct, RunOf(File("100Gbps", 100'000)).flows[0].fct);
}

// 10,000 packets and more: within five standard deviations of what the chance says.
TEST(LinkEvents, LossesAreCountedByTheirKind) {
  struct Row {
    const char* change;
    double lost, corrupt;  // of the frames on that link
  };
  const Row rows[] = {{R"({"loss": 0.01})", 0.01, 0},
                      {R"({"corrupt": 0.02})", 0.02, 0.02},
                      // Bad for 0.01 / (0.01 + 0.19) of the frames, half of which it loses. Runs of
                      // about five make the spread twice as wide or so.
                      {R"({"burst": {"to_bad": 0.01, "to_good": 0.19, "loss": 0.5}})", 0.025, 0}};
  for (const Row& row : rows) {
    Json json = File("100Gbps", 10'000'000);
    Json event = Json::parse(row.change);
    event.update(Json::parse(R"({"at": "0", "link": 0, "event": "change"})"));
    json["link_events"] = Json::array();
    json["link_events"].push_back(event);
    Json result;
    const RunResult run = RunOf(json, &result);
    // Both directions of both links; the second link loses nothing and carries what is left.
    const double frames = static_cast<double>(run.link_totals.frames + run.link_totals.lost) / 2;
    const double spread = 5 * 2 * std::sqrt(row.lost / frames) * frames;
    EXPECT_TRUE(run.flows[0].finished) << row.change;
    EXPECT_NEAR(static_cast<double>(run.link_totals.lost), row.lost * frames, spread) << row.change;
    EXPECT_EQ(run.link_totals.corrupt, row.corrupt > 0 ? run.link_totals.lost : 0) << row.change;
    EXPECT_EQ(result["link_losses"]["frames"], run.link_totals.lost);
    EXPECT_EQ(result["link_losses"]["corrupt"], run.link_totals.corrupt);
    EXPECT_EQ(result["link_losses"]["blackholed"], 0u);
  }
  Json result;
  RunOf(File("100Gbps", 1000), &result);
  EXPECT_FALSE(result.contains("link_losses"));
}

// All 5-tuples: nothing arrives, until the table is mended and the timer asks again.
TEST(LinkEvents, ABlackholeSwallowsAndIsMended) {
  Json json = File("100Gbps", 10'000);
  json["link_events"] = Json::parse(R"([
      {"at": "0", "link": 1, "event": "change", "blackhole": 1},
      {"at": "1ms", "link": 1, "event": "change"}])");
  const RunResult run = RunOf(json);
  EXPECT_GT(run.link_totals.blackholed, 0u);
  EXPECT_EQ(run.link_totals.blackholed, run.link_totals.lost);
  EXPECT_TRUE(run.flows[0].finished);
  EXPECT_GT(run.flows[0].fct, Duration::Milliseconds(1));
  EXPECT_GT(run.timeouts, 0u);
}

}  // namespace
}  // namespace sluice::lab
