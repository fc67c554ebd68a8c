// Which frames reach a queue pair at all: every reason to drop one, with its counter, and that a
// dropped frame changes nothing.
#include "transport/queue_pair.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/block_pool.h"
#include "cc/registry.h"
#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using wire::DecodedFrame;
using Wire = wire::Opcode;

struct DropCase {
  const char* counter;
  std::function<void(LoneEnd&, DecodedFrame&)> alter;  // then lengths and iCRC are set
  std::function<void(std::vector<uint8_t>&)> cut;      // of the encoded frame
};

wire::Ipv4Header& Ip(DecodedFrame& f) { return std::get<wire::Ipv4Header>(f.ip); }

std::vector<DropCase> DropCases() {
  const auto same = [](LoneEnd&, DecodedFrame&) {};
  const auto whole = [](std::vector<uint8_t>&) {};
  std::vector<DropCase> v;
  v.push_back({"drop_pkey", [](LoneEnd&, DecodedFrame& f) { f.bth.pkey = 0x1234; }, whole});
  v.push_back({"drop_unknown_qp", [](LoneEnd&, DecodedFrame& f) { f.bth.dest_qpn ^= 1; }, whole});
  v.push_back({"drop_unknown_qp",
               [](LoneEnd&, DecodedFrame& f) { f.bth.dest_qpn ^= 0x10000; },  // other generation
               whole});
  v.push_back({"drop_unknown_qp", [](LoneEnd&, DecodedFrame& f) { f.bth.dest_qpn = 0; }, whole});
  v.push_back(
      {"drop_unknown_qp", [](LoneEnd&, DecodedFrame& f) { f.bth.dest_qpn = 0xffffff; }, whole});
  v.push_back(
      {"drop_service", [](LoneEnd&, DecodedFrame& f) { f.bth.opcode = Wire::kUcSendOnly; }, whole});
  v.push_back({"drop_service",
               [](LoneEnd&, DecodedFrame& f) {
                 f.bth.opcode = Wire::kUdSendOnly;
                 f.deth = wire::Deth{};
               },
               whole});
  v.push_back(
      {"drop_source_address",
       [](LoneEnd&, DecodedFrame& f) { Ip(f).source = *wire::IpAddress::Parse("198.51.100.3"); },
       whole});
  v.push_back(
      {"drop_transport_version", [](LoneEnd&, DecodedFrame& f) { f.bth.version = 1; }, whole});
  v.push_back({"drop_opcode",
               [](LoneEnd&, DecodedFrame& f) { f.bth.opcode = static_cast<Wire>(0x1f); }, whole});
  v.push_back({"drop_fragment",
               [](LoneEnd&, DecodedFrame& f) { Ip(f).flags = wire::Ipv4Header::kMoreFragments; },
               whole});
  v.push_back(
      {"drop_fragment", [](LoneEnd&, DecodedFrame& f) { Ip(f).fragment_offset = 5; }, whole});
  v.push_back({"drop_not_udp", [](LoneEnd&, DecodedFrame& f) { Ip(f).protocol = 6; }, whole});
  v.push_back(
      {"drop_not_roce", [](LoneEnd&, DecodedFrame& f) { f.udp.destination_port = 4790; }, whole});
  v.push_back({"drop_length", same, [](std::vector<uint8_t>& b) { b.resize(b.size() - 4); }});
  v.push_back({"drop_runt", same, [](std::vector<uint8_t>& b) { b.resize(50); }});
  v.push_back({"drop_ip_checksum", same, [](std::vector<uint8_t>& b) { b[22] ^= 1; }});  // TTL
  v.push_back({"drop_ethertype", same, [](std::vector<uint8_t>& b) { b[12] = 0x12; }});
  v.push_back({"drop_icrc", same, [](std::vector<uint8_t>& b) { b.back() ^= 0x80; }});
  v.push_back({"drop_icrc", same, [](std::vector<uint8_t>& b) { b[60] ^= 0x80; }});
  return v;
}

