// The captures of Linux' connection manager, with ours as the missing peer: each datagram of the
// other side is delivered, each of ours is caused by the same call as there, and must be the same,
// field by field, but for the numbers that an end is free to choose (communication IDs, transaction
// IDs), which must stand for each other throughout.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cm/manager.h"
#include "pcap/capture.h"
#include "pcap/show.h"
#include "pcap/show_cm.h"

namespace sluice::cm {
namespace {

using wire::CmAttribute;

struct Captured {
  wire::CmMad mad;
  wire::IpAddress source;
  wire::IpAddress destination;
};

std::vector<Captured> Read(const std::string& name) {
  std::vector<Captured> all;
  absl::StatusOr<pcap::Capture> capture =
      pcap::Capture::Open(std::string(SLUICE_TEST_DATA) + "/roce/" + name + ".pcap");
  pcap::CapturedFrame frame;
  while (*capture->Next(&frame)) {
    const std::optional<pcap::Packet> p = pcap::ReadPacket(frame);
    if (!p || !p->frame) continue;
    if (const auto mad = pcap::CmOf(*p->frame)) {
      all.push_back({*mad, p->frame->source_ip(), p->frame->destination_ip()});
    }
  }
  return all;
}

// One side of a capture.
class Replay {
 public:
  Replay(const std::string& name, bool client) : mads_(Read(name)) {
    self_ = client ? mads_[0].source : mads_[0].destination;
    Config config;
    config.ip = self_;
    // What Linux' cma.c asks for, and rxe's acknowledgement delay.
    config.response_timeout = 20;
    config.target_ack_delay = 15;
    config.guid = Guid();
    manager_.emplace(config);
    if (client) return;
    for (const Captured& m : mads_) {
      const auto* req = std::get_if<wire::CmReq>(&m.mad.message);
      // The capture without a server has none.
      if (req != nullptr && name.find("noserver") == std::string::npos) {
        (void)manager_->Listen(req->service_id, false);
      }
      const auto* sidr = std::get_if<wire::CmSidrReq>(&m.mad.message);
      if (sidr != nullptr) {
        EXPECT_TRUE(manager_->Listen(sidr->service_id, true).ok());
      }
    }
  }

  void Run() {
    for (size_t i = 0; i < mads_.size(); ++i) {
      const Captured& m = mads_[i];
      if (m.source == self_) {
        SCOPED_TRACE(std::string("our ") + wire::NameOf(m.mad.attribute()));
        if (!done_early_) Act(m.mad);
        done_early_ = false;
        Compare(m.mad);
      } else {
        // Two DREQs that crossed on the way: ours was sent before the peer's arrived.
        const bool crossing = m.mad.attribute() == CmAttribute::kDreq && i + 1 < mads_.size() &&
                              mads_[i + 1].source == self_ &&
                              mads_[i + 1].mad.attribute() == CmAttribute::kDreq;
        if (crossing) {
          Act(mads_[i + 1].mad);
          done_early_ = true;
        }
        Deliver(m);
      }
    }
  }

  std::vector<Event> events;
  Manager& manager() { return *manager_; }

 private:
  uint64_t Guid() const {
    for (const Captured& m : mads_) {
      if (!(m.source == self_)) continue;
      if (const auto* req = std::get_if<wire::CmReq>(&m.mad.message)) return req->local_ca_guid;
      if (const auto* rep = std::get_if<wire::CmRep>(&m.mad.message)) return rep->local_ca_guid;
    }
    return 0;
  }

  template <typename M>
  static void Swap(const std::map<uint32_t, uint32_t>& ids, M* m) {
    const auto swap = [&ids](uint32_t* id) {
      const auto it = ids.find(*id);
      if (it != ids.end()) *id = it->second;
    };
    if constexpr (requires { m->local_comm_id; }) swap(&m->local_comm_id);
    if constexpr (requires { m->remote_comm_id; }) swap(&m->remote_comm_id);
    if constexpr (requires { m->request_id; }) swap(&m->request_id);
  }

