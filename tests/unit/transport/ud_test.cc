// Unreliable datagrams (IBTA 1.4, 9.8.3): address handles, keys, the header area, many peers, and
// the queue pair with the number 1. The test is the peer; the header area and the source port are
// checked against captures of Linux.
#include <gtest/gtest.h>

#include <cstring>

#include "support/peer_request.h"
#include "support/unacked_end.h"
#include "wire/ip_headers.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using verbs::QueuePairState;
using verbs::QueuePairType;
using Wire = wire::Opcode;

constexpr uint32_t kQkey = UnackedEnd::kQkey;
constexpr size_t kGrh = 40;

UnackedEndOptions Datagrams(bool ipv6 = false) {
  UnackedEndOptions o;
  o.type = QueuePairType::kUd;
  o.ipv6 = ipv6;
  return o;
}

class Ud : public testing::Test {
 protected:
  Ud() : end_(Datagrams()) { end_.GoTo(QueuePairState::kReadyToSend); }
  UnackedEnd end_;
};

TEST_F(Ud, ADatagramGoesWhereItsHandleSays) {
  ASSERT_EQ(end_.PostDatagram(100, 0x01020304, 5), PostResult::kOk);
  end_.Poll();
  const auto sent = end_.Sent();
  ASSERT_EQ(sent.size(), 1u);
  const wire::DecodedFrame& f = sent[0];
  EXPECT_EQ(f.bth.opcode, Wire::kUdSendOnly);
  EXPECT_EQ(f.bth.dest_qpn, UnackedEnd::kPeerQpn);
  EXPECT_EQ(f.bth.psn.value(), 1000u);
  EXPECT_FALSE(f.bth.ack_request);
  ASSERT_TRUE(f.deth.has_value());
  EXPECT_EQ(f.deth->qkey, 0x01020304u);
  EXPECT_EQ(f.deth->source_qpn, end_.qp->qpn());
  EXPECT_EQ(f.destination.ToString(), "02:00:00:00:00:02");
  EXPECT_EQ(std::get<wire::Ipv4Header>(f.ip).destination.ToString(), "198.51.100.2");
  EXPECT_EQ(f.ecn(), 0) << "nobody would hear of marks";
  EXPECT_EQ(f.payload.size(), 100u);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 5u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
}

TEST_F(Ud, AQkeyWithTheHighBitMeansThatOfTheQueuePair) {
  ASSERT_EQ(end_.PostDatagram(4, 0x80000000), PostResult::kOk);
  ASSERT_EQ(end_.PostDatagram(4, 0x7fffffff), PostResult::kOk);
  end_.Poll();
  const auto sent = end_.Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].deth->qkey, kQkey);
  EXPECT_EQ(sent[1].deth->qkey, 0x7fffffffu);
}

TEST_F(Ud, OneQueuePairSendsToManyPeersAndTheHandleMayGoAtOnce) {
  for (int i = 0; i < 10; ++i) {
    verbs::AddressOptions o;
    o.peer_mac = "02:00:00:00:01:0" + std::to_string(i);
    o.peer_address = "198.51.100." + std::to_string(100 + i);
    o.dscp = static_cast<uint8_t>(i);
    o.hop_limit = static_cast<uint8_t>(9 + i);
    auto handle = *end_.device->CreateAddressHandle(o);
    verbs::SendRequest r;
    r.address_handle = handle.get();
    r.remote_qpn = 100 + static_cast<uint32_t>(i);
    r.opcode = Opcode::kSendWithImm;
    r.imm = static_cast<uint32_t>(i);
    ASSERT_EQ(end_.Post(r, 20), PostResult::kOk);
  }
  end_.Poll();
  const auto sent = end_.Sent();
  ASSERT_EQ(sent.size(), 10u);
  for (size_t i = 0; i < 10; ++i) {
    const auto& ip = std::get<wire::Ipv4Header>(sent[i].ip);
    EXPECT_EQ(ip.destination.ToString(), "198.51.100." + std::to_string(100 + i));
    EXPECT_EQ(ip.dscp, i);
    EXPECT_EQ(ip.ttl, 9 + i);
    EXPECT_EQ(sent[i].bth.dest_qpn, 100 + i);
    EXPECT_EQ(sent[i].bth.opcode, Wire::kUdSendOnlyImm);
    EXPECT_EQ(sent[i].imm->value, i);
    EXPECT_EQ(sent[i].bth.psn.value(), 1000 + i) << "one PSN counter for all";
    EXPECT_EQ(sent[i].destination.bytes[5], i);
  }
}

