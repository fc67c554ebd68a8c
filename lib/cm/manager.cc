// Dispatch, time, output and events of the connection manager.
#include "cm/manager.h"

#include <algorithm>
#include <variant>

#include "base/rng.h"
#include "cm/manager_templates.h"

namespace sluice::cm {
namespace {

constexpr uint64_t kTransactionPurpose = 0x746964;
constexpr size_t kQueuedMads = 64;
constexpr size_t kMaxListeners = 1024;
// Shorter time codes than 1 ms are rounding errors of a host's clock.
constexpr uint8_t kShortestWait = 8;

}  // namespace

const char* NameOf(State state) {
  constexpr const char* kNames[kStates] = {
      "idle",         "req_sent",     "mra_req_received", "rep_received",      "mra_rep_sent",
      "req_received", "mra_req_sent", "rep_sent",         "mra_rep_received",  "established",
      "dreq_sent",    "time_wait",    "sidr_req_sent",    "sidr_req_received", "sidr_answered"};
  const size_t i = static_cast<size_t>(state);
  return i < kStates ? kNames[i] : "unknown";
}

const char* NameOf(EventKind kind) {
  constexpr const char* kNames[] = {"request",          "reply",         "established",
                                    "rejected",         "unreachable",   "disconnected",
                                    "datagram_request", "datagram_reply"};
  const size_t i = static_cast<size_t>(kind);
  return i < std::size(kNames) ? kNames[i] : "unknown";
}

const char* NameOf(CmCount count) {
  constexpr const char* kNames[kCmCounts] = {
      "received",   "sent",       "sent_again",      "malformed",  "duplicate",
      "unknown_id", "wrong_peer", "wrong_state",     "refused",    "half_open_limit",
      "peer_full",  "stale",      "answers_limited", "queue_full", "gave_up"};
  const size_t i = static_cast<size_t>(count);
  return i < kCmCounts ? kNames[i] : "unknown";
}

Manager::Manager(const Config& config)
    : config_(config),
      transaction_base_(Mix64(config.seed ^ kTransactionPurpose) << 32),
      table_(config.seed, config.max_connections),
      wheel_(config.start),
      stateless_(std::max<uint32_t>(config.stateless_per_second, 1), kQueuedMads),
      mads_(kQueuedMads) {}

Manager::~Manager() = default;

void Manager::OnMad(Time now, const Peer& from, std::span<const uint8_t> mad) {
  Add(CmCount::kReceived);
  wire::CmMad decoded;
  if (wire::DecodeCm(mad, &decoded) != wire::MadFault::kNone) return Add(CmCount::kMalformed);
  const Input in{now, from, decoded.header};
  std::visit([&](const auto& m) { On(in, m); }, decoded.message);
}

void Manager::OnTimers(Time now) {
  std::array<wheel::Entry*, 16> due;
  size_t n;
  do {
    n = wheel_.Due(now, due);
    for (size_t i = 0; i < n; ++i) {
      OnTimer(now, static_cast<Connection::Timer*>(due[i])->connection);
    }
  } while (n == due.size());
}

void Manager::OnTimer(Time now, Connection* c) {
  switch (c->state) {
    case State::kReqSent:
    case State::kMraReqReceived:
    case State::kRepSent:
    case State::kMraRepReceived:
    case State::kDreqSent:
    case State::kSidrReqSent:
      if (c->tries_left == 0) return GiveUp(now, c);
      --c->tries_left;
      if (c->state == State::kMraReqReceived) SetState(c, State::kReqSent);
      if (c->state == State::kMraRepReceived) SetState(c, State::kRepSent);
      SendAgain(c);
      return Arm(c, now + c->timeout);
    case State::kRepReceived:
    case State::kMraRepSent:
    case State::kReqReceived:
    case State::kMraReqSent:
    case State::kSidrReqReceived:
      return GiveUp(now, c);
    case State::kTimeWait:
    case State::kSidrAnswered:
      return Release(c);
    case State::kIdle:
    case State::kEstablished:
      return;
  }
}

void Manager::GiveUp(Time now, Connection* c) {
  Add(CmCount::kGaveUp);
  if (c->state == State::kDreqSent) {
    Emit(EventKind::kDisconnected, c);
    return EnterTimeWait(now, c);
  }
  Emit(EventKind::kUnreachable, c)->reason = wire::CmReason::kTimeout;
  if (c->state == State::kSidrReqSent || c->state == State::kSidrReqReceived) return Release(c);
  // The peer of a REQ without an answer cannot know our id otherwise: the GUID says who we are.
  uint8_t guid[8];
  StoreBe64(guid, config_.guid);
  SendReject(c, wire::CmReason::kTimeout, guid, {}, /*keep=*/true);
  if (c->state == State::kReqSent || c->state == State::kMraReqReceived) return Release(c);
  EnterTimeWait(now, c);
}

Connection* Manager::Make(const Peer& peer) {
  Connection* c = table_.Make(peer);
  if (c == nullptr) return nullptr;
  wheel_.Cancel(&c->timer);
  c->transaction = TransactionOf(c->id);
  c->max_retries = config_.max_retries;
  c->timeout = Wait(config_.response_timeout);
  c->mras = config_.max_retries;
  return c;
}

void Manager::Release(Connection* c) {
  wheel_.Cancel(&c->timer);
  table_.Free(c);
}

// Until no packet of it can be under way any more (12.9.8.4): as long as the peer's acknowledgement
// may take.
void Manager::EnterTimeWait(Time now, Connection* c) {
  SetState(c, State::kTimeWait);
  Arm(c, now + Wait(c->parameters.ack_timeout));
}

Duration Manager::Wait(uint8_t code) const {
  const int64_t shift = std::clamp<uint8_t>(code, kShortestWait, 31);
  const Duration wait = Duration::Nanoseconds(4096) * (int64_t{1} << shift);
  return wait < config_.longest_wait ? wait : config_.longest_wait;
}

void Manager::Queue(const Peer& to, const std::array<uint8_t, wire::kMadBytes>& mad) {
  if (mads_count_ == mads_.size()) return Add(CmCount::kQueueFull);
  mads_[(mads_head_ + mads_count_) % mads_.size()] = {to, mad};
  ++mads_count_;
  Add(CmCount::kSent);
}

bool Manager::TakeMad(MadOut* out) {
  if (mads_count_ == 0) return false;
  *out = mads_[mads_head_];
  mads_head_ = (mads_head_ + 1) % mads_.size();
  --mads_count_;
  return true;
}

void Manager::SendAgain(Connection* c) {
  Add(CmCount::kSentAgain);
  Queue(c->peer, c->last_mad);
}

void Manager::SendMra(Connection* c, uint8_t service_timeout) {
  wire::CmMra mra;
  mra.local_comm_id = c->id;
  mra.remote_comm_id = c->remote_id;
  mra.subject = c->passive ? wire::CmSubject::kReq : wire::CmSubject::kRep;
  mra.service_timeout = service_timeout;
  Send(c->peer, c->transaction, mra);
}

void Manager::SendReject(Connection* c, wire::CmReason reason, std::span<const uint8_t> info,
                         std::span<const uint8_t> private_data, bool keep) {
  wire::CmRej rej;
  rej.local_comm_id = c->id;
  rej.remote_comm_id = c->remote_id;
  switch (c->state) {
    case State::kReqReceived:
    case State::kMraReqSent:
      rej.subject = wire::CmSubject::kReq;
      break;
    case State::kRepReceived:
    case State::kMraRepSent:
      rej.subject = wire::CmSubject::kRep;
      break;
    default:
      rej.subject = wire::CmSubject::kOther;
  }
  rej.reason = reason;
  rej.info_length = static_cast<uint8_t>(info.size());
  std::copy(info.begin(), info.end(), rej.info.begin());
  std::copy(private_data.begin(), private_data.end(), rej.private_data.begin());
  wire::CmMad mad;
  mad.header.transaction_id = c->transaction;
  mad.message = rej;
  const auto bytes = wire::EncodeCm(mad);
  if (keep) {
    c->last_mad = bytes;
    c->rejected = true;
  }
  Queue(c->peer, bytes);
}

Event* Manager::Emit(EventKind kind, Connection* c) {
  Event& e = events_.emplace_back();
  e.kind = kind;
  e.id = c->id;
  e.peer = c->peer;
  e.service_id = c->service_id;
  e.parameters = c->parameters;
  ++c->events;
  return &e;
}

bool Manager::TakeEvent(Event* out) {
  if (events_.empty()) return false;
  *out = events_.front();
  events_.pop_front();
  table_.EventTaken(out->id);
  return true;
}

State Manager::state(Id id) {
  const Connection* c = table_.Find(id);
  return c == nullptr ? State::kIdle : c->state;
}

const Manager::Listener* Manager::FindListener(uint64_t service_id, bool datagram) const {
  for (const Listener& l : listeners_) {
    if (l.service_id == service_id && l.datagram == datagram) return &l;
  }
  return nullptr;
}

absl::Status Manager::Listen(uint64_t service_id, bool datagram) {
  if (FindListener(service_id, false) != nullptr || FindListener(service_id, true) != nullptr) {
    return absl::AlreadyExistsError("somebody listens on this service already");
  }
  if (listeners_.size() >= kMaxListeners) {
    return absl::ResourceExhaustedError("too many listeners");
  }
  listeners_.push_back({service_id, datagram});
  return absl::OkStatus();
}

void Manager::StopListening(uint64_t service_id) {
  std::erase_if(listeners_, [=](const Listener& l) { return l.service_id == service_id; });
}

void Manager::SetIpHeader(uint8_t* private_data, const Peer& peer, uint16_t source_port) const {
  wire::IpCmHeader h;
  h.ip_version = config_.ip.is_v4() ? 4 : 6;
  h.source_port = source_port;
  h.source = config_.ip;
  h.destination = peer.ip;
  h.Write(private_data);
}

std::optional<wire::IpCmHeader> Manager::CheckIpHeader(const Peer& from,
                                                       const uint8_t* data) const {
  const std::optional<wire::IpCmHeader> h = wire::IpCmHeader::Read(data);
  if (!h || !(h->source == from.ip) || !(h->destination == config_.ip)) return std::nullopt;
  return h;
}

}  // namespace sluice::cm
