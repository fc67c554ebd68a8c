// What one peer may be owed and how often it is answered, of queue pairs with the extension
// (transport/peer_account.h, transport/rate_limit.h). The test is the peer.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/extended_end.h"

namespace sluice::test {
namespace {

using Wire = wire::Opcode;

constexpr uint32_t kLimit = 8192;
constexpr char kPeer[] = "198.51.100.2";

LoneEndOptions Limited() {
  LoneEndOptions o = Extended();
  o.engine.peers.read_bytes = Bytes(kLimit);
  return o;
}

// Another queue pair of the same device and the same peer.
class Second {
 public:
  explicit Second(XtEnd* end, verbs::Reliability reliability = verbs::Reliability::kExtended)
      : end_(end) {
    verbs::QueuePairOptions qo;
    qo.send_completions = qo.receive_completions = end->cq.get();
    qp = *end->device->CreateQueuePair(end->pd.get(), qo);
    verbs::ConnectOptions o = Limited().connect;
    o.reliability = reliability;
    if (reliability == verbs::Reliability::kBase) o.tracking_window = 0;
    o.peer_qpn = LoneEnd::kPeerQpn + 1;
    o.peer_mac = "02:00:00:00:00:02";
    o.peer_address = kPeer;
    const absl::Status s = qp->Connect(o);
    EXPECT_TRUE(s.ok()) << s;
  }
  void Inject(wire::DecodedFrame f) {
    f.bth.dest_qpn = qp->qpn();
    LoneEnd::Finish(&f);
    end_->Inject(f);
    end_->Poll();
  }
  void Ask(const XtFetch& r) { Inject(end_->Fetch(r)); }
  void AcknowledgeResponses(uint32_t psn) {
    wire::DecodedFrame f = end_->Frame(Wire::kXtResponseAck, psn);
    f.extended_ack.emplace();
    Inject(f);
  }
  std::unique_ptr<verbs::QueuePair> qp;

 private:
  XtEnd* end_;
};

// Responses sent until now, and within the time that the pace of their flow takes for the rest.
size_t Responses(XtEnd& end) {
  for (int i = 0; i < 100; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
  const auto sent = end.Sent();
  return static_cast<size_t>(std::count_if(sent.begin(), sent.end(), [](const auto& f) {
    return f.bth.opcode == Wire::kXtReadResponse || f.bth.opcode == Wire::kRcReadResponseOnly;
  }));
}

// Sent whole, it is owed until it is acknowledged, since until then it may be sent again.
TEST(ExtendedPeerLimits, OwedBytesArePutOffAndServedLater) {
  XtEnd end(Limited());
  Second second(&end);
  end.Ask({.length = kLimit, .at = 0});
  EXPECT_EQ(Responses(end), kLimit / kMtu);
  second.Ask({.length = kMtu});
  EXPECT_EQ(end.Answer().syndrome, kRnr | 12);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
  end.AcknowledgeResponses(kExpected + kLimit / kMtu - 2);
  second.Ask({.length = kMtu});
  EXPECT_EQ(Responses(end), 0u) << "one packet is missing";
  end.AcknowledgeResponses(kExpected + kLimit / kMtu - 1);
  second.Ask({.length = kMtu});
  EXPECT_EQ(Responses(end), 1u);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u) << "one request, however often";
}

// What the next request says is an acknowledgement like another.
TEST(ExtendedPeerLimits, ARequestThatTellsOfResponsesSettlesThem) {
  XtEnd end(Limited());
  end.Ask({.length = kLimit, .at = 0});
  EXPECT_EQ(Responses(end), kLimit / kMtu);
  end.Ask(
      {.psn = kExpected + 1, .message = 1, .number = 1, .length = kLimit, .completed = 1, .at = 0});
  EXPECT_EQ(Responses(end), kLimit / kMtu);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 0u);
}

TEST(ExtendedPeerLimits, OneReadIsAlwaysAccepted) {
  XtEnd end(Limited());
  end.Ask({.length = 8 * kLimit, .at = 0});
  EXPECT_EQ(Responses(end), 8 * kLimit / kMtu);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 0u);
}

