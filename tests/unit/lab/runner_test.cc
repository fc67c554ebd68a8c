#include "lab/runner.h"

#include <gtest/gtest.h>

#include "lab/experiment.h"
#include "lab/metrics.h"

namespace sluice::lab {
namespace {

RunResult Execute(std::string_view experiment, std::string algorithm, uint64_t seed = 1,
                  bool series = false) {
  const auto chosen = Choose(experiment);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(seed);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  RunOptions options;
  options.algorithm = std::move(algorithm);
  options.seed = seed;
  options.series = series;
  auto run = Run(*scenario, options);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *std::move(run) : RunResult();
}

// A flow without company at line rate takes its ideal time. Where the last acknowledgement comes
// right behind an earlier one it may wait for it, at most one ACK's 6.88 ns.
TEST(Run, ALoneFlowIsIdeal) {
  for (const char* size : {"1", "4", "999", "1000", "1001", "17KB", "100KB", "1MB", "1000004"}) {
    const RunResult run = Execute(std::string("incast:senders=1,size=") + size, "fixed");
    ASSERT_EQ(run.finished.size(), 1u);
    const FlowResult& f = run.flows[0];
    EXPECT_GE(f.fct, f.ideal) << size;
    EXPECT_LE((f.fct - f.ideal).ps(), 6'880) << size;
  }
}

// Three packets cross two links, and so does the acknowledgement of the last one.
TEST(Run, CountsHopsOfDataAndAcknowledgements) {
  const RunResult run = Execute("incast:senders=1,size=3000", "fixed");
  EXPECT_EQ(run.packet_hops, 3u * 2 + 2);
}

TEST(Run, IsAFunctionOfItsSeed) {
  const RunResult one = Execute("incast:senders=4,size=50KB", "tita");
  const RunResult again = Execute("incast:senders=4,size=50KB", "tita", 1, true);
  const RunResult two = Execute("incast:senders=4,size=50KB", "tita", 2);
  EXPECT_EQ(one.trace_hash, again.trace_hash);  // watching changes nothing
  EXPECT_EQ(one.queue_mean_bytes, again.queue_mean_bytes);
  EXPECT_NE(one.trace_hash, two.trace_hash);
}

// 8 senders of 100 packets at line rate: no more than 8 x 100 frames of 1058 B (and 16 for RETH)
// can wait, and at least 7/8 of what was sent had to.
TEST(Run, AnIncastWithoutControlFillsTheQueue) {
  const RunResult run = Execute("incast:senders=8,size=100KB,spread=0,kmin=1GB,kmax=1GB", "fixed");
  EXPECT_EQ(run.drops, 0u);
  EXPECT_LE(run.queue_max.count(), 8 * (100 * 1058 + 16));
  EXPECT_GE(run.queue_max.count(), 7 * (100 * 1058 + 16) - 8 * 1074);
  EXPECT_EQ(run.ecn_marks, 0u);
  EXPECT_EQ(run.retransmissions, 0u);
}

TEST(Run, ASmallBufferLosesAndEverythingStillArrives) {
  const RunResult run = Execute("incast:senders=8,size=200KB,buffer=100KB", "fixed");
  EXPECT_GT(run.drops, 0u);
  EXPECT_GE(run.retransmissions, run.drops);
  EXPECT_EQ(run.finished.size(), 8u);
}

// 100 packets at 10 Mb/s: 866 us from one to the next, more than the retransmission timer of 262
// us, which must not take that for a loss.
TEST(Run, ASlowPaceIsNoLoss) {
  for (const char* rate : {"1Mbps", "10Mbps", "40Mbps", "100Mbps", "1Gbps"}) {
    const RunResult run =
        Execute("incast-shallow:senders=1,size=100KB,limit=10s", std::string("fixed:rate=") + rate);
    EXPECT_EQ(run.finished.size(), 1u) << rate;
    EXPECT_EQ(run.timeouts, 0u) << rate;
    EXPECT_EQ(run.retransmissions, 0u) << rate;
  }
}

TEST(Run, StopsAtItsLimit) {
  const RunResult run = Execute("incast:senders=2,limit=50us", "fixed");
  EXPECT_EQ(run.finished.size(), 0u);
  EXPECT_EQ(run.end, Duration::Microseconds(50));
  EXPECT_EQ(run.flows[0].fct, run.end - (run.flows[0].spec.start - Time::Zero()));
}

// The series of a flow at line rate: frames of 1058 B every 86.56 ns.
TEST(Run, TheSeriesHoldWhatWasSent) {
  const RunResult run = Execute("incast:senders=2,size=1MB,spread=0,sample=10us", "fixed", 1, true);
  ASSERT_EQ(run.series.hosts.size(), 2u);
  ASSERT_GE(run.series.host_bytes[0].size(), 9u);
  for (size_t i = 1; i < 8; ++i) {
    const int64_t sent = run.series.host_bytes[0][i] - run.series.host_bytes[0][i - 1];
    EXPECT_NEAR(static_cast<double>(sent), 10'000 / 86.56 * 1058, 2 * 1074);
  }
  // The second half of what both send waits.
  EXPECT_NEAR(static_cast<double>(run.series.queue_bytes[8]), 80'000 / 86.56 * 1058, 50'000);
}

TEST(Run, RefusesAnAlgorithmThatItDoesNotKnow) {
  const auto chosen = Choose("incast:senders=1");
  const auto scenario = chosen->Build(1);
  RunOptions options;
  options.algorithm = "titta";
  EXPECT_EQ(lab::Run(*scenario, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Run, EndsWhenInterrupted) {
  const auto chosen = Choose("incast:senders=16");
  const auto scenario = chosen->Build(1);
  RunOptions options;
  options.algorithm = "fixed:rate=1Gbps";
  options.progress = [](double) { return false; };
  EXPECT_EQ(lab::Run(*scenario, options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice::lab
