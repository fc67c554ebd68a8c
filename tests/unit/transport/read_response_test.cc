// READs, atomics and invalidations as the responder serves them: the test is the requester.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

PeerRequest Read(LoneEnd& end, uint32_t psn, size_t offset, uint32_t length) {
  PeerRequest r{Wire::kRcReadRequest, psn, {}};
  r.va = reinterpret_cast<uintptr_t>(end.memory.data()) + offset;
  r.rkey = end.region->rkey();
  r.length = length;
  return r;
}

PeerRequest Add(LoneEnd& end, uint32_t psn, size_t offset, uint64_t add) {
  PeerRequest r{Wire::kRcFetchAdd, psn, {}};
  r.atomic = {reinterpret_cast<uintptr_t>(end.memory.data()) + offset, end.region->rkey(), add, 0};
  return r;
}

PeerRequest Swap(LoneEnd& end, uint32_t psn, size_t offset, uint64_t compare, uint64_t swap) {
  PeerRequest r = Add(end, psn, offset, swap);
  r.opcode = Wire::kRcCompareSwap;
  r.atomic.compare = compare;
  return r;
}

// Polls for as long as 12 KiB take at 1 Gb/s: the second flow begins with its first packet and has
// no credit.
void PollOn(LoneEnd& end) {
  for (int i = 0; i < 100; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
}

uint64_t& Word(LoneEnd& end, size_t offset) {
  return *reinterpret_cast<uint64_t*>(end.memory.data() + offset);
}

void ExpectResponses(LoneEnd& end, const Frames& sent, uint32_t psn, size_t offset, uint32_t length,
                     uint32_t msn) {
  const uint32_t n = length == 0 ? 1 : (length + 1023) / 1024;
  ASSERT_EQ(sent.size(), n);
  for (uint32_t i = 0; i < n; ++i) {
    const bool first = i == 0, last = i + 1 == n;
    EXPECT_EQ(sent[i].bth.opcode, first && last ? Wire::kRcReadResponseOnly
                                  : first       ? Wire::kRcReadResponseFirst
                                  : last        ? Wire::kRcReadResponseLast
                                                : Wire::kRcReadResponseMiddle);
    EXPECT_EQ(sent[i].bth.psn, Psn(psn + i));
    ASSERT_EQ(sent[i].aeth.has_value(), first || last);
    if (sent[i].aeth) {
      EXPECT_TRUE(sent[i].aeth->IsAck());
      EXPECT_EQ(sent[i].aeth->msn, msn);
    }
    const uint32_t size = std::min(1024u, length - i * 1024);
    ASSERT_EQ(sent[i].payload.size(), size);
    EXPECT_TRUE(std::equal(sent[i].payload.begin(), sent[i].payload.end(),
                           end.memory.begin() + static_cast<ptrdiff_t>(offset + i * 1024)));
    EXPECT_EQ(sent[i].ecn(), 2) << "responses are data";
  }
}

void ExpectAtomic(const wire::DecodedFrame& f, uint32_t psn, uint64_t original, uint32_t msn) {
  EXPECT_EQ(f.bth.opcode, Wire::kRcAtomicAcknowledge);
  EXPECT_EQ(f.bth.psn, Psn(psn));
  EXPECT_EQ(f.aeth->msn, msn);
  EXPECT_EQ(f.atomic_ack_eth->original, original);
}

TEST(ReadResponder, AnswersEverySizeAroundTheMtu) {
  for (const uint32_t length : {0u, 1u, 1023u, 1024u, 1025u, 10240u}) {
    LoneEnd end;
    end.InjectRequest(Read(end, 5000, 100, length));
    PollOn(end);
    ExpectResponses(end, end.Sent(), 5000, 100, length, 1);
    // The next request has the PSN behind the responses.
    ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
    end.InjectRequest(Send(5000 + std::max(1u, (length + 1023) / 1024), 4));
    PollOn(end);
    EXPECT_EQ(end.Completions().size(), 1u);
    EXPECT_EQ(end.Sent().size(), 1u);
  }
}

TEST(ReadResponder, AcknowledgementsDoNotOvertakeResponses) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  end.InjectRequest(Read(end, 5000, 0, 3000));
  end.InjectRequest(Send(5003, 4));
  PollOn(end);
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[2].bth.opcode, Wire::kRcReadResponseLast);
  EXPECT_EQ(sent[2].aeth->msn, 1u);
  EXPECT_EQ(sent[3].bth.opcode, Wire::kRcAcknowledge);
  EXPECT_EQ(sent[3].bth.psn, Psn(5003));
  EXPECT_EQ(sent[3].aeth->msn, 2u);
}

