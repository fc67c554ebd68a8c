// What strangers cannot do: fill the tables, guess ids, take connections over, or have us send more
// than they do.
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "script.h"

namespace sluice::cm {
namespace {

using wire::CmReason;

CmReason ReasonOf(const wire::CmMad& mad) { return std::get<wire::CmRej>(mad.message).reason; }

std::unique_ptr<Script> Listening(const Config& config = OurConfig()) {
  auto s = std::make_unique<Script>(config);
  EXPECT_TRUE(s->manager.Listen(kService, false).ok());
  EXPECT_TRUE(s->manager.Listen(kDatagram, true).ok());
  return s;
}

TEST(CmLimits, HalfOpenPerPeerAndInAll) {
  Config config = OurConfig();
  config.max_half_open = 40;
  config.stateless_per_second = 1000000;
  auto s = Listening(config);
  for (uint32_t peer = 2; peer < 7; ++peer) {
    const auto ip = wire::IpAddress::FromV4(0xc6336400 + peer);
    for (uint32_t i = 0; i < 100; ++i) {
      s->Deliver(PeerReq(1000 + i, 5000 + i, ip), ip);
      for (const auto& mad : s->Sent()) EXPECT_EQ(ReasonOf(mad), CmReason::kNoResources);
    }
  }
  EXPECT_EQ(s->manager.half_open(), 40u) << "16, 16, and 8 of the third";
  EXPECT_EQ(s->manager.connections(), 40u);
  EXPECT_EQ(s->manager.count(CmCount::kHalfOpen), 460u);
}

// security.md's figure: 262,144 REQs of one peer leave an honest one its connection.
TEST(CmLimits, AFloodLeavesRoomForAnHonestPeer) {
  auto s = Listening();
  for (uint32_t i = 0; i < 262144; ++i) {
    s->Deliver(PeerReq(i + 1, i & 0xffffff));
    if (i % 1000 == 0) s->now += Duration::Milliseconds(1);
  }
  EXPECT_EQ(s->manager.half_open(), 16u);
  (void)s->Sent();
  const auto honest = wire::IpAddress::FromV4(0x0a000001);
  s->Deliver(PeerReq(7, 7, honest), honest);
  const auto events = s->Events();
  EXPECT_EQ(events.back().peer.ip, honest);
  EXPECT_TRUE(s->manager.Accept(s->now, events.back().id, {}).ok());
}

// A peer that goes through with every handshake fills its own share and no more.
TEST(CmLimits, OnePeerBeginsSoManyConnections) {
  Config config = OurConfig();
  config.max_connections_per_peer = 20;
  auto s = Listening(config);
  size_t established = 0;
  for (uint32_t i = 0; i < 30; ++i) {
    s->Deliver(PeerReq(1000 + i, 5000 + i));
    const auto events = s->Events();
    if (events.empty()) {
      EXPECT_EQ(ReasonOf(s->Sent().at(0)), CmReason::kNoResources);
      continue;
    }
    ASSERT_TRUE(s->manager.Accept(s->now, events[0].id, {}).ok());
    wire::CmRtu rtu;
    rtu.local_comm_id = 1000 + i;
    rtu.remote_comm_id = events[0].id;
    s->Deliver(rtu);
    established += s->manager.state(events[0].id) == State::kEstablished ? 1 : 0;
    (void)s->Sent();
    (void)s->Events();
  }
  EXPECT_EQ(established, 20u);
  EXPECT_EQ(s->manager.half_open(), 0u);
  EXPECT_EQ(s->manager.count(CmCount::kPeerFull), 10u);
  const auto honest = wire::IpAddress::FromV4(0x0a000001);
  s->Deliver(PeerReq(7, 7, honest), honest);
  EXPECT_EQ(s->Events().size(), 1u);
}

TEST(CmLimits, StatelessAnswersAreLimitedInRate) {
  auto s = std::make_unique<Script>();
  for (int i = 0; i < 10000; ++i) s->Deliver(PeerReq(static_cast<uint32_t>(i + 1)));
  EXPECT_EQ(s->Sent().size(), 64u);
  EXPECT_EQ(s->manager.count(CmCount::kRateLimited), 10000u - 64u);
  s->now += Duration::Milliseconds(10);
  for (int i = 0; i < 100; ++i) s->Deliver(PeerReq(static_cast<uint32_t>(i + 1)));
  EXPECT_EQ(s->Sent().size(), 10u) << "1000 in a second";
}

TEST(CmLimits, SlotsWaitForTheirEventsAndAreUsedAgain) {
  Config config = OurConfig();
  config.max_connections = 4;
  config.max_half_open = 4;
  auto s = Listening(config);
  // Nobody takes events: requests that end leave theirs behind.
  for (uint32_t i = 0; i < 100; ++i) {
    s->Deliver(PeerReq(i + 1, i));
    wire::CmRej rej;
    rej.local_comm_id = i + 1;
    rej.reason = CmReason::kTimeout;
    s->Deliver(rej);
  }
  EXPECT_EQ(s->Events().size(), 8u) << "a request and its end for each of 4 slots";
  s->Deliver(PeerReq(999, 999));
  EXPECT_EQ(s->Events().size(), 1u);
}

TEST(CmLimits, TimeWaitGivesWay) {
  Config config = OurConfig();
  config.max_connections = 4;
  auto s = Listening(config);
  for (uint32_t i = 0; i < 50; ++i) {
    s->Deliver(PeerReq(i + 1, i));
    const auto events = s->Events();
    ASSERT_EQ(events.size(), 1u) << i;
    ASSERT_TRUE(s->manager.Reject(s->now, events[0].id, CmReason::kConsumer, {}).ok());
  }
  EXPECT_EQ(s->manager.connections(), 4u);
}

TEST(CmLimits, ARejectedRequestIsAnsweredAgainNotAskedAgain) {
  auto s = Listening();
  s->Deliver(PeerReq());
  const Id id = s->Events().at(0).id;
  const uint8_t data[] = {4, 2};
  ASSERT_TRUE(s->manager.Reject(s->now, id, CmReason::kConsumer, data).ok());
  const auto first = s->Sent();
  s->Deliver(PeerReq());
  EXPECT_EQ(s->Sent(), first);
  EXPECT_TRUE(s->Events().empty());
}

TEST(CmIds, AreDistinctAndDoNotCount) {
  Script s;
  std::set<Id> ids;
  std::set<uint32_t> steps;
  Id last = 0;
  for (int i = 0; i < 1000; ++i) {
    ConnectRequest r;
    r.peer.ip = kPeerIp;
    r.service_id = kService;
    const Id id = *s.manager.Connect(s.now, r);
    ids.insert(id);
    steps.insert(id - last);
    last = id;
  }
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_GT(steps.size(), 990u);
  EXPECT_EQ(ids.count(0), 0u);
  // Another seed, other ids; the same seed, the same.
  Config other = OurConfig();
  other.seed = 6;
  Script a(other), b(other);
  ConnectRequest r;
  r.peer.ip = kPeerIp;
  r.service_id = kService;
  const Id first = *a.manager.Connect(a.now, r);
  EXPECT_EQ(first, *b.manager.Connect(b.now, r));
  EXPECT_FALSE(ids.count(first) == 1 && *ids.begin() == first);
}

TEST(CmIds, AStrangersGuessesHitNothing) {
  auto s = Script::In(State::kEstablished, true);
  Rng rng(3);
  for (int i = 0; i < 1000000; ++i) {
    wire::CmDreq dreq;
    dreq.local_comm_id = static_cast<uint32_t>(rng.Next());
    dreq.remote_comm_id = static_cast<uint32_t>(rng.Next());
    dreq.remote_qpn = static_cast<uint32_t>(rng.Next()) & 0xffffff;
    s->Deliver(dreq);
    if (i % 50 == 0) (void)s->Sent();
  }
  EXPECT_EQ(s->manager.state(s->id), State::kEstablished);
}

TEST(CmRequests, AddressesMustBeThoseOfThePacket) {
  const auto other = wire::IpAddress::FromV4(0x01020304);
  const auto reason = [](const wire::CmReq& m) {
    auto s = Listening();
    s->Deliver(m);
    const auto sent = s->Sent();
    return sent.empty() ? CmReason::kNone : ReasonOf(sent[0]);
  };
  EXPECT_EQ(reason(PeerReq()), CmReason::kNone);
  wire::CmReq m = PeerReq();
  m.primary.remote_gid = other;
  EXPECT_EQ(reason(m), CmReason::kPrimaryGid);
  m = PeerReq();
  m.primary.local_gid = other;
  EXPECT_EQ(reason(m), CmReason::kUnsupported);
  m = PeerReq();
  wire::IpCmHeader{4, 7, other, kOurIp}.Write(m.private_data.data());
  EXPECT_EQ(reason(m), CmReason::kUnsupported);
  m = PeerReq();
  wire::IpCmHeader{4, 7, kPeerIp, other}.Write(m.private_data.data());
  EXPECT_EQ(reason(m), CmReason::kUnsupported);
  m = PeerReq();
  m.private_data[0] = 1;
  EXPECT_EQ(reason(m), CmReason::kUnsupported) << "another version of the header";
}

TEST(CmRequests, WhatIsNotGrantedIsNamed) {
  const auto reject = [](const wire::CmReq& m) {
    auto s = Listening();
    s->Deliver(m);
    const auto sent = s->Sent();
    EXPECT_LE(sent.size(), 1u);
    return sent.empty() ? wire::CmRej{} : std::get<wire::CmRej>(sent[0].message);
  };
  for (int mtu = 0; mtu < 16; ++mtu) {
    wire::CmReq m = PeerReq();
    m.mtu = static_cast<uint8_t>(mtu);
    const wire::CmRej rej = reject(m);
    EXPECT_EQ(rej.reason, mtu >= 1 && mtu <= 5 ? CmReason::kNone : CmReason::kInvalidMtu) << mtu;
    if (rej.reason == CmReason::kInvalidMtu) {
      EXPECT_EQ(rej.info[0], 0x50);
    }
  }
  for (int type = 0; type < 4; ++type) {
    wire::CmReq m = PeerReq();
    m.service_type = static_cast<wire::CmService>(type);
    EXPECT_EQ(reject(m).reason, type < 2 ? CmReason::kNone : CmReason::kInvalidTransportType);
  }
  wire::CmReq m = PeerReq();
  m.service_id ^= 1;
  EXPECT_EQ(reject(m).reason, CmReason::kInvalidServiceId);
  EXPECT_EQ(reject(m).local_comm_id, 0u) << "no state, no id";
}

TEST(CmRequests, AnAlternatePathIsNotTaken) {
  auto s = Listening();
  wire::CmReq m = PeerReq();
  m.alternate.local_gid = kPeerIp;
  s->Deliver(m);
  ASSERT_TRUE(s->manager.Accept(s->now, s->Events().at(0).id, {}).ok());
  EXPECT_EQ(std::get<wire::CmRep>(s->Sent().at(0).message).failover_accepted, 1)
      << "failover not supported";
}

TEST(CmRequests, ALapIsRefused) {
  auto s = Script::In(State::kEstablished, true);
  s->Deliver(s->WithIds<wire::CmLap>());
  const auto sent = s->Sent();
  EXPECT_EQ(std::get<wire::CmApr>(sent.at(0).message).status, wire::kAprUnsupported);
}

// 12.9.8.3.1: the peer has forgotten a connection whose queue pair it uses anew.
TEST(CmRequests, StaleConnections) {
  auto s = Script::In(State::kEstablished, true);
  wire::CmReq again = PeerReq(kPeerId + 1, kPeerQpn);
  s->Deliver(again);
  auto sent = s->Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(ReasonOf(sent[0]), CmReason::kStaleConnection);
  EXPECT_EQ(std::get<wire::CmDreq>(sent[1].message).remote_qpn, kPeerQpn);
  EXPECT_EQ(s->manager.state(s->id), State::kDreqSent);
  s->Deliver(s->WithIds<wire::CmDrep>());
  EXPECT_EQ(s->Events().at(0).kind, EventKind::kDisconnected);
  s->Deliver(again);
  EXPECT_EQ(s->Events().at(0).kind, EventKind::kRequest) << "now there is nothing in its way";

  // From another address the same QPN is another queue pair.
  auto t = Script::In(State::kEstablished, true);
  const auto other = wire::IpAddress::FromV4(0x0a000001);
  t->Deliver(PeerReq(kPeerId + 1, kPeerQpn, other), other);
  EXPECT_EQ(t->manager.state(t->id), State::kEstablished);
  EXPECT_EQ(t->Events().size(), 1u);
}

TEST(CmRequests, AStaleReplyIsRejected) {
  auto s = Script::In(State::kEstablished, true);
  ConnectRequest r;
  r.peer.ip = kPeerIp;
  r.service_id = kService;
  const Id second = *s->manager.Connect(s->now, r);
  (void)s->Sent();
  wire::CmRep rep;
  rep.local_comm_id = 77;
  rep.remote_comm_id = second;
  rep.local_qpn = kPeerQpn;
  s->Deliver(rep);
  const auto sent = s->Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(ReasonOf(sent[0]), CmReason::kStaleConnection);
  EXPECT_EQ(sent[1].attribute(), wire::CmAttribute::kDreq);
  EXPECT_EQ(s->manager.state(second), State::kTimeWait);
}

TEST(CmRequests, AnIdInUseIsNotTakenTwice) {
  auto s = Script::In(State::kEstablished, true);
  s->Deliver(PeerReq(kPeerId, kPeerQpn + 1));
  EXPECT_EQ(ReasonOf(s->Sent().at(0)), CmReason::kDuplicateCommId);
  EXPECT_EQ(s->manager.state(s->id), State::kEstablished);
}

TEST(CmMalformed, IsCountedAndNothingElse) {
  auto s = Listening();
  std::vector<uint8_t> mad(256);
  Rng rng(9);
  for (int i = 0; i < 1000; ++i) {
    for (uint8_t& b : mad) b = static_cast<uint8_t>(rng.Next());
    mad.resize(rng.Below(300), 1);
    s->manager.OnMad(s->now, {kPeerIp, {}}, mad);
  }
  EXPECT_EQ(s->manager.count(CmCount::kMalformed), 1000u);
  EXPECT_TRUE(s->Sent().empty());
  EXPECT_TRUE(s->Events().empty());
}

TEST(CmArguments, AreChecked) {
  Script s;
  const auto connect = [&](auto change) {
    ConnectRequest r;
    r.peer.ip = kPeerIp;
    r.service_id = kService;
    change(&r);
    return s.manager.Connect(s.now, r).ok();
  };
  static const uint8_t data[300] = {};
  EXPECT_TRUE(connect([](auto* r) { r->private_data = {data, 56}; }));
  EXPECT_FALSE(connect([](auto* r) { r->private_data = {data, 57}; }));
  EXPECT_TRUE(connect([](auto* r) { r->service_id = 5, r->private_data = {data, 92}; }));
  EXPECT_FALSE(connect([](auto* r) { r->service_id = 5, r->private_data = {data, 93}; }));
  EXPECT_FALSE(connect([](auto* r) { r->mtu = 0; }));
  EXPECT_FALSE(connect([](auto* r) { r->mtu = 6; }));
  EXPECT_FALSE(connect([](auto* r) { r->retry_count = 8; }));
  EXPECT_FALSE(connect([](auto* r) { r->rnr_retry = 8; }));
  EXPECT_FALSE(connect([](auto* r) { r->ack_timeout = 32; }));
  EXPECT_FALSE(connect([](auto* r) { r->qpn = 1 << 24; }));
  EXPECT_FALSE(connect([](auto* r) { r->flow_label = 1 << 20; }));
  EXPECT_FALSE(connect([](auto* r) { r->peer.ip = *wire::IpAddress::Parse("fd00::1"); }));
  EXPECT_TRUE(s.manager.Listen(kService, false).ok());
  EXPECT_FALSE(s.manager.Listen(kService, true).ok());
  s.manager.StopListening(kService);
  EXPECT_TRUE(s.manager.Listen(kService, true).ok());
}

}  // namespace
}  // namespace sluice::cm
