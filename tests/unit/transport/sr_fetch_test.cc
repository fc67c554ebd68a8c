// READs, atomics, fences, invalidation and shared receives over selective repeat, over ports whose
// frames a test can lose.
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
using verbs::PostResult;

using Wire = wire::Opcode;

class ExtendedFetch : public ExtendedPair {
 protected:
  void SetUp() override {
    Connect(Options());
    // What is fetched lies at the peer.
    std::vector<uint8_t>& peer = pair_->b().memory;
    for (size_t i = 0; i < peer.size(); ++i) peer[i] = static_cast<uint8_t>(i * 11 + i / 253);
    std::memset(pair_->a().memory.data(), 0, pair_->a().memory.size());
  }
  // Loses the n-th frame of `op` that this end sends, counted from 0.
  void LoseNth(End& end, Wire op, std::set<size_t> indices) {
    end.fake->SetTap([this, op, indices](FakeFrame& frame, size_t) {
      if (frame.bytes[42] != static_cast<uint8_t>(op)) return true;
      return indices.count(counted_++) == 0;
    });
  }
  PostResult Atomic(Opcode op, size_t word, uint64_t operand, uint64_t compare, size_t landing,
                    uint64_t id) {
    verbs::SendRequest r;
    const verbs::Segment s = pair_->a().At(landing, 8);
    r.wr_id = id;
    r.segments = {&s, 1};
    r.opcode = op;
    r.add = r.swap = operand;
    r.compare = compare;
    r.remote_address = pair_->b().Va(word);
    r.rkey = pair_->b().region->rkey();
    return pair_->a().qp->PostSend(r);
  }
  static uint64_t Word(End& end, size_t at) {
    uint64_t v = 0;
    std::memcpy(&v, end.memory.data() + at, sizeof v);
    return v;
  }
  static void SetWord(End& end, size_t at, uint64_t v) {
    std::memcpy(end.memory.data() + at, &v, sizeof v);
  }
  void ExpectAllSucceed(size_t count) {
    const auto done = DevicePair::Drain(pair_->a());
    ASSERT_EQ(done.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(done[i].wr_id, i);
      EXPECT_EQ(done[i].status, CompletionStatus::kSuccess) << i;
    }
  }
  size_t counted_ = 0;
};

// Of a long READ only the response packets that were lost come again, and nothing is asked again.
TEST_F(ExtendedFetch, OnlyLostResponsesComeAgain) {
  LoseNth(pair_->b(), Wire::kXtReadResponse, {0, 7, 8, 63});
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 64 * kMtu, 0), PostResult::kOk);
  pair_->Settle();
  EXPECT_TRUE(Same(0, 0, 64 * kMtu));
  ExpectAllSucceed(1);
  EXPECT_EQ(Count(pair_->b(), "retransmitted_packets_total"), 4u);
  EXPECT_EQ(Count(pair_->a(), "retransmitted_packets_total"), 0u);
  EXPECT_EQ(Count(pair_->b(), "rx_read_requests_total"), 1u);
  EXPECT_EQ(Count(pair_->b(), "local_ack_timeout_errors_total"), 0u);
}

// Requests that overtake a lost one wait for their turn; every one is executed once.
TEST_F(ExtendedFetch, AtomicsAreExecutedOnceAndInOrder) {
  SetWord(pair_->b(), 4096, 100);
  LoseNth(pair_->a(), Wire::kXtFetchAdd, {0, 2});
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_EQ(Atomic(Opcode::kAtomicFetchAdd, 4096, uint64_t{1} << i, 0, 64 * i, i),
              PostResult::kOk);
  }
  pair_->Settle();
  ExpectAllSucceed(4);
  EXPECT_EQ(Word(pair_->b(), 4096), 115u);
  const uint64_t before[] = {100, 101, 103, 107};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(Word(pair_->a(), 64 * i), before[i]) << i;
  EXPECT_EQ(Count(pair_->b(), "rx_atomic_requests_total"), 4u);
}

// The response is lost, and every request comes twice: no second execution.
TEST_F(ExtendedFetch, ADuplicateOfAnAtomicIsNotExecuted) {
  SetWord(pair_->b(), 4096, 7);
  // And the acknowledgement of the request, so that it is sent again.
  size_t acks = 0;
  pair_->b().fake->SetTap([&](FakeFrame& frame, size_t) {
    const uint8_t op = frame.bytes[42];
    if (op == static_cast<uint8_t>(Wire::kXtAtomicResponse)) return counted_++ > 0;
    return op != static_cast<uint8_t>(Wire::kXtAck) || acks++ > 0;
  });
  ASSERT_EQ(Atomic(Opcode::kAtomicCompareSwap, 4096, 9, 7, 0, 0), PostResult::kOk);
  pair_->Settle();
  ExpectAllSucceed(1);
  EXPECT_EQ(Word(pair_->b(), 4096), 9u);
  EXPECT_EQ(Word(pair_->a(), 0), 7u);
  EXPECT_GT(Count(pair_->b(), "duplicate_requests_packets_total"), 0u);
  EXPECT_EQ(Count(pair_->b(), "rx_atomic_requests_total"), 1u);
}

