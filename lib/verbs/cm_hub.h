// CmHub: one per device; hands the events of the engine's connection manager to the objects that
// they concern. For this folder's files. Thread: that of set-up calls.
#ifndef SLUICE_VERBS_CM_HUB_H_
#define SLUICE_VERBS_CM_HUB_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cm/manager.h"
#include "verbs/cm.h"
#include "verbs/internal.h"
#include "wire/peer_hello.h"

namespace sluice::verbs {

class CmHub {
 public:
  // The device's hub; makes it, and the engine's control plane, when there is none.
  static absl::StatusOr<CmHub*> Of(Device* device);

  explicit CmHub(Device::Impl* device) : device_(device) {}

  // Takes all events from the engine and delivers them.
  void Pump();

  // Runs `work` on the engine's thread, between two iterations, with its time.
  void Call(const std::function<void(engine::ControlPlane& control, Time now)>& work);

  void Add(cm::Id id, Connection::Impl* connection) { connections_[id] = connection; }
  void Remove(cm::Id id) { connections_.erase(id); }

  Device::Impl* device() { return device_; }
  uint16_t NextPort();
  // The MTU code of the largest IB MTU up to `mtu` bytes that the port and the way to `ip` carry.
  uint8_t MtuCode(uint32_t mtu, const wire::IpAddress& ip);

  std::map<uint64_t, Listener::Impl*> listeners;  // by service ID

 private:
  void Deliver(const cm::Event& event);

  Device::Impl* device_;
  std::map<cm::Id, Connection::Impl*> connections_;
  uint16_t next_port_ = 0;
};

struct Listener::Impl {
  CmHub* hub = nullptr;
  uint64_t service_id = 0;
  std::deque<cm::Event> waiting;
};

struct Connection::Impl {
  CmHub* hub = nullptr;
  QueuePair* qp = nullptr;
  CmState state = CmState::kResolving;
  cm::Id id = 0;  // 0: the manager knows nothing of it (yet, or any more)
  cm::Peer peer;
  uint16_t port = 0;         // the listener's
  uint16_t peer_port = 0;    // the client's
  uint16_t source_port = 0;  // ours
  uint8_t mtu_code = 0;
  uint64_t probe = 0;      // of the path, between reply and confirmation; 0: none is under way
  bool mtu_tried = false;  // the path is known to carry mtu_code
  CmOptions options;
  std::vector<uint8_t> offered;          // private data of the request
  std::optional<wire::PeerHello> hello;  // the peer's, if it is one of ours
  std::vector<uint8_t> received;
  cm::Parameters parameters;
  absl::Status error;

  void OnEvent(const cm::Event& e);
  void Resolve();
  void Request();
  void OnReply(const cm::Event& e);
  // Whether what was agreed on has to be tried first; the rest of OnReply then follows.
  bool TryPath();
  void PollProbe();
  void Confirm();
  // `answer`: what was agreed on beside the parameters.
  absl::Status ConnectQueuePair(const cm::Parameters& p,
                                const std::optional<wire::PeerHello>& answer, bool passive);
  void End(CmState s, absl::Status why);
  bool live() const { return id != 0; }
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_CM_HUB_H_
