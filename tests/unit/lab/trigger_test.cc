// Flows that wait for flows.
#include <gtest/gtest.h>

#include "lab/ideal.h"
#include "lab/metrics.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

Scenario Star3() {
  Scenario s;
  s.topology = sim::Star(3, sim::LinkConfig{});
  s.limit = Duration::Milliseconds(10);
  s.watched_node = 3;
  s.watched_port = 1;
  s.sample = Duration::Microseconds(1);
  return s;
}

RunResult Execute(const Scenario& s) {
  RunOptions options;
  options.algorithm = "fixed";
  const auto run = Run(s, options);
  EXPECT_TRUE(run.ok()) << run.status();
  return *run;
}

TEST(Trigger, FiresWhenTheSenderHasItsAcknowledgement) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(10'000), Time::Zero()}, {2, 1, Bytes(10'000), Time::Zero()}};
  s.flows[1].trigger = 0;
  s.triggers = {{{{0, false}}, 1, Duration::Microseconds(5)}};
  const RunResult run = Execute(s);
  ASSERT_EQ(run.finished.size(), 2u);
  EXPECT_EQ(run.flows[1].spec.start - Time::Zero(), run.flows[0].fct + Duration::Microseconds(5));
  // Alone on its way, but for an acknowledgement behind another.
  for (const FlowResult& f : run.flows) EXPECT_LE((f.fct - f.ideal).ps(), 6'880);
}

// The receiver knows half a round trip earlier. Four bytes of immediate on the last packet, at 80
// ps each, once: the first packet is 16 B longer than the last, so that the second link never waits
// for the first. The acknowledgement's 86 B (lab/ideal.h) and two delays are not waited for.
TEST(Trigger, FiresWhenTheReceiverHasTheLastByte) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(10'000), Time::Zero()}, {1, 2, Bytes(10'000), Time::Zero()}};
  s.flows[1].trigger = 0;
  s.triggers = {{{{0, true}}, 1, Duration()}};
  const RunResult run = Execute(s);
  ASSERT_EQ(run.finished.size(), 2u);
  const int64_t ack = 2 * ((AckFrameLength() + 24) * 80 + 1'000'000);
  EXPECT_EQ((run.flows[1].spec.start - Time::Zero()).ps(), run.flows[0].ideal.ps() + 4 * 80 - ack);
}

TEST(Trigger, ABarrierWaitsForItsCount) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(10'000), Time::Zero()},
             {2, 1, Bytes(100'000), Time::Zero()},
             {1, 0, Bytes(1'000), Time::Zero()}};
  s.flows[2].trigger = 0;
  for (const uint32_t needed : {1u, 2u}) {
    s.triggers = {{{{0, false}, {1, false}}, needed, Duration()}};
    const RunResult run = Execute(s);
    ASSERT_EQ(run.finished.size(), 3u);
    const FlowResult& cause = run.flows[needed == 1 ? 0 : 1];
    EXPECT_EQ(run.flows[2].spec.start, cause.spec.start + cause.fct) << needed;
  }
}

TEST(Trigger, AFlowWhoseTriggerNeverFiresIsUnfinished) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(1'000), Time::Zero()}, {1, 0, Bytes(1'000), Time::Zero()}};
  s.flows[1].trigger = 0;
  s.triggers = {{{{1, false}}, 1, Duration()}};
  const RunResult run = Execute(s);
  EXPECT_EQ(run.finished.size(), 1u);
  EXPECT_FALSE(run.flows[1].posted);
  EXPECT_EQ(Measure(run).unfinished, 1u);
}

// Flows may stand in any order, and only measured ones end a run.
TEST(Flows, ThatAreNotMeasuredEndNothing) {
  Scenario s = Star3();
  s.flows = {{0, 1, Bytes(1'000), Time::Zero() + Duration::Microseconds(50)},
             {0, 1, Bytes(1'000), Time::Zero()},
             {2, 1, Bytes(1'000), Time::Zero() + Duration::Milliseconds(5)}};
  s.flows[2].measured = false;
  const RunResult run = Execute(s);
  EXPECT_EQ(run.finished, (std::vector<size_t>{1, 0}));
  EXPECT_FALSE(run.flows[2].posted);
  const Metrics m = Measure(run);
  EXPECT_EQ(m.flows, 2u);
  EXPECT_EQ(m.unfinished, 0u);
}

}  // namespace
}  // namespace sluice::lab
