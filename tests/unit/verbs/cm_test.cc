// Two devices find each other with nothing but IP addresses, in both families, with loss, and end
// in good order; what they refuse has a name.
#include "verbs/cm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "support/two_hosts.h"
#include "wire/packet_value.h"

namespace sluice::test {
namespace {

using verbs::CmOptions;
using verbs::CmState;
using verbs::Connection;
using verbs::Listener;
using verbs::Resolver;

constexpr uint16_t kPort = 7174;

// Connects host 0 to a listener on host 1; the server accepts with `accept`.
struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};

CmOptions WithData(std::span<const uint8_t> data) {
  CmOptions o;
  o.private_data = data;
  return o;
}

Pair Begin(TwoHosts* hosts, const CmOptions& options = {}, bool ipv6 = false) {
  Pair p;
  auto listener = Listener::Create((*hosts)[1].device.get(), kPort);
  EXPECT_TRUE(listener.ok()) << listener.status();
  p.listener = *std::move(listener);
  auto client = Connection::Connect((*hosts)[0].device.get(), hosts->MakeQp(0),
                                    TwoHosts::Address(1, ipv6), kPort, options);
  EXPECT_TRUE(client.ok()) << client.status();
  p.client = *std::move(client);
  EXPECT_TRUE(hosts->Run([&] {
    p.client->Poll();
    p.server = p.listener->Poll();
    return p.server != nullptr;
  }));
  return p;
}

void Establish(TwoHosts* hosts, Pair* p, const CmOptions& accept = {}) {
  ASSERT_TRUE(p->server->Accept(hosts->MakeQp(1), accept).ok());
  EXPECT_EQ(p->server->state(), CmState::kAccepting);
  ASSERT_TRUE(hosts->Run([&] {
    p->client->Poll();
    p->server->Poll();
    return p->client->state() == CmState::kEstablished &&
           p->server->state() == CmState::kEstablished;
  }));
}

// A SEND in each direction arrives.
void Talk(TwoHosts* hosts) {
  for (const int from : {0, 1}) {
    const int to = 1 - from;
    for (size_t i = 0; i < 5000; ++i) {
      (*hosts)[from].memory[i] = static_cast<uint8_t>(i * 7 + static_cast<size_t>(from));
    }
    const verbs::Segment in = hosts->At(to, 8192, 8192);
    ASSERT_EQ((*hosts)[to].qps[0]->PostReceive({1, {&in, 1}}), verbs::PostResult::kOk);
    const verbs::Segment out = hosts->At(from, 0, 5000);
    verbs::SendRequest r;
    r.segments = {&out, 1};
    ASSERT_EQ((*hosts)[from].qps[0]->PostSend(r), verbs::PostResult::kOk);
    size_t done = 0;
    ASSERT_TRUE(hosts->Run([&] {
      for (int h = 0; h < 2; ++h) {
        for (const auto& c : hosts->Drain(h)) {
          EXPECT_EQ(c.status, verbs::CompletionStatus::kSuccess);
          ++done;
        }
      }
      return done == 2;
    }));
    EXPECT_TRUE(std::equal((*hosts)[from].memory.begin(), (*hosts)[from].memory.begin() + 5000,
                           (*hosts)[to].memory.begin() + 8192));
  }
}

// As Linux has it (captures cm_*): an end names the PSN that it wants to receive first.
TEST(CmConnection, AnEndNamesThePsnThatItReceivesFirst) {
  TwoHosts hosts;
  std::map<uint32_t, uint32_t> first;  // of data, by destination QPN
  for (const int i : {0, 1}) {
    hosts[i].port->SetTap([&first](FakeFrame& f, size_t) {
      const auto frame = wire::Decode(f.bytes);
      const wire::OpcodeTraits* t = frame.ok() ? &wire::TraitsOf(frame->bth.opcode) : nullptr;
      if (t != nullptr && (t->send || (t->extended && t->payload_allowed)) && !frame->deth) {
        first.emplace(frame->bth.dest_qpn, frame->bth.psn.value());
      }
      return true;
    });
  }
  Pair p = Begin(&hosts);
  Establish(&hosts, &p);
  Talk(&hosts);
  EXPECT_EQ(first.at(hosts[0].qps[0]->qpn()), hosts[0].qps[0]->initial_psn());
  EXPECT_EQ(first.at(hosts[1].qps[0]->qpn()), hosts[1].qps[0]->initial_psn());
}

// Two subnets and a router: connection management and data go through it, to hosts that no ARP
// question on the link finds.
TEST(CmRouted, HostsInOtherSubnetsAreReachedByTheGateway) {
  TwoHostsOptions o;
  o.routed = true;
  TwoHosts hosts(o);
  auto listener = *Listener::Create(hosts[1].device.get(), kPort);
  auto client =
      *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "203.0.113.2", kPort, {});
  std::unique_ptr<Connection> server;
  ASSERT_TRUE(hosts.Run([&] {
    client->Poll();
    server = listener->Poll();
    return server != nullptr;
  }));
  EXPECT_EQ(server->peer_address(), "198.51.100.1");
  Pair p{std::move(listener), std::move(client), std::move(server)};
  Establish(&hosts, &p);
  Talk(&hosts);
  EXPECT_GT(hosts.routed(), 10u);
}

