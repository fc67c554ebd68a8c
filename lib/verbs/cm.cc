// Resolvers and listeners.
#include "verbs/cm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "verbs/agreement.h"
#include "verbs/cm_hub.h"

namespace sluice::verbs {

absl::Status Answer(Device* device) { return CmHub::Of(device).status(); }

const char* NameOf(CmState state) {
  switch (state) {
    case CmState::kResolving:
      return "resolving";
    case CmState::kConnecting:
      return "connecting";
    case CmState::kRequested:
      return "requested";
    case CmState::kAccepting:
      return "accepting";
    case CmState::kEstablished:
      return "established";
    case CmState::kDisconnecting:
      return "disconnecting";
    case CmState::kDisconnected:
      return "disconnected";
    case CmState::kRejected:
      return "rejected";
    case CmState::kUnreachable:
      return "unreachable";
  }
  return "unknown";
}

struct Resolver::Impl {
  CmHub* hub = nullptr;
  wire::IpAddress ip;
  State state = State::kAsking;
  wire::MacAddress mac;
};

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;
std::string Resolver::mac() const {
  return impl_->state == State::kResolved ? impl_->mac.ToString() : "";
}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Start(Device* device,
                                                          std::string_view address) {
  const absl::StatusOr<wire::IpAddress> ip = wire::IpAddress::Parse(address);
  if (!ip.ok()) return ip.status();
  if (ip->is_v4() != device->impl().parts.address.is_v4()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ip->ToString(), " is not of the family of our address ", device->address()));
  }
  const absl::StatusOr<CmHub*> hub = CmHub::Of(device);
  if (!hub.ok()) return hub.status();
  auto impl = std::make_unique<Impl>();
  impl->hub = *hub;
  impl->ip = *ip;
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

Resolver::State Resolver::Poll() {
  Impl& r = *impl_;
  if (r.state != State::kAsking) return r.state;
  r.hub->Call([&r](engine::ControlPlane& control, Time now) {
    const net::Neighbour n = control.stack().Resolve(now, r.ip);
    if (n.usable()) r.mac = n.mac;
    if (n.usable()) r.state = State::kResolved;
    if (n.state == net::NeighbourState::kFailed) r.state = State::kFailed;
  });
  return r.state;
}

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Create(Device* device, uint16_t port) {
  const absl::StatusOr<CmHub*> hub = CmHub::Of(device);
  if (!hub.ok()) return hub.status();
  auto impl = std::make_unique<Impl>();
  impl->hub = *hub;
  impl->service_id = wire::IpServiceId(wire::kServiceTcp, port);
  absl::Status status;
  (*hub)->Call([&](engine::ControlPlane& control, Time) {
    status = control.manager().Listen(impl->service_id, /*datagram=*/false);
  });
  if (!status.ok()) return status;
  (*hub)->listeners[impl->service_id] = impl.get();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::~Listener() {
  Impl& l = *impl_;
  l.hub->Pump();
  l.hub->listeners.erase(l.service_id);
  l.hub->Call([&l](engine::ControlPlane& control, Time now) {
    control.manager().StopListening(l.service_id);
    for (const cm::Event& e : l.waiting) {
      (void)control.manager().Reject(now, e.id, wire::CmReason::kInvalidServiceId, {});
    }
  });
}

std::unique_ptr<Connection> Listener::Poll() {
  Impl& l = *impl_;
  l.hub->Pump();
  if (l.waiting.empty()) return nullptr;
  const cm::Event e = l.waiting.front();
  l.waiting.pop_front();
  auto impl = std::make_unique<Connection::Impl>();
  impl->hub = l.hub;
  impl->state = CmState::kRequested;
  impl->id = e.id;
  impl->peer = e.peer;
  impl->peer_port = e.peer_port;
  impl->parameters = e.parameters;
  impl->received.assign(e.private_data().begin(), e.private_data().end());
  impl->hello = TakeHello(&impl->received);
  l.hub->Add(e.id, impl.get());
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

}  // namespace sluice::verbs
