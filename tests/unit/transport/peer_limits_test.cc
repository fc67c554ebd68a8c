// What one peer may have, all its queue pairs together (transport/peer_account.h).
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using Wire = wire::Opcode;

// Another queue pair of the same device, with a peer of that address.
class Second {
 public:
  Second(LoneEnd* end, const std::string& address) : end_(end) {
    verbs::QueuePairOptions qo;
    qo.send_completions = qo.receive_completions = end->cq.get();
    qp = *end->device->CreateQueuePair(end->pd.get(), qo);
    verbs::ConnectOptions o;
    o.mtu = 1024;
    o.algorithm = "fixed:rate=1Gbps";
    o.receive_psn = 5000;
    o.peer_qpn = LoneEnd::kPeerQpn + 1;
    o.peer_mac = "02:00:00:00:00:02";
    o.peer_address = address;
    status = qp->Connect(o);
    address_ = *wire::IpAddress::Parse(address);
  }
  void Inject(const PeerRequest& r) {
    wire::DecodedFrame f = end_->Request(r);
    f.bth.dest_qpn = qp->qpn();
    std::get<wire::Ipv4Header>(f.ip).source = address_;
    LoneEnd::Finish(&f);
    end_->Inject(f);
    end_->Poll();
  }
  std::unique_ptr<verbs::QueuePair> qp;
  absl::Status status;

 private:
  LoneEnd* end_;
  wire::IpAddress address_;
};

LoneEndOptions Limited() {
  LoneEndOptions o;
  o.connect.algorithm = "fixed:rate=1Gbps";
  o.engine.pacing_credit = Bytes(0);
  o.engine.peers.read_bytes = Bytes(8192);
  return o;
}

PeerRequest Read(LoneEnd& end, uint32_t psn, uint32_t length) {
  PeerRequest r{Wire::kRcReadRequest, psn, {}};
  r.va = reinterpret_cast<uintptr_t>(end.memory.data());
  r.rkey = end.region->rkey();
  r.length = length;
  return r;
}

// At 1 Gb/s a packet of a response takes 8.8 us.
void Answer(LoneEnd& end, int packets) {
  for (int i = 0; i < packets * 10; ++i) {
    end.Wait(Duration::Microseconds(1));
    end.Poll();
  }
}

TEST(PeerLimits, OwedBytesArePutOffAndServedLater) {
  LoneEnd end(Limited());
  Second second(&end, "198.51.100.2");
  Second stranger(&end, "198.51.100.3");
  ASSERT_TRUE(second.status.ok() && stranger.status.ok());
  end.InjectRequest(Read(end, 5000, 8192));
  end.Poll();
  (void)end.Sent();
  // The same peer on another queue pair: not now. Another peer is served.
  second.Inject(Read(end, 5000, 1024));
  auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].aeth->syndrome, kRnr | 12);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
  stranger.Inject(Read(end, 5000, 1024));
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kRcReadResponseOnly);
  // When the first READ is answered the second one is.
  Answer(end, 10);
  (void)end.Sent();
  second.Inject(Read(end, 5000, 1024));
  sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kRcReadResponseOnly);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
}

// However small the limit is, one request is served.
TEST(PeerLimits, OneReadIsAlwaysAccepted) {
  LoneEnd end(Limited());
  end.InjectRequest(Read(end, 5000, 65536));
  Answer(end, 70);
  EXPECT_EQ(end.Sent().size(), 64u);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 0u);
}

// What a queue pair owed is given back with it, and a replay counts like the first time.
TEST(PeerLimits, NothingStaysOwed) {
  LoneEnd end(Limited());
  auto second = std::make_unique<Second>(&end, "198.51.100.2");
  second->Inject(Read(end, 5000, 8192));
  second->Inject(Read(end, 5001, 7168));  // again from the second packet on
  end.InjectRequest(Read(end, 5000, 4096));
  end.Poll();
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
  second.reset();
  (void)end.Sent();
  end.InjectRequest(Read(end, 5000, 8192));
  Answer(end, 10);
  EXPECT_EQ(end.Count("peer_reads_put_off_total"), 1u);
  EXPECT_EQ(end.Sent().size(), 8u);
  EXPECT_EQ(end.device->impl().engine.peers(), 1u);
}

// Duplicates of a READ are answered again, but not as often as a peer likes: the burst, and then
// their rate, over all its queue pairs.
TEST(PeerLimits, ReplaysHaveARate) {
  LoneEndOptions o;
  o.engine.peers.replays_per_second = 1000;
  o.engine.peers.replay_burst = 4;
  LoneEnd end(o);
  Second second(&end, "198.51.100.2");
  end.InjectRequest(Read(end, 5000, 8));
  end.Poll();
  second.Inject(Read(end, 5000, 8));
  (void)end.Sent();
  for (int i = 0; i < 10; ++i) {
    end.InjectRequest(Read(end, 5000, 8));
    end.Poll();
    second.Inject(Read(end, 5000, 8));
    end.Wait(Duration::Microseconds(20));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 4u);
  EXPECT_EQ(end.Count("peer_replays_withheld_total"), 16u);
  end.Wait(Duration::Milliseconds(2));
  for (int i = 0; i < 5; ++i) {
    end.InjectRequest(Read(end, 5000, 8));
    end.Poll();
  }
  EXPECT_EQ(end.Sent().size(), 2u) << "1000 in a second";
}

TEST(PeerLimits, QueuePairsOfOnePeer) {
  LoneEndOptions o;
  o.engine.peers.queue_pairs = 2;
  LoneEnd end(o);
  auto second = std::make_unique<Second>(&end, "198.51.100.2");
  EXPECT_TRUE(second->status.ok());
  Second third(&end, "198.51.100.2");
  EXPECT_EQ(third.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(third.status.message()).find("max_queue_pairs_per_peer"),
            std::string::npos);
  EXPECT_EQ(end.Count("peer_queue_pairs_refused_total"), 1u);
  EXPECT_TRUE(Second(&end, "198.51.100.3").status.ok()) << "of another peer";
  second.reset();
  EXPECT_TRUE(Second(&end, "198.51.100.2").status.ok()) << "one is gone";
  EXPECT_EQ(end.device->impl().engine.peers(), 1u);
}

}  // namespace
}  // namespace sluice::test