TEST(QueuePairAdmission, EveryCauseIsCountedAndChangesNothing) {
  for (const DropCase& c : DropCases()) {
    LoneEnd end;
    ASSERT_EQ(end.PostReceive(100, 1, 256), PostResult::kOk);
    PeerRequest r;
    r.payload.assign(40, 0x5a);
    DecodedFrame f = end.Request(r);
    c.alter(end, f);
    LoneEnd::Finish(&f);
    std::vector<uint8_t> bytes = f.Encode();
    c.cut(bytes);
    end.fake.Inject(std::move(bytes));
    end.Poll();
    EXPECT_EQ(end.Count(c.counter), 1u) << c.counter;
    uint64_t drops = 0;
    for (const auto& [name, value] : end.device->statistics().counters) {
      if (name.starts_with("drop_")) drops += value;
    }
    EXPECT_EQ(drops, 1u) << c.counter;
    EXPECT_TRUE(end.Sent().empty()) << c.counter;
    EXPECT_TRUE(end.Completions().empty()) << c.counter;
    EXPECT_FALSE(end.qp->in_error()) << c.counter;
    // The state is as it was: the untouched frame is taken.
    end.InjectRequest(r);
    end.Poll();
    EXPECT_EQ(end.Completions().size(), 1u) << c.counter;
  }
}

TEST(QueuePairAdmission, AFailedOneReceivesNothing) {
  LoneEnd end;
  end.qp->Fail();
  end.InjectRequest({});
  end.Ack(1000);
  end.Poll();
  EXPECT_EQ(end.Count("drop_qp_state"), 2u);
  EXPECT_TRUE(end.Sent().empty());
}

TEST(QueuePairAdmission, LimitedMembersOfThePartitionMayTalkToFullOnes) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  DecodedFrame f = end.Request({});
  f.bth.pkey = 0x7fff;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(QueuePairAdmission, EthernetPaddingIsNoPayload) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  DecodedFrame f = end.Request({});  // 58 bytes, padded to 60 by a NIC
  f.trailing.assign(2, 0xee);
  end.Inject(f);
  end.Poll();
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].byte_length, 0u);
}

TEST(QueuePairAdmission, ATaggedFrameIsTaken) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  DecodedFrame f = end.Request({});
  f.vlan_tci = 0x2005;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(QueuePairAdmission, IPv6) {
  LoneEndOptions o;
  o.ipv6 = true;
  LoneEnd end(o);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  PeerRequest r;
  r.payload.assign(33, 7);
  DecodedFrame spoofed = end.Request(r);
  std::get<wire::Ipv6Header>(spoofed.ip).source = *wire::IpAddress::Parse("2001:db8::3");
  LoneEnd::Finish(&spoofed);
  end.Inject(spoofed);
  end.Poll();
  EXPECT_EQ(end.Count("drop_source_address"), 1u);
  end.InjectRequest(r);
  ASSERT_EQ(end.Post(verbs::Opcode::kSend, 10), PostResult::kOk);
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 2u);
  for (const DecodedFrame& f : sent) EXPECT_TRUE(f.ipv6());
  end.Ack(1000, 1);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 2u);
}

DecodedFrame CnpFrame(LoneEnd& end) {
  DecodedFrame f = end.Frame(Wire::kCnp, 0);
  f.bth.becn = true;
  LoneEnd::Finish(&f);
  return f;
}

TEST(QueuePairCnp, CountsOnlyForWhatIsUnderWay) {
  LoneEndOptions o;
  o.connect.algorithm = "dcqcn";
  LoneEnd end(o);
  end.Inject(CnpFrame(end));
  end.Poll();
  EXPECT_EQ(end.Count("rp_cnp_ignored_packets_received_total"), 1u);
  ASSERT_EQ(end.Post(verbs::Opcode::kSend, 10), PostResult::kOk);
  end.Poll();
  end.Inject(CnpFrame(end));
  DecodedFrame bad = CnpFrame(end);
  bad.icrc ^= 4;
  end.Inject(bad);
  end.Poll();
  EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), 1u);
  EXPECT_EQ(end.Count("drop_icrc"), 1u);
}

// docs/decisions/0006-borrowed-scoreboards.md: 1 KiB without the rings of work requests, whose
// queues take four lines.
TEST(QueuePairSize, AnIdleOneTakesOneKibibyte) {
  const size_t idle =
      sizeof(transport::QueuePair) - sizeof(transport::SendQueue) - sizeof(transport::ReceiveQueue);
  for (const char* name : {"fixed", "dcqcn", "dctcp", "timely"}) {
    const auto algorithm = cc::MakeAlgorithm(name);
    ASSERT_TRUE(algorithm.ok());
    EXPECT_LE(idle + BlockPool::Rounded((*algorithm)->controller_size()), 1024u) << name;
  }
  // The largest controllers, which keep what hops or delays told them.
  EXPECT_LE(idle + BlockPool::Rounded(cc::kMaxControllerSize), 1152u);
}

}  // namespace
}  // namespace sluice::test
