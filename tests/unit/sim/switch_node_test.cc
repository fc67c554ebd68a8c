// The switch in time: bursts whose every queue length follows from arithmetic.
//
// Four hosts send ten frames each to a fifth, all from t = 0. Every T = 86.56 ns four frames reach
// the switch at once and one leaves, the first of them at A = T + 1 us.
#include "sim/switch_node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/sim/test_host.h"

namespace sluice::sim {
namespace {

using Mode = switching::EcnProfile::Mode;

constexpr int kSenders = 4;
constexpr int kEach = 10;
constexpr NodeId kSink = 4;
constexpr NodeId kSwitch = 5;

struct Burst : Lab {
  explicit Burst(const SimulationConfig& config)
      : Lab(Star(kSenders + 1, {}), config), probe(sim->AddProbe(kSwitch, kSink, kDataTime)) {
    // In reverse, to show that the order of calls is no order of events.
    for (int i = kSenders; i-- > 0;) {
      host(static_cast<NodeId>(i)).SendAt(Time::Zero(), kSink, kEach);
    }
  }
  void Run() { RunFor(Duration::Milliseconds(1)); }
  const std::vector<TestHost::Seen>& seen() { return host(kSink).seen; }
  QueueProbe& probe;
};

SimulationConfig WithEcn(Mode mode, Bytes k) {
  SimulationConfig config;
  config.switches.ecn = {mode, k, k, 1};
  return config;
}

TEST(SwitchNode, EqualTimesGoByPort) {
  Burst burst({});
  burst.Run();
  ASSERT_EQ(burst.seen().size(), size_t{kSenders * kEach});
  for (int i = 0; i < kSenders * kEach; ++i) {
    EXPECT_EQ(burst.seen()[i].source, AddressOf(static_cast<NodeId>(i % kSenders)).ipv4);
    EXPECT_EQ(burst.seen()[i].psn, static_cast<uint32_t>(i / kSenders));
    EXPECT_EQ(burst.seen()[i].stamp,
              Time::Zero() + kDataTime + kDelay + kDataTime * (i + 1) + kDelay);
  }
}

// At the k-th arrival (k = 1..10) the queue grows by 4 frames less the one that leaves: 3k. Then it
// falls by one each T: 29, 28, ... 1, 0. The last frame leaves at A + 39 T, and the run ends when
// it has arrived, at A + 40 T + 1 us.
TEST(SwitchNode, QueueGrowsAsItMust) {
  Burst burst({});
  burst.Run();
  EXPECT_EQ(burst.probe.max(), Bytes(30 * int64_t{kDataBytes}));

  double frame_times = 0;  // in frames x T
  for (int k = 1; k <= 10; ++k) frame_times += 3 * k;
  for (int n = 29; n >= 1; --n) frame_times += n;
  const Duration whole = kDataTime * 41 + kDelay * 2;
  EXPECT_EQ(burst.sim->now(), Time::Zero() + whole);
  EXPECT_NEAR(burst.probe.mean_bytes(),
              frame_times * kDataBytes * static_cast<double>(kDataTime.ps()) /
                  static_cast<double>(whole.ps()),
              1e-6);

  // Samples each T from 0: the n-th falls before the change of the queue at 1 us + n T.
  const int first = static_cast<int>(kDelay / kDataTime) + 2;  // first sample after A
  const auto& samples = burst.probe.samples();
  EXPECT_EQ(samples[first - 1].waiting, Bytes(0));
  for (int k = 1; k <= 10; ++k) {
    EXPECT_EQ(samples[first + k - 1].waiting, Bytes(3 * k * int64_t{kDataBytes}));
    EXPECT_EQ(samples[first + k - 1].sent, Bytes(k * int64_t{kDataBytes}));
  }
}

// A buffer of ten frames: 3, 6, 9, 10 with two dropped, then one leaves and three are dropped at
// each of the six arrivals that remain.
TEST(SwitchNode, DropsWhatTheBufferDoesNotHold) {
  SimulationConfig config;
  config.switches.buffer = Bytes(10 * int64_t{kDataBytes});
  Burst burst(config);
  burst.Run();
  EXPECT_EQ(burst.sim->drops(), 2u + 6 * 3);
  EXPECT_EQ(burst.seen().size(), size_t{20});
  EXPECT_EQ(burst.probe.max(), config.switches.buffer);
  EXPECT_EQ(burst.sim->packets_in_use(), 0u);
}

// The buffer is shared: what has left one queue is free for another, though nobody looked at the
// first since.
TEST(SwitchNode, SharedBufferIsFreeOnceItWasServed) {
  SimulationConfig config;
  config.switches.buffer = Bytes(3 * int64_t{kDataBytes});
  Lab lab(Star(6, {}), config);
  for (NodeId i = 0; i < 4; ++i) lab.host(i).SendAt(Time::Zero(), 4, 1);
  // The last of the first burst leaves the buffer at A + 3 T. The second burst arrives right then:
  // one of it goes to the line, three need all the room.
  const Time again = Time::Zero() + kDataTime * 3;
  for (NodeId i = 0; i < 4; ++i) lab.host(i).SendAt(again, 5, 1);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.sim->drops(), 0u);
  EXPECT_EQ(lab.host(4).seen.size(), 4u);
  EXPECT_EQ(lab.host(5).seen.size(), 4u);
}

TEST(SwitchNode, SharedBufferIsTakenUntilItWasServed) {
  SimulationConfig config;
  config.switches.buffer = Bytes(3 * int64_t{kDataBytes});
  Lab lab(Star(6, {}), config);
  for (NodeId i = 0; i < 4; ++i) lab.host(i).SendAt(Time::Zero(), 4, 1);
  const Time again = Time::Zero() + kDataTime * 3 - Duration::Picoseconds(1);
  for (NodeId i = 0; i < 4; ++i) lab.host(i).SendAt(again, 5, 1);
  lab.RunFor(Duration::Milliseconds(1));
  EXPECT_EQ(lab.sim->drops(), 1u);
}

// Frame j leaves at A + j T, when min(4 j, 40) frames have arrived before that moment and j + 1
// have left. (The first leaves at once, before the three that arrive with it.)
TEST(SwitchNode, MarksAtDequeueByTheQueueOfThatMoment) {
  for (const int k : {0, 1, 2, 5, 8, 28, 29, 30}) {
    Burst burst(WithEcn(Mode::kDequeue, Bytes(k * int64_t{kDataBytes})));
    burst.Run();
    ASSERT_EQ(burst.seen().size(), size_t{kSenders * kEach});
    uint64_t marks = 0;
    for (int j = 0; j < kSenders * kEach; ++j) {
      const int behind = j == 0 ? 0 : std::min(4 * j, 40) - (j + 1);
      EXPECT_EQ(burst.seen()[j].ecn == 3, behind > k) << "k " << k << " frame " << j;
      marks += behind > k;
    }
    EXPECT_EQ(burst.sim->ecn_marks(), marks);
  }
}

// The four frames of arrival k = 1..10 find ahead of them what was left of 3 (k - 1) frames after
// one more has gone, and each other.
TEST(SwitchNode, MarksAtEnqueueByTheQueueOfThatMoment) {
  for (const int limit : {0, 1, 7, 26, 29}) {
    Burst burst(WithEcn(Mode::kEnqueue, Bytes(limit * int64_t{kDataBytes})));
    burst.Run();
    for (int j = 0; j < kSenders * kEach; ++j) {
      const int k = j / kSenders + 1;
      const int i = j % kSenders;
      const int ahead = k == 1 ? std::max(0, i - 1) : 3 * (k - 1) - 1 + i;
      EXPECT_EQ(burst.seen()[j].ecn == 3, ahead > limit) << "limit " << limit << " frame " << j;
    }
  }
}

TEST(SwitchNode, MarksNoFrameThatIsNotEct) {
  Lab lab(Star(kSenders + 1, {}), WithEcn(Mode::kDequeue, Bytes(0)));
  for (NodeId i = 0; i < kSenders; ++i) {
    lab.host(i).SendAt(Time::Zero(), kSink, kEach, kDataBytes, support::kSendOnly,
                       static_cast<uint8_t>(i));
  }
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(kSink).seen.size(), size_t{kSenders * kEach});
  for (const auto& seen : lab.host(kSink).seen) {
    if (seen.source == AddressOf(0).ipv4) {
      EXPECT_EQ(seen.ecn, 0);
    }
  }
  // All but the first frame, which left alone, and the last: host 0 sent Not-ECT, host 3 CE.
  EXPECT_EQ(lab.sim->ecn_marks(), 20u);
  EXPECT_EQ(lab.sim->drops(), 0u);
}

// Five switches in a row: each stores and forwards.
TEST(SwitchNode, EachHopCostsOneSerialisation) {
  Topology chain;
  chain.AddHost();
  chain.AddHost();
  NodeId last = 0;
  for (int i = 0; i < 5; ++i) {
    const NodeId next = chain.AddSwitch();
    chain.AddLink(last, next, {});
    last = next;
  }
  chain.AddLink(last, 1, {});
  Lab lab(chain, {});
  lab.host(0).SendAt(Time::Zero(), 1, 2);
  lab.RunFor(Duration::Milliseconds(1));
  ASSERT_EQ(lab.host(1).seen.size(), 2u);
  EXPECT_EQ(lab.host(1).seen[0].stamp, Time::Zero() + (kDataTime + kDelay) * 6);
  EXPECT_EQ(lab.host(1).seen[1].stamp, Time::Zero() + (kDataTime + kDelay) * 6 + kDataTime);
  EXPECT_EQ(lab.sim->packet_hops(), 12u);
}

}  // namespace
}  // namespace sluice::sim
