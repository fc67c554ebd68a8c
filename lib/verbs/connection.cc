// Connection: one handshake and what follows it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "verbs/agreement.h"
#include "verbs/cm.h"
#include "verbs/cm_hub.h"

namespace sluice::verbs {
namespace {

constexpr size_t kRequestData = 56;
constexpr size_t kReplyData = 196;

uint32_t MtuBytes(uint8_t code) { return code == 0 ? 0 : 128u << code; }

// Why an address has no MAC address.
std::string Unresolved(const Device::Impl* device, const wire::IpAddress& ip) {
  const std::optional<wire::IpAddress> hop = device->parts.routes.NextHop(ip);
  if (!hop) {
    return absl::StrCat("no route to ", ip.ToString(), ": give the device a gateway or a route");
  }
  if (*hop == ip) return absl::StrCat(ip.ToString(), " does not answer on this link");
  return absl::StrCat("the router ", hop->ToString(), " to ", ip.ToString(),
                      " does not answer on this link");
}

absl::Status TooMuch(size_t given, size_t room) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%d bytes of private data: at most %d fit", given, room));
}

void SetReadDepth(const cm::Parameters& p, ConnectOptions* o) {
  o->max_rd_atomic = std::min(o->max_rd_atomic, p.initiator_depth);
  o->responder_resources = std::min(o->responder_resources, p.responder_resources);
}

absl::Status Rejection(const cm::Event& e, const std::string& peer) {
  const std::string what = absl::StrFormat("%s rejected the connection: %s (%d)", peer,
                                           wire::NameOf(e.reason), static_cast<int>(e.reason));
  if (e.reason == wire::CmReason::kInvalidServiceId) {
    return absl::NotFoundError(absl::StrCat(what, "; nobody listens on that port"));
  }
  return absl::AbortedError(what);
}

}  // namespace

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Connection::~Connection() {
  Impl& c = *impl_;
  if (!c.live()) return;
  c.hub->Remove(c.id);
  const cm::Id id = c.id;
  c.hub->Call([id, probe = c.probe](engine::ControlPlane& control, Time now) {
    control.prober().Forget(probe);
    (void)control.manager().Disconnect(now, id, {});
  });
  if (c.qp != nullptr && c.state != CmState::kRequested) c.qp->Fail();
}

CmState Connection::state() const { return impl_->state; }
absl::Status Connection::error() const { return impl_->error; }
std::string Connection::peer_address() const { return impl_->peer.ip.ToString(); }
uint16_t Connection::peer_port() const { return impl_->peer_port; }
std::span<const uint8_t> Connection::private_data() const { return impl_->received; }
uint32_t Connection::mtu() const { return MtuBytes(impl_->parameters.mtu); }
bool Connection::extended() const { return impl_->qp != nullptr && impl_->qp->extended(); }
uint8_t Connection::initiator_depth() const { return impl_->parameters.initiator_depth; }
uint8_t Connection::responder_resources() const { return impl_->parameters.responder_resources; }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Connect(Device* device, QueuePair* qp,
                                                                std::string_view address,
                                                                uint16_t port,
                                                                const CmOptions& options) {
  const absl::StatusOr<wire::IpAddress> ip = wire::IpAddress::Parse(address);
  if (!ip.ok()) return ip.status();
  const wire::IpAddress own = device->impl().parts.address;
  if (ip->is_v4() != own.is_v4()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ip->ToString(), " is not of the family of our address ", own.ToString()));
  }
  if (*ip == own) return absl::InvalidArgumentError("this is our own address");
  if (options.private_data.size() > kRequestData) {
    return TooMuch(options.private_data.size(), kRequestData);
  }
  const absl::StatusOr<CmHub*> hub = CmHub::Of(device);
  if (!hub.ok()) return hub.status();
  auto impl = std::make_unique<Impl>();
  impl->hub = *hub;
  impl->qp = qp;
  impl->peer.ip = *ip;
  impl->port = port;
  impl->source_port = (*hub)->NextPort();
  impl->mtu_code = (*hub)->MtuCode(options.connect.mtu, *ip);
  impl->options = options;
  impl->offered.assign(options.private_data.begin(), options.private_data.end());
  impl->Resolve();
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

CmState Connection::Poll() {
  Impl& c = *impl_;
  if (c.state == CmState::kResolving) {
    c.Resolve();
  } else if (c.live()) {
    c.hub->Pump();
    if (c.probe != 0) c.PollProbe();
  }
  return c.state;
}

void Connection::Impl::End(CmState s, absl::Status why) {
  if (id != 0) hub->Remove(id);
  if (probe != 0) {
    hub->Call([&](engine::ControlPlane& control, Time) { control.prober().Forget(probe); });
  }
  probe = 0;
  id = 0;
  const bool connected = state == CmState::kAccepting || state == CmState::kEstablished ||
                         state == CmState::kDisconnecting;
  state = s;
  error = std::move(why);
  if (connected) qp->Fail();
}

