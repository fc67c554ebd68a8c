// Where the engine meets its control plane: frames that are none of a queue pair's.
#include <algorithm>

#include "absl/status/status.h"
#include "engine/engine.h"
#include "wire/trimmed.h"

namespace sluice::engine {
namespace {

// Frames in one poll, so that data is not kept waiting by many handshakes at once.
constexpr int kControlPerPoll = 8;
// Ethernet, IPv6, UDP, BTH, the longest headers of RC that go with payload, and the iCRC.
constexpr int64_t kHeaders = 14 + 40 + 8 + 12 + 20 + 4;

// The MTU code of the largest packets that a port carries.
uint8_t MaxMtu(const port::Capabilities& c) {
  uint8_t code = 5;
  while (code > 1 && kHeaders + (int64_t{128} << code) > c.max_frame) --code;
  return code;
}

}  // namespace

absl::Status Engine::EnableControl(ControlConfig config) {
  if (control_ != nullptr) {
    return absl::FailedPreconditionError("the engine answers for an address already");
  }
  if (port_->capabilities().elides_payload) {
    return absl::FailedPreconditionError("the port carries headers only, datagrams need more");
  }
  config.max_mtu = MaxMtu(port_->capabilities());
  config.icrc = config_.icrc;
  config.start = last_poll_;
  control_ = std::make_unique<ControlPlane>(config);
  return absl::OkStatus();
}

[[gnu::cold, gnu::noinline]] void Engine::OnRefused(Time now, wire::DropCause cause,
                                                    const port::Packet& packet) {
  // An ARP frame without filling is shorter than any RoCE frame.
  const bool foreign = cause == wire::DropCause::kRunt || cause == wire::DropCause::kEtherType ||
                       cause == wire::DropCause::kNotUdp;
  if (control_ != nullptr && foreign) {
    control_->OnForeignFrame(now, packet);
    for (net::TooBig report; control_->TakeTooBig(now, &report);) OnTooBig(now, report);
    return;
  }
  if (cause == wire::DropCause::kLength && OnTrimmed(packet)) return;
  wire_drops_[static_cast<size_t>(cause)].Add(1);
}

// Whether the frame is a packet that a switch has cut; then it is counted.
bool Engine::OnTrimmed(const port::Packet& packet) {
  wire::FrameView view;
  if (!wire::ParseTrimmed({packet.header, packet.header_length}, packet.frame_length, &view)) {
    return false;
  }
  transport::QueuePair* qp = table_.Find(view.dest_qpn);
  if (qp == nullptr) {
    drops_.Add(transport::RxDrop::kUnknownQp);
    return true;
  }
  qp->OnTrimmed(ctx_, view);
  AfterInput(qp);
  return true;
}

// A report counts for connected queue pairs only if it shows a packet of theirs that is under way,
// which nobody can know who does not see it; and then it ends none of them: it names the cause if
// their packets are never answered (docs/decisions/0022-path-mtu.md).
void Engine::OnTooBig(Time now, const net::TooBig& report) {
  // A look goes through all queue pairs: not for a stranger, who shall not use up the looks either.
  if (!report.psn || !peers_.Has(report.peer) || !control_->MayLook(now)) {
    counters_.Add(transport::Count::kPathReportsIgnored);
    return;
  }
  bool under_way = false;
  table_.ForEach([&](transport::QueuePair* qp) {
    under_way |= qp->UnderWay(report.peer, report.dest_qpn, Psn(*report.psn));
  });
  const uint8_t fits = control_->MtuWithin(report.ip_mtu);
  if (!under_way || fits == 0) {
    counters_.Add(transport::Count::kPathReportsIgnored);
    return;
  }
  counters_.Add(transport::Count::kPathReports);
  control_->Believe(now, report);
  table_.ForEach([&](transport::QueuePair* qp) { qp->OnNarrowPath(report.peer, 128u << fits); });
}

[[gnu::cold, gnu::noinline]] void Engine::OnUnknownQp(transport::Context& ctx,
                                                      const wire::FrameView& view,
                                                      const port::Packet& packet) {
  if (control_ != nullptr && view.dest_qpn == wire::kGsiQpn) {
    return control_->OnDatagram(ctx.now, view, packet);
  }
  drops_.Add(transport::RxDrop::kUnknownQp);
}

OptionalTime Engine::NextTimer() const {
  OptionalTime timer = wheel_.NextDeadline();
  if (modelled_ != nullptr && !port_->KeepsTimer()) timer = Earlier(timer, modelled_->wake());
  const OptionalTime control = control_ != nullptr ? control_->NextDeadline() : std::nullopt;
  if (!control) return timer;
  return timer ? Earlier(*timer, *control) : *control;
}

void Engine::WriteControl() {
  for (int i = 0; i < kControlPerPoll && control_->HasFrame(); ++i) {
    port::Packet* packet = NextFree();
    if (packet == nullptr) return;
    const port::Capabilities& c = port_->capabilities();
    if (control_->Write(packet, std::min(c.linear_room, c.max_frame))) Commit();
  }
}

}  // namespace sluice::engine