TEST(ExtendedPeerLimits, TheAccountIsThatOfBaseQueuePairsToo) {
  XtEnd end(Limited());
  Second base(&end, verbs::Reliability::kBase);
  end.Ask({.length = kLimit, .at = 0});
  EXPECT_EQ(Responses(end), kLimit / kMtu);
  PeerRequest r{Wire::kRcReadRequest, kExpected, {}};
  r.va = reinterpret_cast<uintptr_t>(end.memory.data());
  r.rkey = end.region->rkey();
  r.length = 8;
  base.Inject(end.Request(r));
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_TRUE(sent[0].aeth.has_value());
  EXPECT_EQ(sent[0].aeth->syndrome, kRnr | 12);
}

// A READ that came before its turn is tried again without another packet, and counted once.
TEST(ExtendedPeerLimits, OneThatWaitedForItsTurnIsServedOnceThereIsRoom) {
  XtEnd end(Limited());
  Second second(&end);
  second.Ask({.length = kLimit, .at = 0});
  EXPECT_EQ(Responses(end), kLimit / kMtu);
  end.Ask({.psn = kExpected + 1, .message = 1, .length = kMtu});
  end.Take({});
  for (int i = 0; i < 100; ++i) end.PollOnce();
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
  (void)end.Sent();
  second.AcknowledgeResponses(kExpected + kLimit / kMtu - 1);
  end.Poll();
  EXPECT_EQ(Responses(end), 1u);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
}

// Whoever does not acknowledge may be gone: what stays unanswered does not hold up what else that
// address runs. It goes on when its rest may be owed again.
TEST(ExtendedPeerLimits, AStreamThatFellSilentOwesNothingUntilItGoesOn) {
  LoneEndOptions o = Limited();
  o.connect.timeout = 8;  // 1.05 ms
  o.connect.retry_count = 1;
  XtEnd end(o);
  Second second(&end);
  end.Ask({.length = kLimit, .at = 0});
  for (int i = 0; i < 10; ++i) {
    end.Wait(Duration::Milliseconds(1));
    end.Poll();
  }
  (void)end.Sent();
  second.Ask({.length = kMtu});
  EXPECT_EQ(Responses(end), 1u);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 0u);
  // It is heard again, but 8192 and 1024 are more than the limit.
  end.AcknowledgeResponses(kExpected - 1);
  const auto told = end.Sent();
  ASSERT_EQ(told.size(), 1u) << "it hears that somebody is there";
  EXPECT_EQ(told[0].bth.opcode, Wire::kXtAck);
  EXPECT_EQ(Responses(end), 0u);
  second.AcknowledgeResponses(kExpected);
  end.AcknowledgeResponses(kExpected - 1);
  EXPECT_EQ(Responses(end), kLimit / kMtu);
}

// What a queue pair owed goes with it, whichever way it goes.
TEST(ExtendedPeerLimits, NothingStaysOwed) {
  for (int way = 0; way < 3; ++way) {
    XtEnd end(Limited());
    Second second(&end);
    second.Ask({.length = kLimit, .at = 0});
    EXPECT_EQ(Responses(end), kLimit / kMtu);
    if (way == 0) second.qp.reset();
    if (way == 1) second.qp->Fail();
    if (way == 2) {
      ASSERT_TRUE(second.qp->Modify(verbs::QueuePairState::kReset, {}).ok());
    }
    end.Ask({.length = kLimit, .at = 0});
    EXPECT_EQ(Responses(end), kLimit / kMtu) << way;
    EXPECT_EQ(end.Count("peer_reads_put_off_total"), 0u) << way;
  }
}

}  // namespace
}  // namespace sluice::test
