// Messages that reuse the queue pairs of others, and when they do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "lab/bound.h"
#include "lab/experiment.h"
#include "lab/experiment_file.h"
#include "lab/runner.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

using ::testing::HasSubstr;

Scenario Star3() {
  Scenario s;
  s.topology = sim::Star(3, sim::LinkConfig{});
  s.limit = Duration::Milliseconds(100);
  s.watched_node = 3;
  s.watched_port = 1;
  s.sample = Duration::Microseconds(1);
  s.queue_pairs.reused = true;
  return s;
}

RunResult Execute(const Scenario& s, std::string algorithm = "fixed") {
  RunOptions options;
  options.algorithm = std::move(algorithm);
  auto run = Run(s, options);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *std::move(run) : RunResult();
}

Time At(int64_t us) { return Time::Zero() + Duration::Microseconds(us); }

// Two messages at once: on one queue pair the first goes as if it were alone, the second behind it;
// on two they share the line, and the first takes nearly twice as long.
TEST(QueuePairUse, MessagesOnOneGoOneBehindTheOther) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(1'000'000), Time::Zero()}, {0, 1, Bytes(1'000'000), Time::Zero()}};
  const RunResult reused = Execute(s);
  ASSERT_EQ(reused.finished, (std::vector<size_t>{0, 1}));
  const Duration alone = reused.flows[0].ideal;
  EXPECT_LE((reused.flows[0].fct - alone).ps(), 6'880);
  EXPECT_GT(reused.flows[1].fct, alone + alone * 8 / 10);
  s.queue_pairs.reused = false;
  const RunResult fresh = Execute(s);
  EXPECT_GT(fresh.flows[0].fct, alone + alone * 8 / 10);
}

// The other direction and another destination have queue pairs of their own.
TEST(QueuePairUse, IsOfOneHostToAnother) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(100'000), Time::Zero()},
             {1, 0, Bytes(100'000), Time::Zero()},
             {2, 0, Bytes(100'000), At(50)}};
  const RunResult run = Execute(s);
  ASSERT_EQ(run.finished.size(), 3u);
  // Data and acknowledgements share the lines of hosts 0 and 1: 100 of 86 B, 0.7 us in all.
  for (const FlowResult& f : run.flows) EXPECT_LT(f.fct - f.ideal, Duration::Microseconds(2));
}

// The second message comes 1 ms after the first, which takes less than 0.1 ms. On a new queue pair
// it begins as the first did, with a quarter of a window; on that of the first it finds a full one.
TEST(QueuePairUse, TheIdleRuleEndsIt) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(200'000), Time::Zero()}, {0, 1, Bytes(200'000), At(1000)}};
  const auto second = [&](std::optional<Duration> idle) {
    s.queue_pairs.idle = idle;
    const RunResult run = Execute(s, "tita");
    EXPECT_EQ(run.finished.size(), 2u);
    return run.flows[1].fct;
  };
  const Duration never = second(std::nullopt);
  EXPECT_EQ(second(Duration::Milliseconds(1)), never);  // less than 1 ms idle
  const Duration left = second(Duration::Microseconds(500));
  EXPECT_LT(never, left);
  EXPECT_EQ(second(Duration::Zero()), left);
  s.queue_pairs.reused = false;
  EXPECT_EQ(Execute(s, "tita").flows[1].fct, left);
}

// More than a queue pair has at a time: all of them, in order, without a pause of the line.
TEST(QueuePairUse, MessagesWaitForTheirTurn) {
  Scenario s = Star3();
  for (int i = 0; i < 100; ++i) s.flows.push_back({0, 1, Bytes(10'000), Time::Zero()});
  const RunResult run = Execute(s);
  ASSERT_EQ(run.finished.size(), 100u);
  EXPECT_TRUE(std::is_sorted(run.finished.begin(), run.finished.end()));
  // 1000 packets of 1082 B, 16 B of RETH for each message, 80 ps each, and the way there and back.
  EXPECT_NEAR(run.flows[99].fct.us(), (1000 * 1082 + 100 * 16) * 80e-6 + 4.1, 2.0);
}

// Arrivals on one queue pair are those of the right messages.
TEST(QueuePairUse, ArrivalsStillFireTriggers) {
  Scenario s = Star3();
  s.queue_pairs.idle = Duration::Microseconds(10);
  for (uint32_t i = 0; i < 40; ++i) {
    s.flows.push_back({0, 1, Bytes(1'000 * (i + 1)), Time::Zero()});
    FlowSpec answer{1, 2, Bytes(100), Time::Zero()};
    answer.trigger = i;
    s.flows.push_back(answer);
    s.triggers.push_back({{{2 * i, true}}, 1, Duration()});
  }
  const RunResult run = Execute(s);
  ASSERT_EQ(run.finished.size(), 80u);
  for (size_t i = 0; i < 40; ++i) {
    const FlowResult& asked = run.flows[2 * i];
    const Duration arrived = run.flows[2 * i + 1].spec.start - Time::Zero();
    EXPECT_LT(arrived, asked.fct);
    EXPECT_LT(asked.fct - arrived, Duration::Microseconds(4)) << i;
  }
}

TEST(QueuePairUse, HasNoFluidBound) {
  EXPECT_THAT(MessageOf(CheckBound(Star3())), HasSubstr("reused queue pairs"));
}

TEST(QueuePairUse, IsAParameterOfWorkloads) {
  const auto chosen = Choose("websearch:hosts=4,warmup=0,window=100us,queue-pairs=reused,idle=5us");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const Scenario s = *chosen->Build(1);
  EXPECT_TRUE(s.queue_pairs.reused);
  EXPECT_EQ(s.queue_pairs.idle, Duration::Microseconds(5));
  EXPECT_FALSE(Choose("websearch")->Build(1)->queue_pairs.reused);
  EXPECT_FALSE(Choose("websearch:queue-pairs=reused")->Build(1)->queue_pairs.idle.has_value());
  EXPECT_THAT(MessageOf(Choose("websearch:idle=5us").status()), HasSubstr("queue-pairs=reused"));
}

TEST(QueuePairUse, StandsInExperimentFiles) {
  cli::Json j = {{"format", "sluice-experiment/1"},
                 {"name", "mine"},
                 {"topology", {{"kind", "star"}, {"hosts", 3}}},
                 {"flows", {{0, 1, 1000, "0"}}}};
  const auto error = [&] { return MessageOf(ParseExperimentFile("x.json", j.dump()).status()); };
  j["idle"] = "5us";
  EXPECT_THAT(error(), HasSubstr("x.json: idle: is of reused queue pairs"));
  j["queue_pairs"] = "reused";
  const auto chosen = ParseExperimentFile("x.json", j.dump());
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(chosen->Build(1)->queue_pairs.idle, Duration::Microseconds(5));
  j["idle"] = "never";
  EXPECT_FALSE(ParseExperimentFile("x.json", j.dump())->Build(1)->queue_pairs.idle.has_value());
  j["idle"] = "-5us";
  EXPECT_THAT(error(), HasSubstr("x.json: idle: "));
  j["idle"] = "never";
  j["profile"] = "hpcc-ns3";
  EXPECT_THAT(error(), HasSubstr("queue_pairs: the profile hpcc-ns3 has a queue pair for each"));
  j.erase("profile");
  j["queue_pairs"] = "reusd";
  EXPECT_THAT(error(), HasSubstr("did you mean 'reused'?"));
}

}  // namespace
}  // namespace sluice::lab
