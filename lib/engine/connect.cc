// Engine::Connect: checks what the application says of a connection before a packet may flow.
#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "engine/engine.h"

namespace sluice::engine {
namespace {

using transport::Connection;

// Frame bytes of a middle packet beyond its payload.
Bytes HeaderBytes(const Connection& c) {
  const int64_t l2 = c.path.vlan_tci ? 18 : 14;
  const int64_t l3 = c.path.destination_ip.is_v4() ? 20 : 40;
  constexpr int64_t kUdp = 8, kBth = 12, kIcrc = 4;
  return Bytes(l2 + l3 + kUdp + kBth + kIcrc);
}

absl::Status Check(const Connection& c, const port::Capabilities& port) {
  if (c.mtu < 256 || c.mtu > 4096 || c.mtu % 4 != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("path MTU %d: must be a multiple of 4 from 256 to 4096", c.mtu));
  }
  if (c.peer_qpn > 0xffffff) {
    return absl::InvalidArgumentError(absl::StrFormat("peer QPN %#x exceeds 24 bits", c.peer_qpn));
  }
  if (c.path.source_ip.is_v4() != c.path.destination_ip.is_v4()) {
    return absl::InvalidArgumentError("the two addresses are not of one family");
  }
  if (c.retry_count > 7 || c.rnr_retry > 7) {
    return absl::InvalidArgumentError("retry counts run from 0 to 7");
  }
  // The longest frame is a WRITE ONLY with immediate: 20 bytes of extension headers.
  const int64_t longest = HeaderBytes(c).count() + 20 + c.mtu;
  if (longest > port.max_frame || (!port.elides_payload && longest > port.linear_room)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "path MTU %d needs frames of %d bytes, the port carries %d: choose a smaller MTU", c.mtu,
        longest, port.max_frame));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Engine::Connect(transport::QueuePair* qp, const Connection& connection,
                             const cc::Algorithm& algorithm, Duration base_rtt,
                             cc::SignalSet peer_signals) {
  if (qp->state() != transport::QpState::kReset) {
    return absl::FailedPreconditionError("the queue pair is connected already");
  }
  absl::Status status = Check(connection, port_->capabilities());
  if (!status.ok()) return status;
  const cc::SignalSet missing = algorithm.traits().required.Without(peer_signals);
  if (!missing.empty()) {
    const std::string_view name = algorithm.name();
    return absl::FailedPreconditionError(
        absl::StrFormat("algorithm '%s' needs signals that this peer cannot give (mask %#x)",
                        std::string(name), missing.bits()));
  }
  cc::FlowContext context;
  context.line_rate = port_->capabilities().line_rate;
  context.mtu = Bytes(connection.mtu);
  context.header_bytes = HeaderBytes(connection);
  context.base_rtt = base_rtt;
  context.signals = peer_signals;
  context.seed = config_.seed ^ qp->qpn();
  qp->SetControllerMaker({&algorithm, [](const void* a, void* storage, const cc::FlowContext& c) {
                            return static_cast<const cc::Algorithm*>(a)->MakeController(storage, c);
                          }});
  if (connection.responder_resources > 0) responses_.Reserve();
  qp->Connect(
      connection,
      [&](void* storage, const cc::FlowContext& c) { return algorithm.MakeController(storage, c); },
      [&](void* storage, const cc::FlowContext& c) { return algorithm.MakeReceiver(storage, c); },
      context, config_.pacing_credit, last_poll_, &counters_);
  AfterInput(qp);
  return absl::OkStatus();
}

}  // namespace sluice::engine