// The first sixteen acknowledgements of responses are lost: what the next requests say is enough to
// go on with twice as many of them as the responder has resources for.
TEST_F(ExtendedFetch, RequestsAcknowledgeResponses) {
  LoseNth(pair_->a(), Wire::kXtResponseAck, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_EQ(Post(Opcode::kRdmaRead, 2000 * i, 1500, i), PostResult::kOk);
  }
  pair_->Settle();
  ExpectAllSucceed(40);
  for (size_t i = 0; i < 40; ++i) EXPECT_TRUE(Same(2000 * i, 2000 * i, 1500)) << i;
}

// A READ sees what a WRITE before it put there, although the WRITE was lost first.
TEST_F(ExtendedFetch, AReadWaitsForTheWriteBeforeIt) {
  LoseNth(pair_->a(), Wire::kXtWrite, {1});
  std::memset(pair_->a().memory.data(), 0x5c, 4 * kMtu);
  ASSERT_EQ(Post(Opcode::kRdmaWrite, 0, 4 * kMtu, 0), PostResult::kOk);
  verbs::SendRequest r;
  const verbs::Segment s = pair_->a().At(100'000, 4 * kMtu);
  r.wr_id = 1;
  r.segments = {&s, 1};
  r.opcode = Opcode::kRdmaRead;
  r.remote_address = pair_->b().Va(0);
  r.rkey = pair_->b().region->rkey();
  ASSERT_EQ(pair_->a().qp->PostSend(r), PostResult::kOk);
  pair_->Settle();
  ExpectAllSucceed(2);
  EXPECT_EQ(pair_->a().memory[100'000 + kMtu], 0x5c);
  EXPECT_EQ(std::memcmp(&pair_->a().memory[100'000], pair_->a().memory.data(), 4 * kMtu), 0);
}

// A WRITE onto what an earlier READ reads is not started before the READ is answered, also without
// a fence: the responder reads when it sends.
TEST_F(ExtendedFetch, AWriteWaitsForTheReadThatItOverlaps) {
  const std::vector<uint8_t> old(pair_->b().memory.begin(), pair_->b().memory.begin() + 8 * kMtu);
  LoseNth(pair_->b(), Wire::kXtReadResponse, {3});
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 8 * kMtu, 0), PostResult::kOk);
  verbs::SendRequest r;
  const verbs::Segment s = pair_->a().At(200'000, 8 * kMtu);
  r.wr_id = 1;
  r.segments = {&s, 1};
  r.opcode = Opcode::kRdmaWrite;
  r.remote_address = pair_->b().Va(0);
  r.rkey = pair_->b().region->rkey();
  ASSERT_EQ(pair_->a().qp->PostSend(r), PostResult::kOk);
  pair_->Settle();
  ExpectAllSucceed(2);
  EXPECT_TRUE(std::equal(old.begin(), old.end(), pair_->a().memory.begin()));
  EXPECT_EQ(pair_->b().memory[3 * kMtu], 0);
}

TEST_F(ExtendedFetch, AFenceWaitsForTheResponse) {
  Receive(300'000, 1000, 0);
  LoseNth(pair_->b(), Wire::kXtReadResponse, {1});
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 4 * kMtu, 0), PostResult::kOk);
  verbs::SendRequest r;
  const verbs::Segment s = pair_->a().At(200'000, 100);
  r.wr_id = 1;
  r.segments = {&s, 1};
  r.fence = true;
  ASSERT_EQ(pair_->a().qp->PostSend(r), PostResult::kOk);
  pair_->RunUntil([&] { return Count(pair_->b(), "messages_received_total") == 2; });
  // The READ is whole, whatever the order of the completions would hide.
  EXPECT_TRUE(Same(0, 0, 4 * kMtu));
  pair_->Settle();
  ExpectAllSucceed(2);
}

// A READ with a wrong key behind a READ whose response is lost: the first succeeds, the second is
// named.
TEST_F(ExtendedFetch, ErrorsWaitForTheResponsesBeforeThem) {
  LoseNth(pair_->b(), Wire::kXtReadResponse, {0, 1, 2});
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 3 * kMtu, 0), PostResult::kOk);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 50'000, 900, 1, 0x5a5a), PostResult::kOk);
  ASSERT_EQ(Post(Opcode::kRdmaWrite, 70'000, 900, 2), PostResult::kOk);
  pair_->Settle();
  const auto done = DevicePair::Drain(pair_->a());
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_TRUE(Same(0, 0, 3 * kMtu));
  EXPECT_EQ(done[1].status, CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(done[2].status, CompletionStatus::kFlushed);
}

// The memory goes while its READ is being answered: what was before is whole, and the READ fails.
TEST_F(ExtendedFetch, MemoryThatIsGoneIsRefusedInItsTurn) {
  verbs::ConnectOptions o = Options();
  o.algorithm = "fixed:rate=2Gbps";
  Connect(o);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 900, 0), PostResult::kOk);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 10'000, 200 * kMtu, 1), PostResult::kOk);
  pair_->RunUntil([&] { return Count(pair_->a(), "placed_bytes_total") > 900 + 5 * kMtu; });
  pair_->b().region.reset();
  pair_->Settle();
  const auto done = DevicePair::Drain(pair_->a());
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(done[1].status, CompletionStatus::kRemoteAccessError);
}

// A responder that nobody answers falls silent and stays usable; the requester gives up.
TEST_F(ExtendedFetch, ALostPeerFailsTheRequesterAlone) {
  verbs::ConnectOptions o = Options();
  o.timeout = 6;
  o.retry_count = 2;
  Connect(o);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 3 * kMtu, 0), PostResult::kOk);
  // The request arrives, and from then on nothing does.
  pair_->b().fake->SetTap([](FakeFrame& frame, size_t) {
    return frame.bytes[42] == static_cast<uint8_t>(Wire::kXtAck);
  });
  pair_->Settle(Duration::Milliseconds(50));
  const auto done = DevicePair::Drain(pair_->a());
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRetryExceeded);
  EXPECT_FALSE(pair_->b().qp->in_error());
  EXPECT_TRUE(DevicePair::Drain(pair_->b()).empty());
}

// 1 KiB at 1 Mb/s takes longer than all retries: a responder that waits for its pace says so when
// it is asked.
TEST_F(ExtendedFetch, ASlowResponderIsNotALostOne) {
  verbs::ConnectOptions o = Options();
  o.timeout = 6;
  o.retry_count = 2;
  o.algorithm = "fixed:rate=1Mbps";
  Connect(o);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 4 * kMtu, 0), PostResult::kOk);
  pair_->Settle(Duration::Milliseconds(200));
  ExpectAllSucceed(1);
  EXPECT_GT(Count(pair_->a(), "local_ack_timeout_errors_total"), 0u);
}

