// What the responder answers, and when: the test is the requester.
#include <gtest/gtest.h>

#include <cstring>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

TEST(Responder, AcknowledgesOncePerPollWithTheNewestPsnAndTheMessageCount) {
  LoneEnd end;
  for (uint64_t i = 0; i < 4; ++i) ASSERT_EQ(end.PostReceive(100, i, i * 100), PostResult::kOk);
  for (uint32_t i = 0; i < 3; ++i) end.InjectRequest(Send(5000 + i, 20));
  end.Poll();
  // One receive is left: credit code 1.
  ExpectAnswer(end, 5002, 1, 3);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(done[i].wr_id, i);
    EXPECT_EQ(done[i].byte_length, 20u);
    const auto sent = Pattern(20, static_cast<uint8_t>(5000 + i));
    EXPECT_EQ(std::memcmp(end.memory.data() + i * 100, sent.data(), 20), 0);
  }
}

TEST(Responder, WithoutAckRequestStaysSilent) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  PeerRequest r = Send(5000, 20);
  r.ack_request = false;
  end.InjectRequest(r);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(Responder, CountsMessagesOfEveryVerb) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(4096, 1), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(4096, 2), PostResult::kOk);
  end.InjectRequest(Write(end, 5000, 0, Pattern(30)));  // MSN 1
  PeerRequest imm = Write(end, 5001, 100, Pattern(30), Wire::kRcWriteOnlyImm);
  imm.imm = 0xfeedf00d;
  end.InjectRequest(imm);  // MSN 2, takes receive 1
  end.InjectRequest(Send(5002, 1024, Wire::kRcSendFirst));
  PeerRequest last = Send(5003, 7, Wire::kRcSendLastImm);
  last.imm = 5;
  end.InjectRequest(last);  // MSN 3, takes receive 2
  end.Poll();
  ExpectAnswer(end, 5003, 0, 3);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].opcode, verbs::Opcode::kRdmaWriteWithImm);
  EXPECT_EQ(done[0].imm, 0xfeedf00du);
  EXPECT_EQ(done[0].byte_length, 30u);
  EXPECT_EQ(done[1].opcode, verbs::Opcode::kSendWithImm);
  EXPECT_EQ(done[1].byte_length, 1031u);
  EXPECT_EQ(end.Count("messages_received_total"), 3u);
}

TEST(Responder, AdvertisesCreditsByTheTableOfTheStandard) {
  // IBTA 1.4, table 45: code -> receives; the code advertised is the largest that does not promise
  // more than there are. After the first message n - 1 are left.
  const struct {
    int posted;
    uint8_t code;
  } cases[] = {{1, 0}, {2, 1},  {3, 2},  {4, 3},  {5, 4},  {6, 4},   {7, 5},
               {9, 6}, {13, 7}, {16, 7}, {17, 8}, {32, 9}, {33, 10}, {64, 11}};
  for (const auto& c : cases) {
    LoneEnd end;
    for (int i = 0; i < c.posted; ++i) ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
    end.InjectRequest(Send(5000, 4));
    end.Poll();
    ExpectAnswer(end, 5000, c.code, 1);
  }
}

TEST(Responder, TheMessageUnderWayKeepsItsOwnCredit) {
  // LSN = MSN + credits must cover the message that has begun, for MSN does not count it yet.
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(8192), PostResult::kOk);
  end.InjectRequest(Send(5000, 1024, Wire::kRcSendFirst));
  end.Poll();
  ExpectAnswer(end, 5000, 1, 0);
}

TEST(Responder, DuplicatesAreAcknowledgedAndNotExecuted) {
  LoneEnd end;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(end.PostReceive(100, 0, 0), PostResult::kOk);
  end.InjectRequest(Send(5000, 8));
  end.InjectRequest(Send(5001, 8));
  end.InjectRequest(Write(end, 5002, 200, Pattern(8, 9)));
  end.Poll();
  end.Sent();
  EXPECT_EQ(end.Completions().size(), 2u);
  std::memset(end.memory.data(), 0, end.memory.size());
  // The near one and one far behind; without AckReq too (NOTES.md section 4).
  for (const uint32_t psn : {5000u, 5002u, 4000u}) {
    PeerRequest r = psn == 5002 ? Write(end, psn, 200, Pattern(8, 9)) : Send(psn, 8);
    r.ack_request = false;
    end.InjectRequest(r);
    end.Poll();
    ExpectAnswer(end, 5002, 1, 3);
  }
  EXPECT_TRUE(end.Completions().empty());
  for (const uint8_t b : end.memory) ASSERT_EQ(b, 0);
  EXPECT_EQ(end.Count("duplicate_requests_packets_total"), 3u);
}