TEST_F(Ud, RefusesWhatIsNoDatagram) {
  verbs::SendRequest r;
  EXPECT_EQ(end_.Post(r, 4), PostResult::kInvalidRequest) << "no handle";
  r.address_handle = end_.peer.get();
  r.remote_qpn = 0x1000000;
  EXPECT_EQ(end_.Post(r, 4), PostResult::kInvalidRequest);
  r.remote_qpn = 1;
  for (Opcode o : {Opcode::kRdmaWrite, Opcode::kRdmaWriteWithImm, Opcode::kRdmaRead,
                   Opcode::kAtomicFetchAdd, Opcode::kSendWithInvalidate}) {
    r.opcode = o;
    EXPECT_EQ(end_.Post(r, 4), PostResult::kInvalidRequest);
  }
}

TEST_F(Ud, UpToTheMtuAndNoByteMore) {
  const uint32_t mtu = end_.device->active_mtu();
  EXPECT_EQ(mtu, 4096u);
  ASSERT_EQ(end_.PostDatagram(mtu, kQkey, 1), PostResult::kOk);
  ASSERT_EQ(end_.PostDatagram(mtu + 1, kQkey, 2), PostResult::kOk);
  ASSERT_EQ(end_.PostDatagram(10, kQkey, 3), PostResult::kOk);
  end_.Poll();
  EXPECT_EQ(end_.Sent().size(), 1u);
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(done[1].status, CompletionStatus::kLocalLengthError);
  EXPECT_EQ(done[2].status, CompletionStatus::kFlushed);
  EXPECT_EQ(end_.qp->state(), QueuePairState::kSendError);
}

TEST(UdMtu, IsTheLargestThatThePortCarries) {
  for (const auto& [frame, mtu] :
       {std::pair{9216u, 4096u}, {1600u, 1024u}, {1518u, 1024u}, {1000u, 512u}}) {
    UnackedEndOptions o = Datagrams();
    o.port.max_frame = o.port.linear_room = frame;
    UnackedEnd end(o);
    EXPECT_EQ(end.device->active_mtu(), mtu) << frame;
    end.GoTo(QueuePairState::kReadyToSend);
    ASSERT_EQ(end.PostDatagram(mtu, kQkey), PostResult::kOk);
    end.Poll();
    EXPECT_EQ(end.Sent().size(), 1u);
  }
}

TEST_F(Ud, TheHeaderAreaHoldsTheIpv4HeaderAtItsEnd) {
  ASSERT_EQ(end_.PostReceive(200, 9), PostResult::kOk);
  wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnlyImm), 77, Pattern(60));
  std::get<wire::Ipv4Header>(f.ip).dscp = 11;
  LoneEnd::Finish(&f);
  const std::vector<uint8_t> bytes = f.Encode();
  end_.fake.Inject(bytes);
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 9u);
  EXPECT_EQ(done[0].byte_length, kGrh + 60);
  EXPECT_TRUE(done[0].has_grh);
  EXPECT_TRUE(done[0].has_imm);
  EXPECT_EQ(done[0].source_qpn, UnackedEnd::kPeerQpn);
  EXPECT_EQ(end_.memory[0] | end_.memory[19], 0);
  EXPECT_EQ(std::memcmp(end_.memory.data() + 20, bytes.data() + 14, 20), 0) << "as on the wire";
  EXPECT_EQ(std::memcmp(end_.memory.data() + kGrh, Pattern(60).data(), 60), 0);
}

