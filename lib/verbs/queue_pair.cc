// Queue pairs: connecting, posting, failing.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_format.h"
#include "verbs/internal.h"

namespace sluice::verbs {
namespace {

// 4.096 us * 2^timeout (IBTA 1.4, 9.7.6.1.3).
Duration AckTimeout(uint8_t code) {
  if (code == 0) return Duration::Zero();
  return Duration::Nanoseconds(4096) * (int64_t{1} << code);
}

// IBTA 1.4, 9.7.2: the longest message.
constexpr uint64_t kMaxMessage = uint64_t{1} << 31;

bool IsIbMtu(uint32_t mtu) {
  return mtu == 256 || mtu == 512 || mtu == 1024 || mtu == 2048 || mtu == 4096;
}

absl::Status CheckOptions(const ConnectOptions& o) {
  if (!o.any_mtu && !IsIbMtu(o.mtu)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("MTU %d: choose 256, 512, 1024, 2048 or 4096", o.mtu));
  }
  if (o.timeout > 31) return absl::InvalidArgumentError("timeout codes run from 0 to 31");
  if (o.min_rnr_timer > 31) return absl::InvalidArgumentError("RNR timer codes run from 0 to 31");
  if (o.max_rd_atomic > transport::ReadWindow::kMaxDepth ||
      o.responder_resources > transport::ReadWindow::kMaxDepth) {
    return absl::InvalidArgumentError(absl::StrFormat("READ and atomic depths run from 0 to %d",
                                                      int{transport::ReadWindow::kMaxDepth}));
  }
  if (o.dscp > 63 || o.cnp_dscp > 63) return absl::InvalidArgumentError("DSCP runs from 0 to 63");
  return absl::OkStatus();
}

// Checks the segments and puts them into the slot's room; kOk or what is wrong. Nothing is
// published by it.
template <typename Work, typename Run>
[[gnu::always_inline]] inline PostResult FillSegments(const QueuePair::Impl& q,
                                                      std::span<const Segment> segments,
                                                      memory::Access access,
                                                      memory::RegionTable::Hint* hint, Work* work,
                                                      Run* room) {
  uint64_t total = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    const auto va = reinterpret_cast<uintptr_t>(s.address);
    const memory::Resolution m =
        q.device->regions.Resolve(s.lkey, q.pd, va, Bytes(s.length), access, hint);
    if (m.fault != memory::Fault::kNone) return PostResult::kBadKey;
    room[i].data = static_cast<uint8_t*>(s.address);
    room[i].length = s.length;
    total += s.length;
  }
  if (total > kMaxMessage) return PostResult::kTooLong;
  work->segments = room;
  work->segment_count = static_cast<uint16_t>(segments.size());
  work->length = static_cast<uint32_t>(total);
  return PostResult::kOk;
}

// Copies the segments' bytes into the slot's room for them.
PostResult FillInline(const QueuePair::Impl& q, std::span<const Segment> segments,
                      transport::SendQueue* queue, transport::SendWork* work) {
  uint64_t total = 0;
  for (const Segment& s : segments) total += s.length;
  if (total > q.max_inline) return PostResult::kTooLong;
  uint8_t* to = queue->InlineRoom(work);
  transport::Segment* room = queue->Room(work);
  room[0] = {to, static_cast<uint32_t>(total)};
  for (const Segment& s : segments) {
    if (s.length == 0) continue;
    std::memcpy(to, s.address, s.length);
    to += s.length;
  }
  work->segments = room;
  work->segment_count = 1;
  work->length = static_cast<uint32_t>(total);
  return PostResult::kOk;
}

bool IsAtomic(Opcode opcode) {
  return opcode == Opcode::kAtomicFetchAdd || opcode == Opcode::kAtomicCompareSwap;
}

// Whether the fields fit the opcode.
bool Consistent(const QueuePair::Impl& q, const SendRequest& r) {
  const bool sends = r.opcode <= Opcode::kRdmaWriteWithImm;
  if (sends || r.opcode == Opcode::kSendWithInvalidate) return true;
  if (r.inlined) return false;
  if (r.opcode == Opcode::kLocalInvalidate) return r.segments.empty();
  if (q.qp->max_rd_atomic() == 0) return false;
  if (!IsAtomic(r.opcode)) return r.opcode == Opcode::kRdmaRead;
  uint64_t total = 0;
  for (const Segment& s : r.segments) total += s.length;
  return total == sizeof(uint64_t) && r.remote_address % sizeof(uint64_t) == 0;
}

// The rest of a post that is no plain SEND or WRITE from registered memory.
[[gnu::noinline]] PostResult FillSpecial(QueuePair::Impl& q, const SendRequest& r,
                                         transport::SendQueue* queue, transport::SendWork* work) {
  if (q.qp->extended() && r.opcode > Opcode::kRdmaWriteWithImm) return PostResult::kNotExtended;
  if (!Consistent(q, r)) return PostResult::kInvalidRequest;
  if (r.inlined) return FillInline(q, r.segments, queue, work);
  if (IsAtomic(r.opcode)) {
    const bool adds = r.opcode == Opcode::kAtomicFetchAdd;
    const transport::AtomicOperands operands{adds ? r.add : r.swap, adds ? 0 : r.compare};
    std::memcpy(queue->InlineRoom(work), &operands, sizeof(operands));
  }
  const bool fetches = r.opcode == Opcode::kRdmaRead || IsAtomic(r.opcode);
  return FillSegments(q, r.segments, fetches ? memory::kLocalWrite : memory::kLocalRead,
                      &q.send_hint, work, queue->Room(work));
}

