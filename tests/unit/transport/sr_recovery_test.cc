// Selective repeat end to end in virtual time: what loss and reordering cost on a path of 400 Gb/s
// and 20 us, and how long until what was lost is there.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/rng.h"
#include "support/spray_pair.h"

namespace sluice::test {
namespace {

constexpr Bandwidth kRate = Bandwidth::GigabitsPerSecond(400);
constexpr Duration kRtt = Duration::Microseconds(20);
constexpr uint32_t kMtu = 1024;
constexpr uint32_t kMessage = 1 << 20;
constexpr uint32_t kPackets = kMessage / kMtu;
constexpr Duration kLimit = Duration::Milliseconds(200);

verbs::ConnectOptions Options() {
  verbs::ConnectOptions o;
  o.mtu = kMtu;
  o.reliability = verbs::Reliability::kExtended;
  o.algorithm = "fixed";
  o.base_rtt_ns = 20'000;
  return o;
}

// `paths` links whose one-way delays spread evenly over 10 us +- 50 %.
std::vector<Duration> Spread(int64_t paths) {
  std::vector<Duration> d;
  for (int64_t i = 0; i < paths; ++i) {
    // In an order in which neighbours differ.
    const int64_t k = i * 7 % paths;
    d.push_back(Duration::Microseconds(5) + Duration::Microseconds(10) * k / (paths - 1));
  }
  return d;
}

bool IsData(const wire::FrameView& view) { return view.traits->payload_allowed; }

// The time of `messages` messages, from the first post to the last completion.
Duration TimeOf(SprayPair* pair, size_t messages) {
  const size_t before = pair->completed();
  const Time start = pair->now();
  for (size_t i = 0; i < messages; ++i) pair->PostWrite(kMessage);
  EXPECT_TRUE(pair->RunUntil(before + messages, kLimit));
  return pair->now() - start;
}

TEST(SelectiveRepeat, ReorderingOverSixteenPathsIsNoLoss) {
  SprayPair pair(kRate, Spread(16), Options(), 256);
  TimeOf(&pair, 2);  // the reordering is learned
  pair.Idle(kRtt * 5);
  const uint64_t again = pair.Count(0, "retransmitted_packets_total");
  const uint64_t twice = pair.Count(1, "duplicate_requests_packets_total");
  TimeOf(&pair, 64);
  EXPECT_EQ(pair.Count(0, "retransmitted_packets_total") - again, 0u);
  EXPECT_EQ(pair.Count(1, "duplicate_requests_packets_total") - twice, 0u);
  EXPECT_EQ(pair.Count(0, "local_ack_timeout_errors_total"), 0u);
  // The test reorders: nearly every packet arrives out of sequence.
  EXPECT_GT(pair.Count(1, "out_of_sequence_packets_received_total"), 64u * kPackets / 2);
}

TEST(SelectiveRepeat, LossOnTopOfReorderingCostsThreePercentAtMost) {
  // As much as the loss experiment moves; without loss it takes the time of its frames (1024 B of
  // payload, 36 of the extension's headers, 58 of the others, 24 of preamble, FCS and gap) and a
  // round trip.
  constexpr size_t kMessages = 256;
  const Duration without = TransmissionTime(Bytes(1142) * kPackets * kMessages, kRate) + kRtt;
  SprayPair pair(kRate, Spread(16), Options(), kMessages);
  TimeOf(&pair, 2);
  pair.Idle(kRtt * 5);
  const uint64_t twice = pair.Count(1, "duplicate_requests_packets_total");
  Rng rng(11);
  for (int end = 0; end < 2; ++end) {
    pair.port(end).SetLoss([&rng](const wire::FrameView&, Time) { return rng.Bernoulli(0.001); });
  }
  const Duration with = TimeOf(&pair, kMessages);
  EXPECT_GE(without.ps() * 100, with.ps() * 97) << without.us() << " us, with loss " << with.us();
  EXPECT_LE(pair.Count(1, "duplicate_requests_packets_total") - twice,
            kMessages * kPackets / 10'000);
  EXPECT_EQ(pair.Count(0, "local_ack_timeout_errors_total"), 0u);
}

// Loses the first transmissions of `count` packets from the `first` data packet on, and takes the
// time from the first of these to the last arrival of what they carried.
struct Burst {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t seen = 0;
  std::set<uint32_t> missing;
  OptionalTime lost;
  Time placed;

  void Attach(SprayPair* pair) {
    pair->port(0).SetLoss([this](const wire::FrameView& view, Time now) {
      if (!IsData(view)) return false;
      const uint64_t index = seen++;
      if (index < first || index >= first + count) return false;
      if (!lost) lost = now;
      missing.insert(view.psn.value());
      return true;
    });
    pair->port(1).SetWatch([this](const wire::FrameView& view, Time now) {
      if (IsData(view) && missing.erase(view.psn.value()) > 0) placed = now;
    });
  }
};

TEST(SelectiveRepeat, ABurstOfLossInMidStreamIsThereWithinTwoRoundTrips) {
  SprayPair pair(kRate, {kRtt / 2}, Options(), 64);
  Burst burst{.first = 2000, .count = 100};
  burst.Attach(&pair);
  TimeOf(&pair, 8);
  ASSERT_TRUE(burst.lost && burst.missing.empty());
  EXPECT_LE((burst.placed - *burst.lost).us(), (kRtt * 2).us());
  EXPECT_EQ(pair.Count(0, "retransmitted_packets_total"), 100u);
  EXPECT_EQ(pair.Count(0, "tail_loss_probes_total"), 0u);
}

TEST(SelectiveRepeat, ABurstOfLossAtTheTailIsThereWithinFiveRoundTrips) {
  SprayPair pair(kRate, {kRtt / 2}, Options(), 64);
  Burst burst{.first = 4 * kPackets - 100, .count = 100};
  burst.Attach(&pair);
  TimeOf(&pair, 4);
  ASSERT_TRUE(burst.lost && burst.missing.empty());
  EXPECT_LE((burst.placed - *burst.lost).us(), (kRtt * 5).us());
  EXPECT_EQ(pair.Count(0, "local_ack_timeout_errors_total"), 0u);
  EXPECT_EQ(pair.Count(0, "retransmitted_packets_total"), 100u);
}

// Everything is lost for longer than the timer: only the timer is left, each expiry without
// progress costs a retry, and progress gives them back.
TEST(SelectiveRepeat, TimeoutsWithoutProgressUseUpTheRetries) {
  verbs::ConnectOptions o = Options();
  o.timeout = 6;  // 262 us
  o.retry_count = 2;
  SprayPair pair(kRate, {kRtt / 2}, o, 64);
  TimeOf(&pair, 1);
  const Time dark = pair.now();
  pair.port(0).SetLoss([](const wire::FrameView&, Time) { return true; });
  pair.PostWrite(kMessage);
  EXPECT_FALSE(pair.RunUntil(2, Duration::Milliseconds(100)));
  EXPECT_EQ(pair.Count(0, "local_ack_timeout_errors_total"), 3u);
  EXPECT_EQ(pair.Count(0, "retries_exhausted_total"), 1u);
  EXPECT_NEAR((pair.now() - dark).us(), 3 * 262.144, 30);
}

}  // namespace
}  // namespace sluice::test
