// Who uses the extension: two ends of Sluice that meet by address, and strangers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "support/lone_end.h"
#include "support/two_hosts.h"
#include "verbs/cm.h"
#include "verbs/internal.h"
#include "wire/cm_messages.h"
#include "wire/packet_value.h"
#include "wire/peer_hello.h"

namespace sluice::test {
namespace {

using verbs::CmOptions;
using verbs::CmState;
using verbs::Connection;
using verbs::Listener;
using verbs::Reliability;

constexpr uint16_t kPort = 7174;
const std::string kMagic("SLUICE\r\n");

CmOptions With(Reliability reliability, uint32_t window = 16384) {
  CmOptions o;
  o.connect.reliability = reliability;
  o.connect.tracking_window = window;
  o.connect.mtu = 1024;
  o.responder_resources = o.initiator_depth = 0;
  return o;
}

class Agreement : public testing::Test {
 protected:
  // Both ends as far as they get; every datagram of connection management is kept.
  void Meet(const CmOptions& client, const CmOptions& server) {
    for (const int i : {0, 1}) {
      hosts_[i].port->SetTap([this, i](FakeFrame& f, size_t) {
        const auto frame = wire::Decode(f.bytes);
        if (frame.ok() && frame->deth) sent_[i].push_back(frame->payload);
        if (frame.ok()) ++opcodes_[static_cast<uint8_t>(frame->bth.opcode)];
        return true;
      });
    }
    listener_ = *Listener::Create(hosts_[1].device.get(), kPort);
    auto made = Connection::Connect(hosts_[0].device.get(), hosts_.MakeQp(0), TwoHosts::Address(1),
                                    kPort, client);
    ASSERT_TRUE(made.ok()) << made.status();
    client_ = *std::move(made);
    ASSERT_TRUE(hosts_.Run([&] {
      client_->Poll();
      server_ = listener_->Poll();
      return server_ != nullptr;
    }));
    accepted_ = server_->Accept(hosts_.MakeQp(1), server);
    if (!accepted_.ok()) return;
    hosts_.Run([&] {
      client_->Poll();
      server_->Poll();
      const bool up =
          client_->state() == CmState::kEstablished && server_->state() == CmState::kEstablished;
      return up || client_->state() == CmState::kRejected;
    });
  }
  void Talk() {
    const verbs::Segment in = hosts_.At(1, 8192, 8192), out = hosts_.At(0, 0, 5000);
    for (size_t i = 0; i < 5000; ++i) hosts_[0].memory[i] = static_cast<uint8_t>(i * 7);
    ASSERT_EQ(hosts_[1].qps[0]->PostReceive({1, {&in, 1}}), verbs::PostResult::kOk);
    verbs::SendRequest r;
    r.segments = {&out, 1};
    ASSERT_EQ(hosts_[0].qps[0]->PostSend(r), verbs::PostResult::kOk);
    size_t done = 0;
    ASSERT_TRUE(hosts_.Run([&] {
      done += hosts_.Drain(0).size() + hosts_.Drain(1).size();
      return done == 2;
    }));
    EXPECT_TRUE(std::equal(hosts_[0].memory.begin(), hosts_[0].memory.begin() + 5000,
                           hosts_[1].memory.begin() + 8192));
  }
  // Where in the datagrams of a host the magic stands; a MAD has 256 bytes.
  std::vector<size_t> MagicsOf(int host) const {
    std::vector<size_t> at;
    for (const auto& mad : sent_[host]) {
      const auto it = std::search(mad.begin(), mad.end(), kMagic.begin(), kMagic.end());
      if (it != mad.end()) at.push_back(static_cast<size_t>(it - mad.begin()));
    }
    return at;
  }
  uint64_t Extended() const {
    uint64_t n = 0;
    for (const auto& [opcode, count] : opcodes_) n += opcode >= 0xc0 ? count : 0;
    return n;
  }

  TwoHosts hosts_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Connection> client_, server_;
  absl::Status accepted_;
  std::vector<std::vector<uint8_t>> sent_[2];
  std::map<uint8_t, uint64_t> opcodes_;
};

TEST_F(Agreement, TwoEndsOfOursUseTheExtensionByDefault) {
  CmOptions client = With(CmOptions().connect.reliability, 4096);
  CmOptions server = With(CmOptions().connect.reliability, 1024);
  const std::vector<uint8_t> hello(40, 1), welcome(180, 2);  // all the room beside the block
  client.private_data = hello;
  server.private_data = welcome;
  Meet(client, server);
  ASSERT_EQ(client_->state(), CmState::kEstablished);
  EXPECT_TRUE(client_->extended());
  EXPECT_TRUE(server_->extended());
  Talk();
  EXPECT_EQ(opcodes_[0xc0], 5u) << "5000 bytes at 1024";
  // What the applications see: their own bytes, then zeros.
  std::vector<uint8_t> expected = hello;
  expected.resize(56);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), server_->private_data().begin()));
  expected = welcome;
  expected.resize(196);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), client_->private_data().begin()));
}

