// How a queue pair changes its state (IBTA 1.4, 10.3.1).
#include <algorithm>

#include "memory/region_table.h"
#include "transport/queue_pair.h"
#include "wire/source_port.h"

namespace sluice::transport {

void QueuePair::Initialise(const Connection& c) {
  Apply({QpAttribute::kPkey, QpAttribute::kQkey, QpAttribute::kAccess}, c);
  state_.store(QpState::kInit, std::memory_order_release);
}

void QueuePair::StartHalves(const Connection& c) {
  peer_qpn_ = c.peer_qpn;
  Apply({QpAttribute::kPkey, QpAttribute::kQkey, QpAttribute::kPath}, c);
  if (unacked_ != nullptr) {
    unacked_->uc.Start({c.mtu, c.receive_psn, pd_});
    unacked_->ud.Start(c.mtu);
    unacked_->requester.SetMtu(c.mtu);
  }
  const uint8_t resources = type_ == QpType::kRc ? c.responder_resources : uint8_t{0};
  reads_.Start(c.mtu, std::min(resources, ReadWindow::kMaxDepth));
  responder_.Start({c.mtu, c.receive_psn, c.min_rnr_timer, pd_}, receiver_half_);
  Apply({QpAttribute::kAccess}, c);
  if (c.tracking_window > 0) StartExtended(c);
  state_.store(QpState::kReadyToReceive, std::memory_order_release);
}

void QueuePair::StartSending(const Connection& c) {
  if (unacked_ != nullptr) {
    unacked_->requester.Start(c.send_psn, &flow_);
  } else {
    max_rd_atomic_ = std::min(c.max_rd_atomic, ReadWindow::kMaxDepth);
    requester_.Start({c.mtu, c.send_psn, c.ack_timeout, c.retry_count, c.rnr_retry, max_rd_atomic_,
                      c.ask_every, pd_},
                     &flow_);
    if (sr_ != nullptr) StartExtendedSending(c);
  }
  state_.store(QpState::kReadyToSend, std::memory_order_release);
}

void QueuePair::Apply(QpAttributeSet given, const Connection& c) {
  if (given.Has(QpAttribute::kPkey)) pkey_ = c.pkey;
  if (given.Has(QpAttribute::kQkey) && unacked_ != nullptr) unacked_->SetQkey(c.qkey);
  if (given.Has(QpAttribute::kAccess)) {
    responder_.config().access = c.access;
    if (unacked_ != nullptr) unacked_->uc.SetRemoteWrite((c.access & memory::kRemoteWrite) != 0);
  }
  if (given.Has(QpAttribute::kPath)) {
    wire::PathHeader path = c.path;
    path.flow_label = c.flow_label;
    path.source_port = wire::ConnectedSourcePort(c.flow_label, qpn_, peer_qpn_);
    data_path_ = wire::HeaderTemplate(path);
    cnp_dscp_ = c.cnp_dscp;
  }
  if (given.Has(QpAttribute::kMinRnrTimer)) responder_.config().min_rnr_timer = c.min_rnr_timer;
  if (given.Has(QpAttribute::kMaxReads)) {
    max_rd_atomic_ = std::min(c.max_rd_atomic, ReadWindow::kMaxDepth);
    requester_.SetReadDepth(max_rd_atomic_);
  }
  if (given.Has(QpAttribute::kMaxDestReads)) {
    reads_.SetResources(std::min(c.responder_resources, ReadWindow::kMaxDepth));
  }
  if (given.Has(QpAttribute::kTimeout)) requester_.SetAckTimeout(c.ack_timeout);
  if (given.Has(QpAttribute::kRetryCount)) requester_.SetRetryCount(c.retry_count);
  if (given.Has(QpAttribute::kRnrRetry)) requester_.SetRnrRetry(c.rnr_retry);
  if (sr_ != nullptr) ApplyExtended(given, c);
}

bool QueuePair::UnderWay(const wire::IpAddress& peer, uint32_t dest_qpn, Psn psn) const {
  if (unacked_ != nullptr || !Sends(state())) return false;
  if (dest_qpn != peer_qpn_ || !data_path_.LeadsTo(peer)) return false;
  return sr_ == nullptr ? requester_.UnderWay(psn) : sr_->sender.UnderWay(psn);
}

void QueuePair::OnNarrowPath(const wire::IpAddress& peer, uint32_t mtu) {
  if (unacked_ != nullptr || sr_ != nullptr || !Sends(state())) return;
  if (data_path_.LeadsTo(peer)) requester_.OnNarrowPath(mtu);
}

void QueuePair::Reset(Context& ctx) {
  state_.store(QpState::kReset, std::memory_order_release);
  flow_.Stop();
  DestroyReceiver();
  if (sr_ != nullptr) sr_->responder.Flush(ctx);  // of what the peer is owed
  sr_.reset();
  requester_.Clear(ctx);
  reads_.SetResources(0);
  max_rd_atomic_ = 0;
  responder_.Clear();
  if (unacked_ != nullptr) unacked_->requester.Clear();
}

}  // namespace sluice::transport
