// QueuePair::Modify: the attributes that an application names, as a set and its values.
#include "absl/strings/str_format.h"
#include "verbs/internal.h"

namespace sluice::verbs {
namespace {

using transport::QpAttribute;
using transport::QpAttributeSet;

constexpr uint8_t kMaxReads = 16;

// Takes a value over if it is there.
template <typename From, typename To>
void Take(const std::optional<From>& from, QpAttribute which, QpAttributeSet* given, To* to) {
  if (!from) return;
  given->Add(which);
  *to = static_cast<To>(*from);
}

absl::Status CheckAttributes(const QueuePairAttributes& a) {
  if (a.mtu && *a.mtu != 256 && *a.mtu != 512 && *a.mtu != 1024 && *a.mtu != 2048 &&
      *a.mtu != 4096) {
    return absl::InvalidArgumentError(
        absl::StrFormat("MTU %d: choose 256, 512, 1024, 2048 or 4096", *a.mtu));
  }
  if (a.timeout.value_or(0) > 31) {
    return absl::InvalidArgumentError("timeout codes run from 0 to 31");
  }
  if (a.min_rnr_timer.value_or(0) > 31) {
    return absl::InvalidArgumentError("RNR timer codes run from 0 to 31");
  }
  if (a.path && (a.path->dscp > 63 || a.path->cnp_dscp > 63)) {
    return absl::InvalidArgumentError("DSCP runs from 0 to 63");
  }
  if (a.max_rd_atomic.value_or(0) > kMaxReads || a.responder_resources.value_or(0) > kMaxReads) {
    return absl::InvalidArgumentError(
        absl::StrFormat("READ and atomic depths run from 0 to %d", int{kMaxReads}));
  }
  return absl::OkStatus();
}

absl::Status TakePath(const Device::Impl& device, const QueuePairAttributes::Path& p,
                      transport::Connection* c) {
  absl::StatusOr<wire::PathHeader> path = PathTo(device, p.peer_mac, p.peer_address);
  if (!path.ok()) return path.status();
  c->path = *path;
  c->path.dscp = p.dscp;
  c->path.hop_limit = p.hop_limit;
  c->cnp_dscp = p.cnp_dscp;
  c->flow_label = p.flow_label;
  return absl::OkStatus();
}

// Adds what is there to `given` and `c`.
absl::Status TakeAttributes(const Device::Impl& device, const QueuePairAttributes& a,
                            QpAttributeSet* given, transport::Connection* c) {
  Take(a.pkey, QpAttribute::kPkey, given, &c->pkey);
  Take(a.qkey, QpAttribute::kQkey, given, &c->qkey);
  Take(a.access, QpAttribute::kAccess, given, &c->access);
  Take(a.mtu, QpAttribute::kMtu, given, &c->mtu);
  Take(a.peer_qpn, QpAttribute::kPeerQpn, given, &c->peer_qpn);
  Take(a.min_rnr_timer, QpAttribute::kMinRnrTimer, given, &c->min_rnr_timer);
  Take(a.responder_resources, QpAttribute::kMaxDestReads, given, &c->responder_resources);
  Take(a.retry_count, QpAttribute::kRetryCount, given, &c->retry_count);
  Take(a.rnr_retry, QpAttribute::kRnrRetry, given, &c->rnr_retry);
  Take(a.max_rd_atomic, QpAttribute::kMaxReads, given, &c->max_rd_atomic);
  if (a.receive_psn) {
    given->Add(QpAttribute::kReceivePsn);
    c->receive_psn = Psn(*a.receive_psn);
  }
  if (a.send_psn) {
    given->Add(QpAttribute::kSendPsn);
    c->send_psn = Psn(*a.send_psn);
  }
  if (a.timeout) {
    given->Add(QpAttribute::kTimeout);
    c->ack_timeout = AckTimeout(*a.timeout);
  }
  if (a.algorithm) given->Add(QpAttribute::kFlowAlgorithm);
  if (!a.path) return absl::OkStatus();
  given->Add(QpAttribute::kPath);
  return TakePath(device, *a.path, c);
}

}  // namespace

QueuePairState QueuePair::state() const { return static_cast<QueuePairState>(impl_->qp->state()); }
QueuePairType QueuePair::type() const { return static_cast<QueuePairType>(impl_->qp->type()); }

bool QueuePair::send_queue_drained() const {
  bool drained = false;
  impl_->device->worker.Execute([&] {
    drained = impl_->qp->state() == transport::QpState::kSendDrain && impl_->qp->drained();
  });
  return drained;
}

absl::Status QueuePair::Modify(QueuePairState to, const QueuePairAttributes& a) {
  if (absl::Status s = CheckAttributes(a); !s.ok()) return s;
  Device::Impl* d = impl_->device;
  const transport::QpType type = impl_->qp->type();
  // From RESET on nothing of an earlier life counts.
  transport::Connection c = impl_->connection;
  if (impl_->qp->state() == transport::QpState::kReset) {
    c = {};
    if (type == transport::QpType::kUd) {
      c.mtu = d->engine.ActiveMtu();
      c.path = OwnPath(*d);
    }
  }
  QpAttributeSet given;
  if (absl::Status s = TakeAttributes(*d, a, &given, &c); !s.ok()) return s;
  std::shared_ptr<const cc::Algorithm> algorithm = impl_->algorithm;
  const bool starts = to == QueuePairState::kReadyToReceive;
  if (starts || a.algorithm) {
    absl::StatusOr<std::shared_ptr<const cc::Algorithm>> made =
        AlgorithmFor(*d, type, a.algorithm.value_or(""));
    if (!made.ok()) return made.status();
    algorithm = *std::move(made);
  }
  absl::Status status;
  d->worker.Execute([&] {
    status = d->engine.Modify(
        impl_->qp, static_cast<transport::QpState>(to), given, c, algorithm.get(),
        Duration::Nanoseconds(static_cast<int64_t>(a.base_rtt_ns)), BaseSignals(type));
  });
  if (!status.ok()) return status;
  impl_->connection = c;
  // The one before was in use until now.
  if (starts) impl_->algorithm = std::move(algorithm);
  return status;
}

}  // namespace sluice::verbs