TEST(CmRouted, WithoutARouteTheErrorSaysSo) {
  TwoHosts hosts;
  hosts[0].device->impl().parts.routes = *net::RouteTable::Parse("198.51.100.1/24", "", {});
  auto c = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "203.0.113.2", kPort, {});
  EXPECT_EQ(c->Poll(), CmState::kUnreachable);
  EXPECT_NE(c->error().message().find("no route to 203.0.113.2"), absl::string_view::npos);
}

class CmBothFamilies : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Families, CmBothFamilies, testing::Bool());

TEST_P(CmBothFamilies, TwoHostsFindEachOtherTalkAndPart) {
  TwoHostsOptions o;
  o.ipv6 = GetParam();
  TwoHosts hosts(o);
  const uint8_t hello[] = {1, 2, 3};
  const uint8_t welcome[] = {9, 8};
  Pair p = Begin(&hosts, WithData(hello), o.ipv6);
  EXPECT_EQ(p.server->state(), CmState::kRequested);
  EXPECT_EQ(p.server->peer_address(), TwoHosts::Address(0, o.ipv6));
  EXPECT_GE(p.server->peer_port(), 49152);
  ASSERT_EQ(p.server->private_data().size(), 56u);
  EXPECT_TRUE(std::equal(std::begin(hello), std::end(hello), p.server->private_data().begin()));
  Establish(&hosts, &p, WithData(welcome));
  ASSERT_EQ(p.client->private_data().size(), 196u);
  EXPECT_EQ(p.client->private_data()[1], 8);
  EXPECT_EQ(p.client->mtu(), 4096u);
  EXPECT_EQ(p.server->mtu(), 4096u);
  EXPECT_EQ(p.client->peer_address(), TwoHosts::Address(1, o.ipv6));
  Talk(&hosts);

  ASSERT_TRUE(p.client->Disconnect().ok());
  EXPECT_EQ(p.client->state(), CmState::kDisconnecting);
  EXPECT_TRUE(hosts.Run([&] {
    return p.client->Poll() == CmState::kDisconnected && p.server->Poll() == CmState::kDisconnected;
  }));
  EXPECT_TRUE(hosts[0].qps[0]->in_error());
  EXPECT_TRUE(hosts[1].qps[0]->in_error());
  EXPECT_TRUE(p.server->error().ok());
  EXPECT_FALSE(p.server->Disconnect().ok());
  // A question each way at most, and five datagrams: REQ, REP, RTU, DREQ, DREP.
  const auto count = [&](int host, const char* name) {
    return hosts[host].device->statistics().Value(name);
  };
  EXPECT_EQ(count(0, "cm_sent") + count(1, "cm_sent"), 5u);
  EXPECT_EQ(count(0, o.ipv6 ? "net_nd_asked" : "net_arp_asked"), 1u);
  EXPECT_EQ(count(1, o.ipv6 ? "net_nd_answered" : "net_arp_answered"), 1u);
  EXPECT_EQ(count(1, "net_arp_asked") + count(1, "net_nd_asked"), 0u) << "replies to who asked";
}

TEST_P(CmBothFamilies, WithAThirdOfAllFramesLost) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TwoHostsOptions o;
    o.ipv6 = GetParam();
    o.seed = seed;
    // The questions alone have three tries: they are spared, the handshake is not.
    TwoHosts hosts(o);
    auto resolver = *Resolver::Start(hosts[0].device.get(), TwoHosts::Address(1, o.ipv6));
    ASSERT_TRUE(verbs::Answer(hosts[1].device.get()).ok());
    ASSERT_TRUE(hosts.Run([&] { return resolver->Poll() == Resolver::State::kResolved; }));
    EXPECT_EQ(resolver->mac(), "52:54:00:00:00:0b");
    hosts.SetLoss(1.0 / 3);
    Pair p = Begin(&hosts, {}, o.ipv6);
    Establish(&hosts, &p);
    hosts.SetLoss(0);
    Talk(&hosts);
  }
}

