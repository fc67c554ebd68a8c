// Relaxed ordering of an extended queue pair: WRITEs to overlapping ranges do not wait for each
// other, and everything else keeps its order.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/extended_pair.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

class RelaxedPair : public ExtendedPair {
 protected:
  void SetUp() override { ConnectRelaxed(true); }
  void ConnectRelaxed(bool relaxed) {
    verbs::ConnectOptions o = Options();
    o.relaxed_ordering = relaxed;
    Connect(o);
  }
  PostResult PostTo(Opcode op, size_t local, size_t remote, uint32_t length, uint64_t id) {
    End& a = pair_->a();
    const verbs::Segment s = a.At(local, length);
    verbs::SendRequest r;
    r.wr_id = id;
    r.segments = {&s, 1};
    r.opcode = op;
    r.remote_address = pair_->b().Va(remote);
    r.rkey = pair_->b().region->rkey();
    return a.qp->PostSend(r);
  }
  void ExpectAllSucceed(size_t count) {
    const auto done = DevicePair::Drain(pair_->a());
    ASSERT_EQ(done.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(done[i].wr_id, i);
      EXPECT_EQ(done[i].status, CompletionStatus::kSuccess) << i;
    }
  }
};

// The first packet of the first WRITE is lost. The second WRITE, which overlaps it, is placed
// behind the gap; what comes again is placed last, and so the bytes of both are the first one's.
// Without relaxed ordering they are the second one's.
TEST_F(RelaxedPair, AWriteBehindAGapIsPlacedWhereItOverlaps) {
  for (const bool relaxed : {true, false}) {
    SCOPED_TRACE(relaxed);
    ConnectRelaxed(relaxed);
    // An acknowledgement takes 10 us: what is sent before does not wait for one.
    const Time start = pair_->now();
    size_t frames = 0;
    size_t early = 0;
    pair_->a().fake->SetTap([&](FakeFrame& frame, size_t) {
      if (!IsData(frame)) return true;
      early += pair_->now() - start < Duration::Microseconds(10) ? 1 : 0;
      return frames++ > 0;
    });
    ASSERT_EQ(PostTo(Opcode::kRdmaWrite, 0, 500, 2 * kMtu, 0), PostResult::kOk);
    ASSERT_EQ(PostTo(Opcode::kRdmaWrite, 8000, 0, kMtu, 1), PostResult::kOk);
    pair_->Settle();
    EXPECT_EQ(early, relaxed ? 3u : 2u);
    ExpectAllSucceed(2);
    EXPECT_TRUE(Same(8000, 0, 500));
    EXPECT_TRUE(Same(kMtu - 500, kMtu, kMtu + 500));
    EXPECT_EQ(Same(0, 500, kMtu - 500), relaxed);
    EXPECT_EQ(Same(8500, 500, kMtu - 500), !relaxed);
  }
}

// Every WRITE to the same place, without waiting a round trip for each.
TEST_F(RelaxedPair, TheSamePlaceCostsNoRoundTrips) {
  const Time start = pair_->now();
  for (uint64_t i = 0; i < 60; ++i) {
    ASSERT_EQ(PostTo(Opcode::kRdmaWrite, 0, 0, 512, i), PostResult::kOk);
  }
  pair_->Settle();
  ExpectAllSucceed(60);
  EXPECT_TRUE(Same(0, 0, 512));
  EXPECT_LT((pair_->now() - start).us(), 10 * 60 / 2) << "half of what waiting takes";
}

// READs and atomics are executed in their turn all the same: what a READ fetches is what was there
// after the WRITE before it, and none of the WRITE behind it, whichever packets are lost.
TEST_F(RelaxedPair, AReadSeesWhatIsBeforeItAndNothingBehind) {
  for (const size_t lost : {0u, 1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(lost);
    ConnectRelaxed(true);
    data_frames_ = 0;
    Lose({lost});
    ASSERT_EQ(PostTo(Opcode::kRdmaWrite, 0, 0, 2 * kMtu, 0), PostResult::kOk);
    ASSERT_EQ(PostTo(Opcode::kRdmaRead, 20'000, 0, 2 * kMtu, 1), PostResult::kOk);
    ASSERT_EQ(PostTo(Opcode::kRdmaWrite, 8000, 0, 2 * kMtu, 2), PostResult::kOk);
    pair_->Settle();
    ExpectAllSucceed(3);
    const uint8_t* const memory = pair_->a().memory.data();
    EXPECT_EQ(std::memcmp(memory + 20'000, memory, 2 * kMtu), 0) << "of the first WRITE";
    EXPECT_TRUE(Same(8000, 0, 2 * kMtu)) << "the second one came last";
  }
}

}  // namespace
}  // namespace sluice::test