void Connection::Impl::Resolve() {
  net::Neighbour n;
  hub->Call(
      [&](engine::ControlPlane& control, Time now) { n = control.stack().Resolve(now, peer.ip); });
  if (n.state == net::NeighbourState::kFailed) {
    return End(CmState::kUnreachable, absl::UnavailableError(Unresolved(hub->device(), peer.ip)));
  }
  if (!n.usable()) return;
  peer.mac = n.mac;
  Request();
}

void Connection::Impl::Request() {
  cm::ConnectRequest r;
  r.peer = peer;
  r.service_id = wire::IpServiceId(wire::kServiceTcp, port);
  r.source_port = source_port;
  r.qpn = qp->qpn();
  r.receive_psn = qp->initial_psn();
  r.mtu = mtu_code;
  r.ack_timeout = options.connect.timeout;
  r.retry_count = options.connect.retry_count;
  r.rnr_retry = options.connect.rnr_retry;
  r.responder_resources = options.responder_resources;
  r.initiator_depth = options.initiator_depth;
  r.traffic_class = static_cast<uint8_t>(options.connect.dscp << 2);
  r.flow_label = options.connect.flow_label;
  r.pkey = options.connect.pkey;
  std::vector<uint8_t> data = offered;
  if (options.connect.reliability != Reliability::kBase) {
    const bool can = CanExtend(qp->impl(), options, MtuBytes(mtu_code));
    (void)PutHello(HelloOf(options, can), kRequestData, &data);
  }
  r.private_data = data;
  absl::StatusOr<cm::Id> made = absl::UnknownError("");
  hub->Call(
      [&](engine::ControlPlane& control, Time now) { made = control.manager().Connect(now, r); });
  if (!made.ok()) return End(CmState::kRejected, made.status());
  id = *made;
  hub->Add(id, this);
  state = CmState::kConnecting;
}

absl::Status Connection::Impl::ConnectQueuePair(const cm::Parameters& p,
                                                const std::optional<wire::PeerHello>& answer,
                                                bool passive) {
  ConnectOptions o = options.connect;
  o.peer_qpn = p.peer_qpn;
  o.peer_mac = peer.mac.ToString();
  o.peer_address = peer.ip.ToString();
  o.send_psn = p.send_psn;
  o.receive_psn = qp->initial_psn();
  o.mtu = MtuBytes(p.mtu);
  o.any_mtu = false;
  o.rnr_retry = p.rnr_retry;
  o.pkey = p.pkey;
  SetReadDepth(p, &o);
  if (absl::Status s = Agree(answer, &o); !s.ok()) return s;
  if (passive) {
    o.retry_count = p.retry_count;
    o.flow_label = p.flow_label;
    if (p.traffic_class != 0) o.dscp = p.traffic_class >> 2;
  }
  return qp->Connect(o);
}

void Connection::Impl::OnReply(const cm::Event& e) {
  parameters = e.parameters;
  if (!TryPath()) Confirm();
}

// docs/decisions/0022-path-mtu.md.
bool Connection::Impl::TryPath() {
  const bool asks = hello && hello->Has(wire::PeerHello::kProbes) && !mtu_tried;
  if (!asks || parameters.mtu <= engine::PathProber::kSafeMtu) return false;
  hub->Call([&](engine::ControlPlane& control, Time now) {
    probe = control.prober().Start(now, peer, parameters.mtu);
  });
  return probe != 0;
}

void Connection::Impl::PollProbe() {
  std::optional<uint8_t> passed;
  hub->Call([&](engine::ControlPlane& control, Time now) {
    passed = control.prober().TakeResult(probe);
    if (passed && *passed < parameters.mtu) {
      control.Remember(now, peer.ip, *passed);
      (void)control.manager().Reject(now, id, wire::CmReason::kInvalidMtu, {});
    }
  });
  if (!passed) return;
  probe = 0;
  mtu_tried = true;
  if (*passed == parameters.mtu) return Confirm();
  hub->Remove(id);
  id = 0;
  mtu_code = *passed;
  Request();
}

void Connection::Impl::Confirm() {
  absl::Status status = ConnectQueuePair(parameters, hello, /*passive=*/false);
  hub->Call([&](engine::ControlPlane& control, Time now) {
    if (status.ok()) {
      status = control.manager().Confirm(now, id, {});
    } else {
      (void)control.manager().Reject(now, id, wire::CmReason::kNoQp, {});
    }
  });
  if (!status.ok()) return End(CmState::kRejected, status);
  state = CmState::kEstablished;
}

