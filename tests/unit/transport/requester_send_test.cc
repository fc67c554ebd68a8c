// What the requester sends: segmentation, opcodes, extension headers, PSNs, acknowledgement
// requests, window and credits.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

// The opcodes of IBTA 1.4, table 38, for a message of one packet and of more.
struct Names {
  Opcode verb;
  Wire only, first, middle, last;
};
constexpr Names kNames[] = {
    {Opcode::kSend, Wire::kRcSendOnly, Wire::kRcSendFirst, Wire::kRcSendMiddle, Wire::kRcSendLast},
    {Opcode::kSendWithImm, Wire::kRcSendOnlyImm, Wire::kRcSendFirst, Wire::kRcSendMiddle,
     Wire::kRcSendLastImm},
    {Opcode::kRdmaWrite, Wire::kRcWriteOnly, Wire::kRcWriteFirst, Wire::kRcWriteMiddle,
     Wire::kRcWriteLast},
    {Opcode::kRdmaWriteWithImm, Wire::kRcWriteOnlyImm, Wire::kRcWriteFirst, Wire::kRcWriteMiddle,
     Wire::kRcWriteLastImm},
};

TEST(RequesterSend, SegmentsEveryVerbAtEverySizeAroundTheMtu) {
  for (const uint32_t mtu : {256u, 1024u, 4096u}) {
    for (const Names& n : kNames) {
      for (const uint32_t length : {0u, 1u, 2u, 3u, mtu - 1, mtu, mtu + 1, 3 * mtu}) {
        LoneEndOptions o;
        o.connect.mtu = mtu;
        LoneEnd end(o);
        ASSERT_EQ(end.Post(n.verb, length, 7), PostResult::kOk);
        end.Poll();
        const Frames sent = end.Sent();
        const uint32_t packets = length == 0 ? 1 : (length + mtu - 1) / mtu;
        ASSERT_EQ(sent.size(), packets) << length;
        const bool write = n.verb == Opcode::kRdmaWrite || n.verb == Opcode::kRdmaWriteWithImm;
        const bool imm = n.verb == Opcode::kSendWithImm || n.verb == Opcode::kRdmaWriteWithImm;
        for (uint32_t i = 0; i < packets; ++i) {
          const bool first = i == 0;
          const bool last = i + 1 == packets;
          const wire::DecodedFrame& f = sent[i];
          EXPECT_EQ(f.bth.opcode, first && last ? n.only
                                  : first       ? n.first
                                  : last        ? n.last
                                                : n.middle);
          EXPECT_EQ(f.bth.psn, Psn(1000 + i));
          EXPECT_EQ(f.bth.dest_qpn, LoneEnd::kPeerQpn);
          EXPECT_EQ(f.bth.ack_request, last);
          const uint32_t size = std::min(mtu, length - i * mtu);
          ASSERT_EQ(f.payload.size(), size);
          EXPECT_EQ(f.pad.size(), (4 - size % 4) % 4);
          EXPECT_TRUE(std::equal(f.payload.begin(), f.payload.end(), end.memory.begin() + i * mtu));
          ASSERT_EQ(f.reth.has_value(), write && first);
          if (f.reth) {
            EXPECT_EQ(*f.reth, (wire::Reth{0x7000'0000'1007, 0x11223344, length}));
          }
          ASSERT_EQ(f.imm.has_value(), imm && last);
          if (f.imm) {
            EXPECT_EQ(f.imm->value, 0xabcd0007u);
          }
          EXPECT_EQ(f.ecn(), 2) << "data is ECT(0)";
          EXPECT_EQ(f.dscp(), 26);
        }
      }
    }
  }
}

TEST(RequesterSend, GathersSegmentsAcrossPacketBoundaries) {
  LoneEndOptions o;
  o.connect.mtu = 256;
  LoneEnd end(o);
  // 100 + 0 + 300 + 113 = 513 bytes in three packets; the parts lie apart and out of order.
  const uint32_t key = end.region->lkey();
  uint8_t* m = end.memory.data();
  const verbs::Segment parts[] = {
      {m + 5000, 100, key}, {m, 0, key}, {m + 1, 300, key}, {m + 9000, 113, key}};
  std::vector<uint8_t> whole;
  for (const verbs::Segment& s : parts) {
    const uint8_t* p = static_cast<const uint8_t*>(s.address);
    whole.insert(whole.end(), p, p + s.length);
  }
  verbs::SendRequest r;
  r.segments = parts;
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  end.Poll();
  std::vector<uint8_t> got;
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 3u);
  for (const wire::DecodedFrame& f : sent) {
    got.insert(got.end(), f.payload.begin(), f.payload.end());
  }
  EXPECT_EQ(got, whole);
}