TEST(ResponderGap, OneNakNamesTheExpectedPsn) {
  LoneEnd end;
  for (int i = 0; i < 8; ++i) ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  end.InjectRequest(Send(5002, 8));
  end.Poll();
  ExpectAnswer(end, 5000, kSequence, 0);
  for (uint32_t psn = 5003; psn < 5010; ++psn) {
    end.InjectRequest(Send(psn, 8));
    end.Poll();
    EXPECT_TRUE(end.Sent().empty());
  }
  EXPECT_TRUE(end.Completions().empty());
  // Filled: in order again, and a new gap is a new NAK.
  end.InjectRequest(Send(5000, 8));
  end.Poll();
  ExpectAnswer(end, 5000, 5, 1);  // 7 left: code 5 = 6
  end.InjectRequest(Send(5002, 8));
  end.Poll();
  ExpectAnswer(end, 5001, kSequence, 1);
}

TEST(ResponderGap, AgainWhenTheRequesterWentBackAndTheSamePacketWasLost) {
  LoneEnd end;
  for (const uint32_t psn : {5001u, 5002u, 5003u}) end.InjectRequest(Send(psn, 8));
  end.Poll();
  ExpectAnswer(end, 5000, kSequence, 0);
  end.InjectRequest(Send(5001, 8));  // second pass, 5000 lost again
  end.Poll();
  ExpectAnswer(end, 5000, kSequence, 0);
}

TEST(ResponderGap, ClosedWithinOneBurstNeedsNoNak) {
  LoneEnd end;
  for (int i = 0; i < 8; ++i) ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  for (const uint32_t psn : {5001u, 5000u, 5001u}) end.InjectRequest(Send(psn, 8));
  end.Poll();
  ExpectAnswer(end, 5001, 5, 2);
}

TEST(ResponderGap, FarAheadAndAtTheWrap) {
  LoneEndOptions o;
  o.connect.receive_psn = 0xffffff;
  LoneEnd end(o);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  end.InjectRequest(Send(0, 8));  // ahead, across the wrap
  end.Poll();
  ExpectAnswer(end, 0xffffff, kSequence, 0);
  end.InjectRequest(Send(0xffffff, 8));
  end.InjectRequest(Send(0, 8));
  end.Poll();
  ExpectAnswer(end, 0, 0, 2);
}

TEST(ResponderNotReady, AnswersRnrWithItsTimerAndRecovers) {
  LoneEndOptions o;
  o.connect.min_rnr_timer = 14;
  LoneEnd end(o);
  end.InjectRequest(Send(5000, 8));
  end.InjectRequest(Send(5001, 8));
  end.Poll();
  ExpectAnswer(end, 5000, kRnr | 14, 0);
  EXPECT_EQ(end.Count("drop_receiver_not_ready"), 1u);
  ASSERT_EQ(end.PostReceive(100, 3), PostResult::kOk);
  end.InjectRequest(Send(5000, 8));
  end.Poll();
  ExpectAnswer(end, 5000, 0, 1);
}

// The shortest timer that a requester can be asked to wait is 10 us: who waits hears of every
// refusal, however long the receive queue stays empty.
TEST(ResponderNotReady, WhoWaitsHearsOfEveryRefusal) {
  LoneEndOptions o;
  o.connect.min_rnr_timer = 1;
  LoneEnd end(o);
  for (int i = 0; i < 1000; ++i) {
    end.InjectRequest(Send(5000, 8));
    end.Poll();
    ExpectAnswer(end, 5000, kRnr | 1, 0);
    end.Wait(wire::RnrTimer(1));
  }
  EXPECT_EQ(end.Count("rnr_naks_withheld_total"), 0u);
}