TEST(ReadResponder, NaksWaitForResponsesToo) {
  LoneEnd end;
  end.InjectRequest(Read(end, 5000, 0, 2048));
  end.InjectRequest(Send(5003, 4));  // 5002 is missing
  PollOn(end);
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].aeth->syndrome, kSequence);
  EXPECT_EQ(sent[2].bth.psn, Psn(5002));
}

TEST(ReadResponder, AMistakeBehindAReadIsJudgedAfterIt) {
  LoneEnd end;
  end.InjectRequest(Read(end, 5000, 0, 2048));
  PeerRequest bad = Write(end, 5002, 0, Pattern(8));
  bad.rkey ^= 1;
  end.InjectRequest(bad);
  PollOn(end);
  Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].aeth->syndrome, kSequence) << "please send it again";
  EXPECT_FALSE(end.qp->in_error());
  end.InjectRequest(bad);
  PollOn(end);
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].aeth->syndrome, kAccess);
  EXPECT_TRUE(end.qp->in_error());
}

TEST(ReadResponder, ADuplicateIsExecutedAgain) {
  LoneEnd end;
  end.InjectRequest(Read(end, 5000, 0, 3000));
  PollOn(end);
  end.Sent();
  end.memory[5] ^= 0xff;  // what is there now is what the duplicate gets
  end.InjectRequest(Read(end, 5000, 0, 3000));
  PollOn(end);
  ExpectResponses(end, end.Sent(), 5000, 0, 3000, 1);
  // Resumed in the middle, with va and length moved.
  end.InjectRequest(Read(end, 5001, 1024, 3000 - 1024));
  PollOn(end);
  ExpectResponses(end, end.Sent(), 5001, 1024, 3000 - 1024, 1);
  EXPECT_EQ(end.Count("duplicate_requests_packets_total"), 2u);
}

TEST(ReadResponder, ADuplicateThatAsksForMoreOrForOthersMemoryIsIgnored) {
  LoneEnd end;
  end.InjectRequest(Read(end, 5000, 0, 2048));
  PollOn(end);
  end.Sent();
  end.InjectRequest(Read(end, 5001, 1024, 2048));  // one packet too many
  PeerRequest bad = Read(end, 5000, 0, 2048);
  bad.rkey ^= 1;
  end.InjectRequest(bad);
  end.InjectRequest(Read(end, 5000, end.memory.size() - 100, 2048));
  PollOn(end);
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_FALSE(end.qp->in_error());
}

TEST(ReadResponder, RefusesByKeyBoundsRightAndSequence) {
  const auto refuse = [](const LoneEndOptions& o, auto change, uint8_t syndrome) {
    LoneEnd end(o);
    PeerRequest r = Read(end, 5000, 0, 100);
    change(end, r);
    end.InjectRequest(r);
    end.Poll();
    ExpectAnswer(end, 5000, syndrome, 0);
    EXPECT_TRUE(end.qp->in_error());
  };
  const LoneEndOptions o;
  refuse(
      o, [](LoneEnd&, PeerRequest& r) { r.rkey ^= 1; }, kAccess);
  refuse(
      o, [](LoneEnd& e, PeerRequest& r) { r.va += e.memory.size() - 99; }, kAccess);
  refuse(
      o, [](LoneEnd&, PeerRequest& r) { r.length = 0x80000001; }, kInvalid);
  LoneEndOptions no_right;
  no_right.access = verbs::kLocalWrite | verbs::kRemoteWrite;
  refuse(
      no_right, [](LoneEnd&, PeerRequest&) {}, kAccess);
  LoneEndOptions no_depth;
  no_depth.connect.responder_resources = 0;
  refuse(
      no_depth, [](LoneEnd&, PeerRequest&) {}, kInvalid);
}

TEST(ReadResponder, InsideAMessageItIsAnInvalidRequest) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(8192), PostResult::kOk);
  end.InjectRequest(Send(5000, 1024, Wire::kRcSendFirst));
  end.Poll();
  end.Sent();
  end.InjectRequest(Read(end, 5001, 0, 4));
  end.Poll();
  EXPECT_EQ(end.Sent().back().aeth->syndrome, kInvalid);
  EXPECT_TRUE(end.qp->in_error());
}