// docs/wire-formats.md: bytes 76 to 91 of a REQ's private data, 180 to 195 of a REP's; these begin
// at byte 164 of the MAD and at byte 60 (IBTA 1.4, tables 106 and 110).
TEST_F(Agreement, TheBlocksStandWhereTheDocumentSays) {
  Meet(With(Reliability::kAuto, 4096), With(Reliability::kAuto, 1024));
  ASSERT_TRUE(client_->extended());
  ASSERT_EQ(MagicsOf(0), std::vector<size_t>{164 + 76});
  ASSERT_EQ(MagicsOf(1), std::vector<size_t>{60 + 180});
  for (const auto& mad : sent_[0]) {
    if (mad[17] != 0x10) continue;
    EXPECT_EQ(mad[164 + 76 + 10], 12) << "2^12 are wanted";
  }
  for (const auto& mad : sent_[1]) {
    if (mad[17] != 0x13) continue;
    EXPECT_EQ(mad[60 + 180 + 10], 10) << "2^10 are agreed";
  }
}

// Flag 4 of the request: may; of the reply: both do. Neither end relaxes unless both asked for it.
class AgreementOnOrder : public Agreement,
                         public testing::WithParamInterface<std::tuple<bool, bool>> {};
INSTANTIATE_TEST_SUITE_P(Ends, AgreementOnOrder,
                         testing::Combine(testing::Bool(), testing::Bool()));

TEST_P(AgreementOnOrder, IsRelaxedIfBothSaySo) {
  const auto [asks, may] = GetParam();
  CmOptions client = With(Reliability::kAuto), server = With(Reliability::kAuto);
  client.connect.relaxed_ordering = asks;
  server.connect.relaxed_ordering = may;
  Meet(client, server);
  ASSERT_TRUE(client_->extended());
  for (const auto& mad : sent_[0]) {
    if (mad[17] == 0x10) {
      EXPECT_EQ(mad[164 + 76 + 9] & 4, asks ? 4 : 0);
    }
  }
  for (const auto& mad : sent_[1]) {
    if (mad[17] == 0x13) {
      EXPECT_EQ(mad[60 + 180 + 9] & 4, asks && may ? 4 : 0);
    }
  }
  for (const int host : {0, 1}) {
    EXPECT_EQ(hosts_[host].qps[0]->impl().connection.relaxed_ordering, asks && may) << host;
  }
  Talk();
}

// Flag 8, likewise, of room for telemetry.
TEST_P(AgreementOnOrder, TelemetryIfBothSaySo) {
  const auto [asks, may] = GetParam();
  CmOptions client = With(Reliability::kAuto), server = With(Reliability::kAuto);
  client.connect.telemetry = asks;
  server.connect.telemetry = may;
  Meet(client, server);
  ASSERT_TRUE(client_->extended());
  for (const auto& mad : sent_[0]) {
    if (mad[17] == 0x10) {
      EXPECT_EQ(mad[164 + 76 + 9], asks ? 11 : 3);
    }
  }
  for (const auto& mad : sent_[1]) {
    if (mad[17] == 0x13) {
      EXPECT_EQ(mad[60 + 180 + 9], asks && may ? 11 : 3);
    }
  }
  for (const int host : {0, 1}) {
    EXPECT_EQ(hosts_[host].qps[0]->impl().connection.telemetry, asks && may) << host;
  }
  Talk();
}

// An end that says nothing of itself is a stranger: the answer to it is what Linux would send.
TEST_F(Agreement, AStrangersRequestGetsNoBlock) {
  Meet(With(Reliability::kBase), With(Reliability::kAuto));
  ASSERT_EQ(client_->state(), CmState::kEstablished);
  EXPECT_FALSE(client_->extended());
  EXPECT_FALSE(server_->extended());
  EXPECT_TRUE(MagicsOf(0).empty());
  EXPECT_TRUE(MagicsOf(1).empty());
  Talk();
  EXPECT_EQ(Extended(), 0u);
}

TEST_F(Agreement, AStrangerThatAnswersGetsBase) {
  Meet(With(Reliability::kAuto), With(Reliability::kBase));
  ASSERT_EQ(client_->state(), CmState::kEstablished);
  EXPECT_FALSE(client_->extended());
  EXPECT_EQ(MagicsOf(0).size(), 1u);
  EXPECT_TRUE(MagicsOf(1).empty());
  Talk();
  EXPECT_EQ(Extended(), 0u);
}

// 41 bytes of a request's 56, or 181 of a reply's 196.
class AgreementWithMuchData : public Agreement, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Ends, AgreementWithMuchData, testing::Bool());

TEST_P(AgreementWithMuchData, MeansBase) {
  const bool of_client = GetParam();
  const std::vector<uint8_t> much(of_client ? 41 : 181, 3);
  CmOptions client = With(Reliability::kAuto), server = With(Reliability::kAuto);
  (of_client ? client : server).private_data = much;
  Meet(client, server);
  ASSERT_EQ(client_->state(), CmState::kEstablished);
  EXPECT_FALSE(client_->extended());
  EXPECT_FALSE(server_->extended());
  const auto seen = of_client ? server_->private_data() : client_->private_data();
  EXPECT_TRUE(std::equal(much.begin(), much.end(), seen.begin()));
  Talk();
}

