// The passive side: REQ in, REP or REJ out, RTU in (IBTA 1.4, 12.9.7).
#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/checks.h"
#include "cm/manager.h"
#include "cm/manager_templates.h"

namespace sluice::cm {
namespace {

using wire::CmReason;
using wire::CmReq;

constexpr uint8_t kFailoverNotSupported = 1;

bool AwaitsDecision(State s) { return s == State::kReqReceived || s == State::kMraReqSent; }

Parameters ParametersOf(const CmReq& m) {
  Parameters p;
  p.peer_qpn = m.local_qpn;
  p.send_psn = m.starting_psn;
  p.mtu = m.mtu;
  p.ack_timeout = m.primary.ack_timeout;
  p.retry_count = m.retry_count;
  p.rnr_retry = m.rnr_retry;
  p.responder_resources = m.initiator_depth;
  p.initiator_depth = m.responder_resources;
  p.traffic_class = m.primary.traffic_class;
  p.hop_limit = m.primary.hop_limit;
  p.flow_label = m.primary.flow_label;
  p.pkey = m.pkey;
  p.service = m.service_type;
  return p;
}

}  // namespace

Manager::Refusal Manager::Judge(const Input& in, const CmReq& m) {
  if (FindListener(m.service_id, false) == nullptr) return {CmReason::kInvalidServiceId, {}};
  if (m.service_type != wire::CmService::kRc && m.service_type != wire::CmService::kUc) {
    return {CmReason::kInvalidTransportType, {}};
  }
  // Who we are is what may be told to whoever takes us for somebody else.
  if (!(m.primary.remote_gid == config_.ip)) {
    return {CmReason::kPrimaryGid, config_.ip.bytes()};
  }
  if (!(m.primary.local_gid == in.from.ip)) return {CmReason::kUnsupported, {}};
  if (wire::IsIpServiceId(m.service_id) && !CheckIpHeader(in.from, m.private_data.data())) {
    return {CmReason::kUnsupported, {}};
  }
  if (m.mtu < 1 || m.mtu > config_.max_mtu) return {CmReason::kInvalidMtu, {&config_.max_mtu, 1}};
  if (table_.FindQpn(in.from.ip, m.local_qpn) != nullptr) {
    return {CmReason::kStaleConnection, {}};
  }
  if (table_.half_open() >= config_.max_half_open ||
      (Enabled(Check::kPeerHandshakes) &&
       table_.half_open_of(in.from.ip) >= config_.max_half_open_per_peer)) {
    Add(CmCount::kHalfOpen);
    return {CmReason::kNoResources, {}};
  }
  if (Enabled(Check::kPeerConnections) &&
      table_.begun_by(in.from.ip) >= config_.max_connections_per_peer) {
    Add(CmCount::kPeerFull);
    return {CmReason::kNoResources, {}};
  }
  return {};
}

void Manager::Refuse(const Input& in, const CmReq& m, const Refusal& refusal) {
  Add(CmCount::kRefused);
  wire::CmRej rej;
  rej.remote_comm_id = m.local_comm_id;
  rej.subject = wire::CmSubject::kReq;
  rej.reason = refusal.reason;
  rej.info_length = static_cast<uint8_t>(refusal.info.size());
  std::copy(refusal.info.begin(), refusal.info.end(), rej.info.begin());
  if (refusal.reason == CmReason::kInvalidMtu) {
    // As the field of a REQ: the upper four bits.
    rej.info[0] = static_cast<uint8_t>(rej.info[0] << 4);
  }
  SendStateless(in, rej);
}

void Manager::On(const Input& in, const CmReq& m) {
  Connection* known = table_.FindRemote(in.from.ip, m.local_comm_id, false);
  if (known != nullptr) return OnDuplicateReq(in, known, m);
  const Refusal refusal = Judge(in, m);
  Connection* c = refusal.reason == CmReason::kNone ? Make(in.from) : nullptr;
  if (c == nullptr) {
    const bool full = refusal.reason == CmReason::kNone;
    Refuse(in, m, full ? Refusal{CmReason::kNoResources, {}} : refusal);
    if (refusal.reason != CmReason::kStaleConnection) return;
    Add(CmCount::kStale);
    return StartDisconnect(in.now, table_.FindQpn(in.from.ip, m.local_qpn), {});
  }
  c->passive = true;
  c->transaction = in.header.transaction_id;
  c->service_id = m.service_id;
  c->max_retries = m.max_cm_retries;
  c->timeout = Wait(m.local_response_timeout);
  c->remote_id = m.local_comm_id;
  c->parameters = ParametersOf(m);
  c->wants_failover = !m.alternate.local_gid.is_unspecified();
  table_.IndexRemote(c);
  table_.IndexQpn(c);
  SetState(c, State::kReqReceived);
  Event* e = Emit(EventKind::kRequest, c);
  const bool by_ip = wire::IsIpServiceId(m.service_id);
  SetPrivate(e, m.private_data, by_ip ? wire::IpCmHeader::kSize : 0);
  if (by_ip) e->peer_port = wire::IpCmHeader::Read(m.private_data.data())->source_port;
  Arm(c, in.now + config_.decision);
}

// A peer's id that we know: the same REQ again, or the peer has forgotten and starts anew.
void Manager::OnDuplicateReq(const Input& in, Connection* c, const CmReq& m) {
  const bool same = c->passive && c->transaction == in.header.transaction_id &&
                    c->parameters.peer_qpn == m.local_qpn && c->service_id == m.service_id;
  if (!same) {
    Add(CmCount::kWrongState);
    return Refuse(in, m, {CmReason::kDuplicateCommId, {}});
  }
  Add(CmCount::kDuplicate);
  switch (c->state) {
    case State::kReqReceived:
    case State::kMraReqSent:
      // It is not lost, the application thinks.
      SetState(c, State::kMraReqSent);
      return SendMra(c, config_.response_timeout);
    case State::kRepSent:
    case State::kMraRepReceived:
      return SendAgain(c);
    case State::kTimeWait:
      if (c->rejected) SendAgain(c);
      return;
    default:
      return;
  }
}

absl::Status Manager::Accept(Time now, Id id, const AcceptRequest& r) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the connection is gone");
  if (!AwaitsDecision(c->state)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the connection is in state %s: nothing to accept", NameOf(c->state)));
  }
  wire::CmRep rep;
  if (r.private_data.size() > sizeof(rep.private_data)) {
    return absl::InvalidArgumentError("a REP carries 196 bytes of private data");
  }
  if (r.qpn > 0xffffff || r.receive_psn > 0xffffff || r.rnr_retry > 7) {
    return absl::InvalidArgumentError("QPN and PSN have 24 bits, the RNR retry count 3");
  }
  Parameters& p = c->parameters;
  p.responder_resources = std::min(p.responder_resources, r.responder_resources);
  p.initiator_depth = std::min(p.initiator_depth, r.initiator_depth);
  c->local_qpn = r.qpn;
  rep.local_comm_id = c->id;
  rep.remote_comm_id = c->remote_id;
  rep.local_qpn = r.qpn;
  rep.starting_psn = r.receive_psn;
  rep.responder_resources = p.responder_resources;
  rep.initiator_depth = p.initiator_depth;
  rep.target_ack_delay = config_.target_ack_delay;
  // 0 says "accepted", also to a peer that asked for no alternate path.
  rep.failover_accepted = c->wants_failover ? kFailoverNotSupported : 0;
  rep.rnr_retry = r.rnr_retry;
  rep.srq = r.srq;
  rep.local_ca_guid = config_.guid;
  std::copy(r.private_data.begin(), r.private_data.end(), rep.private_data.begin());
  SetState(c, State::kRepSent);
  SendKept(now, c, c->transaction, rep);
  return absl::OkStatus();
}

void Manager::On(const Input& in, const wire::CmRtu& m) {
  Connection* c = Match(in, m);
  if (c == nullptr) return;
  if (c->state == State::kEstablished && c->passive) return Add(CmCount::kDuplicate);
  if (c->state != State::kRepSent && c->state != State::kMraRepReceived) {
    return Add(CmCount::kWrongState);
  }
  wheel_.Cancel(&c->timer);
  SetState(c, State::kEstablished);
  SetPrivate(Emit(EventKind::kEstablished, c), m.private_data);
}

}  // namespace sluice::cm