// Signals that a base RoCEv2 peer gives: round trips from its ACKs, and CNPs.
cc::SignalSet BaseSignals() { return cc::SignalSet().Add(cc::Signal::kRtt).Add(cc::Signal::kCnp); }
// And what the acknowledgements of the extension carry besides.
cc::SignalSet ExtendedSignals() {
  return BaseSignals().Add(cc::Signal::kCeBytes).Add(cc::Signal::kRemoteDelay);
}

}  // namespace

QueuePair::QueuePair(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

QueuePair::~QueuePair() {
  Device::Impl* d = impl_->device;
  d->worker.Execute([this, d] { d->engine.Destroy(impl_->qp); });
  std::erase(d->queue_pairs, impl_.get());
}

uint32_t QueuePair::qpn() const { return impl_->qp->qpn(); }
uint32_t QueuePair::initial_psn() const { return impl_->initial_psn; }
bool QueuePair::in_error() const { return impl_->qp->state() == transport::QpState::kError; }

absl::Status QueuePair::Connect(const ConnectOptions& o) {
  if (absl::Status s = CheckOptions(o); !s.ok()) return s;
  absl::StatusOr<wire::MacAddress> mac = wire::MacAddress::Parse(o.peer_mac);
  if (!mac.ok()) return mac.status();
  absl::StatusOr<wire::IpAddress> ip = wire::IpAddress::Parse(o.peer_address);
  if (!ip.ok()) return ip.status();
  absl::StatusOr<std::shared_ptr<const cc::Algorithm>> algorithm = cc::MakeAlgorithm(o.algorithm);
  if (!algorithm.ok()) return algorithm.status();

  Device::Impl* d = impl_->device;
  transport::Connection c;
  c.path.source = d->parts.mac;
  c.path.destination = *mac;
  c.path.source_ip = d->parts.address;
  c.path.destination_ip = *ip;
  c.path.dscp = o.dscp;
  c.peer_qpn = o.peer_qpn;
  c.send_psn = Psn(o.send_psn);
  c.receive_psn = Psn(o.receive_psn);
  c.mtu = o.mtu;
  c.pkey = o.pkey;
  c.ack_timeout = AckTimeout(o.timeout);
  c.retry_count = o.retry_count;
  c.rnr_retry = o.rnr_retry;
  c.min_rnr_timer = o.min_rnr_timer;
  c.cnp_dscp = o.cnp_dscp;
  c.flow_label = o.flow_label;
  c.max_rd_atomic = o.max_rd_atomic;
  const bool extended = o.reliability == Reliability::kExtended;
  if (!extended) {
    c.responder_resources = o.responder_resources;
  } else if (o.tracking_window == 0) {
    return absl::InvalidArgumentError("tracking window of 0 packets: choose a power of two");
  } else {
    c.tracking_window = o.tracking_window;
  }
  absl::Status status;
  d->worker.Execute([&] {
    status = d->engine.Connect(impl_->qp, c, **algorithm,
                               Duration::Nanoseconds(static_cast<int64_t>(o.base_rtt_ns)),
                               extended ? ExtendedSignals() : BaseSignals());
  });
  if (status.ok()) impl_->algorithm = *std::move(algorithm);
  return status;
}

void QueuePair::Doorbell() { impl_->device->engine.Ring(impl_->qp); }

void QueuePair::Fail() {
  Device::Impl* d = impl_->device;
  d->worker.Execute([this, d] { d->engine.Fail(impl_->qp); });
}

PostResult QueuePair::PostSend(const SendRequest& r, bool more) {
  Impl& q = *impl_;
  if (r.segments.size() > q.max_segments) return PostResult::kTooManySegments;
  if (q.qp->state() == transport::QpState::kReset) return PostResult::kNotConnected;
  const std::lock_guard<PostLock> guard(q.send_lock);
  transport::SendQueue& queue = q.qp->send_queue();
  transport::SendWork* work = queue.Claim();
  if (work == nullptr) return PostResult::kQueueFull;

  const bool plain = r.opcode <= Opcode::kRdmaWriteWithImm && !r.inlined;
  const PostResult filled =
      plain ? FillSegments(q, r.segments, memory::kLocalRead, &q.send_hint, work, queue.Room(work))
            : FillSpecial(q, r, &queue, work);
  if (filled != PostResult::kOk) return filled;
  work->wr_id = r.wr_id;
  work->op = static_cast<transport::Op>(r.opcode);
  work->signalled = r.signalled;
  work->solicited = r.solicited;
  work->fence = r.fence;
  work->imm = r.imm;
  work->remote_address = r.remote_address;
  work->rkey = r.rkey;
  queue.Publish();
  if (!more) q.device->engine.Ring(q.qp);
  return PostResult::kOk;
}

PostResult QueuePair::PostReceive(const ReceiveRequest& r) {
  Impl& q = *impl_;
  if (r.segments.size() > q.max_segments) return PostResult::kTooManySegments;
  const std::lock_guard<PostLock> guard(q.receive_lock);
  transport::ReceiveQueue& queue = q.qp->receive_queue();
  transport::ReceiveWork* work = queue.Claim();
  if (work == nullptr) return PostResult::kQueueFull;

  const PostResult filled =
      FillSegments(q, r.segments, memory::kLocalWrite, &q.receive_hint, work, queue.Room(work));
  if (filled != PostResult::kOk) return filled;
  work->wr_id = r.wr_id;
  queue.Publish();
  return PostResult::kOk;
}

}  // namespace sluice::verbs
