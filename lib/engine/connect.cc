// Engine::Connect and Modify: check what the application says of a connection before a packet may
// flow.
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "engine/engine.h"
#include "memory/window_table.h"
#include "wire/extension.h"
#include "wire/telemetry_shim.h"

namespace sluice::engine {
namespace {

using transport::Connection;
using transport::QpAttribute;
using transport::QpAttributeSet;
using transport::QpState;
using transport::QpType;

// Frame bytes of a middle packet beyond its payload.
Bytes HeaderBytes(const Connection& c) {
  const int64_t l2 = c.path.vlan_tci ? 18 : 14;
  const int64_t l3 = c.path.destination_ip.is_v4() ? 20 : 40;
  constexpr int64_t kUdp = 8, kBth = 12, kIcrc = 4;
  return Bytes(l2 + l3 + kUdp + kBth + kIcrc);
}

// Of the largest base packet: a tag, IPv6, and 20 bytes of extension headers (WRITE with
// immediate).
constexpr uint32_t kMostHeaderBytes = 18 + 40 + 8 + 12 + 20 + 4;
// The longest headers between BTH and payload: those of WRITE with immediate.
int64_t LongestExtension(const Connection& c) {
  constexpr int64_t kRethAndImm = 20;
  if (c.tracking_window == 0) return kRethAndImm;
  return static_cast<int64_t>(wire::kMaxExtendedDataBytes) +
         (c.telemetry ? static_cast<int64_t>(wire::TelemetryShim::kSize) : 0);
}

// Frame bytes of its longest packet.
int64_t LongestFrame(const Connection& c) {
  return HeaderBytes(c).count() + LongestExtension(c) + c.mtu;
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
  const uint32_t window = c.tracking_window;
  if (window > 0 && (window < transport::kLeastTrackingWindow ||
                     window > transport::kMostTrackingWindow || (window & (window - 1)) != 0)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "tracking window of %d packets: must be a power of two from 64 to 16384", window));
  }
  const int64_t longest = LongestFrame(c);
  if (longest > port.max_frame || (!port.elides_payload && longest > port.linear_room)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "path MTU %d needs frames of %d bytes, the port carries %d: choose a smaller MTU", c.mtu,
        longest, port.max_frame));
  }
  return absl::OkStatus();
}

absl::Status CheckTransition(const transport::QueuePair& qp, QpState to, QpAttributeSet given) {
  const transport::QpTransition t = transport::TransitionOf(qp.type(), qp.state(), to);
  if (!t.allowed) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "a queue pair of this type does not go from %s to %s", NameOf(qp.state()), NameOf(to)));
  }
  const QpAttributeSet missing = t.required.Without(given);
  const QpAttributeSet extra = given.Without(t.required.With(t.optional));
  for (size_t i = 0; i < transport::kQpAttributes; ++i) {
    const auto a = static_cast<QpAttribute>(i);
    if (missing.Has(a)) {
      return absl::InvalidArgumentError(absl::StrFormat("the way from %s to %s needs %s",
                                                        NameOf(qp.state()), NameOf(to), NameOf(a)));
    }
    if (extra.Has(a)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s may not be set on the way from %s to %s", NameOf(a), NameOf(qp.state()), NameOf(to)));
    }
  }
  return absl::OkStatus();
}

// Values that take effect at once; StartReceiving looks at those of a new connection.
absl::Status CheckValues(const transport::QueuePair& qp, QpAttributeSet given, const Connection& c,
                         const port::Capabilities& port) {
  if (c.retry_count > 7 || c.rnr_retry > 7) {
    return absl::InvalidArgumentError("retry counts run from 0 to 7");
  }
  const bool moves = given.Has(QpAttribute::kPath) && qp.type() != QpType::kUd;
  return moves ? Check(c, port) : absl::OkStatus();
}