// A slow second flow: 1 Gb/s, one packet at a time.
LoneEndOptions Slow() {
  LoneEndOptions o;
  o.connect.algorithm = "fixed:rate=1Gbps";
  o.engine.pacing_credit = Bytes(0);
  return o;
}

TEST(ReadResponder, PacesItsResponses) {
  LoneEnd end(Slow());
  end.InjectRequest(Read(end, 5000, 0, 10240));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  // A frame of 1082 or 1086 bytes and 24 more at 1 Gb/s: 8.85 us each.
  end.Wait(Duration::Microseconds(8));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 0u);
  end.Wait(Duration::Microseconds(1));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  for (int i = 0; i < 100; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 8u);
}

TEST(ReadResponder, MoreThanItsResourcesIsThePeersMistake) {
  LoneEndOptions o = Slow();
  o.connect.responder_resources = 2;
  LoneEnd end(o);
  end.InjectRequest(Read(end, 5000, 0, 2048));
  end.InjectRequest(Read(end, 5002, 0, 8));
  end.InjectRequest(Read(end, 5003, 0, 8));
  PollOn(end);
  // Asked for again, so that the answers owed come first; by then there is room.
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[3].aeth->syndrome, kSequence);
  EXPECT_EQ(sent[3].bth.psn, Psn(5003));
  EXPECT_FALSE(end.qp->in_error());
}

TEST(ReadResponder, ADuplicateTakesTheStreamBack) {
  LoneEnd end(Slow());
  end.InjectRequest(Read(end, 5000, 0, 10240));
  for (int i = 0; i < 30; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 4u);
  end.InjectRequest(Read(end, 5001, 1024, 9216));
  for (int i = 0; i < 200; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
  ExpectResponses(end, end.Sent(), 5001, 1024, 9216, 1);
}

TEST(ReadResponder, MemoryThatWentIsNotRead) {
  LoneEnd end(Slow());
  end.InjectRequest(Read(end, 5000, 0, 4096));
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 1u);
  ASSERT_TRUE(end.region->Deregister().ok());
  end.Wait(Duration::Microseconds(20));
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kRcAcknowledge);
  EXPECT_EQ(sent[0].bth.psn, Psn(5001));
  EXPECT_EQ(sent[0].aeth->syndrome, kAccess);
  EXPECT_TRUE(end.qp->in_error());
}

TEST(ReadResponder, WithoutABlockItIsNotReady) {
  LoneEndOptions o;
  o.engine.response_blocks = 0;
  LoneEnd end(o);
  end.InjectRequest(Read(end, 5000, 0, 8));
  end.Poll();
  ExpectAnswer(end, 5000, kRnr | 12, 0);
  EXPECT_EQ(end.Count("response_pool_empty_total"), 1u);
}

TEST(ReadResponder, ANotificationSlowsTheResponses) {
  LoneEndOptions o;
  o.connect.algorithm = "dcqcn";
  o.engine.pacing_credit = Bytes(0);
  LoneEnd end(o);
  end.InjectRequest(Read(end, 5000, 0, 1024));
  end.Poll();
  wire::DecodedFrame cnp = end.Frame(Wire::kCnp, 0);
  LoneEnd::Finish(&cnp);
  end.Inject(cnp);
  end.Poll();
  EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), 1u);
  end.Wait(Duration::Milliseconds(2));
  end.Inject(cnp);
  end.Poll();
  EXPECT_EQ(end.Count("rp_cnp_ignored_packets_received_total"), 1u) << "long after the response";
}

TEST(AtomicResponder, AddsAndSwaps) {
  LoneEnd end;
  Word(end, 64) = 40;
  end.InjectRequest(Add(end, 5000, 64, 2));
  end.InjectRequest(Swap(end, 5001, 64, 42, 7));
  end.InjectRequest(Swap(end, 5002, 64, 42, 9));  // does not match
  end.InjectRequest(Add(end, 5003, 64, ~uint64_t{0}));
  PollOn(end);
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 4u);
  ExpectAtomic(sent[0], 5000, 40, 1);
  ExpectAtomic(sent[1], 5001, 42, 2);
  ExpectAtomic(sent[2], 5002, 7, 3);
  ExpectAtomic(sent[3], 5003, 7, 4);
  EXPECT_EQ(Word(end, 64), 6u);
}