TEST(RequesterSend, PsnWrapsInsideAMessageAndAcknowledgementsFollow) {
  LoneEndOptions o;
  o.connect.send_psn = 0xfffffe;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 4 * 1024, 1), PostResult::kOk);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 4u);
  const uint32_t psns[] = {0xfffffe, 0xffffff, 0, 1};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sent[i].bth.psn.value(), psns[i]);
  end.Ack(0xffffff);
  end.Poll();
  EXPECT_TRUE(end.Completions().empty());
  end.Nak(0);  // expects 0: goes back to exactly there
  end.Poll();
  const Frames again = end.Sent();
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].bth.psn.value(), 0u);
  EXPECT_EQ(again[0].bth.opcode, Wire::kRcWriteMiddle);
  end.Ack(1, 1);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
}

std::vector<bool> AckRequests(const Frames& frames) {
  std::vector<bool> v;
  for (const wire::DecodedFrame& f : frames) v.push_back(f.bth.ack_request);
  return v;
}

TEST(RequesterAckRequest, EverySixteenthWithoutAWindow) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 40 * 1024), PostResult::kOk);
  end.Poll();
  const std::vector<bool> asked = AckRequests(end.Sent());
  ASSERT_EQ(asked.size(), 40u);
  // Packets 16 and 32, and the last.
  for (size_t i = 0; i < 40; ++i) EXPECT_EQ(asked[i], i == 15 || i == 31 || i == 39) << i;
}

TEST(RequesterAckRequest, AsOftenAsTheEngineSays) {
  LoneEndOptions o;
  o.engine.ask_every = 10;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 25 * 1024), PostResult::kOk);
  end.Poll();
  const std::vector<bool> asked = AckRequests(end.Sent());
  ASSERT_EQ(asked.size(), 25u);
  for (size_t i = 0; i < 25; ++i) EXPECT_EQ(asked[i], i == 9 || i == 19 || i == 24) << i;
}

TEST(RequesterAckRequest, AQuarterOfTheWindowAndThePacketThatFillsIt) {
  LoneEndOptions o;
  o.connect.algorithm = "fixed:window=30KB";  // 30,000 / 1024 = 29 whole packets; a quarter is 7
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 60 * 1024), PostResult::kOk);
  end.Poll();
  const std::vector<bool> asked = AckRequests(end.Sent());
  // A packet goes while in_flight < window: ceil(30000 / 1024) = 30 packets.
  ASSERT_EQ(asked.size(), 30u);
  for (size_t i = 0; i < 30; ++i) EXPECT_EQ(asked[i], i % 7 == 6 || i == 29) << i;
}

TEST(RequesterAckRequest, UnsignalledMessagesAskOnlyBeforeIdle) {
  LoneEnd end;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(end.Post(Opcode::kSend, 10, i, i == 2), PostResult::kOk);
  }
  end.Poll();
  EXPECT_EQ(AckRequests(end.Sent()), (std::vector<bool>{false, false, true, false, true}));
  end.Ack(1004, 5);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u) << "only the signalled one completes";
  EXPECT_EQ(done[0].wr_id, 2u);
}

TEST(RequesterAckRequest, TheFirstRetransmissionAsks) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 10 * 1024), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.Nak(1003);
  end.Poll();
  const Frames again = end.Sent();
  ASSERT_EQ(again.size(), 7u);
  EXPECT_EQ(again[0].bth.psn, Psn(1003));
  std::vector<bool> expected(7, false);
  expected.front() = expected.back() = true;
  EXPECT_EQ(AckRequests(again), expected);
}

TEST(RequesterWindow, IsFullAtTheFirstPacketThatReachesIt) {
  // window -> packets of 1024 in flight: the smallest n with n * 1024 >= window.
  const struct {
    const char* algorithm;
    size_t packets;
  } cases[] = {{"fixed:window=1024B", 1},
               {"fixed:window=1025B", 2},
               {"fixed:window=2048B", 2},
               {"fixed:window=10240B", 10},
               {"fixed:window=10241B", 11}};
  for (const auto& c : cases) {
    LoneEndOptions o;
    o.connect.algorithm = c.algorithm;
    LoneEnd end(o);
    ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 30 * 1024), PostResult::kOk);
    end.Poll();
    EXPECT_EQ(end.Sent().size(), c.packets) << c.algorithm;
    end.Ack(1000);
    end.Poll();
    EXPECT_EQ(end.Sent().size(), 1u) << "one acknowledged, one more may go: " << c.algorithm;
  }
}