TEST_F(Agreement, InsistingOnBothSides) {
  Meet(With(Reliability::kExtended), With(Reliability::kExtended));
  ASSERT_EQ(client_->state(), CmState::kEstablished);
  EXPECT_TRUE(client_->extended());
  Talk();
}

TEST_F(Agreement, AServerThatInsistsRefusesAStranger) {
  Meet(With(Reliability::kBase), With(Reliability::kExtended));
  EXPECT_EQ(accepted_.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(server_->state(), CmState::kRequested) << "it may be accepted otherwise";
  EXPECT_TRUE(server_->Accept(hosts_[1].qps[0].get(), With(Reliability::kAuto)).ok());
}

TEST_F(Agreement, AClientThatInsistsRefusesAStranger) {
  Meet(With(Reliability::kExtended), With(Reliability::kBase));
  EXPECT_EQ(client_->state(), CmState::kRejected);
  EXPECT_EQ(client_->error().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(client_->error().message()).find("kAuto"), std::string::npos);
}

// A link in the middle that carries frames of so many bytes and drops longer ones in silence: what
// both ports carry and the handshake agrees on does not pass.
struct Hole {
  uint32_t longest;
  uint32_t mtu;
  size_t requests;
};
class PathProbes : public testing::TestWithParam<Hole> {};
INSTANTIATE_TEST_SUITE_P(Links, PathProbes,
                         testing::Values(Hole{9216, 4096, 1}, Hole{4000, 2048, 2},
                                         Hole{1518, 1024, 2}));

TEST_P(PathProbes, FindWhatPassesBeforeTheConnectionIsUsed) {
  const Hole hole = GetParam();
  TwoHosts hosts;
  size_t long_ones = 0;
  for (const int i : {0, 1}) {
    hosts[i].port->SetTap([&](FakeFrame& f, size_t) {
      long_ones += f.bytes.size() > 1518;
      return f.bytes.size() <= hole.longest;
    });
  }
  auto listener = *Listener::Create(hosts[1].device.get(), kPort);
  CmOptions options;
  auto client = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), TwoHosts::Address(1),
                                     kPort, options);
  std::vector<std::unique_ptr<Connection>> requests;
  ASSERT_TRUE(hosts.Run([&] {
    client->Poll();
    if (auto request = listener->Poll()) {
      EXPECT_TRUE(request->Accept(hosts.MakeQp(1), options).ok());
      requests.push_back(std::move(request));
    }
    for (auto& r : requests) r->Poll();
    return client->state() == CmState::kEstablished && !requests.empty() &&
           requests.back()->state() == CmState::kEstablished;
  }));
  EXPECT_EQ(client->mtu(), hole.mtu);
  EXPECT_EQ(requests.back()->mtu(), hole.mtu);
  EXPECT_EQ(requests.size(), hole.requests);
  for (size_t i = 0; i + 1 < requests.size(); ++i) {
    EXPECT_EQ(requests[i]->state(), CmState::kRejected);
  }
  EXPECT_GT(long_ones, 0u);
  const verbs::Segment out = hosts.At(0, 0, 20000), in = hosts.At(1, 20000, 20000);
  ASSERT_EQ(hosts[1].qps.back()->PostReceive({1, {&in, 1}}), verbs::PostResult::kOk);
  verbs::SendRequest r;
  r.segments = {&out, 1};
  ASSERT_EQ(hosts[0].qps[0]->PostSend(r), verbs::PostResult::kOk);
  size_t done = 0;
  ASSERT_TRUE(hosts.Run([&] {
    for (int h = 0; h < 2; ++h) {
      for (const auto& c : hosts.Drain(h)) {
        done += c.status == verbs::CompletionStatus::kSuccess && c.byte_length == 20000;
      }
    }
    return done == 2;
  })) << "and data of that size passes";
}

// Windows that nobody asked for: the answer of a peer gone wrong never widens ours.
TEST(Hello, AWindowThatWasNotOfferedIsNotAgreedTo) {
  TwoHosts hosts;
  hosts[1].port->SetTap([](FakeFrame& f, size_t) {
    auto frame = wire::Decode(f.bytes);
    if (!frame.ok() || !frame->deth || frame->payload[17] != 0x13) return true;
    frame->payload[60 + 180 + 10] = 13;
    LoneEnd::Finish(&*frame);
    f.bytes = frame->Encode();
    return true;
  });
  auto listener = *Listener::Create(hosts[1].device.get(), kPort);
  auto client = *Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), TwoHosts::Address(1),
                                     kPort, With(Reliability::kExtended, 4096));
  std::unique_ptr<Connection> server;
  ASSERT_TRUE(hosts.Run([&] {
    client->Poll();
    if (server == nullptr) {
      server = listener->Poll();
      if (server != nullptr) {
        EXPECT_TRUE(server->Accept(hosts.MakeQp(1), With(Reliability::kAuto)).ok());
      }
    }
    return client->state() == CmState::kRejected;
  }));
}

}  // namespace
}  // namespace sluice::test
