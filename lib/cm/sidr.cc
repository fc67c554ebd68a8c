// Looking for the queue pair of a datagram service: SIDR_REQ and SIDR_REP (IBTA 1.4, 12.11).
#include <algorithm>

#include "absl/strings/str_format.h"
#include "cm/manager.h"
#include "cm/manager_templates.h"

namespace sluice::cm {

using wire::CmSidrRep;
using wire::CmSidrReq;
using wire::SidrStatus;

absl::StatusOr<Id> Manager::RequestDatagram(Time now, const DatagramRequest& r) {
  CmSidrReq req;
  const bool by_ip = wire::IsIpServiceId(r.service_id);
  const size_t skip = by_ip ? wire::IpCmHeader::kSize : 0;
  if (r.private_data.size() > req.private_data.size() - skip) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%d bytes of private data: a SIDR_REQ to this service carries %d",
                        r.private_data.size(), req.private_data.size() - skip));
  }
  if (r.peer.ip.is_v4() != config_.ip.is_v4()) {
    return absl::InvalidArgumentError("the peer's address is not of our family");
  }
  Connection* c = Make(r.peer);
  if (c == nullptr) return absl::ResourceExhaustedError("all connections of this end are in use");
  c->service_id = r.service_id;
  req.request_id = c->id;
  req.pkey = r.pkey;
  req.service_id = r.service_id;
  if (by_ip) SetIpHeader(req.private_data.data(), r.peer, r.source_port);
  std::copy(r.private_data.begin(), r.private_data.end(),
            req.private_data.begin() + static_cast<ptrdiff_t>(skip));
  SetState(c, State::kSidrReqSent);
  SendKept(now, c, c->transaction, req);
  return c->id;
}

void Manager::On(const Input& in, const CmSidrReq& m) {
  Connection* known = table_.FindRemote(in.from.ip, m.request_id, true);
  if (known != nullptr) {
    Add(CmCount::kDuplicate);
    if (known->state == State::kSidrAnswered) SendAgain(known);
    return;
  }
  const bool by_ip = wire::IsIpServiceId(m.service_id);
  CmSidrRep rep;
  rep.request_id = m.request_id;
  rep.service_id = m.service_id;
  const bool full = table_.half_open() >= config_.max_half_open ||
                    table_.half_open_of(in.from.ip) >= config_.max_half_open_per_peer;
  if (FindListener(m.service_id, true) == nullptr) {
    rep.status = SidrStatus::kServiceNotSupported;
  } else if (by_ip && !CheckIpHeader(in.from, m.private_data.data())) {
    rep.status = SidrStatus::kRejected;
  } else if (full) {
    Add(CmCount::kHalfOpen);
    rep.status = SidrStatus::kNoQp;
  }
  Connection* c = rep.status == SidrStatus::kValid ? Make(in.from) : nullptr;
  if (c == nullptr) {
    if (rep.status == SidrStatus::kValid) rep.status = SidrStatus::kNoQp;
    Add(CmCount::kRefused);
    return SendStateless(in, rep);
  }
  c->passive = true;
  c->transaction = in.header.transaction_id;
  c->service_id = m.service_id;
  c->remote_id = m.request_id;
  c->parameters.pkey = m.pkey;
  SetState(c, State::kSidrReqReceived);
  table_.IndexRemote(c);
  Event* e = Emit(EventKind::kDatagramRequest, c);
  SetPrivate(e, m.private_data, by_ip ? wire::IpCmHeader::kSize : 0);
  if (by_ip) e->peer_port = wire::IpCmHeader::Read(m.private_data.data())->source_port;
  Arm(c, in.now + config_.decision);
}

absl::Status Manager::AnswerDatagram(Time now, Id id, const DatagramAnswer& answer) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the request is gone");
  if (c->state != State::kSidrReqReceived) {
    return absl::FailedPreconditionError("the request was answered already");
  }
  CmSidrRep rep;
  if (answer.private_data.size() > rep.private_data.size() || answer.qpn > 0xffffff) {
    return absl::InvalidArgumentError("a SIDR_REP carries 136 bytes of private data; QPNs 24 bits");
  }
  rep.request_id = c->remote_id;
  rep.status = answer.status;
  rep.qpn = answer.qpn;
  rep.service_id = c->service_id;
  rep.qkey = answer.qkey;
  std::copy(answer.private_data.begin(), answer.private_data.end(), rep.private_data.begin());
  SetState(c, State::kSidrAnswered);
  // Kept as long as the peer may ask again.
  c->timeout = Wait(config_.response_timeout) * 4;
  SendKept(now, c, c->transaction, rep);
  return absl::OkStatus();
}

void Manager::On(const Input& in, const CmSidrRep& m) {
  Connection* c = table_.Find(m.request_id);
  if (c == nullptr) return Add(CmCount::kUnknownId);
  if (!(c->peer.ip == in.from.ip)) return Add(CmCount::kWrongPeer);
  if (c->state != State::kSidrReqSent) return Add(CmCount::kWrongState);
  Event* e = Emit(EventKind::kDatagramReply, c);
  e->datagram = {m.status, m.qpn, m.qkey};
  SetPrivate(e, m.private_data);
  Release(c);
}

}  // namespace sluice::cm
