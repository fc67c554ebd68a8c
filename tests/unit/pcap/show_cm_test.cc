// Every datagram of connection management in the captures: its bytes come back from its fields, and
// the fields are those that the capture's README and an independent dissector name.
#include "pcap/show_cm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "pcap/show.h"
#include "tests/unit/pcap/capture_files.h"

namespace sluice::pcap {
namespace {

struct SeenMad {
  std::vector<uint8_t> bytes;
  wire::CmMad mad;
  Packet packet;
};

std::vector<SeenMad> MadsOf(const std::string& path) {
  std::vector<SeenMad> mads;
  absl::StatusOr<Capture> capture = Capture::Open(path);
  CapturedFrame frame;
  while (*capture->Next(&frame)) {
    const std::optional<Packet> p = ReadPacket(frame);
    if (!p || !p->frame || p->frame->bth.dest_qpn != wire::kGsiQpn) continue;
    SeenMad seen{p->frame->payload, {}, *p};
    EXPECT_EQ(wire::DecodeCm(seen.bytes, &seen.mad), wire::MadFault::kNone) << path;
    mads.push_back(seen);
  }
  return mads;
}

TEST(CmCaptures, EveryDatagramComesBackFromItsFields) {
  std::map<wire::CmAttribute, int> seen;
  for (const std::string& path : AllGolden()) {
    for (const SeenMad& m : MadsOf(path)) {
      const auto again = wire::EncodeCm(m.mad);
      EXPECT_TRUE(std::equal(again.begin(), again.end(), m.bytes.begin(), m.bytes.end()))
          << path << " frame " << m.packet.number;
      ++seen[m.mad.attribute()];
    }
  }
  // What the README's table counts: five cm_* captures and perftest over RDMA-CM.
  EXPECT_EQ(seen[wire::CmAttribute::kReq], 6);
  EXPECT_EQ(seen[wire::CmAttribute::kRep], 5);
  EXPECT_EQ(seen[wire::CmAttribute::kRtu], 5);
  EXPECT_EQ(seen[wire::CmAttribute::kDreq], 6);
  EXPECT_EQ(seen[wire::CmAttribute::kDrep], 5);
  EXPECT_EQ(seen[wire::CmAttribute::kRej], 1);
  EXPECT_EQ(seen[wire::CmAttribute::kSidrReq], 1);
  EXPECT_EQ(seen[wire::CmAttribute::kSidrRep], 1);
}

TEST(CmCaptures, FieldsOfRequestAndReply) {
  const std::vector<SeenMad> mads = MadsOf(Golden("cm_rping_v4"));
  ASSERT_EQ(mads.size(), 5u);
  const auto& req = std::get<wire::CmReq>(mads[0].mad.message);
  EXPECT_EQ(req.service_id, wire::IpServiceId(wire::kServiceTcp, 7174));  // rping's port
  EXPECT_EQ(req.local_qpn, 18u);
  EXPECT_EQ(req.mtu, 5);
  EXPECT_EQ(req.retry_count, 7);
  EXPECT_EQ(req.rnr_retry, 7);
  EXPECT_EQ(req.max_cm_retries, 15);
  EXPECT_EQ(req.remote_response_timeout, 20);
  EXPECT_EQ(req.local_response_timeout, 20);
  EXPECT_EQ(req.responder_resources, 1);
  EXPECT_EQ(req.initiator_depth, 1);
  EXPECT_EQ(req.pkey, 0xffff);
  EXPECT_EQ(req.primary.ack_timeout, 19);
  EXPECT_EQ(req.primary.hop_limit, 64);
  EXPECT_EQ(req.primary.local_lid, 0xffff);
  EXPECT_EQ(req.primary.local_gid.ToString(), "198.51.100.1");
  EXPECT_EQ(req.primary.remote_gid.ToString(), "198.51.100.2");
  const auto ip = wire::IpCmHeader::Read(req.private_data.data());
  ASSERT_TRUE(ip.has_value());
  EXPECT_EQ(ip->ip_version, 4);
  EXPECT_EQ(ip->source.ToString(), "198.51.100.1");
  EXPECT_EQ(ip->destination.ToString(), "198.51.100.2");

  const auto& rep = std::get<wire::CmRep>(mads[1].mad.message);
  EXPECT_EQ(rep.remote_comm_id, req.local_comm_id);
  EXPECT_EQ(rep.local_qpn, 18u);
  EXPECT_EQ(rep.rnr_retry, 7);
  EXPECT_EQ(rep.target_ack_delay, 15);
  EXPECT_EQ(mads[1].mad.header.transaction_id, mads[0].mad.header.transaction_id);
  const auto& dreq = std::get<wire::CmDreq>(mads[3].mad.message);
  EXPECT_EQ(dreq.remote_qpn, rep.local_qpn);
}

TEST(CmCaptures, FieldsOfTheRest) {
  const auto rejected = MadsOf(Golden("cm_reject_noserver_v4"));
  const auto& rej = std::get<wire::CmRej>(rejected.back().mad.message);
  EXPECT_EQ(rej.reason, wire::CmReason::kInvalidServiceId);
  EXPECT_EQ(rej.subject, wire::CmSubject::kReq);
  EXPECT_EQ(rej.local_comm_id, 0u);
  const std::vector<SeenMad> sidr = MadsOf(Golden("cm_udaddy_v4"));
  const auto& request = std::get<wire::CmSidrReq>(sidr[0].mad.message);
  const auto& reply = std::get<wire::CmSidrRep>(sidr[1].mad.message);
  EXPECT_EQ(request.service_id, wire::IpServiceId(wire::kServiceUdp, 7174));
  EXPECT_EQ(reply.request_id, request.request_id);
  EXPECT_EQ(reply.status, wire::SidrStatus::kValid);
  EXPECT_EQ(reply.qpn, 21u);          // the README's column of QPNs
  EXPECT_EQ(reply.qkey, 0x1234567u);  // rdma_cm's Q_Key for datagrams
}

// 12.6.5: the PSN at which the *other* side begins. The captures go on with data: what the server
// sends first has the PSN of the client's REQ, what the client sends first that of the REP.
TEST(CmCaptures, StartingPsnIsTheFirstOfTheOtherSide) {
  for (const char* name : {"cm_ucmatose_v4", "cm_rdma_client_v4", "cm_rping_v4"}) {
    const std::vector<SeenMad> mads = MadsOf(Golden(name));
    const auto& req = std::get<wire::CmReq>(mads[0].mad.message);
    const auto& rep = std::get<wire::CmRep>(mads[1].mad.message);
    absl::StatusOr<Capture> capture = Capture::Open(Golden(name));
    CapturedFrame frame;
    std::map<std::string, uint32_t> first;
    while (*capture->Next(&frame)) {
      const std::optional<Packet> p = ReadPacket(frame);
      if (!p || !p->frame || !wire::TraitsOf(p->frame->bth.opcode).send || p->frame->deth) continue;
      first.emplace(p->frame->source_ip().ToString(), p->frame->bth.psn.value());
    }
    EXPECT_EQ(first["198.51.100.1"], rep.starting_psn) << name;
    if (std::string(name) != "cm_rping_v4") {  // whose server begins with a READ
      EXPECT_EQ(first["198.51.100.2"], req.starting_psn) << name;
    }
  }
}

TEST(ShowCm, LineAndJson) {
  const std::vector<SeenMad> mads = MadsOf(Golden("cm_reject_noserver_v4"));
  LineWriter writer;
  const std::string req = writer.Line(mads[0].packet);
  EXPECT_NE(req.find(" REQ local_comm_id=0x783caf26 service_id=0x106270f qpn=23 "),
            std::string::npos)
      << req;
  const std::string rej = writer.Line(mads[1].packet);
  EXPECT_NE(rej.find(" REJ local_comm_id=0x0 remote_comm_id=0x783caf26 of=REQ "
                     "reason=8(invalid_service_id) tid="),
            std::string::npos)
      << rej;
  const cli::Json j = ToJson(mads[0].packet);
  EXPECT_EQ(j["cm"]["message"], "REQ");
  EXPECT_EQ(j["cm"]["mtu"], 4096);
  // The bytes of a frame are the capture's, until the next one is read.
  absl::StatusOr<Capture> datagrams = Capture::Open(Golden("ud_send_v4"));
  CapturedFrame frame;
  std::optional<Packet> packet;
  while (!packet && *datagrams->Next(&frame)) packet = ReadPacket(frame);
  ASSERT_TRUE(packet.has_value());
  EXPECT_FALSE(ToJson(*packet).contains("cm"));
}

}  // namespace
}  // namespace sluice::pcap