TEST(Ud6, TheHeaderAreaIsTheIpv6Header) {
  UnackedEnd end(Datagrams(true));
  end.GoTo(QueuePairState::kReadyToSend);
  ASSERT_EQ(end.PostReceive(200), PostResult::kOk);
  wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 1, Pattern(8));
  std::get<wire::Ipv6Header>(f.ip).flow_label = 0xabcde;
  LoneEnd::Finish(&f);
  const std::vector<uint8_t> bytes = f.Encode();
  end.fake.Inject(bytes);
  ASSERT_EQ(end.PostDatagram(8, kQkey), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Completions().size(), 2u);
  EXPECT_EQ(std::memcmp(end.memory.data(), bytes.data() + 14, 40), 0);
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].ipv6());
}

// Over cut memory: the area ends within the first run, or reaches into the third.
TEST_F(Ud, TheHeaderAreaIsScattered) {
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end_.cq.get();
  qo.max_segments = 4;
  qo.type = QueuePairType::kUd;
  auto qp = *end_.device->CreateQueuePair(end_.pd.get(), qo);
  verbs::ConnectOptions co;
  co.qkey = kQkey;
  ASSERT_TRUE(qp->Connect(co).ok());
  const uint32_t key = end_.region->lkey();
  uint8_t* m = end_.memory.data();
  const verbs::Segment runs[] = {
      {m, 13, key}, {m + 100, 0, key}, {m + 200, 20, key}, {m + 300, 100, key}};
  ASSERT_EQ(qp->PostReceive({1, runs}), PostResult::kOk);
  wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 1, Pattern(30));
  f.bth.dest_qpn = qp->qpn();
  LoneEnd::Finish(&f);
  const std::vector<uint8_t> bytes = f.Encode();
  end_.fake.Inject(bytes);
  end_.Poll();
  ASSERT_EQ(end_.Completions().size(), 1u);
  EXPECT_EQ(std::memcmp(m + 207, bytes.data() + 14, 13), 0);
  EXPECT_EQ(std::memcmp(m + 300, bytes.data() + 27, 7), 0);
  EXPECT_EQ(std::memcmp(m + 307, Pattern(30).data(), 30), 0);
}

TEST_F(Ud, WhatCannotBeTakenIsDroppedInSilence) {
  const auto datagram = [&](size_t length, uint32_t qkey) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 1, Pattern(length));
    f.deth->qkey = qkey;
    end_.Inject(f);
    end_.Poll();
  };
  datagram(8, kQkey);
  EXPECT_EQ(end_.Count("drop_receiver_not_ready"), 1u);
  ASSERT_EQ(end_.PostReceive(kGrh + 10), PostResult::kOk);
  for (int bit = 0; bit < 32; ++bit) datagram(8, kQkey ^ (1u << bit));
  EXPECT_EQ(end_.Count("drop_qkey"), 32u);
  datagram(11, kQkey);
  EXPECT_EQ(end_.Count("drop_receive_too_short"), 1u);
  datagram(end_.device->active_mtu() + 4, kQkey);
  EXPECT_EQ(end_.Count("drop_invalid_request"), 1u);
  wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 1);
  f.bth.pkey = 0x8001;
  end_.Inject(f);
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_pkey"), 1u);
  EXPECT_TRUE(end_.Completions().empty());
  EXPECT_TRUE(end_.Sent().empty());
  EXPECT_EQ(end_.qp->state(), QueuePairState::kReadyToSend);
  datagram(10, kQkey);
  EXPECT_EQ(end_.Completions().size(), 1u) << "the receive is still there";
}