TEST(ResponderNotReady, WhoDoesNotWaitIsAnsweredAtTheirRate) {
  LoneEnd end;
  constexpr uint32_t kFrames = 10'000;
  for (uint32_t i = 0; i < kFrames; ++i) {
    end.InjectRequest(Send(5000, 8));
    end.Poll();
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: eight at once and one per 10 us.
  const uint64_t sent = end.Count("rnr_naks_sent_total");
  EXPECT_LE(sent, 108u);
  EXPECT_GE(sent, 100u);
  EXPECT_EQ(end.Sent().size(), sent);
  EXPECT_EQ(end.Count("rnr_naks_withheld_total"), kFrames - sent);
  // Once there is a receive the very next copy is taken.
  ASSERT_EQ(end.PostReceive(100, 3), PostResult::kOk);
  end.InjectRequest(Send(5000, 8));
  end.Poll();
  ExpectAnswer(end, 5000, 0, 1);
}

// A refusal that is not told leaves no earlier NAK behind: the expected packet has come.
TEST(ResponderNotReady, WithheldItIsNoGap) {
  LoneEnd end;
  for (int i = 0; i < 8; ++i) {
    end.InjectRequest(Send(5000, 8));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 8u);
  for (const uint32_t psn : {5000u, 5001u, 5002u}) end.InjectRequest(Send(psn, 8));
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_EQ(end.Count("naks_sent_total"), 0u);
}

TEST(ResponderNotReady, IsNotHiddenByReorderedPacketsOfTheSameBurst) {
  LoneEnd end;
  for (const uint32_t psn : {5000u, 5002u, 5001u}) end.InjectRequest(Send(psn, 8));
  end.Poll();
  ExpectAnswer(end, 5000, kRnr | 12, 0);
}

TEST(ResponderNotReady, WriteWithImmediateWaitsAtItsLastPacket) {
  LoneEnd end;
  PeerRequest first = Write(end, 5000, 0, Pattern(1024), Wire::kRcWriteFirst);
  first.length = 1030;
  end.InjectRequest(first);
  PeerRequest last{Wire::kRcWriteLastImm, 5001, Pattern(6)};
  end.InjectRequest(last);
  end.Poll();
  ExpectAnswer(end, 5001, kRnr | 12, 0);
  ASSERT_EQ(end.PostReceive(0, 3), PostResult::kOk);
  end.InjectRequest(last);
  end.Poll();
  ExpectAnswer(end, 5001, 0, 1);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].byte_length, 1030u);
}

TEST(ResponderNotReady, AFullCompletionQueueIsNotReadyToo) {
  LoneEndOptions o;
  o.completions = 2;
  LoneEnd end(o);
  for (uint64_t i = 0; i < 4; ++i) ASSERT_EQ(end.PostReceive(100, i), PostResult::kOk);
  for (uint32_t i = 0; i < 3; ++i) end.InjectRequest(Send(5000 + i, 8));
  end.Poll();
  ExpectAnswer(end, 5002, kRnr | 12, 2);
  EXPECT_EQ(end.Count("drop_completion_queue_full"), 1u);
  EXPECT_EQ(end.Completions().size(), 2u);
  end.InjectRequest(Send(5002, 8));
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 2u);
}

TEST(ResponderIcrc, ABadOneIsNoPacketAtAll) {
  // Whatever the packet would have caused: placement, a NAK, an RNR NAK, a fault.
  for (int kind = 0; kind < 6; ++kind) {
    LoneEnd end;
    if (kind != 2) {
      ASSERT_EQ(end.PostReceive(100, 7, 3000), PostResult::kOk);
    }
    PeerRequest r = Send(5000, 40);
    if (kind == 1) r.psn = 5005;
    if (kind == 3) r.opcode = Wire::kRcSendLast;
    if (kind == 4) r = Send(5000, 200);
    if (kind == 5) r = Write(end, 5000, 1 << 20, Pattern(16));
    wire::DecodedFrame f = end.Request(r);
    f.icrc ^= 1;
    end.Inject(f);
    end.Poll();
    EXPECT_TRUE(end.Sent().empty()) << kind;
    EXPECT_TRUE(end.Completions().empty()) << kind;
    EXPECT_FALSE(end.qp->in_error()) << kind;
    EXPECT_EQ(end.Count("drop_icrc"), 1u) << kind;
    // And the right one still works.
    if (kind != 2) {
      end.InjectRequest(Send(5000, 40));
      end.Poll();
      ExpectAnswer(end, 5000, 0, 1);
    }
  }
}