// The key goes in the turn of the SEND, and not before.
TEST_F(ExtendedFetch, AKeyIsInvalidatedInItsTurn) {
  End& b = pair_->b();
  std::vector<uint8_t> more(4 * kMtu);
  auto window =
      *b.device->Register(b.pd.get(), more.data(), more.size(),
                          verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteInvalidate);
  Receive(300'000, 1000, 5);
  LoseNth(pair_->a(), Wire::kXtWrite, {0});
  verbs::SendRequest w;
  const verbs::Segment s = pair_->a().At(0, 900);
  std::memset(pair_->a().memory.data(), 0x77, 900);
  w.wr_id = 0;
  w.segments = {&s, 1};
  w.opcode = Opcode::kRdmaWrite;
  w.remote_address = reinterpret_cast<uintptr_t>(more.data());
  w.rkey = window->rkey();
  ASSERT_EQ(pair_->a().qp->PostSend(w), PostResult::kOk);
  verbs::SendRequest r = w;
  r.wr_id = 1;
  r.opcode = Opcode::kSendWithInvalidate;
  ASSERT_EQ(pair_->a().qp->PostSend(r), PostResult::kOk);
  pair_->Settle();
  ExpectAllSucceed(2);
  EXPECT_EQ(more[899], 0x77);
  const auto received = DevicePair::Drain(b);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].opcode, Opcode::kSendWithInvalidate);
  EXPECT_EQ(received[0].invalidated_rkey, window->rkey());
  // It is gone.
  w.wr_id = 2;
  ASSERT_EQ(pair_->a().qp->PostSend(w), PostResult::kOk);
  pair_->Settle();
  const auto failed = DevicePair::Drain(pair_->a());
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].status, CompletionStatus::kRemoteAccessError);
}

TEST_F(ExtendedFetch, ALocalKeyIsInvalidatedOnceAllBeforeIsDone) {
  std::vector<uint8_t> own(4 * kMtu);
  End& a = pair_->a();
  auto mine = *a.device->Register(a.pd.get(), own.data(), own.size(), verbs::kLocalWrite);
  LoseNth(pair_->b(), Wire::kXtReadResponse, {0});
  verbs::SendRequest r;
  const verbs::Segment s{own.data(), 2 * kMtu, mine->lkey()};
  r.segments = {&s, 1};
  r.opcode = Opcode::kRdmaRead;
  r.remote_address = pair_->b().Va(0);
  r.rkey = pair_->b().region->rkey();
  ASSERT_EQ(a.qp->PostSend(r), PostResult::kOk);
  verbs::SendRequest local;
  local.wr_id = 1;
  local.opcode = Opcode::kLocalInvalidate;
  local.rkey = mine->rkey();
  ASSERT_EQ(a.qp->PostSend(local), PostResult::kOk);
  ASSERT_EQ(Post(Opcode::kRdmaRead, 0, 900, 2), PostResult::kOk);
  pair_->Settle();
  ExpectAllSucceed(3);
  EXPECT_EQ(std::memcmp(own.data(), pair_->b().memory.data(), 2 * kMtu), 0);
  EXPECT_TRUE(Same(0, 0, 900));
}

}  // namespace
}  // namespace sluice::test
