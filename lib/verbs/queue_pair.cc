// Queue pairs: connecting, posting, failing.
#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_format.h"
#include "transport/local_operation.h"
#include "verbs/internal.h"
#include "wire/source_port.h"

namespace sluice::verbs {
namespace {

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

template <typename Work, typename Run>
[[gnu::always_inline]] inline PostResult FillSegments(const QueuePair::Impl& q,
                                                      std::span<const Segment> segments,
                                                      memory::Access access,
                                                      memory::RegionTable::Hint* hint, Work* work,
                                                      Run* room) {
  return ResolveSegments(*q.device, q.pd, segments, access, hint, work, room);
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
  if (r.opcode == Opcode::kBindMemoryWindow) {
    return r.segments.empty() && r.bind != nullptr && r.bind->window != nullptr &&
           r.bind->region != nullptr;
  }
  if (q.qp->max_rd_atomic() == 0) return false;
  if (!IsAtomic(r.opcode)) return r.opcode == Opcode::kRdmaRead;
  uint64_t total = 0;
  for (const Segment& s : r.segments) total += s.length;
  return total == sizeof(uint64_t) && r.remote_address % sizeof(uint64_t) == 0;
}

// See transport/local_operation.h.
PostResult FillBinding(const SendRequest& r, transport::SendQueue* queue,
                       transport::SendWork* work) {
  const BindRequest& bind = *r.bind;
  std::atomic<uint32_t>* key = &bind.window->impl().rkey;
  // The upper bits say which window it is; a right beyond the byte is none that a window has.
  const bool same = (r.rkey ^ key->load(std::memory_order_relaxed)) >> 8 == 0;
  if (!same || bind.access < 0 || bind.access > 0xff) return PostResult::kInvalidRequest;
  const transport::WindowOperands operands{bind.length, bind.region->lkey(),
                                           static_cast<uint8_t>(bind.access)};
  std::memcpy(queue->InlineRoom(work), &operands, sizeof(operands));
  transport::Segment* room = queue->Room(work);
  room[0] = {static_cast<const uint8_t*>(bind.address), 0};
  work->segments = room;
  work->segment_count = 1;
  work->length = 0;
  key->store(r.rkey, std::memory_order_relaxed);
  return PostResult::kOk;
}

// The rest of a post that is no plain SEND or WRITE from registered memory.
[[gnu::noinline]] PostResult FillSpecial(QueuePair::Impl& q, const SendRequest& r,
                                         transport::SendQueue* queue, transport::SendWork* work) {
  if (!Consistent(q, r)) return PostResult::kInvalidRequest;
  if (r.inlined) return FillInline(q, r.segments, queue, work);
  if (r.opcode == Opcode::kBindMemoryWindow) return FillBinding(r, queue, work);
  if (IsAtomic(r.opcode)) {
    const bool adds = r.opcode == Opcode::kAtomicFetchAdd;
    const transport::AtomicOperands operands{adds ? r.add : r.swap, adds ? 0 : r.compare};
    std::memcpy(queue->InlineRoom(work), &operands, sizeof(operands));
  }
  const bool fetches = r.opcode == Opcode::kRdmaRead || IsAtomic(r.opcode);
  return FillSegments(q, r.segments, fetches ? memory::kLocalWrite : memory::kLocalRead,
                      &q.send_hint, work, queue->Room(work));
}

// What UC and UD cannot do (IBTA 1.4, table 36).
bool UnackedMay(const QueuePair::Impl& q, const SendRequest& r) {
  if (q.qp->type() == transport::QpType::kUc) {
    return r.opcode <= Opcode::kRdmaWriteWithImm || r.opcode == Opcode::kLocalInvalidate ||
           r.opcode == Opcode::kBindMemoryWindow;
  }
  return r.opcode <= Opcode::kSendWithImm && r.address_handle != nullptr &&
         r.remote_qpn <= 0xffffff;
}

// What the acknowledgements of the extension carry beside round trips and CNPs.
cc::SignalSet ExtendedSignals(bool telemetry) {
  cc::SignalSet s =
      BaseSignals(transport::QpType::kRc).Add(cc::Signal::kCeBytes).Add(cc::Signal::kRemoteDelay);
  if (telemetry) s.Add(cc::Signal::kInt).Add(cc::Signal::kHopWait);
  return s;
}

inline void PrefetchPost(const QueuePair::Impl& impl, int step, bool send) {
  step == 1 ? impl.qp->PrefetchPost(send) : impl.qp->PrefetchClaim(send);
}

}  // namespace

absl::StatusOr<wire::PathHeader> PathTo(const Device::Impl& device, const std::string& mac,
                                        const std::string& address) {
  absl::StatusOr<wire::MacAddress> to = wire::MacAddress::Parse(mac);
  if (!to.ok()) return to.status();
  absl::StatusOr<wire::IpAddress> ip = wire::IpAddress::Parse(address);
  if (!ip.ok()) return ip.status();
  wire::PathHeader path;
  path.source = device.parts.mac;
  path.destination = *to;
  path.source_ip = device.parts.address;
  path.destination_ip = *ip;
  return path;
}

wire::PathHeader OwnPath(const Device::Impl& device) {
  wire::PathHeader path;
  path.source = path.destination = device.parts.mac;
  path.source_ip = path.destination_ip = device.parts.address;
  return path;
}

// Many queue pairs ask for few algorithms, and flows with the same one share what they can.
absl::StatusOr<std::shared_ptr<const cc::Algorithm>> AlgorithmFor(Device::Impl* device,
                                                                  transport::QpType type,
                                                                  const std::string& name) {
  constexpr size_t kMost = 8;
  const std::string by_default = type == transport::QpType::kUd ? "fixed" : "dcqcn";
  const std::string& wanted = name.empty() ? by_default : name;
  auto& known = device->algorithms;
  auto found = std::find_if(known.begin(), known.end(), [&](const Device::Impl::NamedAlgorithm& a) {
    return a.text == wanted;
  });
  if (found == known.end()) {
    absl::StatusOr<std::shared_ptr<const cc::Algorithm>> made = cc::MakeAlgorithm(wanted);
    if (!made.ok()) return made;
    if (known.size() == kMost) known.erase(known.begin());
    found = known.insert(known.end(), {wanted, *std::move(made)});
  }
  if (!device->parts.decorate) return found->algorithm;
  return device->parts.decorate(found->algorithm);
}

cc::SignalSet BaseSignals(transport::QpType type) {
  cc::SignalSet s;
  if (type == transport::QpType::kRc) s.Add(cc::Signal::kRtt);
  if (type != transport::QpType::kUd) s.Add(cc::Signal::kCnp);
  return s;
}

void QueuePair::operator delete(QueuePair* qp, std::destroying_delete_t) {
  Impl* const impl = qp->impl_;
  Device::Impl* const d = impl->device;
  d->worker.Execute([impl, d] { d->engine.Destroy(impl->qp); });
  d->queue_pairs[impl->index] = d->queue_pairs.back();
  d->queue_pairs[impl->index]->index = impl->index;
  d->queue_pairs.pop_back();
  delete impl;
}

uint32_t QueuePair::qpn() const { return impl_->qp->qpn(); }
uint32_t QueuePair::initial_psn() const { return impl_->initial_psn; }
bool QueuePair::in_error() const { return impl_->qp->state() == transport::QpState::kError; }

bool QueuePair::extended() const { return impl_->qp->extended(); }

absl::Status QueuePair::Connect(const ConnectOptions& o) {
  if (absl::Status s = CheckOptions(o); !s.ok()) return s;
  Device::Impl* d = impl_->device;
  const transport::QpType type = impl_->qp->type();
  absl::StatusOr<std::shared_ptr<const cc::Algorithm>> algorithm =
      AlgorithmFor(d, type, o.algorithm);
  if (!algorithm.ok()) return algorithm.status();
  transport::Connection c;
  if (type != transport::QpType::kUd) {
    absl::StatusOr<wire::PathHeader> path = PathTo(*d, o.peer_mac, o.peer_address);
    if (!path.ok()) return path.status();
    c.path = *path;
  } else {
    c.path = OwnPath(*d);
  }
  c.path.dscp = o.dscp;
  c.path.hop_limit = o.hop_limit;
  c.qkey = o.qkey;
  c.access = static_cast<uint8_t>(o.access);
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
  c.responder_resources = o.responder_resources;
  if (extended && o.tracking_window == 0) {
    return absl::InvalidArgumentError("tracking window of 0 packets: choose a power of two");
  }
  if (extended) {
    c.tracking_window = o.tracking_window;
    c.telemetry = o.telemetry;
    c.relaxed_ordering = o.relaxed_ordering;
  }
  absl::Status status;
  d->worker.Execute([&] {
    status = d->engine.Connect(impl_->qp, c, **algorithm,
                               Duration::Nanoseconds(static_cast<int64_t>(o.base_rtt_ns)),
                               extended ? ExtendedSignals(o.telemetry) : BaseSignals(type));
  });
  if (!status.ok()) return status;
  impl_->algorithm = *std::move(algorithm);
  impl_->connection = c;
  return status;
}

// It is the beginning of what stands for it here.
void QueuePair::PrefetchSend(int step) const {
  step == 0 ? __builtin_prefetch(this, 1) : PrefetchPost(*impl_, step, true);
}
void QueuePair::PrefetchReceive(int step) const {
  step == 0 ? __builtin_prefetch(this, 1) : PrefetchPost(*impl_, step, false);
}

void QueuePair::Doorbell() { impl_->device->engine.Ring(impl_->qp); }

void QueuePair::Fail() {
  Device::Impl* d = impl_->device;
  d->worker.Execute([this, d] { d->engine.Fail(impl_->qp); });
}

PostResult QueuePair::PostSend(const SendRequest& r, bool more) {
  Impl& q = *impl_;
  if (r.segments.size() > q.max_segments) return PostResult::kTooManySegments;
  if (q.qp->state() < transport::QpState::kReadyToSend) return PostResult::kNotConnected;
  if (q.qp->type() != transport::QpType::kRc && !UnackedMay(q, r)) [[unlikely]]
    return PostResult::kInvalidRequest;
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
  if (r.address_handle != nullptr && q.qp->type() == transport::QpType::kUd) [[unlikely]] {
    const uint16_t port = wire::DatagramSourcePort(q.qp->qpn());
    q.qp->TargetOf(work) = {r.address_handle->impl_->path.WithSourcePort(port), r.remote_qpn,
                            r.remote_qkey};
  }
  queue.Publish();
  if (!more) q.device->engine.Ring(q.qp);
  return PostResult::kOk;
}

PostResult QueuePair::PostReceive(const ReceiveRequest& r) {
  Impl& q = *impl_;
  if (q.shared) return PostResult::kInvalidRequest;
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