  void Deliver(const Captured& m) {
    wire::CmMad mad = m.mad;
    std::visit([this](auto& message) { Swap(ids_, &message); }, mad.message);
    const auto it = transactions_.find(mad.header.transaction_id);
    if (it != transactions_.end()) mad.header.transaction_id = it->second;
    manager_->OnMad(now_, {m.source, {}}, wire::EncodeCm(mad));
    for (Event e; manager_->TakeEvent(&e);) {
      events.push_back(e);
      if (e.kind == EventKind::kRequest || e.kind == EventKind::kDatagramRequest) {
        waiting_.push_back(e.id);
      }
    }
  }

  // The call whose outcome was seen. Private data of the application follows the IP addresses.
  void Act(const wire::CmMad& mad) {
    const Peer peer{self_ == mads_[0].source ? mads_[0].destination : mads_[0].source, {}};
    if (const auto* m = std::get_if<wire::CmReq>(&mad.message)) {
      ConnectRequest r;
      r.peer = peer;
      r.service_id = m->service_id;
      r.source_port = wire::IpCmHeader::Read(m->private_data.data())->source_port;
      r.qpn = m->local_qpn;
      r.receive_psn = m->starting_psn;
      r.mtu = m->mtu;
      r.ack_timeout = m->primary.ack_timeout;
      r.retry_count = m->retry_count;
      r.rnr_retry = m->rnr_retry;
      r.responder_resources = m->responder_resources;
      r.initiator_depth = m->initiator_depth;
      r.flow_label = m->primary.flow_label;
      r.private_data = std::span(m->private_data).subspan(wire::IpCmHeader::kSize);
      const auto id = manager_->Connect(now_, r);
      ASSERT_TRUE(id.ok()) << id.status();
      ids_[m->local_comm_id] = *id;
    } else if (const auto* rep = std::get_if<wire::CmRep>(&mad.message)) {
      ASSERT_FALSE(waiting_.empty());
      ids_[rep->local_comm_id] = waiting_.front();
      AcceptRequest r;
      r.qpn = rep->local_qpn;
      r.receive_psn = rep->starting_psn;
      r.rnr_retry = rep->rnr_retry;
      r.responder_resources = 0xff;
      r.initiator_depth = 0xff;
      r.private_data = rep->private_data;
      const absl::Status s = manager_->Accept(now_, waiting_.front(), r);
      ASSERT_TRUE(s.ok()) << s;
      waiting_.erase(waiting_.begin());
    } else if (const auto* rtu = std::get_if<wire::CmRtu>(&mad.message)) {
      ASSERT_TRUE(manager_->Confirm(now_, ids_[rtu->local_comm_id], rtu->private_data).ok());
    } else if (const auto* dreq = std::get_if<wire::CmDreq>(&mad.message)) {
      ASSERT_TRUE(manager_->Disconnect(now_, ids_[dreq->local_comm_id], {}).ok());
    } else if (const auto* sidr = std::get_if<wire::CmSidrReq>(&mad.message)) {
      DatagramRequest r;
      r.peer = peer;
      r.service_id = sidr->service_id;
      r.pkey = sidr->pkey;
      r.source_port = wire::IpCmHeader::Read(sidr->private_data.data())->source_port;
      r.private_data = std::span(sidr->private_data).subspan(wire::IpCmHeader::kSize);
      const auto id = manager_->RequestDatagram(now_, r);
      ASSERT_TRUE(id.ok()) << id.status();
      ids_[sidr->request_id] = *id;
    } else if (const auto* answer = std::get_if<wire::CmSidrRep>(&mad.message)) {
      ASSERT_FALSE(waiting_.empty());
      const DatagramAnswer a{answer->status, answer->qpn, answer->qkey, answer->private_data};
      ASSERT_TRUE(manager_->AnswerDatagram(now_, waiting_.front(), a).ok());
    }
    // DREP and REJ come by themselves.
  }

