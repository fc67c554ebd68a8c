// The engine's way around its queue pairs: which frames reach the control plane, what a datagram to
// queue pair 1 must be, and what is sent when.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/control_plane.h"
#include "support/two_hosts.h"
#include "wire/icrc.h"
#include "wire/packet_value.h"

namespace sluice::test {
namespace {

using engine::GsiDrop;

// The REQ that host 0 sends for a service that nobody offers, as a frame.
std::vector<uint8_t> ReqFrame(TwoHosts* hosts) {
  std::vector<uint8_t> req;
  (*hosts)[0].port->SetTap([&req](FakeFrame& f, size_t) {
    if (f.bytes.size() > 300) req = f.bytes;
    return true;
  });
  EXPECT_TRUE(verbs::Answer((*hosts)[1].device.get()).ok());
  auto c = *verbs::Connection::Connect((*hosts)[0].device.get(), hosts->MakeQp(0),
                                       TwoHosts::Address(1), 7174, {});
  EXPECT_TRUE(hosts->Run([&] { return c->Poll() == verbs::CmState::kRejected; }));
  return req;
}

uint64_t Stat(TwoHosts* hosts, int host, const char* name) {
  return (*hosts)[host].device->statistics().Value(name);
}

void Deliver(TwoHosts* hosts, std::vector<uint8_t> frame) {
  (*hosts)[1].port->Inject(std::move(frame));
  (*hosts)[1].device->Poll();
  (*hosts)[1].device->Poll();
}

std::vector<uint8_t> Seal(std::vector<uint8_t> frame) {
  frame.resize(frame.size() - 4);
  const size_t n = frame.size();
  frame.resize(n + 4);
  wire::SealFrame(frame.data(), 14, false, n);
  return frame;
}

// As Linux sends them (captures cm_*): the bits that an end is not free to choose.
TEST(ControlPlane, DatagramsLookLikeThoseOfLinux) {
  TwoHosts hosts;
  const auto frame = wire::Decode(ReqFrame(&hosts));
  ASSERT_TRUE(frame.ok());
  EXPECT_TRUE(frame->decoded() && frame->IcrcOk());
  EXPECT_EQ(frame->udp.source_port, 55410);
  EXPECT_EQ(frame->bth.opcode, wire::Opcode::kUdSendOnly);
  EXPECT_EQ(frame->bth.dest_qpn, 1u);
  EXPECT_EQ(frame->bth.pkey, 0xffff);
  EXPECT_TRUE(frame->bth.ack_request);
  EXPECT_FALSE(frame->bth.mig_req);
  EXPECT_EQ(frame->deth->qkey, 0x80010000u);
  EXPECT_EQ(frame->deth->source_qpn, 1u);
  EXPECT_EQ(frame->payload.size(), 256u);
  EXPECT_EQ(frame->ipv4_header()->ttl, 64);
  EXPECT_EQ(frame->dscp(), 0);
  EXPECT_EQ(frame->ecn(), 0);
}

TEST(ControlPlane, ChecksOfADatagramEachWithItsCounter) {
  TwoHosts hosts;
  const std::vector<uint8_t> good = ReqFrame(&hosts);
  const uint64_t before = Stat(&hosts, 1, "cm_received");
  Deliver(&hosts, good);
  EXPECT_EQ(Stat(&hosts, 1, "cm_received"), before + 1);

  const struct {
    const char* counter;
    size_t at;
    uint8_t value;
  } damage[] = {
      {"drop_gsi_opcode", 42, 0x04},  // RC SEND ONLY
      {"drop_gsi_pkey", 45, 0xfe},    // another partition
      {"drop_gsi_qkey", 57, 0x01},    // Q_Key
      {"drop_gsi_qkey", 61, 0x02},    // from queue pair 2
      {"drop_gsi_address", 6, 0x01},  // from a group of Ethernet
  };
  for (const auto& d : damage) {
    std::vector<uint8_t> bad = good;
    bad[d.at] = d.value;
    const uint64_t count = Stat(&hosts, 1, d.counter);
    Deliver(&hosts, Seal(bad));
    EXPECT_EQ(Stat(&hosts, 1, d.counter), count + 1) << d.counter;
  }
  std::vector<uint8_t> elsewhere = good;
  elsewhere[33] = 77;  // destination 198.51.100.77, with a right header checksum
  StoreBe16(elsewhere.data() + 24, 0);
  StoreBe16(elsewhere.data() + 24, wire::InternetChecksum(elsewhere.data() + 14, 20));
  Deliver(&hosts, Seal(elsewhere));
  EXPECT_EQ(Stat(&hosts, 1, "drop_gsi_address"), 2u);
  std::vector<uint8_t> longer = good;
  longer.insert(longer.end() - 4, 4, 0);
  StoreBe16(longer.data() + 16, static_cast<uint16_t>(longer.size() - 14));
  StoreBe16(longer.data() + 38, static_cast<uint16_t>(longer.size() - 34));
  StoreBe16(longer.data() + 24, 0);
  StoreBe16(longer.data() + 24, wire::InternetChecksum(longer.data() + 14, 20));
  Deliver(&hosts, Seal(longer));
  EXPECT_EQ(Stat(&hosts, 1, "drop_gsi_length"), 1u);
  // Any bit of the datagram that is not sealed anew.
  for (size_t i = 62; i < good.size(); i += 7) {
    std::vector<uint8_t> bad = good;
    bad[i] ^= 0x10;
    Deliver(&hosts, bad);
  }
  EXPECT_EQ(Stat(&hosts, 1, "drop_gsi_icrc"), (good.size() - 62 + 6) / 7);
  EXPECT_EQ(Stat(&hosts, 1, "cm_received"), before + 1);
  EXPECT_EQ(Stat(&hosts, 1, "drop_unknown_qp"), 0u);
}

// Frames in any pieces: the port decides how a received frame lies in memory.
TEST(ControlPlane, FramesInPieces) {
  TwoHosts whole;
  const std::vector<uint8_t> req = ReqFrame(&whole);
  for (const uint32_t segment : {0u, 1u, 100u}) {
    FakePortOptions o;
    o.receive_header = 80;
    o.receive_segment = segment;
    o.exact_size = true;
    FakePort port(o);
    VirtualClock clock;
    verbs::DeviceParts parts;
    parts.port = &port;
    parts.clock = &clock;
    parts.mac = *wire::MacAddress::Parse("52:54:00:00:00:0b");
    parts.address = *wire::IpAddress::Parse("198.51.100.2");
    const auto device = verbs::MakeDevice(parts);
    ASSERT_TRUE(verbs::Answer(device.get()).ok());
    port.Inject(req);
    device->Poll();
    EXPECT_EQ(device->statistics().Value("cm_received"), 1u) << segment;
    ASSERT_EQ(port.sent().size(), 1u) << "a REJ, in the same poll";
    EXPECT_EQ(wire::Decode(port.sent()[0].bytes)->bth.dest_qpn, 1u);
  }
}

TEST(ControlPlane, WithoutItFramesAreDroppedAsBefore) {
  TwoHosts hosts;
  const std::vector<uint8_t> req = ReqFrame(&hosts);
  FakePort port;
  VirtualClock clock;
  verbs::DeviceParts parts;
  parts.port = &port;
  parts.clock = &clock;
  parts.address = *wire::IpAddress::Parse("198.51.100.2");
  const auto device = verbs::MakeDevice(parts);
  port.Inject(req);
  std::vector<uint8_t> arp(60);
  arp[12] = 8;
  arp[13] = 6;
  port.Inject(arp);
  device->Poll();
  EXPECT_EQ(device->statistics().Value("drop_unknown_qp"), 1u);
  EXPECT_EQ(device->statistics().Value("drop_ethertype"), 1u);
  EXPECT_EQ(port.sent().size(), 0u);
  for (const auto& [name, value] : device->statistics().counters) {
    EXPECT_NE(name.substr(0, 4), "net_");
  }
}

// A port that takes nothing, or lends nothing, delays control frames and loses none.
TEST(ControlPlane, BackPressure) {
  TwoHosts hosts;
  const std::vector<uint8_t> req = ReqFrame(&hosts);
  hosts[1].port->ClearSent();
  hosts[1].port->AcceptOnly(0);
  Deliver(&hosts, req);
  EXPECT_EQ(hosts[1].port->sent().size(), 0u);
  hosts[1].port->AcceptOnly(std::nullopt);
  hosts[1].device->Poll();
  EXPECT_EQ(hosts[1].port->sent().size(), 1u);

  hosts[1].port->Inject(req);
  hosts[1].device->Poll();
  EXPECT_EQ(hosts[1].port->sent().size(), 2u);
}

TEST(ControlPlane, AFloodOfDatagramsIsAnsweredSlowly) {
  TwoHosts hosts;
  const std::vector<uint8_t> req = ReqFrame(&hosts);
  hosts[1].port->ClearSent();
  for (int i = 0; i < 2000; ++i) Deliver(&hosts, req);
  EXPECT_LE(hosts[1].port->sent().size(), 64u);
  EXPECT_GT(Stat(&hosts, 1, "cm_answers_limited"), 1900u);
}

// 198.51.100.254 says that a packet of ours to .2 does not fit a link of `mtu` bytes.
std::vector<uint8_t> TooBig(uint16_t mtu) {
  std::vector<uint8_t> f(14 + 20 + 8 + 20 + 8);
  wire::MacAddress::Parse("52:54:00:00:00:0a")->Write(f.data());
  wire::MacAddress::Parse("52:54:00:00:00:fe")->Write(f.data() + 6);
  StoreBe16(f.data() + 12, 0x0800);
  wire::Ipv4Header ip;
  ip.total_length = static_cast<uint16_t>(f.size() - 14);
  ip.protocol = 1;
  ip.source = *wire::IpAddress::Parse("198.51.100.254");
  ip.destination = *wire::IpAddress::Parse(TwoHosts::Address(0));
  ip.Write(f.data() + 14);
  StoreBe16(f.data() + 24, wire::InternetChecksum(f.data() + 14, 20));
  f[34] = 3;
  f[35] = 4;
  StoreBe16(f.data() + 40, mtu);
  ip.protocol = 17;
  ip.source = ip.destination;
  ip.destination = *wire::IpAddress::Parse(TwoHosts::Address(1));
  ip.Write(f.data() + 42);
  StoreBe16(f.data() + 64, 4791);
  StoreBe16(f.data() + 36, wire::InternetChecksum(f.data() + 34, f.size() - 34));
  return f;
}

TEST(ControlPlane, ANarrowPathIsRememberedForTenMinutes) {
  // IPv4 20, UDP 8, BTH 12, extension 20, iCRC 4: what an IP packet needs beside the payload.
  const struct {
    uint16_t ip_mtu;
    uint8_t code;
  } cases[] = {{9000, 5},      {4096 + 64, 5}, {4096 + 63, 4}, {2048 + 64, 4},
               {2048 + 63, 3}, {1500, 3},      {500, 3},       {0, 3}};
  const auto peer = *wire::IpAddress::Parse(TwoHosts::Address(1));
  for (const auto& c : cases) {
    TwoHosts hosts;
    ASSERT_TRUE(verbs::Answer(hosts[0].device.get()).ok());
    hosts[0].port->Inject(TooBig(c.ip_mtu));
    hosts[0].device->Poll();
    const engine::ControlPlane& control = *hosts[0].device->impl().engine.control();
    EXPECT_EQ(control.MtuTo(hosts.now(), peer), c.code) << c.ip_mtu;
    EXPECT_EQ(control.MtuTo(hosts.now(), wire::IpAddress::FromV4(1)), 5) << "another peer";
    EXPECT_EQ(control.MtuTo(hosts.now() + Duration::Seconds(600), peer), 5);
    EXPECT_EQ(Stat(&hosts, 0, "net_too_big"), 1u);
  }
}

TEST(ControlPlane, ConnectionsKeepToANarrowPath) {
  TwoHosts hosts;
  ASSERT_TRUE(verbs::Answer(hosts[0].device.get()).ok());
  hosts[0].port->Inject(TooBig(1500));
  hosts[0].device->Poll();
  auto listener = *verbs::Listener::Create(hosts[1].device.get(), 5);
  auto c = *verbs::Connection::Connect(hosts[0].device.get(), hosts.MakeQp(0), TwoHosts::Address(1),
                                       5, {});
  std::unique_ptr<verbs::Connection> request;
  ASSERT_TRUE(hosts.Run([&] {
    c->Poll();
    request = listener->Poll();
    return request != nullptr;
  }));
  EXPECT_EQ(request->mtu(), 1024u);
}

TEST(ControlPlane, NamesOfDrops) {
  EXPECT_STREQ(NameOf(GsiDrop::kOpcode), "opcode");
  EXPECT_STREQ(NameOf(GsiDrop::kIcrc), "icrc");
}

}  // namespace
}  // namespace sluice::test
