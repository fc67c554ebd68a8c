// The active side: REQ out, REP in, RTU out (IBTA 1.4, 12.9.6).
#include <algorithm>

#include "absl/strings/str_format.h"
#include "cm/manager.h"
#include "cm/manager_templates.h"

namespace sluice::cm {
namespace {

using wire::CmRep;
using wire::CmReq;

// RoCE has no LIDs; Linux fills them so, and a receiver must not judge them (annex A16).
constexpr uint16_t kNoLid = 0xffff;

absl::Status Check(const ConnectRequest& r, const Config& config) {
  const bool by_ip = wire::IsIpServiceId(r.service_id);
  const size_t room = sizeof(CmReq::private_data) - (by_ip ? wire::IpCmHeader::kSize : 0);
  if (r.private_data.size() > room) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%d bytes of private data: a REQ to this service carries %d", r.private_data.size(), room));
  }
  if (r.mtu < 1 || r.mtu > config.max_mtu) {
    return absl::InvalidArgumentError(
        absl::StrFormat("MTU code %d: must be 1 to %d", r.mtu, config.max_mtu));
  }
  if (r.retry_count > 7 || r.rnr_retry > 7 || r.ack_timeout > 31) {
    return absl::InvalidArgumentError("retry counts run from 0 to 7, time codes from 0 to 31");
  }
  if (r.qpn > 0xffffff || r.receive_psn > 0xffffff || r.flow_label > 0xfffff) {
    return absl::InvalidArgumentError("QPN and PSN have 24 bits, a flow label 20");
  }
  if (r.peer.ip.is_v4() != config.ip.is_v4()) {
    return absl::InvalidArgumentError("the peer's address is not of our family");
  }
  return absl::OkStatus();
}

CmReq MakeReq(const ConnectRequest& r, const Config& config) {
  CmReq req;
  req.service_id = r.service_id;
  req.local_ca_guid = config.guid;
  req.local_qpn = r.qpn;
  req.responder_resources = r.responder_resources;
  req.initiator_depth = r.initiator_depth;
  req.remote_response_timeout = config.response_timeout;
  req.service_type = r.service;
  req.starting_psn = r.receive_psn;
  req.local_response_timeout = config.response_timeout;
  req.retry_count = r.retry_count;
  req.pkey = r.pkey;
  req.mtu = r.mtu;
  req.rnr_retry = r.rnr_retry;
  req.max_cm_retries = config.max_retries;
  req.primary.local_lid = kNoLid;
  req.primary.remote_lid = kNoLid;
  req.primary.local_gid = config.ip;
  req.primary.remote_gid = r.peer.ip;
  req.primary.flow_label = r.flow_label;
  req.primary.traffic_class = r.traffic_class;
  req.primary.hop_limit = r.hop_limit;
  req.primary.ack_timeout = r.ack_timeout;
  return req;
}

}  // namespace

absl::StatusOr<Id> Manager::Connect(Time now, const ConnectRequest& r) {
  if (absl::Status s = Check(r, config_); !s.ok()) return s;
  Connection* c = Make(r.peer);
  if (c == nullptr) return absl::ResourceExhaustedError("all connections of this end are in use");
  CmReq req = MakeReq(r, config_);
  req.local_comm_id = c->id;
  uint8_t* data = req.private_data.data();
  if (wire::IsIpServiceId(r.service_id)) {
    SetIpHeader(data, r.peer, r.source_port);
    data += wire::IpCmHeader::kSize;
  }
  std::copy(r.private_data.begin(), r.private_data.end(), data);

  c->local_qpn = r.qpn;
  c->service_id = r.service_id;
  Parameters& p = c->parameters;
  p.mtu = r.mtu;
  p.ack_timeout = r.ack_timeout;
  p.retry_count = r.retry_count;
  p.responder_resources = r.responder_resources;
  p.initiator_depth = r.initiator_depth;
  p.traffic_class = r.traffic_class;
  p.hop_limit = r.hop_limit;
  p.flow_label = r.flow_label;
  p.pkey = r.pkey;
  p.service = r.service;
  SetState(c, State::kReqSent);
  SendKept(now, c, c->transaction, req);
  return c->id;
}

void Manager::On(const Input& in, const CmRep& m) {
  Connection* c = table_.Find(m.remote_comm_id);
  if (c == nullptr) {
    // The peer holds a connection for us that we know nothing of: it should not wait in vain.
    Add(CmCount::kUnknownId);
    wire::CmRej rej;
    rej.local_comm_id = m.remote_comm_id;
    rej.remote_comm_id = m.local_comm_id;
    rej.subject = wire::CmSubject::kRep;
    rej.reason = wire::CmReason::kInvalidCommId;
    return SendStateless(in, rej);
  }
  const bool belongs = !c->passive && c->peer.ip == in.from.ip &&
                       (!c->remote_known || c->remote_id == m.local_comm_id);
  if (!belongs) return Add(CmCount::kWrongPeer);
  switch (c->state) {
    case State::kReqSent:
    case State::kMraReqReceived:
      break;
    case State::kRepReceived:
    case State::kMraRepSent:
      Add(CmCount::kDuplicate);
      SetState(c, State::kMraRepSent);
      return SendMra(c, config_.response_timeout);
    case State::kEstablished:  // our RTU was lost
      Add(CmCount::kDuplicate);
      return SendAgain(c);
    default:
      return Add(CmCount::kWrongState);
  }
  c->remote_id = m.local_comm_id;
  Connection* old = table_.FindQpn(in.from.ip, m.local_qpn);
  Parameters& p = c->parameters;
  p.peer_qpn = m.local_qpn;
  p.send_psn = m.starting_psn;
  p.rnr_retry = m.rnr_retry;
  p.target_ack_delay = m.target_ack_delay;
  p.responder_resources = std::min(p.responder_resources, m.initiator_depth);
  p.initiator_depth = std::min(p.initiator_depth, m.responder_resources);
  table_.IndexRemote(c);
  SetState(c, State::kRepReceived);
  if (old != nullptr) {
    Add(CmCount::kStale);
    SendReject(c, wire::CmReason::kStaleConnection, {}, {}, /*keep=*/true);
    Emit(EventKind::kRejected, c)->reason = wire::CmReason::kStaleConnection;
    EnterTimeWait(in.now, c);
    return StartDisconnect(in.now, old, {});
  }
  table_.IndexQpn(c);
  SetPrivate(Emit(EventKind::kReply, c), m.private_data);
  Arm(c, in.now + config_.decision);
}

absl::Status Manager::Confirm(Time, Id id, std::span<const uint8_t> private_data) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the connection is gone");
  if (c->state != State::kRepReceived && c->state != State::kMraRepSent) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the connection is in state %s: nothing to confirm", NameOf(c->state)));
  }
  wire::CmRtu rtu;
  if (private_data.size() > sizeof(rtu.private_data)) {
    return absl::InvalidArgumentError("a RTU carries 224 bytes of private data");
  }
  rtu.local_comm_id = c->id;
  rtu.remote_comm_id = c->remote_id;
  std::copy(private_data.begin(), private_data.end(), rtu.private_data.begin());
  wire::CmMad mad;
  mad.header.transaction_id = c->transaction;
  mad.message = rtu;
  c->last_mad = wire::EncodeCm(mad);
  Queue(c->peer, c->last_mad);
  wheel_.Cancel(&c->timer);
  SetState(c, State::kEstablished);
  return absl::OkStatus();
}

}  // namespace sluice::cm