TEST(ResponderIcrc, ABadWriteNeverReachesMemoryThatOnlyItsOwnHeaderNames) {
  LoneEnd end;
  const std::vector<uint8_t> before = end.memory;
  wire::DecodedFrame f = end.Request(Write(end, 5000, 64, Pattern(512)));
  f.payload[100] ^= 0x10;
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.memory, before);
}

TEST(ResponderSegments, FramesCutAnywhereArriveWhole) {
  // The header span ends right behind the headers of the longest request; the rest in pieces.
  for (const uint32_t segment : {0u, 200u, 333u, 1024u}) {
    for (const size_t length : {0u, 1u, 2u, 3u, 4u, 5u, 199u, 200u, 201u, 1021u, 1022u, 1024u}) {
      LoneEndOptions o;
      o.port.receive_header = 74;
      o.port.receive_segment = segment;
      o.port.exact_size = true;
      LoneEnd end(o);
      ASSERT_EQ(end.PostReceive(2048, 1, 4096), PostResult::kOk);
      end.InjectRequest(Write(end, 5000, 1000, Pattern(length, 5)));
      end.InjectRequest(Send(5001, length));
      end.Poll();
      ExpectAnswer(end, 5001, 0, 2);
      const auto sent = Pattern(length, static_cast<uint8_t>(5001));
      const auto written = Pattern(length, 5);
      EXPECT_TRUE(std::equal(written.begin(), written.end(), end.memory.begin() + 1000));
      EXPECT_TRUE(std::equal(sent.begin(), sent.end(), end.memory.begin() + 4096));
    }
  }
}

TEST(ResponderSegments, MorePiecesThanItFollowsAreNotTakenForGood) {
  for (const bool icrc : {true, false}) {
    LoneEndOptions o;
    o.port.receive_header = 74;
    o.port.receive_segment = 16;
    o.engine.icrc = icrc;
    LoneEnd end(o);
    ASSERT_EQ(end.PostReceive(2048), PostResult::kOk);
    end.InjectRequest(Send(5000, 1024));
    end.InjectRequest(Write(end, 5000, 0, Pattern(1024)));
    end.Poll();
    EXPECT_TRUE(end.Completions().empty()) << icrc;
    EXPECT_EQ(end.Count("messages_received_total"), 0u) << icrc;
  }
}

TEST(ResponderScatter, ReceivesAcrossSegments) {
  LoneEnd end;
  const uint32_t key = end.region->lkey();
  uint8_t* m = end.memory.data();
  const verbs::Segment parts[] = {
      {m + 10, 1000, key}, {m + 5000, 0, key}, {m + 2000, 30, key}, {m + 3000, 2000, key}};
  ASSERT_EQ(end.qp->PostReceive({9, parts}), PostResult::kOk);
  const std::vector<uint8_t> a = Pattern(1024, 1), b = Pattern(500, 77);
  end.InjectRequest({Wire::kRcSendFirst, 5000, a});
  end.InjectRequest({Wire::kRcSendLast, 5001, b});
  end.Poll();
  std::vector<uint8_t> got(m + 10, m + 1010);
  got.insert(got.end(), m + 2000, m + 2030);
  got.insert(got.end(), m + 3000, m + 3000 + 494);
  std::vector<uint8_t> sent = a;
  sent.insert(sent.end(), b.begin(), b.end());
  EXPECT_EQ(got, sent);
}

TEST(ResponderEcn, MarkedDataIsCountedAndDcqcnAnswersWithACnp) {
  LoneEndOptions o;
  o.connect.algorithm = "dcqcn";
  LoneEnd end(o);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  PeerRequest r = Send(5000, 8);
  r.ack_request = false;
  wire::DecodedFrame f = end.Request(r);
  std::get<wire::Ipv4Header>(f.ip).ecn = 3;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Count("np_ecn_marked_roce_packets_received_total"), 1u);
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kCnp);
  EXPECT_EQ(sent[0].bth.dest_qpn, LoneEnd::kPeerQpn);
  EXPECT_TRUE(sent[0].bth.becn);
  EXPECT_EQ(sent[0].dscp(), 48);
  EXPECT_EQ(sent[0].ecn(), 0);
}

}  // namespace
}  // namespace sluice::test