void Connection::Impl::OnEvent(const cm::Event& e) {
  if (e.kind != cm::EventKind::kUnreachable && e.kind != cm::EventKind::kEstablished) {
    received.assign(e.private_data().begin(), e.private_data().end());
  }
  switch (e.kind) {
    case cm::EventKind::kReply:
      hello = TakeHello(&received);
      return OnReply(e);
    case cm::EventKind::kEstablished:
      state = CmState::kEstablished;
      return;
    case cm::EventKind::kRejected:
      // A peer whose port carries less says how much: once is enough for each smaller size.
      if (state == CmState::kConnecting && e.acceptable_mtu >= 1 && e.acceptable_mtu < mtu_code) {
        hub->Remove(id);
        id = 0;
        mtu_code = e.acceptable_mtu;
        return Request();
      }
      return End(CmState::kRejected, Rejection(e, peer.ip.ToString()));
    case cm::EventKind::kUnreachable:
      return End(CmState::kUnreachable,
                 absl::UnavailableError(absl::StrCat(
                     peer.ip.ToString(), state == CmState::kRequested
                                             ? ": the request waited too long for a decision"
                                             : " does not answer to connection requests")));
    case cm::EventKind::kDisconnected:
      return End(CmState::kDisconnected, absl::OkStatus());
    case cm::EventKind::kRequest:
    case cm::EventKind::kDatagramRequest:
    case cm::EventKind::kDatagramReply:
      return;
  }
}

absl::Status Connection::Accept(QueuePair* qp, const CmOptions& options) {
  Impl& c = *impl_;
  c.hub->Pump();
  if (c.state != CmState::kRequested) {
    return absl::FailedPreconditionError(
        absl::StrCat("the connection is ", NameOf(c.state), ", not a request"));
  }
  if (options.private_data.size() > kReplyData) {
    return TooMuch(options.private_data.size(), kReplyData);
  }
  c.qp = qp;
  c.options = options;
  cm::Parameters agreed = c.parameters;
  agreed.responder_resources = std::min(agreed.responder_resources, options.responder_resources);
  agreed.initiator_depth = std::min(agreed.initiator_depth, options.initiator_depth);
  std::vector<uint8_t> data(options.private_data.begin(), options.private_data.end());
  std::optional<wire::PeerHello> answer;
  if (c.hello && options.connect.reliability != Reliability::kBase) {
    answer = AnswerTo(*c.hello, options, CanExtend(qp->impl(), options, MtuBytes(agreed.mtu)));
    if (!PutHello(*answer, kReplyData, &data)) answer.reset();
  }
  if (absl::Status s = c.ConnectQueuePair(agreed, answer, /*passive=*/true); !s.ok()) return s;
  cm::AcceptRequest r;
  r.qpn = qp->qpn();
  r.receive_psn = qp->initial_psn();
  r.rnr_retry = options.connect.rnr_retry;
  r.responder_resources = options.responder_resources;
  r.initiator_depth = options.initiator_depth;
  r.private_data = data;
  absl::Status status;
  c.hub->Call([&](engine::ControlPlane& control, Time now) {
    status = control.manager().Accept(now, c.id, r);
  });
  if (!status.ok()) return status;
  c.parameters = agreed;
  c.state = CmState::kAccepting;
  return absl::OkStatus();
}

absl::Status Connection::Reject(std::span<const uint8_t> private_data) {
  Impl& c = *impl_;
  if (c.state != CmState::kRequested) {
    return absl::FailedPreconditionError(
        absl::StrCat("the connection is ", NameOf(c.state), ", not a request"));
  }
  absl::Status status;
  c.hub->Call([&](engine::ControlPlane& control, Time now) {
    status = control.manager().Reject(now, c.id, wire::CmReason::kConsumer, private_data);
  });
  if (status.ok()) c.End(CmState::kRejected, absl::OkStatus());
  return status;
}

absl::Status Connection::Disconnect() {
  Impl& c = *impl_;
  if (c.state == CmState::kRequested) return Reject();
  if (c.state == CmState::kResolving) {
    c.End(CmState::kDisconnected, absl::OkStatus());
    return absl::OkStatus();
  }
  if (!c.live() || c.state == CmState::kDisconnecting) {
    return absl::FailedPreconditionError(
        absl::StrCat("the connection is ", NameOf(c.state), " already"));
  }
  absl::Status status;
  c.hub->Call([&](engine::ControlPlane& control, Time now) {
    status = control.manager().Disconnect(now, c.id, {});
  });
  if (c.state == CmState::kConnecting) {
    c.End(CmState::kDisconnected, absl::OkStatus());
    return status;
  }
  c.qp->Fail();
  // The peer was faster: its word is among the events.
  if (status.ok()) c.state = CmState::kDisconnecting;
  return absl::OkStatus();
}

}  // namespace sluice::verbs
