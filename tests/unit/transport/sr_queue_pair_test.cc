// Two queue pairs that agreed to the extension, over ports whose frames a test can lose or alter.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "support/extended_pair.h"
#include "wire/opcode.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;

constexpr uint32_t kMtu = ExtendedPair::kMtu;

// The first of four SENDs is lost: the others land in their receives at once, and complete once the
// first is there, in order, each once.
TEST_F(ExtendedPair, SendsThatOvertakeLandInTheirOwnReceives) {
  Lose({0});
  for (uint64_t i = 0; i < 4; ++i) Receive(100'000 + 1000 * i, 1000, i);
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
    EXPECT_EQ(received[i].byte_length, 900u);
    EXPECT_TRUE(Same(1000 * i, 100'000 + 1000 * i, 900));
  }
  EXPECT_EQ(DevicePair::Drain(pair_->a()).size(), 4u);
  EXPECT_EQ(Count(pair_->a(), "retransmitted_packets_total"), 1u);
  EXPECT_EQ(Count(pair_->a(), "local_ack_timeout_errors_total"), 0u);
}

// Of a long WRITE only the packets that were lost are sent again.
TEST_F(ExtendedPair, OnlyWhatIsLostIsSentAgain) {
  Lose({3, 4, 40, 63});
  Post(Opcode::kRdmaWrite, 0, 64 * kMtu, 1);
  pair_->Settle();
  EXPECT_TRUE(Same(0, 0, 64 * kMtu));
  EXPECT_EQ(Count(pair_->a(), "retransmitted_packets_total"), 4u);
  EXPECT_EQ(Count(pair_->b(), "duplicate_requests_packets_total"), 0u);
  EXPECT_EQ(Count(pair_->b(), "placed_bytes_total"), 64u * kMtu);
}

// A SEND that comes before its turn and has no receive is as if lost; when it is its turn, the
// sender hears that the receiver is not ready, and goes on when it is.
TEST_F(ExtendedPair, ASendWithoutAReceiveIsNotReadyWhenItsTurnComes) {
  Receive(100'000, 1000, 0);
  Lose({0});
  Post(Opcode::kSend, 0, 900, 0);
  Post(Opcode::kSend, 1000, 900, 1);
  pair_->RunUntil([&] { return Count(pair_->b(), "rnr_naks_sent_total") > 0; });
  EXPECT_EQ(Count(pair_->b(), "messages_received_total"), 1u);
  Receive(101'000, 1000, 1);
  pair_->Settle();
  EXPECT_EQ(DevicePair::Drain(pair_->b()).size(), 2u);
  const auto sent = DevicePair::Drain(pair_->a());
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].status, CompletionStatus::kSuccess);
  EXPECT_TRUE(Same(1000, 101'000, 900));
}

// A WRITE with a wrong key that overtakes a lost one fails alone, after the other has succeeded.
TEST_F(ExtendedPair, ErrorsAreRaisedInOrder) {
  Lose({0});
  Post(Opcode::kRdmaWrite, 0, 900, 0);
  Post(Opcode::kRdmaWrite, 2000, 900, 1, 0x5a5a);
  Post(Opcode::kRdmaWrite, 4000, 900, 2);
  pair_->Settle();
  const auto done = DevicePair::Drain(pair_->a());
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(done[1].status, CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(done[2].status, CompletionStatus::kFlushed);
  EXPECT_TRUE(Same(0, 0, 900));
}

// An overlapping WRITE waits for the one before it, so that a packet of the first that is late
// cannot overwrite what the second wrote.
TEST_F(ExtendedPair, OverlappingWritesKeepTheirOrder) {
  Lose({0});
  const verbs::Segment first = pair_->a().At(0, 2 * kMtu);
  const verbs::Segment second = pair_->a().At(8000, kMtu);
  verbs::SendRequest r;
  r.opcode = Opcode::kRdmaWrite;
  r.rkey = pair_->b().region->rkey();
  r.segments = {&first, 1};
  r.remote_address = pair_->b().Va(500);
  ASSERT_EQ(pair_->a().qp->PostSend(r), verbs::PostResult::kOk);
  r.segments = {&second, 1};
  r.remote_address = pair_->b().Va(0);
  ASSERT_EQ(pair_->a().qp->PostSend(r), verbs::PostResult::kOk);
  pair_->Settle();
  EXPECT_TRUE(Same(8000, 0, kMtu));
  EXPECT_TRUE(Same(kMtu - 500, kMtu, kMtu));
}

// Nothing of a damaged packet reaches memory: it says itself where it would go.
TEST_F(ExtendedPair, ADamagedPacketTouchesNothing) {
  size_t hit = 0;
  pair_->a().fake->SetTap([&](FakeFrame& frame, size_t) {
    if (!IsData(frame) || hit++ > 0) return true;
    frame.bytes[frame.bytes.size() - 8] ^= 1;
    return true;
  });
  Post(Opcode::kRdmaWrite, 0, 900, 0);
  pair_->RunUntil([&] { return Count(pair_->b(), "drop_icrc") == 1; });
  EXPECT_EQ(Count(pair_->b(), "placed_bytes_total"), 0u);
  EXPECT_EQ(pair_->b().memory[0] | pair_->b().memory[899], 0);
  pair_->Settle();
  EXPECT_TRUE(Same(0, 0, 900));
}

TEST_F(ExtendedPair, ATrackingWindowMustBeAPowerOfTwo) {
  for (const uint32_t window : {0u, 32u, 1000u, 32768u}) {
    DevicePair pair;
    verbs::QueuePairOptions qo;
    End& a = pair.a();
    a.cq = *a.device->CreateCompletionQueue(4);
    qo.send_completions = qo.receive_completions = a.cq.get();
    a.pd = a.device->AllocateProtectionDomain();
    a.qp = *a.device->CreateQueuePair(a.pd.get(), qo);
    verbs::ConnectOptions o = Options();
    o.peer_mac = "02:00:00:00:00:02";
    o.peer_address = EndAddress(1);
    o.tracking_window = window;
    const absl::Status s = a.qp->Connect(o);
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << window;
    EXPECT_NE(std::string(s.message()).find("tracking window"), std::string::npos);
  }
}

// Without agreement the packets of the other kind are dropped, both ways, and counted.
TEST(BaseAndExtended, DoNotSpeakToEachOther) {
  for (const bool extended : {false, true}) {
    DevicePair pair;
    verbs::ConnectOptions o;
    o.mtu = kMtu;
    o.timeout = 4;
    o.retry_count = 1;
    o.reliability = extended ? verbs::Reliability::kExtended : verbs::Reliability::kBase;
    pair.ConnectAll(o);
    // Turned into the other kind on the way: an opcode that this queue pair does not know.
    pair.a().fake->SetTap([extended](FakeFrame& frame, size_t) {
      frame.bytes[42] = extended ? 0x04 : 0xc0;
      return true;
    });
    const verbs::Segment s = pair.a().At(0, 100);
    ASSERT_EQ(pair.a().qp->PostSend({1, {&s, 1}}), verbs::PostResult::kOk);
    pair.Settle();
    EXPECT_GT(pair.b().device->statistics().Value("drop_service"), 0u);
    EXPECT_EQ(pair.b().device->statistics().Value("placed_bytes_total"), 0u);
  }
}

}  // namespace
}  // namespace sluice::test
