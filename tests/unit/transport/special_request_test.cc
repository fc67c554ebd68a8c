// Requests beyond data: atomics, fences, inline data, invalidation; the test is the responder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

constexpr uint32_t kRkey = 0x11223344;  // that LoneEnd::Post names

TEST(AtomicRequest, CarriesItsOperandsAndTakesTheOldValue) {
  for (const bool add : {true, false}) {
    LoneEnd end;
    const verbs::Segment parts[] = {{end.memory.data() + 1, 3, end.region->lkey()},
                                    {end.memory.data() + 64, 5, end.region->lkey()}};
    verbs::SendRequest r;
    r.segments = parts;
    r.opcode = add ? Opcode::kAtomicFetchAdd : Opcode::kAtomicCompareSwap;
    r.remote_address = 0x10008;
    r.rkey = kRkey;
    r.add = 5;
    r.swap = 6;
    r.compare = 7;
    ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
    end.Poll();
    const Frames sent = end.Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].bth.opcode, add ? Wire::kRcFetchAdd : Wire::kRcCompareSwap);
    EXPECT_TRUE(sent[0].bth.ack_request);
    const wire::AtomicEth want{0x10008, kRkey, add ? 5u : 6u, add ? 0u : 7u};
    EXPECT_EQ(*sent[0].atomic_eth, want);
    end.AtomicResponse(1000, 0x1122334455667788);
    end.Poll();
    const auto done = end.Completions();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].opcode, r.opcode);
    uint64_t got = 0;
    std::memcpy(&got, end.memory.data() + 1, 3);
    std::memcpy(reinterpret_cast<uint8_t*>(&got) + 3, end.memory.data() + 64, 5);
    EXPECT_EQ(got, 0x1122334455667788u);
  }
}

TEST(AtomicRequest, MisfitsAreRefusedAtThePost) {
  LoneEnd end;
  const verbs::Segment eight{end.memory.data(), 8, end.region->lkey()};
  const verbs::Segment four{end.memory.data(), 4, end.region->lkey()};
  verbs::SendRequest r;
  r.opcode = Opcode::kAtomicFetchAdd;
  r.segments = {&eight, 1};
  r.remote_address = 4;
  EXPECT_EQ(end.qp->PostSend(r), PostResult::kInvalidRequest);
  r.remote_address = 8;
  r.segments = {&four, 1};
  EXPECT_EQ(end.qp->PostSend(r), PostResult::kInvalidRequest);
  r.segments = {&eight, 1};
  r.inlined = true;
  EXPECT_EQ(end.qp->PostSend(r), PostResult::kInvalidRequest);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
}

TEST(AtomicRequest, ALostResponseIsNoticedByTheNextOne) {
  LoneEnd end;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(end.Post(Opcode::kAtomicFetchAdd, 8), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.AtomicResponse(1000, 1);
  end.AtomicResponse(1002, 3);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].bth.psn, Psn(1001));
  EXPECT_EQ(sent[1].bth.psn, Psn(1002));
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(Fence, WaitsForReadsAndAtomicsBeforeIt) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaRead, 8), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 8), PostResult::kOk);
  verbs::SendRequest r;
  r.fence = true;
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 8), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  end.Inject(end.ReadResponse(Wire::kRcReadResponseOnly, 1000, Pattern(8)));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  // Without a READ before it a fence is nothing.
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
}

TEST(Inline, TheMemoryIsFreeAtOnce) {
  LoneEndOptions o;
  o.max_inline = 220;
  LoneEnd end(o);
  std::vector<uint8_t> data = Pattern(220);
  const auto before = data;
  verbs::Segment parts[] = {{data.data(), 100, 0}, {data.data() + 100, 120, 0}};
  verbs::SendRequest r;
  r.inlined = true;
  r.segments = parts;
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  std::fill(data.begin(), data.end(), 0);
  end.Poll();
  Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].payload, before);
  end.Nak(1000);  // and again from the copy
  end.Poll();
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].payload, before);
  parts[1].length = 121;
  EXPECT_EQ(end.qp->PostSend(r), PostResult::kTooLong);
}

TEST(Invalidate, TheLocalOneWaitsForWhatIsBeforeAndCompletesInOrder) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kSend, 8, 1), PostResult::kOk);
  verbs::SendRequest r;
  r.wr_id = 2;
  r.opcode = Opcode::kLocalInvalidate;
  r.rkey = end.region->rkey();
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSend, 8, 3), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  EXPECT_EQ(end.Post(Opcode::kSend, 8), PostResult::kOk) << "the key is valid still";
  end.Ack(1000, 1);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  EXPECT_EQ(end.Post(Opcode::kSend, 8), PostResult::kBadKey);
  end.Ack(1002, 3);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(done[1].wr_id, 2u);
  EXPECT_EQ(done[1].opcode, Opcode::kLocalInvalidate);
  // Once more: the key is unknown now.
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  end.Poll();
  const auto failed = end.Completions();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].status, CompletionStatus::kLocalQpOperationError);
  EXPECT_TRUE(end.qp->in_error());
}

TEST(Invalidate, TheSendCarriesTheKeyInItsLastPacket) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kSendWithInvalidate, 1500), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kSendWithInvalidate, 4), PostResult::kOk);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kRcSendFirst);
  EXPECT_EQ(sent[1].bth.opcode, Wire::kRcSendLastInvalidate);
  EXPECT_EQ(sent[1].ieth->rkey, kRkey);
  EXPECT_EQ(sent[2].bth.opcode, Wire::kRcSendOnlyInvalidate);
}

}  // namespace
}  // namespace sluice::test
