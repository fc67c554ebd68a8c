// Shared receives over selective repeat: which SEND takes which, when several overtake each other.
#include <gtest/gtest.h>

#include "support/extended_pair.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;

class ExtendedShared : public ExtendedPair {
 protected:
  void SetUp() override { Connect(Options(), 16); }
};

// The first of four is lost: the others bind receives up to their own number, so that the first
// still gets the first.
TEST_F(ExtendedShared, SendsThatOvertakeLeaveTheReceivesBeforeThemAlone) {
  Lose({0});
  for (uint64_t i = 0; i < 5; ++i) Receive(100'000 + 1000 * i, 1000, i);
  for (uint64_t i = 0; i < 4; ++i) Post(Opcode::kSendWithImm, 1000 * i, 900, i);
  pair_->RunUntil([&] { return Count(pair_->b(), "placed_bytes_total") == 3 * 900; });
  EXPECT_TRUE(DevicePair::Drain(pair_->b()).empty());
  EXPECT_TRUE(Same(3000, 103'000, 900));
  pair_->Settle();
  const auto received = DevicePair::Drain(pair_->b());
  ASSERT_EQ(received.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(received[i].wr_id, i);
    EXPECT_EQ(received[i].imm, i + 1000);
    EXPECT_TRUE(Same(1000 * i, 100'000 + 1000 * i, 900));
  }
  EXPECT_EQ(Count(pair_->a(), "retransmitted_packets_total"), 1u);
}

// Two receives for three SENDs of which the first is lost: the third finds none, as if it were lost
// too, and is refused by an RNR NAK only when its turn has come.
TEST_F(ExtendedShared, WithoutAReceiveASendIsNotReadyWhenItsTurnComes) {
  Lose({0});
  for (uint64_t i = 0; i < 2; ++i) Receive(100'000 + 1000 * i, 1000, i);
  for (uint64_t i = 0; i < 3; ++i) Post(Opcode::kSend, 1000 * i, 900, i);
  pair_->RunUntil([&] { return Count(pair_->b(), "rnr_naks_sent_total") > 0; });
  EXPECT_EQ(Count(pair_->b(), "messages_received_total"), 2u);
  Receive(102'000, 1000, 2);
  pair_->Settle();
  const auto received = DevicePair::Drain(pair_->b());
  ASSERT_EQ(received.size(), 3u);
  EXPECT_TRUE(Same(2000, 102'000, 900));
  const auto sent = DevicePair::Drain(pair_->a());
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].status, CompletionStatus::kSuccess);
}

// What was bound ahead completes flushed with its queue pair; what was not, stays.
TEST_F(ExtendedShared, WhatWasBoundIsFlushedWithTheQueuePair) {
  pair_->a().fake->SetTap([](FakeFrame& frame, size_t) {
    // The first SEND never arrives: the low byte of its message number is 0.
    return !IsData(frame) || frame.bytes[54 + 3] != 0;
  });
  for (uint64_t i = 0; i < 4; ++i) Receive(100'000 + 1000 * i, 1000, i);
  Post(Opcode::kSend, 0, 900, 0);
  Post(Opcode::kSend, 1000, 900, 1);
  pair_->RunUntil([&] { return Count(pair_->b(), "placed_bytes_total") == 900; });
  pair_->b().qp->Fail();
  pair_->RunUntil([] { return false; }, Duration::Milliseconds(1));
  const auto received = DevicePair::Drain(pair_->b());
  ASSERT_EQ(received.size(), 2u);
  for (uint64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(received[i].wr_id, i);
    EXPECT_EQ(received[i].status, CompletionStatus::kFlushed);
  }
}

}  // namespace
}  // namespace sluice::test
