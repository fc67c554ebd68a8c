// An engine with so many queue pairs that it looks ahead over its bursts, and that their memory
// comes from arenas: the same bytes arrive, whatever else is among the frames.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/look_ahead.h"
#include "support/device_pair.h"
#include "verbs/internal.h"

namespace sluice::test {
namespace {

constexpr uint32_t kQueuePairs = 700;
constexpr uint32_t kSlot = 96;

// Each queue pair of end a has a peer at end b; slot i of either memory is that of queue pair i.
class ManyQueuePairs : public testing::Test {
 protected:
  void SetUp() override {
    for (End* e : {&pair_.a(), &pair_.b()}) Open(e);
    for (uint32_t i = 0; i < kQueuePairs; ++i) {
      Connect(&pair_.a(), qps_[0][i].get(), qps_[1][i].get());
      Connect(&pair_.b(), qps_[1][i].get(), qps_[0][i].get());
    }
  }
  void TearDown() override {
    for (auto& side : qps_) side.clear();
    EXPECT_EQ(pair_.a().device->queue_pairs(), 0u);
  }

  void Open(End* e) {
    auto& qps = qps_[e == &pair_.b()];
    e->cq = *e->device->CreateCompletionQueue(4 * kQueuePairs);
    e->memory.resize(kQueuePairs * kSlot);
    e->region =
        *e->device->Register(e->pd.get(), e->memory.data(), e->memory.size(), verbs::kLocalWrite);
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = e->cq.get();
    o.send_depth = o.receive_depth = 4;
    for (uint32_t i = 0; i < kQueuePairs; ++i) {
      auto qp = e->device->CreateQueuePair(e->pd.get(), o);
      ASSERT_TRUE(qp.ok()) << qp.status();
      qps.push_back(*std::move(qp));
    }
  }
  void Connect(End* e, verbs::QueuePair* qp, verbs::QueuePair* peer) {
    End& other = e == &pair_.a() ? pair_.b() : pair_.a();
    verbs::ConnectOptions c;
    c.peer_qpn = peer->qpn();
    c.peer_mac = other.device->mac();
    c.peer_address = other.device->address();
    c.send_psn = qp->initial_psn();
    c.receive_psn = peer->initial_psn();
    ASSERT_TRUE(qp->Connect(c).ok());
  }
  static uint8_t Byte(uint32_t i, uint32_t at) { return static_cast<uint8_t>(i * 7 + at * 13 + 1); }

  // Posts a receive and a SEND of slot i for each queue pair, fetched ahead.
  void PostAll() {
    for (uint32_t i = 0; i < kQueuePairs; ++i) {
      LookAhead<9, 6, 3>(i, kQueuePairs, [this](auto step, size_t j) {
        static_assert(step < verbs::QueuePair::kPrefetchSteps);
        qps_[0][j]->PrefetchSend(step);
        qps_[1][j]->PrefetchReceive(step);
      });
      for (uint32_t k = 0; k < kSlot; ++k) pair_.a().memory[i * kSlot + k] = Byte(i, k);
      const verbs::Segment to = pair_.b().At(i * kSlot, kSlot);
      ASSERT_EQ(qps_[1][i]->PostReceive({i, {&to, 1}}), verbs::PostResult::kOk);
      const verbs::Segment from = pair_.a().At(i * kSlot, kSlot);
      verbs::SendRequest r;
      r.wr_id = i;
      r.segments = {&from, 1};
      ASSERT_EQ(qps_[0][i]->PostSend(r), verbs::PostResult::kOk);
    }
  }
  // Everything that was posted completes once and with success, and every byte arrived.
  void ExpectAll() {
    std::array<std::vector<verbs::WorkCompletion>, 2> done;
    pair_.RunUntil([&] {
      End* const ends[] = {&pair_.a(), &pair_.b()};
      for (size_t s = 0; s < 2; ++s) {
        for (const auto& c : DevicePair::Drain(*ends[s])) done[s].push_back(c);
      }
      return done[0].size() >= kQueuePairs && done[1].size() >= kQueuePairs;
    });
    for (const auto& side : done) {
      std::vector<int> seen(kQueuePairs);
      ASSERT_EQ(side.size(), kQueuePairs);
      for (const auto& c : side) {
        EXPECT_EQ(c.status, verbs::CompletionStatus::kSuccess);
        EXPECT_EQ(++seen[c.wr_id], 1);
      }
    }
    for (uint32_t i = 0; i < kQueuePairs; ++i) {
      for (uint32_t k = 0; k < kSlot; ++k) {
        ASSERT_EQ(pair_.b().memory[i * kSlot + k], Byte(i, k)) << i << ' ' << k;
      }
    }
    std::fill(pair_.b().memory.begin(), pair_.b().memory.end(), 0);
  }

  DevicePair pair_;
  std::vector<std::unique_ptr<verbs::QueuePair>> qps_[2];
};

TEST_F(ManyQueuePairs, EachMessageArrivesOnceInItsPlace) {
  for (int round = 0; round < 6; ++round) {
    PostAll();
    ExpectAll();
  }
}

// What they have in common lies in one place: the algorithm's parameters, the line, the path.
TEST_F(ManyQueuePairs, ShareTheProfileOfTheirFlows) {
  const auto profile_of = [this](uint32_t i) {
    return qps_[0][i]->impl().qp->flow().profile().get();
  };
  for (uint32_t i = 1; i < kQueuePairs; ++i) ASSERT_EQ(profile_of(i), profile_of(0)) << i;
}

// Looking ahead reads where a number of a queue pair would be: frames that are too short for one,
// or of another kind, or that name a queue pair that does not exist.
TEST_F(ManyQueuePairs, FramesThatAreNoneOfOursAmongThem) {
  PostAll();
  for (const uint16_t type : {0x0800, 0x86dd, 0x8100, 0x0806}) {
    for (size_t length = 1; length < 100; ++length) {
      std::vector<uint8_t> frame(length, 0xff);
      if (length >= 14) {
        frame[12] = static_cast<uint8_t>(type >> 8);
        frame[13] = static_cast<uint8_t>(type);
      }
      pair_.b().fake->Inject(frame);
    }
  }
  ExpectAll();
}

// Half of them go, others come in their memory.
TEST_F(ManyQueuePairs, MemoryOfThoseThatEndedServesOthers) {
  PostAll();
  ExpectAll();
  for (uint32_t i = 0; i < kQueuePairs; i += 2) {
    for (auto& side : qps_) side[i].reset();
  }
  for (uint32_t i = 0; i < kQueuePairs; i += 2) {
    for (int s = 0; s < 2; ++s) {
      End& e = s == 0 ? pair_.a() : pair_.b();
      verbs::QueuePairOptions o;
      o.send_completions = o.receive_completions = e.cq.get();
      o.send_depth = o.receive_depth = 4;
      qps_[s][i] = *e.device->CreateQueuePair(e.pd.get(), o);
    }
    Connect(&pair_.a(), qps_[0][i].get(), qps_[1][i].get());
    Connect(&pair_.b(), qps_[1][i].get(), qps_[0][i].get());
  }
  PostAll();
  ExpectAll();
}

}  // namespace
}  // namespace sluice::test
