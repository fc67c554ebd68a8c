#include "cc/tita.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "support/cc_bottleneck.h"

namespace sluice::cc {
namespace {

constexpr Duration kTau = Duration::Microseconds(8);
constexpr double kLine = 100e9;
// Payload bytes that 100 Gb/s carry in 8 us with packets of 4096 + 58 + 24 bytes.
constexpr double kBdp = 100e9 / 8 * 8e-6 * 4096 / 4178;

FlowContext Context() {
  FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(4096);
  context.header_bytes = Bytes(58);
  context.base_rtt = kTau;
  return context;
}

struct Fields : FieldSink {
  void Field(const char* name, const char*, double value) override { values[name] = value; }
  std::map<std::string, double> values;
};
double Of(const Controller& cc, const char* name) {
  Fields fields;
  cc.Describe(fields);
  return fields.values.at(name);
}

// Feeds full packets, one every `gap`, each with this queueing delay.
class Feeder {
 public:
  explicit Feeder(Tita& cc) : cc_(cc) {}
  void Feed(int packets, Duration queue, bool ce = false,
            Duration gap = Duration::Nanoseconds(330)) {
    for (int i = 0; i < packets; ++i) {
      now_ += gap;
      Sample s;
      s.acked = Bytes(4096);
      s.rtt = kTau + queue + host_ + remote_;
      s.host_delay = host_;
      s.remote_delay = remote_;
      s.wire_length = 4154;
      s.stamp = StampSource::kNic;
      s.ce = ce;
      Feedback f;
      f.now = now_;
      f.present.Add(Signal::kRtt).Add(Signal::kCeBytes);
      f.present.Add(Signal::kHostDelay).Add(Signal::kRemoteDelay);
      if (senders_ > 0) f.present.Add(Signal::kActiveSenders);
      f.active_senders = senders_;
      f.acked = Bytes(4096);
      f.acked_packets = 1;
      f.ce_bytes = ce ? Bytes(4096) : Bytes(0);
      f.in_flight = Bytes(1'000'000);
      f.samples = std::span<const Sample>(&s, 1);
      cc_.OnFeedback(f);
    }
  }
  void Lose(LossKind kind) {
    Loss loss;
    loss.now = now_;
    loss.kind = kind;
    loss.lost = Bytes(4096);
    loss.packets = 1;
    cc_.OnLoss(loss);
  }
  Duration host_, remote_;
  uint32_t senders_ = 0;

 private:
  Tita& cc_;
  Time now_;
};

TEST(TitaTest, StartsAtAQuarterOfTheBandwidthDelayProduct) {
  const TitaParams params;
  const Tita cc(params, Context());
  EXPECT_NEAR(Of(cc, "window"), kBdp / 4, 1);
  EXPECT_EQ(cc.control().window, Bytes(static_cast<int64_t>(kBdp / 4) + 4096));
}

TEST(TitaTest, AKnownFanInSharesTheFirstWindow) {
  const TitaParams params;
  FlowContext context = Context();
  context.fan_in = 50;
  const Tita cc(params, context);
  EXPECT_NEAR(Of(cc, "window"), 1.25 * kBdp / 50, 1);
}

// Equation 2 with t0 = 0.15, kappa = 0.7: at B / W = 4 the target is 1.2 us (1 + 0.7 ln 4).
TEST(TitaTest, TargetFallsWithTheLogarithmOfTheWindow) {
  const TitaParams params;
  const Tita cc(params, Context());
  EXPECT_NEAR(Of(cc, "target"), 1.2e6 * (1 + 0.7 * std::log(4)), 10);
}

// Quiet round trips double it up to B, where it paces at line rate.
TEST(TitaTest, DoublesPerQuietRoundTripUpToB) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.Feed(26, Duration::Zero());
  EXPECT_GT(Of(cc, "window"), kBdp / 2);
  feeder.Feed(100, Duration::Zero());
  EXPECT_GE(Of(cc, "window"), kBdp);
  EXPECT_EQ(cc.control().rate.bps(), static_cast<int64_t>(kLine));
}

TEST(TitaTest, SettlesWhereDelayIsTheTarget) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  // A queue of 2 us, whatever the flow does. At rest (tau + q) / (tau + T) = 1 + beta / W. With
  // x = B / W and beta = 0.004 B: 10 us / (1 + 0.004 x) = 9.2 us + 0.84 us ln x, so x = 2.325.
  feeder.Feed(20000, Duration::Microseconds(2));
  EXPECT_NEAR(kBdp / Of(cc, "window"), 2.325, 0.03);
}

