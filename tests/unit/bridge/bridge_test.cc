// The bridge in time: bursts over FakePorts whose every moment, mark and drop follows from
// arithmetic.
//
// A frame of 1058 B takes T = 86.56 ns at 100 Gb/s. Four hosts send ten frames each to a fifth, all
// from t = 0: every T four frames reach the switch at once and one leaves, the first at A = T + 1
// us. A departure at the moment of an arrival comes before it, so the k-th frame leaves
// 0, 2, 5, ... 3k - 4 frames behind (k = 1..10), then 40 - k.
#include "bridge/bridge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "sim/queue_probe.h"
#include "support/fake_port.h"
#include "support/roce_frame.h"

namespace sluice::bridge {
namespace {

using Mode = switching::EcnProfile::Mode;

constexpr uint32_t kFrame = 1058;
constexpr Duration kTime = Duration::Picoseconds(86'560);
constexpr Duration kDelay = Duration::Microseconds(1);
constexpr size_t kSink = 4;

uint32_t Ipv4Of(size_t host) { return 0x0b000001 + static_cast<uint32_t>(host << 8); }

struct Seen {
  Time at;
  uint32_t source;
  uint32_t psn;
  bool ce;
  bool operator==(const Seen&) const = default;
};

class Rig {
 public:
  Rig(size_t hosts, const BridgeConfig& config, const sim::LinkConfig& link = {}) {
    std::vector<BridgePort> parts;
    for (size_t i = 0; i < hosts; ++i) {
      hosts_.push_back(std::make_unique<test::FakePort>());
      ends_.push_back(std::make_unique<test::FakePort>());
      test::FakePort::Connect(*hosts_[i], *ends_[i]);
      parts.push_back({ends_[i].get(), {switching::Destination::Ipv4(Ipv4Of(i))}, link, link});
    }
    auto made = Bridge::Create(config, parts, Time::Zero());
    EXPECT_TRUE(made.ok()) << made.status();
    bridge_ = *std::move(made);
    seen_.resize(hosts);
  }
  ~Rig() {
    for (const auto& end : ends_) EXPECT_EQ(end->lent(), 0u);
  }

  Bridge& bridge() { return *bridge_; }
  test::FakePort& end(size_t i) { return *ends_[i]; }
  const std::vector<Seen>& seen(size_t host) const { return seen_[host]; }

  void Send(size_t from, size_t to, int count, uint32_t length = kFrame) {
    for (int i = 0; i < count; ++i) {
      port::Packet p;
      ASSERT_EQ(hosts_[from]->Allocate({&p, 1}), 1u);
      support::WriteRoceHeader({.source = Ipv4Of(from),
                                .destination = Ipv4Of(to),
                                .psn = static_cast<uint32_t>(i),
                                .frame_length = length},
                               p.header);
      p.header_length = static_cast<uint16_t>(length);
      p.frame_length = length;
      ASSERT_EQ(hosts_[from]->Transmit({&p, 1}), 1u);
    }
  }
  void PollAt(Time now) {
    for (const auto& host : hosts_) host->SetNow(now);
    for (const auto& end : ends_) end->SetNow(now);
    bridge_->Poll(now);
    for (size_t i = 0; i < hosts_.size(); ++i) TakeAll(i, now);
  }
  // At every moment when something happens.
  void RunExactly(Time until) {
    PollAt(now_);
    for (auto next = bridge_->NextDeadline(); next && *next <= until;
         next = bridge_->NextDeadline()) {
      ASSERT_LT(now_, *next);
      now_ = *next;
      PollAt(now_);
    }
  }
  // As a loop does that knows nothing.
  void RunEvery(Duration period, Time until) {
    for (; now_ <= until; now_ += period) PollAt(now_);
  }

 private:
  void TakeAll(size_t host, Time now) {
    port::Packet p;
    while (hosts_[host]->Receive({&p, 1}) == 1) {
      EXPECT_EQ(support::InternetChecksum({p.header + 14, 20}), 0u);
      EXPECT_EQ(p.frame_length, p.header_length);
      seen_[host].push_back({now, support::SourceOf(p.header), support::PsnOf(p.header),
                             support::EcnBitsOf(p.header) == 3});
      hosts_[host]->Release({&p, 1});
    }
  }

  std::vector<std::unique_ptr<test::FakePort>> hosts_;
  std::vector<std::unique_ptr<test::FakePort>> ends_;
  std::unique_ptr<Bridge> bridge_;
  std::vector<std::vector<Seen>> seen_;
  Time now_;
};

// Four senders of ten frames, and the sink's queue watched.
struct Incast : Rig {
  explicit Incast(const BridgeConfig& config) : Rig(5, config), probe(Time::Zero(), kTime) {
    bridge().queues().SetObserver(kSink, &probe);
    for (size_t i = kSink; i-- > 0;) Send(i, kSink, 10);
  }
  sim::QueueProbe probe;
};

Time Us(int64_t us) { return Time::Zero() + Duration::Microseconds(us); }

TEST(Bridge, PacesBothLinesAndDelaysTwice) {
  Rig rig(2, {});
  rig.Send(0, 1, 10);
  rig.RunExactly(Us(100));
  ASSERT_EQ(rig.seen(1).size(), 10u);
  for (int k = 0; k < 10; ++k) {
    EXPECT_EQ(rig.seen(1)[k].at, Time::Zero() + kTime * (k + 2) + kDelay * 2) << k;
    EXPECT_EQ(rig.seen(1)[k].psn, static_cast<uint32_t>(k));
  }
  EXPECT_EQ(rig.bridge().frames_in_use(), 0u);
  EXPECT_EQ(rig.bridge().frames_down(1), 10u);
  EXPECT_EQ(rig.bridge().bytes_down(1), Bytes(10 * int64_t{kFrame}));
}

// 1082 B on the line take 86.56 us at 100 Mb/s.
TEST(Bridge, ASlowLongLinkHasItsRoundTrip) {
  sim::LinkConfig link;
  link.rate = Bandwidth::MegabitsPerSecond(100);
  link.delay = Duration::Microseconds(250);
  Rig rig(2, {}, link);
  rig.Send(0, 1, 1);
  rig.RunExactly(Us(2000));
  ASSERT_EQ(rig.seen(1).size(), 1u);
  EXPECT_EQ(rig.seen(1)[0].at, Time::Zero() + Duration::Nanoseconds(86'560) * 2 + link.delay * 2);
}

TEST(Bridge, QueueGrowsAsItMust) {
  Incast rig({});
  rig.RunExactly(Us(100));
  ASSERT_EQ(rig.seen(kSink).size(), 40u);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(rig.seen(kSink)[i].source, Ipv4Of(static_cast<size_t>(i % 4)));
    EXPECT_EQ(rig.seen(kSink)[i].psn, static_cast<uint32_t>(i / 4));
    EXPECT_EQ(rig.seen(kSink)[i].at, Time::Zero() + kTime * (i + 2) + kDelay * 2);
  }
  rig.probe.Finish(Us(100));
  EXPECT_EQ(rig.probe.max(), Bytes(30 * int64_t{kFrame}));
}

// More than ten frames behind: departures 5..29.
TEST(Bridge, MarksByTheQueueBehind) {
  const Bytes k(10 * int64_t{kFrame});
  BridgeConfig config;
  config.ecn = {Mode::kDequeue, k, k, 1};
  Incast rig(config);
  rig.RunExactly(Us(100));
  ASSERT_EQ(rig.seen(kSink).size(), 40u);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(rig.seen(kSink)[i].ce, i + 1 >= 5 && i + 1 <= 29) << i;
  }
  EXPECT_EQ(rig.bridge().queues().counters(kSink).ecn_marks, 25u);
}

// Room for 20 frames: it is full in the seventh round, where one of four finds none, and from then
// on one of four finds some.
TEST(Bridge, TheSharedBufferDrops) {
  BridgeConfig config;
  config.buffer.size = Bytes(20 * int64_t{kFrame});
  Incast rig(config);
  rig.RunExactly(Us(100));
  EXPECT_EQ(rig.seen(kSink).size(), 30u);
  EXPECT_EQ(rig.bridge().queues().counters(kSink).dropped, 10u);
  EXPECT_EQ(rig.bridge().queues().shared().used(), Bytes(0));
  EXPECT_EQ(rig.bridge().frames_in_use(), 0u);
}

// A poll each 500 ns instead of at each event: the same marks, drops and levels, and every frame is
// seen at the first poll after its moment.
TEST(Bridge, ALatePollChangesOnlyWhenHostsSeeIt) {
  const Bytes k(10 * int64_t{kFrame});
  BridgeConfig config;
  config.ecn = {Mode::kDequeue, k, k, 1};
  config.buffer.size = Bytes(25 * int64_t{kFrame});
  Incast exact(config), late(config);
  exact.RunExactly(Us(100));
  const Duration period = Duration::Nanoseconds(500);
  late.RunEvery(period, Us(100));
  ASSERT_EQ(exact.seen(kSink).size(), late.seen(kSink).size());
  for (size_t i = 0; i < exact.seen(kSink).size(); ++i) {
    const Seen& one = exact.seen(kSink)[i];
    const Seen& two = late.seen(kSink)[i];
    EXPECT_EQ((Seen{two.at, one.source, one.psn, one.ce}), two) << i;
    EXPECT_GE(two.at, one.at);
    EXPECT_LT((two.at - one.at).ps(), period.ps());
  }
  exact.probe.Finish(Us(100));
  late.probe.Finish(Us(100));
  EXPECT_EQ(exact.probe.max(), late.probe.max());
  EXPECT_EQ(exact.probe.mean_bytes(), late.probe.mean_bytes());
}

// One frame is on the line and eight are staged; the others fill the host's port.
TEST(Bridge, WhatTheLineCannotTakeStaysInThePort) {
  Rig rig(2, {});
  rig.Send(0, 1, 100);
  rig.PollAt(Time::Zero());
  EXPECT_EQ(rig.end(0).under_way(), 91u);
  rig.RunExactly(Us(100));
  EXPECT_EQ(rig.seen(1).size(), 100u);
  EXPECT_EQ(rig.seen(1).back().at, Time::Zero() + kTime * 101 + kDelay * 2);
}

TEST(Bridge, AFullHostGetsItsFramesLaterInOrder) {
  Rig rig(2, {});
  rig.Send(0, 1, 3);
  rig.end(1).AcceptOnly(1);
  rig.RunEvery(Duration::Nanoseconds(100), Us(10));
  EXPECT_EQ(rig.seen(1).size(), 1u);
  EXPECT_GT(rig.bridge().counters().refused, 0u);
  rig.end(1).AcceptOnly(std::nullopt);
  rig.RunEvery(Duration::Nanoseconds(100), Us(20));
  ASSERT_EQ(rig.seen(1).size(), 3u);
  EXPECT_EQ(rig.seen(1)[1].psn, 1u);
  EXPECT_EQ(rig.seen(1)[2].psn, 2u);
}

TEST(Bridge, CountsWhatItCannotForward) {
  BridgeConfig config;
  config.max_frame = 1100;
  Rig rig(2, config);
  rig.Send(0, 7, 2);
  rig.Send(0, 1, 1, 1200);
  rig.Send(0, 1, 1);
  rig.RunExactly(Us(100));
  EXPECT_EQ(rig.seen(1).size(), 1u);
  EXPECT_EQ(rig.bridge().counters().no_route, 2u);
  EXPECT_EQ(rig.bridge().counters().malformed, 1u);
  EXPECT_EQ(rig.bridge().counters().frames_in, 4u);
  EXPECT_EQ(rig.bridge().counters().frames_out, 1u);
}

TEST(Bridge, RefusesWhatItCannotBe) {
  test::FakePort port;
  const switching::Destination address = switching::Destination::Ipv4(1);
  const std::vector<BridgePort> twice(2, BridgePort{&port, {address}, {}, {}});
  EXPECT_FALSE(Bridge::Create({}, twice, Time::Zero()).ok());
  BridgeConfig lossless;
  lossless.buffer.lossless = 1;
  EXPECT_FALSE(Bridge::Create(lossless, {twice.data(), 1}, Time::Zero()).ok());
  BridgeConfig ecn;
  ecn.ecn = {Mode::kDequeue, Bytes(2), Bytes(1), 1};
  EXPECT_FALSE(Bridge::Create(ecn, {twice.data(), 1}, Time::Zero()).ok());
}

}  // namespace
}  // namespace sluice::bridge