TEST(CmConnection, NobodyListens) {
  TwoHosts hosts;
  ASSERT_TRUE(verbs::Answer(hosts[1].device.get()).ok());
  auto c = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "198.51.100.2", 9999, {});
  ASSERT_TRUE(hosts.Run([&] { return c->Poll() == CmState::kRejected; }));
  EXPECT_EQ(c->error().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(c->error().message()).find("invalid_service_id (8)"), std::string::npos);
  EXPECT_FALSE(hosts[0].qps[0]->in_error()) << "it may try elsewhere";
}

TEST(CmConnection, NobodyIsThere) {
  TwoHosts hosts;
  auto c = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "198.51.100.77", 1, {});
  EXPECT_EQ(c->state(), CmState::kResolving);
  ASSERT_TRUE(hosts.Run([&] { return c->Poll() == CmState::kUnreachable; }));
  EXPECT_EQ(hosts.now() - Time(), Duration::Seconds(3)) << "three questions, a second each";
  EXPECT_EQ(c->error().code(), absl::StatusCode::kUnavailable);
}

TEST(CmConnection, ThePeerDiesInTheMiddle) {
  TwoHosts hosts;
  Pair p = Begin(&hosts);
  hosts.SetLoss(1);
  ASSERT_TRUE(p.server->Accept(hosts.MakeQp(1), {}).ok());
  ASSERT_TRUE(hosts.Run([&] {
    p.client->Poll();
    p.server->Poll();
    return p.client->state() == CmState::kUnreachable && p.server->state() == CmState::kUnreachable;
  }));
  EXPECT_TRUE(hosts[1].qps[0]->in_error()) << "it had been connected";
  EXPECT_EQ(hosts[1].device->statistics().Value("cm_gave_up"), 1u);
}

TEST(CmConnection, RejectedByTheServer) {
  TwoHosts hosts;
  Pair p = Begin(&hosts);
  const uint8_t why[] = {5, 5};
  ASSERT_TRUE(p.server->Reject(why).ok());
  ASSERT_TRUE(hosts.Run([&] { return p.client->Poll() == CmState::kRejected; }));
  EXPECT_EQ(p.client->private_data().size(), 148u);
  EXPECT_EQ(p.client->private_data()[0], 5);
  EXPECT_NE(std::string(p.client->error().message()).find("consumer_reject"), std::string::npos);
  EXPECT_FALSE(p.server->Accept(hosts.MakeQp(1), {}).ok());
}

TEST(CmConnection, DestroyedRequestsAndListenersReject) {
  TwoHosts hosts;
  {
    Pair p = Begin(&hosts);
    p.server.reset();
    EXPECT_TRUE(hosts.Run([&] { return p.client->Poll() == CmState::kRejected; }));
  }
  auto listener = *Listener::Create(hosts[1].device.get(), kPort);
  auto c = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "198.51.100.2", kPort, {});
  hosts.Run([&] { return c->Poll() == CmState::kRejected; }, Duration::Milliseconds(100));
  EXPECT_EQ(c->state(), CmState::kConnecting);
  listener.reset();
  EXPECT_TRUE(hosts.Run([&] { return c->Poll() == CmState::kRejected; }));
}

TEST(CmConnection, ADestroyedConnectionTellsThePeer) {
  TwoHosts hosts;
  Pair p = Begin(&hosts);
  Establish(&hosts, &p);
  p.client.reset();
  EXPECT_TRUE(hosts[0].qps[0]->in_error());
  EXPECT_TRUE(hosts.Run([&] { return p.server->Poll() == CmState::kDisconnected; }));
}

TEST(CmConnection, BothDisconnectAtOnce) {
  TwoHosts hosts;
  Pair p = Begin(&hosts);
  Establish(&hosts, &p);
  ASSERT_TRUE(p.client->Disconnect().ok());
  ASSERT_TRUE(p.server->Disconnect().ok());
  EXPECT_TRUE(hosts.Run([&] {
    return p.client->Poll() == CmState::kDisconnected && p.server->Poll() == CmState::kDisconnected;
  }));
}