TEST(TitaTest, HostAndRemoteDelayAreNotTheFabrics) {
  const TitaParams params;
  Tita plain(params, Context()), delayed(params, Context());
  Feeder a(plain), b(delayed);
  b.host_ = Duration::Microseconds(30);
  b.remote_ = Duration::Microseconds(50);
  a.Feed(500, Duration::Microseconds(3));
  b.Feed(500, Duration::Microseconds(3));
  EXPECT_EQ(plain.control().window, delayed.control().window);
}

// Tau is learned per wire length: a small packet's shorter way must not make large ones look late.
TEST(TitaTest, SmallPacketsDoNotLowerTheTauOfLargeOnes) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.Feed(10, Duration::Zero());
  Sample s;
  s.acked = Bytes(64);
  s.rtt = Duration::Microseconds(6);
  s.wire_length = 122;
  s.stamp = StampSource::kNic;
  Feedback f;
  f.now = Time::Zero() + Duration::Microseconds(4);
  f.present.Add(Signal::kRtt);
  f.acked = Bytes(64);
  f.samples = std::span<const Sample>(&s, 1);
  cc.OnFeedback(f);
  EXPECT_EQ(Of(cc, "tau"), 8e6);
  EXPECT_EQ(Of(cc, "queue_delay"), 0);
}

TEST(TitaTest, LossInAnEmptyFabricIsTheCables) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.Feed(200, Duration::Zero());
  const double before = Of(cc, "window");
  feeder.Lose(LossKind::kSackGap);
  EXPECT_EQ(Of(cc, "window"), before);
  feeder.Lose(LossKind::kTimeout);
  EXPECT_LT(Of(cc, "window"), before);
}

// Equation 8: the window goes to what was delivered in the last round trip, less a part for the
// queue: a packet per 3.3 us is a tenth of the line.
TEST(TitaTest, LossWithAQueueGoesToWhatWasDelivered) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.Feed(200, Duration::Zero());
  ASSERT_GT(Of(cc, "window"), 0.9 * kBdp);
  feeder.Feed(12, Duration::Microseconds(40), true, Duration::Nanoseconds(3300));
  feeder.Lose(LossKind::kSackGap);
  EXPECT_LT(Of(cc, "window"), 0.2 * kBdp);
  EXPECT_GT(Of(cc, "window"), 0.02 * kBdp);
  // The rest of the same burst does not cut again.
  const double after = Of(cc, "window");
  feeder.Lose(LossKind::kSackGap);
  EXPECT_EQ(Of(cc, "window"), after);
}

TEST(TitaTest, MarksAloneDoNotCut) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.Feed(200, Duration::Zero());
  const double before = Of(cc, "window");
  feeder.Feed(200, Duration::Zero(), true);
  EXPECT_GE(Of(cc, "window"), before);
}

// Equation 9: rho B / n.
TEST(TitaTest, ActiveSendersCapTheWindow) {
  const TitaParams params;
  Tita cc(params, Context());
  Feeder feeder(cc);
  feeder.senders_ = 10;
  feeder.Feed(200, Duration::Zero());
  EXPECT_NEAR(static_cast<double>(cc.control().window.count()), 1.25 * kBdp / 10 + 4096, 2);
  EXPECT_EQ(cc.control().cause, Tita::kSenders);
}

