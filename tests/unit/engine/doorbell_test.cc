// Doorbells from several threads: nothing that was published before a ring is missed.
#include "engine/doorbell.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::engine {
namespace {

using transport::CompletionRing;
using transport::QueuePair;

std::unique_ptr<QueuePair> MakeQp(uint32_t qpn, CompletionRing* ring, uint32_t depth = 64) {
  transport::QueuePairConfig c;
  c.send_depth = depth;
  c.send_completions = c.receive_completions = ring;
  return std::make_unique<QueuePair>(qpn, c);
}

TEST(DoorbellList, DrainsInTheOrderOfRingingAndEachOnce) {
  CompletionRing ring(4);
  std::vector<std::unique_ptr<QueuePair>> qps;
  for (uint32_t i = 0; i < 5; ++i) qps.push_back(MakeQp(i, &ring));
  DoorbellList list;
  for (const uint32_t i : {3u, 1u, 4u, 1u, 3u}) list.Ring(qps[i].get());
  std::vector<uint32_t> seen;
  const auto note = [&](QueuePair* qp) { seen.push_back(qp->qpn()); };
  list.Drain(note);
  EXPECT_EQ(seen, (std::vector<uint32_t>{3, 1, 4}));
  seen.clear();
  list.Drain(note);
  EXPECT_TRUE(seen.empty());
  list.Ring(qps[1].get());
  list.Drain(note);
  EXPECT_EQ(seen, (std::vector<uint32_t>{1}));
}

// Stage 0 two steps before an object's own, stage 1 one step; "0:3" is stage 0 of number 3.
TEST(DoorbellList, LooksAheadInStages) {
  CompletionRing ring(4);
  std::vector<std::unique_ptr<QueuePair>> qps;
  for (uint32_t i = 0; i < 5; ++i) qps.push_back(MakeQp(i, &ring));
  DoorbellList list;
  for (auto& qp : qps) list.Ring(qp.get());
  EXPECT_EQ(list.newest(), qps[4].get());
  std::string seen;
  const auto ahead = [&](size_t stage, const QueuePair* qp) {
    seen += std::to_string(stage) + ":" + std::to_string(qp->qpn()) + " ";
  };
  list.Drain<2, 1>(ahead, [&](QueuePair* qp) { seen += std::to_string(qp->qpn()) + ", "; });
  EXPECT_EQ(seen, "0:0 0:1 0:2 1:0 1:1 0, 0:3 1:2 1, 0:4 1:3 2, 1:4 3, 4, ");
  EXPECT_EQ(list.newest(), nullptr);
}

TEST(DoorbellList, MayBeRungWhileItIsDrained) {
  CompletionRing ring(4);
  auto a = MakeQp(1, &ring);
  DoorbellList list;
  list.Ring(a.get());
  int drained = 0;
  list.Drain([&](QueuePair* qp) {
    if (++drained == 1) list.Ring(qp);
  });
  list.Drain([&](QueuePair*) { ++drained; });
  EXPECT_EQ(drained, 2);
}

TEST(DoorbellList, TwoPostersAndOneEngineLoseNothing) {
  constexpr uint64_t kPosts = 20'000;
  CompletionRing ring(4);
  std::vector<std::unique_ptr<QueuePair>> qps;
  for (uint32_t i = 0; i < 2; ++i) qps.push_back(MakeQp(i, &ring, 16));
  DoorbellList list;
  std::vector<std::thread> posters;
  posters.reserve(qps.size());
  for (auto& qp : qps) {
    posters.emplace_back([&list, q = qp.get()] {
      for (uint64_t n = 0; n < kPosts;) {
        transport::SendWork* work = q->send_queue().Claim();
        if (work == nullptr) {
          std::this_thread::yield();
          continue;
        }
        work->wr_id = n++;
        q->send_queue().Publish();
        list.Ring(q);
      }
    });
  }
  // Looks into a queue only when it was rung: a lost ring would stop its poster for ever.
  uint64_t next[2] = {0, 0};
  bool in_order = true;
  while (next[0] + next[1] < 2 * kPosts) {
    list.Drain([&](QueuePair* qp) {
      transport::SendQueue& queue = qp->send_queue();
      while (queue.head() != queue.tail()) {
        in_order &= queue.At(queue.head()).wr_id == next[qp->qpn()]++;
        queue.Retire();
      }
    });
    std::this_thread::yield();
  }
  for (std::thread& t : posters) t.join();
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace sluice::engine
