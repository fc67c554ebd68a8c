// What ends or holds up a connection: REJ, MRA, DREQ, DREP; and the alternate paths that we refuse.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "cm/manager.h"
#include "cm/manager_templates.h"

namespace sluice::cm {
namespace {

using wire::CmReason;

// The MTU code that a REJ for an invalid MTU names: in the upper four bits, as in a REQ, or plain.
uint8_t AcceptableMtu(const wire::CmRej& m) {
  if (m.reason != CmReason::kInvalidMtu || m.info_length == 0) return 0;
  const uint8_t code = m.info[0] > 5 ? m.info[0] >> 4 : m.info[0];
  return code <= 5 ? code : 0;
}

}  // namespace

void Manager::On(const Input& in, const wire::CmRej& m) {
  Connection* c = table_.Find(m.remote_comm_id);
  // Who sent a REQ and gave up never learned our id.
  if (c == nullptr && m.reason == CmReason::kTimeout) {
    c = table_.FindRemote(in.from.ip, m.local_comm_id, false);
  }
  if (c == nullptr) return Add(CmCount::kUnknownId);
  const bool ids_match = !c->remote_known || c->remote_id == m.local_comm_id;
  if (!(c->peer.ip == in.from.ip) || !ids_match) return Add(CmCount::kWrongPeer);
  const auto emit = [&](EventKind kind) {
    Event* e = Emit(kind, c);
    e->reason = m.reason;
    e->acceptable_mtu = AcceptableMtu(m);
    SetPrivate(e, m.private_data);
  };
  switch (c->state) {
    case State::kReqSent:
    case State::kMraReqReceived:
    case State::kReqReceived:
    case State::kMraReqSent:
      emit(EventKind::kRejected);
      return Release(c);
    case State::kRepReceived:
    case State::kMraRepSent:
    case State::kRepSent:
    case State::kMraRepReceived:
      emit(EventKind::kRejected);
      return EnterTimeWait(in.now, c);
    case State::kEstablished:
    case State::kDreqSent:
      // The peer does not hold the connection (any more).
      emit(EventKind::kDisconnected);
      return EnterTimeWait(in.now, c);
    default:
      return Add(CmCount::kWrongState);
  }
}

void Manager::On(const Input& in, const wire::CmMra& m) {
  Connection* c = table_.Find(m.remote_comm_id);
  if (c == nullptr) return Add(CmCount::kUnknownId);
  const bool ids_match = !c->remote_known || c->remote_id == m.local_comm_id;
  if (!(c->peer.ip == in.from.ip) || !ids_match) return Add(CmCount::kWrongPeer);
  const bool of_req = (c->state == State::kReqSent || c->state == State::kMraReqReceived) &&
                      m.subject == wire::CmSubject::kReq;
  const bool of_rep = (c->state == State::kRepSent || c->state == State::kMraRepReceived) &&
                      m.subject == wire::CmSubject::kRep;
  if ((!of_req && !of_rep) || c->mras == 0) return Add(CmCount::kWrongState);
  --c->mras;
  SetState(c, of_req ? State::kMraReqReceived : State::kMraRepReceived);
  Arm(c, in.now + Wait(m.service_timeout) + c->timeout);
}

absl::Status Manager::AskForTime(Time now, Id id, uint8_t service_timeout) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the connection is gone");
  if (service_timeout > 31) return absl::InvalidArgumentError("time codes run from 0 to 31");
  switch (c->state) {
    case State::kReqReceived:
    case State::kMraReqSent:
      SetState(c, State::kMraReqSent);
      break;
    case State::kRepReceived:
    case State::kMraRepSent:
      SetState(c, State::kMraRepSent);
      break;
    default:
      return absl::FailedPreconditionError(absl::StrFormat(
          "the connection is in state %s: the peer waits for nothing", NameOf(c->state)));
  }
  SendMra(c, service_timeout);
  Arm(c, now + config_.decision);
  return absl::OkStatus();
}

absl::Status Manager::Reject(Time now, Id id, CmReason reason,
                             std::span<const uint8_t> private_data) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the connection is gone");
  if (private_data.size() > sizeof(wire::CmRej::private_data)) {
    return absl::InvalidArgumentError("a REJ carries 148 bytes of private data");
  }
  switch (c->state) {
    case State::kReqReceived:
    case State::kMraReqSent:
    case State::kRepReceived:
    case State::kMraRepSent:
      SendReject(c, reason, {}, private_data, /*keep=*/true);
      EnterTimeWait(now, c);
      return absl::OkStatus();
    default:
      return absl::FailedPreconditionError(
          absl::StrFormat("the connection is in state %s: nothing to reject", NameOf(c->state)));
  }
}