// The fixed point of docs/algorithms/tita.md: q = T(B_N) + beta_N / W (tau + T) with W = (B + Q) /
// N, solved here by iteration and held against the packets.
double FixedPointQueueBytes(double tau_ps, int n) {
  const TitaParams p;
  const double bdp = kLine / 8e12 * tau_ps * 4096 / 4178;
  double q = 0;
  for (int i = 0; i < 200; ++i) {
    const double window = bdp * (1 + q / tau_ps) / n;
    const double target = p.t0 * tau_ps * (1 + p.kappa * std::log(std::max(1.0, bdp / window)));
    const double beta = std::min(p.beta * bdp, p.beta_share * window);
    q = target + beta / window * (tau_ps + target);
  }
  return q * kLine / 8e12;
}

TEST(TitaTest, TheSimulatedQueueIsTheFixedPoint) {
  const auto algorithm = MakeAlgorithm("tita");
  ASSERT_TRUE(algorithm.ok());
  for (int n : {2, 4, 16, 64}) {
    test::BottleneckConfig config;
    config.flows.resize(static_cast<size_t>(n));
    for (size_t i = 0; i < config.flows.size(); ++i) {
      config.flows[i].start = Duration::Nanoseconds(static_cast<int64_t>(100 * i));
    }
    config.signals.Add(Signal::kRemoteDelay).Add(Signal::kCeBytes);
    config.tell_base_rtt = true;
    config.duration = Duration::Milliseconds(15);
    const test::BottleneckResult r = test::RunBottleneck(**algorithm, config);
    const double tau =
        static_cast<double>((config.base_rtt + Duration::Picoseconds(2 * 334'240)).ps());
    const double expected = FixedPointQueueBytes(tau, n);
    EXPECT_NEAR(r.QueueMean(80, 150), expected, 0.25 * expected) << n << " flows";
    EXPECT_GT(r.Jain(80, 150), 0.98) << n << " flows";
    EXPECT_GT(r.Utilisation(config, 80, 150, config.bottleneck), 0.98) << n << " flows";
  }
}

// A peer that acknowledges seldom gives one measurement for 16 packets.
TEST(TitaTest, WorksWithOneMeasurementInSixteenPackets) {
  const auto algorithm = MakeAlgorithm("tita");
  ASSERT_TRUE(algorithm.ok());
  test::BottleneckConfig config;
  config.flows.resize(4);
  config.rtt_every = 16;
  config.buffer = Bytes(2 << 20);
  const test::BottleneckResult r = test::RunBottleneck(**algorithm, config);
  EXPECT_GT(r.Utilisation(config, 20, 100, config.bottleneck), 0.95);
  EXPECT_GT(r.Jain(50, 100), 0.95);
  EXPECT_EQ(r.drops, 0);
}

// 64 senders of 1 MB at once into 2 MiB: the first windows are small enough not to overflow it.
TEST(TitaTest, SynchronousIncastOf64DropsNothing) {
  const auto algorithm = MakeAlgorithm("tita");
  ASSERT_TRUE(algorithm.ok());
  test::BottleneckConfig config;
  config.flows.resize(64);
  for (test::BottleneckFlow& f : config.flows) f.size = Bytes(1'000'000);
  config.signals.Add(Signal::kRemoteDelay);
  config.buffer = Bytes(2 << 20);
  config.duration = Duration::Milliseconds(20);
  const test::BottleneckResult r = test::RunBottleneck(**algorithm, config);
  EXPECT_EQ(r.drops, 0);
  // 64 MB with headers at 100 Gb/s take 5.22 ms.
  for (const auto& finish : r.finish) {
    ASSERT_TRUE(finish.has_value());
    EXPECT_LT(finish->us(), 5700);
  }
}

}  // namespace
}  // namespace sluice::cc