struct SignalWords {
  cc::Signal signal;
  const char* needs;
  const char* cure;
};
constexpr char kExtended[] = "a peer of the extension (--reliability extended)";
constexpr char kNothing[] = "another algorithm: no connection promises them";
constexpr SignalWords kSignalWords[] = {
    {cc::Signal::kRtt, "round-trip times", "a reliable connection (RC)"},
    {cc::Signal::kCnp, "congestion notification packets", "a connection (RC or UC)"},
    {cc::Signal::kCeBytes, "counts of marked packets", kExtended},
    {cc::Signal::kHostDelay, "delays of our host", "a port that stamps (every opened device does)"},
    {cc::Signal::kRemoteDelay, "delays of the peer's host", kExtended},
    {cc::Signal::kActiveSenders, "counts of active senders", kNothing},
    {cc::Signal::kInt, "telemetry of switches (INT)",
     "a peer of the extension (--reliability extended), ConnectOptions::telemetry at both ends, "
     "and switches that write it"},
    {cc::Signal::kHopWait, "the longest wait at one switch",
     "a peer of the extension (--reliability extended), ConnectOptions::telemetry at both ends, "
     "and switches that write it"},
};

// Names the first signal that is missing, and what gives it.
absl::Status CheckSignals(const cc::Algorithm& algorithm, cc::SignalSet given) {
  const cc::SignalSet missing = algorithm.traits().required.Without(given);
  for (const SignalWords& w : kSignalWords) {
    if (!missing.Has(w.signal)) continue;
    return absl::FailedPreconditionError(
        absl::StrFormat("algorithm '%s' needs %s, which this connection does not give; it takes %s",
                        std::string(algorithm.name()), w.needs, w.cure));
  }
  return absl::OkStatus();
}

}  // namespace

uint32_t Engine::ActiveMtu() const {
  const port::Capabilities& port = port_->capabilities();
  for (const uint32_t mtu : {4096u, 2048u, 1024u, 512u, 256u}) {
    const uint32_t longest = kMostHeaderBytes + mtu;
    if (longest <= port.max_frame && (port.elides_payload || longest <= port.linear_room)) {
      return mtu;
    }
  }
  return 0;
}

void Engine::ReserveScoreboards(uint32_t window) {
  const size_t more = size_t{2} * window / transport::kBlockPackets;
  const auto grow = [&](auto* pool) {
    pool->Reserve(std::min<size_t>(config_.scoreboard_blocks, pool->size() + more));
  };
  grow(&scoreboards_.send);
  grow(&scoreboards_.receive);
}

absl::Status Engine::OpenAccount(transport::QueuePair* qp, const wire::IpAddress& peer) {
  if (qp->type() == QpType::kUd) return absl::OkStatus();  // whoever knows the Q_Key
  transport::PeerAccount* account = peers_.Open(peer);
  if (account == nullptr) {
    counters_.Add(transport::Count::kPeerQueuePairsRefused);
    return absl::ResourceExhaustedError(
        absl::StrFormat("%s has %d queue pairs already, as many as one peer may: raise "
                        "max_queue_pairs_per_peer",
                        peer.ToString(), peers_.limits().queue_pairs));
  }
  qp->peer_account = account;
  return absl::OkStatus();
}

// What the queue pair borrowed must be back.
void Engine::CloseAccount(transport::QueuePair* qp) {
  peers_.Close(qp->peer_account);
  qp->peer_account = nullptr;
}

absl::Status Engine::Connect(transport::QueuePair* qp, const Connection& connection,
                             const cc::Algorithm& algorithm, Duration base_rtt,
                             cc::SignalSet peer_signals) {
  if (qp->state() != QpState::kReset && qp->state() != QpState::kInit) {
    return absl::FailedPreconditionError("the queue pair is connected already");
  }
  absl::Status status = StartReceiving(qp, connection, algorithm, base_rtt, peer_signals);
  if (!status.ok()) return status;
  StartSending(qp, connection);
  AfterInput(qp);
  return absl::OkStatus();
}