TEST_F(Ud, AnyPsnFromAnySource) {
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(end_.PostReceive(100), PostResult::kOk);
    wire::DecodedFrame f =
        end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), i * 0x7fffff, Pattern(4));
    std::get<wire::Ipv4Header>(f.ip).source = wire::IpAddress::FromV4(0xc6336400 + 50 + i);
    f.deth->source_qpn = 40 + i;
    end_.Inject(f);
  }
  end_.Poll();
  const auto done = end_.Completions();
  ASSERT_EQ(done.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(done[i].source_qpn, 40 + i);
}

TEST(UdReply, AHandleFromACompletionLeadsBackToTheSender) {
  for (bool ipv6 : {false, true}) {
    UnackedEnd end(Datagrams(ipv6));
    end.GoTo(QueuePairState::kReadyToSend);
    ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
    end.Receive(Wire::kUdSendOnly, 1, Pattern(4));
    end.Poll();
    const auto done = end.Completions();
    ASSERT_EQ(done.size(), 1u);
    auto handle = end.device->CreateAddressHandle(done[0], end.memory.data());
    ASSERT_TRUE(handle.ok()) << handle.status();
    verbs::SendRequest r;
    r.address_handle = handle->get();
    r.remote_qpn = done[0].source_qpn;
    r.remote_qkey = 0x80000000;
    ASSERT_EQ(end.Post(r, 4), PostResult::kOk);
    end.Poll();
    const auto sent = end.Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].destination.ToString(), "02:00:00:00:00:02");
    const auto to = ipv6 ? std::get<wire::Ipv6Header>(sent[0].ip).destination
                         : std::get<wire::Ipv4Header>(sent[0].ip).destination;
    EXPECT_EQ(to.ToString(), end.PeerAddress());
    EXPECT_EQ(sent[0].bth.dest_qpn, UnackedEnd::kPeerQpn);
    verbs::WorkCompletion none = done[0];
    none.has_grh = false;
    EXPECT_FALSE(end.device->CreateAddressHandle(none, end.memory.data()).ok());
  }
}

TEST(UdHandle, BadAddressesAreRefused) {
  UnackedEnd end(Datagrams());
  EXPECT_FALSE(end.device->CreateAddressHandle({"02:00", "198.51.100.2"}).ok());
  EXPECT_FALSE(end.device->CreateAddressHandle({"02:00:00:00:00:02", "nowhere"}).ok());
  EXPECT_FALSE(end.device->CreateAddressHandle({"02:00:00:00:00:02", "2001:db8::2"}).ok())
      << "the device is an IPv4 one";
  EXPECT_FALSE(end.device->CreateAddressHandle({"02:00:00:00:00:02", "198.51.100.2", 64}).ok());
}

// The queue pair 1 of Linux sends from port 55410 (tests/data/roce/cm_rping_v4.pcap).
TEST(UdManagement, OwnsTheNumberOneOnce) {
  UnackedEndOptions o = Datagrams();
  o.management = true;
  UnackedEnd end(o);
  EXPECT_EQ(end.qp->qpn(), 1u);
  end.GoTo(QueuePairState::kReadyToSend);
  ASSERT_EQ(end.PostDatagram(256, 0x80010000), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(kGrh + 256), PostResult::kOk);
  end.Receive(Wire::kUdSendOnly, 0, Pattern(256));
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].udp.source_port, 55410);
  EXPECT_EQ(sent[0].deth->source_qpn, 1u);
  EXPECT_EQ(end.Completions().size(), 2u);
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  qo.management = true;
  EXPECT_EQ(end.device->CreateQueuePair(end.pd.get(), qo).status().code(),
            absl::StatusCode::kInvalidArgument);
  qo.type = QueuePairType::kUd;
  EXPECT_EQ(end.device->CreateQueuePair(end.pd.get(), qo).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(end.device->queue_pairs(), 1u);
  end.qp.reset();
  EXPECT_EQ(end.device->queue_pairs(), 0u);
  EXPECT_TRUE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
}

}  // namespace
}  // namespace sluice::test
