// Which packets a path carries: questions, answers, silence, and what strangers say.
#include "engine/path_prober.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace sluice::engine {
namespace {

using wire::PathProbe;

const cm::Peer kUs{wire::IpAddress::FromV4(0xc6336401), {}};
const cm::Peer kPeer{wire::IpAddress::FromV4(0xc6336402), {}};
const cm::Peer kStranger{wire::IpAddress::FromV4(0xc6336403), {}};

class Probing : public testing::Test {
 protected:
  // Everything that waits, over a wire that `carries` some of it; and the peer's answers back.
  void Exchange(const std::function<bool(const PathProbe&)>& carries) {
    while (us_.HasDatagram() || peer_.HasDatagram()) {
      if (us_.HasDatagram()) {
        const auto d = us_.Take();
        EXPECT_EQ(d.to.ip, kPeer.ip);
        asked_.push_back(d.probe.mtu);
        if (carries(d.probe)) peer_.OnProbe(now_, kUs, d.probe, wire::ProbePayload(d.probe.mtu));
      }
      if (peer_.HasDatagram()) {
        const auto d = peer_.Take();
        EXPECT_EQ(d.to.ip, kUs.ip);
        if (carries(d.probe)) us_.OnProbe(now_, kPeer, d.probe, wire::ProbePayload(d.probe.mtu));
      }
    }
  }
  // To the next timer, if there is one within a second.
  bool Wait() {
    const auto next = us_.NextDeadline();
    if (!next) return false;
    now_ = *next;
    us_.OnTimers(now_);
    return true;
  }
  PathProbe Answer(uint64_t nonce, uint8_t mtu) {
    return {PathProbe::kMagic, PathProbe::kVersion, PathProbe::kAnswer, mtu, 0, 0, nonce};
  }

  PathProber us_{1}, peer_{2};
  Time now_ = Time::FromPs(1);
  std::vector<int> asked_;
};

TEST_F(Probing, OneRoundTripWhereEverythingPasses) {
  const uint64_t n = us_.Start(now_, kPeer, 5);
  EXPECT_FALSE(us_.TakeResult(n));
  Exchange([](const PathProbe&) { return true; });
  EXPECT_EQ(us_.TakeResult(n), 5);
  EXPECT_FALSE(us_.TakeResult(n)) << "it is forgotten";
  EXPECT_EQ(asked_, (std::vector<int>{5, 4}));
  EXPECT_FALSE(us_.NextDeadline());
}

TEST_F(Probing, WhatIsNotTriedIsKnownAtOnce) {
  for (const uint8_t mtu : {1, 2, 3}) {
    const uint64_t n = us_.Start(now_, kPeer, mtu);
    EXPECT_FALSE(us_.HasDatagram());
    EXPECT_EQ(us_.TakeResult(n), mtu);
  }
}

TEST_F(Probing, ALinkThatDropsLongPacketsInSilence) {
  const uint64_t n = us_.Start(now_, kPeer, 5);
  const auto carries = [](const PathProbe& p) { return p.mtu <= 4; };
  const Time began = now_;
  Exchange(carries);
  while (Wait()) Exchange(carries);
  EXPECT_EQ(us_.TakeResult(n), 4);
  EXPECT_EQ(now_ - began, Duration::Milliseconds(320));
  EXPECT_EQ(asked_, (std::vector<int>{5, 4, 5, 5, 5, 5, 5, 5, 5}))
      << "what was answered is not asked again";
}

TEST_F(Probing, AnswersThatDoNotPassCountAsWell) {
  const uint64_t n = us_.Start(now_, kPeer, 5);
  const auto carries = [](const PathProbe& p) { return p.kind == PathProbe::kQuestion; };
  Exchange(carries);
  while (Wait()) Exchange(carries);
  EXPECT_EQ(us_.TakeResult(n), 3);
  EXPECT_EQ(asked_.size(), 16u);
}

TEST_F(Probing, ALossIsRepaired) {
  const uint64_t n = us_.Start(now_, kPeer, 5);
  int seen = 0;
  const auto carries = [&seen](const PathProbe&) { return ++seen > 2; };
  Exchange(carries);
  EXPECT_FALSE(us_.TakeResult(n));
  ASSERT_TRUE(Wait());
  Exchange(carries);
  EXPECT_EQ(us_.TakeResult(n), 5);
}

TEST_F(Probing, ARouterSparesTheWait) {
  const uint64_t n = us_.Start(now_, kPeer, 5);
  us_.OnTooBig(kStranger.ip, 3);
  EXPECT_FALSE(us_.TakeResult(n));
  us_.OnTooBig(kPeer.ip, 3);
  EXPECT_EQ(us_.TakeResult(n), 3);
  const uint64_t m = us_.Start(now_, kPeer, 5);
  us_.OnProbe(now_, kPeer, Answer(m, 4), wire::ProbePayload(4));
  us_.OnTooBig(kPeer.ip, 1);
  EXPECT_EQ(us_.TakeResult(m), 4) << "what passed did pass";
}

TEST_F(Probing, OnlyThePeersAnswerToThisQuestionCounts) {
  const uint64_t n = us_.Start(now_, kPeer, 4);
  const auto tell = [&](const cm::Peer& from, PathProbe p, int more = 0) {
    us_.OnProbe(now_, from, p,
                static_cast<uint32_t>(static_cast<int>(wire::ProbePayload(p.mtu)) + more));
  };
  tell(kStranger, Answer(n, 4));
  tell(kPeer, Answer(n + 1, 4));
  tell(kPeer, Answer(0, 4));
  tell(kPeer, Answer(n, 5));  // was not asked for
  tell(kPeer, Answer(n, 3));
  tell(kPeer, Answer(n, 4), 4);
  tell(kPeer, Answer(n, 4), -4);
  PathProbe other = Answer(n, 4);
  other.version = 2;
  tell(kPeer, other);
  other = Answer(n, 4);
  other.kind = 3;
  tell(kPeer, other);
  EXPECT_FALSE(us_.TakeResult(n));
  tell(kPeer, Answer(n, 4));
  EXPECT_EQ(us_.TakeResult(n), 4);
}

TEST_F(Probing, AnswersAreLimitedAndAsLongAsTheirQuestions) {
  PathProbe question = Answer(7, 5);
  question.kind = PathProbe::kQuestion;
  size_t answered = 0;
  for (int i = 0; i < 1000; ++i) {
    us_.OnProbe(now_, kStranger, question, wire::ProbePayload(5));
    us_.OnProbe(now_, kStranger, question, 300);  // one that asks for more than it brings
    while (us_.HasDatagram()) {
      EXPECT_EQ(us_.Take().probe, Answer(7, 5));
      ++answered;
    }
  }
  EXPECT_EQ(answered, 32u);
}

TEST_F(Probing, NumbersAreNoCountersAndEndAtTheLimit) {
  std::set<uint64_t> numbers;
  for (size_t i = 0; i < PathProber::kMost; ++i) numbers.insert(us_.Start(now_, kPeer, 5));
  EXPECT_EQ(numbers.size(), PathProber::kMost);
  EXPECT_EQ(us_.Start(now_, kPeer, 5), 0u);
  uint64_t before = 0;
  for (const uint64_t n : numbers) {
    EXPECT_GT(n - before, 1u << 20);
    before = n;
  }
  us_.Forget(*numbers.begin());
  EXPECT_NE(us_.Start(now_, kPeer, 5), 0u);
}

}  // namespace
}  // namespace sluice::engine
