// What loss costs on the path of the loss experiment: 400 Gb/s, 20 us, 1 KiB packets, one queue
// pair, 64 x 4 MiB, with and without the extension.
#include "lab/loss.h"

#include <gtest/gtest.h>

#include <string>

#include "lab/metrics.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

constexpr double kPackets = 64.0 * 4096;

struct Outcome {
  double goodput = 0;
  RunResult run;
};

Outcome Execute(const std::string& parameters, const std::string& algorithm) {
  const auto chosen = Choose("loss:" + parameters);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(1);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  RunOptions options;
  options.algorithm = algorithm;
  auto run = Run(*scenario, options);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return {};
  const double goodput = Measure(*run).goodput_gbps;
  return {goodput, *std::move(run)};
}

class Loss : public testing::TestWithParam<const char*> {};

// Goodput as a part of that without loss, against what the loss itself takes away: a lost packet
// has to be sent twice. And nothing but what is lost is sent again.
TEST_P(Loss, CostsNextToNothingWithTheExtension) {
  const Outcome without = Execute("p=0", GetParam());
  EXPECT_EQ(without.run.finished.size(), 64u);
  EXPECT_EQ(without.run.retransmissions, 0u);
  const struct {
    double p;
    double least;  // of (1 - p) times the goodput without loss
  } cases[] = {{0.001, 0.99}, {0.01, 0.95}};
  for (const auto& c : cases) {
    const Outcome with = Execute("p=" + std::to_string(c.p), GetParam());
    SCOPED_TRACE(c.p);
    EXPECT_EQ(with.run.finished.size(), 64u);
    EXPECT_GE(with.goodput, c.least * (1 - c.p) * without.goodput);
    EXPECT_LE(static_cast<double>(with.run.retransmissions), 1.2 * c.p * kPackets);
    EXPECT_GE(static_cast<double>(with.run.retransmissions), 0.8 * c.p * kPackets);
    EXPECT_EQ(with.run.timeouts, 0u);
    std::printf("%s, p=%g: %.1f of %.1f Gb/s\n", GetParam(), c.p, with.goodput, without.goodput);
  }
}

TEST_P(Loss, OfATenthStillCompletes) {
  const Outcome with = Execute("p=0.1", GetParam());
  EXPECT_EQ(with.run.finished.size(), 64u);
  std::printf("%s, p=0.1: %.1f Gb/s, %.4f sent again, %d timeouts\n", GetParam(), with.goodput,
              static_cast<double>(with.run.retransmissions) / kPackets,
              static_cast<int>(with.run.timeouts));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Loss, testing::Values("fixed", "tita"));

// The same for go-back-N: goodput ~ 1 / (1 + p W), with W = 900 packets in a round trip.
TEST(LossOfBase, TakesHalfTheGoodput) {
  const Outcome base = Execute("p=0.001,reliability=base,messages=16", "fixed");
  const Outcome extended = Execute("p=0.001,messages=16", "fixed");
  EXPECT_EQ(base.run.finished.size(), 16u);
  EXPECT_LT(base.goodput, 0.7 * extended.goodput);
  std::printf("go-back-N, p=0.001: %.1f Gb/s; selective repeat %.1f\n", base.goodput,
              extended.goodput);
}

TEST(LossExperiment, RefusesWhatDoesNotGoTogether) {
  for (const char* text : {"loss:reliability=fast", "loss:window=1000", "loss:p=2", "loss:mtu=1022",
                           "loss:kmin=2MB,kmax=1MB"}) {
    EXPECT_EQ(Choose(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace sluice::lab