TEST(AtomicResponder, ADuplicateIsAnsweredFromItsRecord) {
  LoneEnd end;
  Word(end, 64) = 40;
  end.InjectRequest(Add(end, 5000, 64, 2));
  end.InjectRequest(Add(end, 5001, 64, 2));
  PollOn(end);
  end.Sent();
  for (int i = 0; i < 3; ++i) {
    end.InjectRequest(Add(end, 5000, 64, 2));
    PollOn(end);
    const Frames sent = end.Sent();
    ASSERT_EQ(sent.size(), 1u);
    ExpectAtomic(sent[0], 5000, 40, 1);
  }
  EXPECT_EQ(Word(end, 64), 44u);
}

TEST(AtomicResponder, ADuplicateThatIsNotRememberedIsIgnored) {
  LoneEnd end;
  for (uint32_t i = 0; i < 17; ++i) {
    end.InjectRequest(Add(end, 5000 + i, 64, 1));
    PollOn(end);
  }
  end.Sent();
  const uint64_t before = Word(end, 64);
  end.InjectRequest(Add(end, 5000, 64, 1));
  PollOn(end);
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(Word(end, 64), before);
}

TEST(AtomicResponder, RefusesByAlignmentAndRight) {
  const auto refuse = [](const LoneEndOptions& o, size_t offset, uint8_t syndrome) {
    LoneEnd end(o);
    const auto before = end.memory;
    end.InjectRequest(Add(end, 5000, offset, 1));
    end.Poll();
    ExpectAnswer(end, 5000, syndrome, 0);
    EXPECT_TRUE(end.qp->in_error());
    EXPECT_EQ(end.memory, before);
  };
  refuse({}, 4, kInvalid);
  refuse({}, LoneEndOptions().memory, kAccess);
  LoneEndOptions no_right;
  no_right.access = verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead;
  refuse(no_right, 8, kAccess);
  LoneEndOptions no_depth;
  no_depth.connect.responder_resources = 0;
  refuse(no_depth, 8, kInvalid);
}

TEST(AtomicResponder, ACorruptedRequestIsNotExecuted) {
  LoneEnd end;
  Word(end, 64) = 1;
  wire::DecodedFrame f = end.Request(Add(end, 5000, 64, 1));
  f.atomic_eth->swap_or_add = 3;
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(Word(end, 64), 1u);
  EXPECT_TRUE(end.Sent().empty());
}

TEST(SendInvalidate, MakesTheKeyUnknownAndSaysWhich) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100, 1), PostResult::kOk);
  PeerRequest r = Send(5000, 20, Wire::kRcSendOnlyInvalidate);
  r.invalidate = end.region->rkey();
  end.InjectRequest(r);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].opcode, verbs::Opcode::kSendWithInvalidate);
  EXPECT_TRUE(done[0].invalidated);
  EXPECT_EQ(done[0].invalidated_rkey, end.region->rkey());
  EXPECT_FALSE(done[0].has_imm);
  end.Sent();
  end.InjectRequest(Write(end, 5001, 0, Pattern(4)));
  end.Poll();
  EXPECT_EQ(end.Sent().back().aeth->syndrome, kAccess);
  EXPECT_TRUE(end.region->Deregister().ok()) << "the registration is still its owner's";
}

TEST(SendInvalidate, OnlyIfTheRegionMayBe) {
  for (const bool right : {false, true}) {
    LoneEndOptions o;
    if (!right) o.access = verbs::kLocalWrite | verbs::kRemoteWrite;
    LoneEnd end(o);
    ASSERT_EQ(end.PostReceive(100, 1), PostResult::kOk);
    PeerRequest r = Send(5000, 20, Wire::kRcSendOnlyInvalidate);
    r.invalidate = end.region->rkey() ^ (right ? 1 : 0);
    end.InjectRequest(r);
    end.Poll();
    ExpectAnswer(end, 5000, kAccess, 0);
    const auto done = end.Completions();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].status, CompletionStatus::kLocalQpOperationError);
    EXPECT_TRUE(end.qp->in_error());
  }
}

}  // namespace
}  // namespace sluice::test