absl::Status Manager::Disconnect(Time now, Id id, std::span<const uint8_t> private_data) {
  Connection* c = table_.Find(id);
  if (c == nullptr) return absl::NotFoundError("the connection is gone");
  if (private_data.size() > sizeof(wire::CmDreq::private_data)) {
    return absl::InvalidArgumentError("a DREQ carries 220 bytes of private data");
  }
  switch (c->state) {
    case State::kReqSent:
    case State::kMraReqReceived: {
      uint8_t guid[8];
      StoreBe64(guid, config_.guid);
      SendReject(c, CmReason::kTimeout, guid, {}, /*keep=*/true);
      Release(c);
      return absl::OkStatus();
    }
    case State::kReqReceived:
    case State::kMraReqSent:
    case State::kRepReceived:
    case State::kMraRepSent:
      return Reject(now, id, CmReason::kConsumer, {});
    case State::kRepSent:
    case State::kMraRepReceived:
    case State::kEstablished:
      StartDisconnect(now, c, private_data);
      return absl::OkStatus();
    case State::kSidrReqSent:
    case State::kSidrReqReceived:
      Release(c);
      return absl::OkStatus();
    default:
      return absl::FailedPreconditionError("the connection is ending already");
  }
}

void Manager::StartDisconnect(Time now, Connection* c, std::span<const uint8_t> private_data) {
  if (c->state != State::kEstablished && c->state != State::kRepSent &&
      c->state != State::kMraRepReceived) {
    return;
  }
  wire::CmDreq dreq;
  dreq.local_comm_id = c->id;
  dreq.remote_comm_id = c->remote_id;
  dreq.remote_qpn = c->parameters.peer_qpn;
  std::copy(private_data.begin(), private_data.end(), dreq.private_data.begin());
  c->max_retries = config_.max_retries;
  SetState(c, State::kDreqSent);
  SendKept(now, c, TransactionOf(c->id), dreq);
}

void Manager::SendDrep(const Input& in, const wire::CmDreq& m) {
  wire::CmDrep drep;
  drep.local_comm_id = m.remote_comm_id;
  drep.remote_comm_id = m.local_comm_id;
  SendStateless(in, drep);
}

void Manager::On(const Input& in, const wire::CmDreq& m) {
  Connection* c = table_.Find(m.remote_comm_id);
  if (c == nullptr) {
    // Our side is over, and perhaps its answer was lost: the peer need not ask to the end.
    Add(CmCount::kUnknownId);
    return SendDrep(in, m);
  }
  const bool belongs = c->peer.ip == in.from.ip && c->remote_known &&
                       c->remote_id == m.local_comm_id && c->local_qpn == m.remote_qpn;
  if (!belongs) return Add(CmCount::kWrongPeer);
  switch (c->state) {
    case State::kRepReceived:
    case State::kMraRepSent:
    case State::kRepSent:
    case State::kMraRepReceived:
    case State::kEstablished:
    case State::kDreqSent:
      SendDrep(in, m);
      SetPrivate(Emit(EventKind::kDisconnected, c), m.private_data);
      return EnterTimeWait(in.now, c);
    case State::kTimeWait:
      Add(CmCount::kDuplicate);
      return SendDrep(in, m);
    default:
      return Add(CmCount::kWrongState);
  }
}

void Manager::On(const Input& in, const wire::CmDrep& m) {
  Connection* c = Match(in, m);
  if (c == nullptr) return;
  if (c->state != State::kDreqSent) return Add(CmCount::kWrongState);
  SetPrivate(Emit(EventKind::kDisconnected, c), m.private_data);
  EnterTimeWait(in.now, c);
}

void Manager::On(const Input& in, const wire::CmLap& m) {
  Connection* c = Match(in, m);
  wire::CmApr apr;
  apr.local_comm_id = m.remote_comm_id;
  apr.remote_comm_id = m.local_comm_id;
  apr.status = c != nullptr && c->state == State::kEstablished ? wire::kAprUnsupported
                                                               : wire::kAprInvalidCommId;
  SendStateless(in, apr);
}

// We never send a LAP.
void Manager::On(const Input&, const wire::CmApr&) { Add(CmCount::kWrongState); }

}  // namespace sluice::cm