  void Compare(wire::CmMad expected) {
    MadOut out;
    ASSERT_TRUE(manager_->TakeMad(&out));
    wire::CmMad ours;
    ASSERT_EQ(wire::DecodeCm(out.bytes, &ours), wire::MadFault::kNone);
    std::visit([this](auto& message) { Swap(ids_, &message); }, expected.message);
    uint64_t& transaction = expected.header.transaction_id;
    const bool begins = ours.attribute() == CmAttribute::kReq ||
                        ours.attribute() == CmAttribute::kDreq ||
                        ours.attribute() == CmAttribute::kSidrReq;
    if (begins) {
      // One number of theirs is one number of ours.
      const auto [it, fresh] = transactions_.emplace(transaction, ours.header.transaction_id);
      EXPECT_EQ(it->second, ours.header.transaction_id);
    }
    const auto it = transactions_.find(transaction);
    if (it != transactions_.end()) transaction = it->second;
    EXPECT_TRUE(ours == expected) << "ours:     " << pcap::CmText(ours)
                                  << "\nexpected: " << pcap::CmText(expected);
    EXPECT_EQ(out.bytes, wire::EncodeCm(expected));
  }

  const std::vector<Captured> mads_;
  wire::IpAddress self_;
  std::optional<Manager> manager_;
  Time now_;
  bool done_early_ = false;
  std::map<uint32_t, uint32_t> ids_;  // the captured side's to ours
  std::map<uint64_t, uint64_t> transactions_;
  std::vector<Id> waiting_;
};

class CmReplay : public testing::TestWithParam<const char*> {};

TEST_P(CmReplay, AsTheClient) { Replay(GetParam(), /*client=*/true).Run(); }
TEST_P(CmReplay, AsTheServer) { Replay(GetParam(), /*client=*/false).Run(); }

INSTANTIATE_TEST_SUITE_P(Captures, CmReplay,
                         testing::Values("cm_rdma_client_v4", "cm_rping_v4", "cm_ucmatose_v4",
                                         "cm_udaddy_v4", "cm_reject_noserver_v4",
                                         "perftest_send_bw_cm_v4"),
                         [](const auto& p) { return std::string(p.param); });

std::vector<EventKind> Kinds(const Replay& r) {
  std::vector<EventKind> kinds;
  for (const Event& e : r.events) kinds.push_back(e.kind);
  return kinds;
}

TEST(CmReplayEvents, WhatTheApplicationLearns) {
  using enum EventKind;
  Replay server("cm_rping_v4", false);
  server.Run();
  EXPECT_EQ(Kinds(server), (std::vector{kRequest, kEstablished, kDisconnected}));
  EXPECT_EQ(server.events[0].parameters.peer_qpn, 18u);
  EXPECT_EQ(server.events[0].parameters.send_psn, 0x165c49u);
  EXPECT_EQ(server.events[0].parameters.mtu, 5);
  EXPECT_EQ(server.events[0].peer_port, 0xb5fd);

  Replay client("cm_rping_v4", true);
  client.Run();
  EXPECT_EQ(Kinds(client), (std::vector{kReply, kDisconnected}));
  EXPECT_EQ(client.events[0].parameters.send_psn, 0x601280u);
  EXPECT_EQ(client.events[0].parameters.target_ack_delay, 15);

  Replay refused("cm_reject_noserver_v4", true);
  refused.Run();
  ASSERT_EQ(Kinds(refused), std::vector{kRejected});
  EXPECT_EQ(refused.events[0].reason, wire::CmReason::kInvalidServiceId);

  Replay datagram("cm_udaddy_v4", true);
  datagram.Run();
  ASSERT_EQ(Kinds(datagram), std::vector{kDatagramReply});
  EXPECT_EQ(datagram.events[0].datagram.qpn, 21u);
  EXPECT_EQ(datagram.events[0].datagram.qkey, 0x1234567u);
}

}  // namespace
}  // namespace sluice::cm