TEST(RequesterWindow, RetransmissionsPassItAndLostBytesLeaveIt) {
  LoneEndOptions o;
  o.connect.algorithm = "fixed:window=4096B";
  LoneEnd end(o);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 30 * 1024), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 4u);
  end.Nak(1001);  // one arrived, three are lost: all four of the window may go again
  end.Poll();
  const Frames again = end.Sent();
  ASSERT_EQ(again.size(), 4u);
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(again[i].bth.psn, Psn(1001 + i));
  EXPECT_EQ(end.Count("retransmitted_packets_total"), 3u);
}

TEST(RequesterCredits, StopsAtTheLimitAndProbesWithOnePacket) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 0), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 1u);
  // One message complete and code 2 = two receives: SSN 2 and 3 may go (LSN = MSN + credits).
  end.Ack(1000, 1, 2);
  for (uint64_t i = 1; i < 6; ++i) ASSERT_EQ(end.Post(Opcode::kSend, 10, i), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  // Both complete, no credit left: one packet may probe, and it asks.
  end.Ack(1002, 3, 0);
  end.Poll();
  Frames probe = end.Sent();
  ASSERT_EQ(probe.size(), 1u);
  EXPECT_TRUE(probe[0].bth.ack_request);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  // Code 31 lifts the limit.
  end.Ack(1003, 4, 31);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
}

TEST(RequesterCredits, WritesTakeNone) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kSend, 10, 0), PostResult::kOk);
  end.Poll();
  end.Ack(1000, 1, 0);
  for (uint64_t i = 1; i < 6; ++i) ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 10, i), PostResult::kOk);
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 6u);
}

TEST(RequesterCredits, TheLastPacketThatTheyAllowAsks) {
  // Otherwise nothing would ask before the retransmission timer.
  for (const Opcode last_allowed : {Opcode::kSend, Opcode::kRdmaWrite}) {
    LoneEnd end;
    ASSERT_EQ(end.Post(Opcode::kSend, 10, 0), PostResult::kOk);
    end.Poll();
    end.Sent();
    end.Ack(1000, 1, 1);
    ASSERT_EQ(end.Post(last_allowed, 10, 1, false), PostResult::kOk);
    ASSERT_EQ(end.Post(Opcode::kSend, 10, 2, false), PostResult::kOk);
    ASSERT_EQ(end.Post(Opcode::kSend, 10, 3, false), PostResult::kOk);
    end.Poll();
    // A WRITE takes a sequence number as well: LSN 2 is its own.
    const Frames sent = end.Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].bth.ack_request);
  }
}

TEST(RequesterSend, TheLongestMessageOfSmallestPackets) {
  // 2^31 bytes in packets of 256 are 2^23 PSNs, half of the number space.
  LoneEndOptions o;
  o.connect.mtu = 256;
  o.port.elides_payload = true;
  o.port.linear_room = 256;
  o.engine.burst = 64;
  o.connect.timeout = 20;
  LoneEnd end(o);
  end.fake.KeepSent(false);
  // Never read, for the port carries headers only: the region need not be there.
  auto region = end.device->Register(end.pd.get(), reinterpret_cast<void*>(uintptr_t{1} << 40),
                                     size_t{1} << 31, 0);
  ASSERT_TRUE(region.ok());
  const verbs::Segment s{reinterpret_cast<void*>(uintptr_t{1} << 40), 1u << 31, (*region)->lkey()};
  verbs::SendRequest r;
  r.segments = {&s, 1};
  r.opcode = Opcode::kRdmaWrite;
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  uint32_t last = 999;
  end.fake.SetTap([&](FakeFrame& f, size_t) {
    last = wire::Bth::Read(f.bytes.data() + 42).psn.value();
    return false;
  });
  const auto ack = [&end](uint32_t psn) {
    wire::DecodedFrame f = end.Frame(Wire::kRcAcknowledge, psn);
    f.aeth = wire::Aeth{31, 0};
    LoneEnd::Finish(&f);
    port::RxMeta good;
    good.icrc = port::IcrcState::kGood;
    end.fake.Inject(f.Encode(), good);
  };
  constexpr uint32_t kPackets = 1u << 23;
  for (uint32_t acked = 0; acked < kPackets;) {
    end.Wait(Duration::Microseconds(1));
    end.PollOnce();
    const uint32_t sent = (last - 999) & 0xffffff;
    if (sent - acked >= 1u << 15 || sent == kPackets) {
      ack(last);
      acked = sent;
    }
    ASSERT_LE(sent, kPackets);
  }
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, verbs::CompletionStatus::kSuccess);
  EXPECT_EQ(done[0].byte_length, 1u << 31);
}

}  // namespace
}  // namespace sluice::test
