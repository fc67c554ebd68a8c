// Whole runs of the wire world over FakePorts, by a clock of their own: what arrives, what is said
// of it, and that the tape of every controller is replayed to the same decisions.
#include "bridge/wire_run.h"

#include <gtest/gtest.h>

#include <string>

#include "bridge/worlds.h"
#include "cc/registry.h"
#include "lab/experiment.h"
#include "lab/metrics.h"
#include "unit/bridge/fake_parts.h"

namespace sluice::bridge {
namespace {

constexpr Duration kStep = Duration::Microseconds(2);

lab::Scenario ScenarioOf(std::string_view experiment) {
  const auto chosen = lab::Choose(experiment);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  return *chosen->Build(1);
}

lab::RunOptions With(std::string algorithm) {
  lab::RunOptions options;
  options.algorithm = std::move(algorithm);
  return options;
}

absl::StatusOr<lab::RunResult> Execute(FakeParts& parts, std::string_view experiment,
                                       std::string algorithm, Recorder& recorder) {
  return RunOnWire(parts, ScenarioOf(experiment), With(std::move(algorithm)), recorder);
}

class EveryAlgorithm : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryAlgorithm, DeliversAndIsReplayed) {
  FakeParts parts(kStep);
  Recorder recorder(true);
  const auto run =
      Execute(parts, "incast:senders=4,size=100KB,kmin=20KB,kmax=60KB", GetParam(), recorder);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->finished.size(), 4u);
  ASSERT_TRUE(run->real.has_value());
  EXPECT_EQ(run->real->verified, Bytes(400'000));
  EXPECT_EQ(run->real->skipped, "");
  // The loop reads the clock once per poll.
  EXPECT_EQ(run->real->poll_gap, kStep);
  EXPECT_GE(run->real->base_rtt, Duration::Milliseconds(1));
  ASSERT_TRUE(run->real->rtt_p50.has_value());
  EXPECT_GE(*run->real->rtt_p50, run->real->base_rtt * 9 / 10);
  EXPECT_GE(run->watched_frames, 4u * 98);
  EXPECT_EQ(run->drops, 0u);
  for (const lab::FlowResult& f : run->flows) EXPECT_GE(f.fct, f.ideal * 99 / 100);

  const auto algorithm = cc::MakeAlgorithm(GetParam());
  size_t calls = 0;
  for (const Tape& tape : recorder.tapes()) {
    calls += tape.calls.size();
    EXPECT_EQ(Replay(tape, **algorithm), std::nullopt);
  }
  EXPECT_GT(calls, 100u);
}

std::vector<const char*> Names() {
  std::vector<const char*> names;
  for (const cc::RegistryEntry& entry : cc::Algorithms()) names.push_back(entry.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(WireRun, EveryAlgorithm, ::testing::ValuesIn(Names()),
                         [](const auto& test) { return std::string(test.param); });

// All from the same inputs and the same readings of the clock.
TEST(WireRun, IsAFunctionOfItsClock) {
  int64_t fct[2];
  for (int64_t& sum : fct) {
    FakeParts parts(kStep);
    Recorder recorder(false);
    const auto run = Execute(parts, "incast:senders=3,size=50KB", "tita", recorder);
    ASSERT_TRUE(run.ok()) << run.status();
    sum = 0;
    for (const lab::FlowResult& f : run->flows) sum += f.fct.ps();
  }
  EXPECT_EQ(fct[0], fct[1]);
}

// A lone flow at line rate is as long as it is in virtual time, up to a few polls.
TEST(WireRun, ALoneFlowTakesItsIdealTime) {
  FakeParts parts(kStep);
  Recorder recorder(false);
  const auto run = Execute(parts, "incast:senders=1,size=200KB", "fixed", recorder);
  ASSERT_TRUE(run.ok()) << run.status();
  const lab::FlowResult& f = run->flows[0];
  EXPECT_GE(f.fct, f.ideal);
  EXPECT_LT(f.fct, f.ideal + kStep * 20);
}

TEST(WireRun, ALongPollGapIsSkippedAloud) {
  FakeParts parts(kStep);
  Recorder recorder(false);
  parts.StallAt(4000, Duration::Milliseconds(1));
  const auto run = Execute(parts, "incast:senders=2,size=100KB", "dcqcn", recorder);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GE(run->real->poll_gap, Duration::Milliseconds(1));
  EXPECT_NE(run->real->skipped.find("stood still"), std::string::npos) << run->real->skipped;
  EXPECT_EQ(run->finished.size(), 2u);
}

TEST(WireRun, AShallowBufferLosesAndEverythingStillArrives) {
  FakeParts parts(kStep);
  Recorder recorder(false);
  const auto run =
      Execute(parts, "incast:senders=4,size=100KB,buffer=40KB,timeout=3", "fixed", recorder);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GT(run->drops, 0u);
  EXPECT_EQ(run->real->verified, Bytes(400'000));
}

TEST(WireRun, StopsWhenItIsTold) {
  FakeParts parts(kStep);
  Recorder recorder(false);
  lab::RunOptions options = With("fixed");
  options.progress = [](double) { return false; };
  const auto run = RunOnWire(parts, ScenarioOf("incast:senders=2"), options, recorder);
  EXPECT_EQ(run.status().code(), absl::StatusCode::kCancelled);
}

// The same stretched experiment in both worlds: with polls of 2 us to a round trip of 4 ms they
// agree.
TEST(Worlds, AgreeWhereTheClockIsSteady) {
  FakeParts parts(kStep);
  WorldsPlan plan;
  plan.experiment = *lab::Choose("incast:senders=4,size=200KB,kmin=20KB,kmax=60KB");
  plan.algorithms = {"fixed", "hpcc"};
  const auto result = CompareWorlds(parts, plan);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->rows.size(), 2u);
  for (const WorldRow& row : result->rows) {
    ASSERT_EQ(row.on_wire.size(), 3u) << row.algorithm;
    EXPECT_EQ(row.verified, Bytes(3 * 800'000));
    for (const WorldFigures& wire : row.on_wire) {
      EXPECT_NEAR(wire.goodput_gbps / row.in_virtual_time.goodput_gbps, 1, 0.05) << row.algorithm;
      EXPECT_NEAR(wire.rtt_p50->us() / row.in_virtual_time.rtt_p50->us(), 1, 0.1) << row.algorithm;
      EXPECT_NEAR(wire.marked, row.in_virtual_time.marked, 0.05) << row.algorithm;
    }
  }
  const cli::Json j = WorldsJson(plan, *result);
  EXPECT_EQ(j["rows"].size(), 2u);
  EXPECT_EQ(j["rows"][0]["cc"], "fixed");
  EXPECT_FALSE(j.contains("skipped"));
  EXPECT_LE(j["rows"][1]["goodput_gbps"]["wire_low"], j["rows"][1]["goodput_gbps"]["wire"]);
  EXPECT_NE(WorldsText(plan, *result).find("hpcc"), std::string::npos);
}

}  // namespace
}  // namespace sluice::bridge