absl::Status Engine::Modify(transport::QueuePair* qp, QpState to, QpAttributeSet given,
                            const Connection& connection, const cc::Algorithm* algorithm,
                            Duration base_rtt, cc::SignalSet peer_signals) {
  absl::Status status = CheckTransition(*qp, to, given);
  if (status.ok()) status = CheckValues(*qp, given, connection, port_->capabilities());
  if (!status.ok()) return status;
  const QpState from = qp->state();
  switch (to) {
    case QpState::kReset: {
      Unlist(qp);
      qp->Reset(ctx_);
      regions_->windows().CloseQueuePair(qp->qpn());
      CloseAccount(qp);
      return absl::OkStatus();
    }
    case QpState::kInit:
      qp->Initialise(connection);
      return absl::OkStatus();
    case QpState::kReadyToReceive:
      status = StartReceiving(qp, connection, *algorithm, base_rtt, peer_signals);
      break;
    case QpState::kReadyToSend:
      qp->Apply(given, connection);
      if (from == QpState::kReadyToReceive) {
        StartSending(qp, connection);
      } else {
        qp->Resume();
      }
      break;
    case QpState::kSendDrain: {
      const bool served = qp->serves_reads();
      qp->Apply(given, connection);
      if (!served && qp->serves_reads()) responses_.Reserve();
      if (served && !qp->serves_reads()) responses_.Release();
      qp->Drain();
      break;
    }
    case QpState::kSendError:
      break;  // only a failed send leads there
    case QpState::kError:
      Fail(qp);
      break;
  }
  AfterInput(qp);
  return status;
}

// Stamps are taken from when somebody wants them: an algorithm that times packets, or the peer of
// an extended queue pair, which is told t2 and t3.
void Engine::WantStamps(const cc::Algorithm& algorithm, bool extended) {
  const cc::Traits& t = algorithm.traits();
  const bool timed = t.required.Has(cc::Signal::kRtt) || t.optional.Has(cc::Signal::kRtt);
  times_bursts_ |= timed;
  if (!timed && !extended) return;
  const port::Capabilities& port = port_->capabilities();
  if (port.hardware_stamps) {
    ctx_.stamps = cc::StampSource::kNic;
  } else if (port.burst_stamps) {
    ctx_.stamps = cc::StampSource::kBurst;
  }
}

void Engine::StartSending(transport::QueuePair* qp, Connection connection) const {
  connection.ask_every = static_cast<uint8_t>(config_.ask_every);
  qp->StartSending(connection);
}

absl::Status Engine::StartReceiving(transport::QueuePair* qp, Connection connection,
                                    const cc::Algorithm& algorithm, Duration base_rtt,
                                    cc::SignalSet peer_signals) {
  if (qp->type() == QpType::kUd) {
    connection.mtu = std::min(connection.mtu, ActiveMtu());
  }
  absl::Status status = Check(connection, port_->capabilities());
  if (!status.ok()) return status;
  if (connection.tracking_window > 0 && qp->type() != QpType::kRc) {
    return absl::InvalidArgumentError("reliability extended is for RC queue pairs");
  }
  // What the peer has no part in.
  cc::SignalSet signals = peer_signals;
  const port::Capabilities& port = port_->capabilities();
  if (port.hardware_stamps || port.burst_stamps) signals.Add(cc::Signal::kHostDelay);
  status = CheckSignals(algorithm, signals);
  if (!status.ok()) return status;
  status = OpenAccount(qp, connection.path.destination_ip);
  if (!status.ok()) return status;
  transport::FlowProfile profile;
  cc::FlowContext& context = profile.context;
  context.line_rate = port_->capabilities().line_rate;
  context.mtu = Bytes(connection.mtu);
  context.header_bytes = HeaderBytes(connection);
  transport::Connection c = connection;
  c.ask_every = static_cast<uint8_t>(config_.ask_every);
  longest_frame_ = std::max(longest_frame_, static_cast<uint32_t>(LongestFrame(c)));
  WantStamps(algorithm, c.tracking_window > 0);
  if (c.tracking_window > 0) {
    context.header_bytes += Bytes(LongestExtension(c) - 4);
    c.scoreboards = &scoreboards_;
    c.model = config_.model;
    ReserveScoreboards(c.tracking_window);
  }
  context.base_rtt = base_rtt;
  context.signals = signals;
  context.seed = config_.seed;
  profile.maker = {&algorithm,
                   [](const void* a, void* room, const cc::FlowContext& f) {
                     return static_cast<const cc::Algorithm*>(a)->MakeController(room, f);
                   },
                   algorithm.controller_size()};
  profile.pacing_credit = config_.pacing_credit;
  profile.rooms = table_.blocks();
  if (qp->type() == QpType::kRc && c.responder_resources > 0) responses_.Reserve();
  qp->StartReceiving(
      c, profiles_.Get(profile),
      [&](void* storage, const cc::FlowContext& f) { return algorithm.MakeReceiver(storage, f); },
      last_poll_, &counters_);
  return absl::OkStatus();
}

}  // namespace sluice::engine