// The server's port carries 1024 bytes at most: it says so, and the client asks for that.
TEST(CmConnection, TheSmallerMtuIsFound) {
  TwoHostsOptions o;
  o.frame_b = 1500;
  TwoHosts hosts(o);
  Pair p = Begin(&hosts);
  Establish(&hosts, &p);
  EXPECT_EQ(p.client->mtu(), 1024u);
  EXPECT_EQ(p.server->mtu(), 1024u);
  Talk(&hosts);
}

TEST(CmConnection, WantedMtuAndDepths) {
  TwoHosts hosts;
  CmOptions client;
  client.connect.mtu = 512;
  client.responder_resources = 3;
  client.initiator_depth = 9;
  Pair p = Begin(&hosts, client);
  CmOptions server;
  server.responder_resources = 5;
  server.initiator_depth = 16;
  Establish(&hosts, &p, server);
  EXPECT_EQ(p.client->mtu(), 512u);
  EXPECT_EQ(p.client->initiator_depth(), 5);
  EXPECT_EQ(p.server->responder_resources(), 5);
  EXPECT_EQ(p.server->initiator_depth(), 3);
  EXPECT_EQ(p.client->responder_resources(), 3);
}

TEST(CmConnection, ManyAtOnce) {
  TwoHosts hosts;
  auto listener = *Listener::Create(hosts[1].device.get(), kPort);
  std::vector<std::unique_ptr<Connection>> clients, servers;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(
        *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), "198.51.100.2", kPort, {}));
  }
  EXPECT_TRUE(hosts.Run([&] {
    if (auto s = listener->Poll()) {
      EXPECT_TRUE(s->Accept(hosts.MakeQp(1), {}).ok());
      servers.push_back(std::move(s));
    }
    size_t up = 0;
    for (auto& c : clients) up += c->Poll() == CmState::kEstablished;
    for (auto& c : servers) up += c->Poll() == CmState::kEstablished;
    return up == 32;
  }));
}

TEST(CmArguments, AreNamed) {
  TwoHosts hosts;
  verbs::Device* d = hosts[0].device.get();
  verbs::QueuePair* qp = hosts.MakeQp(0);
  const std::vector<uint8_t> data(200);
  const auto code = [&](const char* to, const CmOptions& o) {
    return Connection::Connect(d, qp, to, 1, o).status().code();
  };
  EXPECT_EQ(code("no address", {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("fd00:51::2", {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("198.51.100.1", {}), absl::StatusCode::kInvalidArgument) << "ourselves";
  EXPECT_EQ(code("198.51.100.2", WithData({data.data(), 57})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("198.51.100.2", WithData({data.data(), 56})), absl::StatusCode::kOk);
  EXPECT_FALSE(Resolver::Start(d, "fd00:51::2").ok());
  auto listener = *Listener::Create(d, 5);
  EXPECT_EQ(Listener::Create(d, 5).status().code(), absl::StatusCode::kAlreadyExists);
  listener.reset();
  EXPECT_TRUE(Listener::Create(d, 5).ok());
}

TEST(CmArguments, APortWithoutPayloadCannot) {
  FakePortOptions o;
  o.elides_payload = true;
  FakePort port(o);
  VirtualClock clock;
  verbs::DeviceParts parts;
  parts.port = &port;
  parts.clock = &clock;
  parts.address = *wire::IpAddress::Parse("198.51.100.1");
  const auto device = verbs::MakeDevice(parts);
  EXPECT_EQ(verbs::Answer(device.get()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(CmArguments, AnAcceptThatFailsLeavesTheRequestWaiting) {
  TwoHosts hosts;
  Pair p = Begin(&hosts);
  CmOptions bad;
  bad.connect.algorithm = "none such";
  EXPECT_FALSE(p.server->Accept(hosts.MakeQp(1), bad).ok());
  EXPECT_EQ(p.server->state(), CmState::kRequested);
  hosts[1].qps.clear();
  Establish(&hosts, &p);
}

TEST(CmNames, OfStates) {
  EXPECT_STREQ(NameOf(CmState::kResolving), "resolving");
  EXPECT_STREQ(NameOf(CmState::kEstablished), "established");
  EXPECT_STREQ(NameOf(CmState::kUnreachable), "unreachable");
}

}  // namespace
}  // namespace sluice::test
