#include "verbs/cm_hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/rng.h"

namespace sluice::verbs {
namespace {

constexpr uint64_t kPortPurpose = 0x706f7274;
constexpr uint64_t kControlPurpose = 0x636f6e74726f6c;
constexpr uint16_t kFirstPort = 49152;  // RFC 6335: private ports

}  // namespace

absl::StatusOr<CmHub*> CmHub::Of(Device* device) {
  Device::Impl* d = &device->impl();
  if (d->cm != nullptr) return d->cm.get();
  absl::Status status;
  d->worker.Execute([&] {
    engine::ControlConfig config;
    config.mac = d->parts.mac;
    config.ip = d->parts.address;
    config.routes = d->parts.routes;
    config.seed = Mix64(d->parts.engine.seed ^ kControlPurpose);
    const uint32_t most = d->parts.engine.peers.queue_pairs;
    uint32_t& begun = config.connections.max_connections_per_peer;
    if (most > 0) begun = std::min(begun, most);
    if (d->engine.control() == nullptr) status = d->engine.EnableControl(config);
  });
  if (!status.ok()) return status;
  d->cm = std::make_shared<CmHub>(d);
  return d->cm.get();
}

void CmHub::Call(const std::function<void(engine::ControlPlane& control, Time now)>& work) {
  device_->worker.Execute([&] {
    engine::ControlPlane& control = *device_->engine.control();
    work(control, device_->parts.clock->Now());
    control.Update();
  });
}

void CmHub::Pump() {
  std::vector<cm::Event> events;
  Call([&](engine::ControlPlane& control, Time) {
    for (cm::Event e; control.manager().TakeEvent(&e);) events.push_back(e);
  });
  for (const cm::Event& e : events) Deliver(e);
}

void CmHub::Deliver(const cm::Event& e) {
  if (e.kind == cm::EventKind::kRequest) {
    const auto it = listeners.find(e.service_id);
    if (it != listeners.end()) return it->second->waiting.push_back(e);
    // Its listener has just gone.
    Call([&](engine::ControlPlane& control, Time now) {
      (void)control.manager().Reject(now, e.id, wire::CmReason::kInvalidServiceId, {});
    });
    return;
  }
  const auto it = connections_.find(e.id);
  if (it != connections_.end()) return it->second->OnEvent(e);
  // A request that ended before anybody took it.
  for (auto& [service, listener] : listeners) {
    std::erase_if(listener->waiting, [&](const cm::Event& w) { return w.id == e.id; });
  }
}

uint16_t CmHub::NextPort() {
  constexpr uint32_t kPorts = 65536 - kFirstPort;
  const uint64_t first = Mix64(device_->parts.engine.seed ^ kPortPurpose);
  return static_cast<uint16_t>(kFirstPort + (first + next_port_++) % kPorts);
}

uint8_t CmHub::MtuCode(uint32_t mtu, const wire::IpAddress& ip) {
  uint8_t code = 1;
  Call([&](engine::ControlPlane& control, Time now) { code = control.MtuTo(now, ip); });
  while (code > 1 && (128u << code) > mtu) --code;
  return code;
}

}  // namespace sluice::verbs
