// Devices, protection domains, regions and completion queues: the set-up side of the verbs.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "memory/window_table.h"
#include "verbs/internal.h"

namespace sluice::verbs {
namespace {

constexpr uint64_t kPsnStream = 0x70736e;
constexpr size_t kMaxCompletions = size_t{1} << 22;
constexpr uint32_t kMaxDepth = 1u << 16;
constexpr uint32_t kMaxSegments = 16;
constexpr uint32_t kMaxInline = 256;

// Whether any posted request of the queue has a segment inside [base, base + length).
template <typename Queue>
size_t CountNaming(Queue& queue, const uint8_t* base, size_t length) {
  size_t n = 0;
  for (uint64_t at = queue.head(); at != queue.tail(); ++at) {
    const auto& work = queue.At(at);
    for (uint16_t i = 0; i < work.segment_count; ++i) {
      const uint8_t* p = work.segments[i].data;
      if (p >= base && p < base + length) {
        ++n;
        break;
      }
    }
  }
  return n;
}

}  // namespace

Device::Impl::Impl(const DeviceParts& p)
    : parts(p),
      regions(p.engine.seed, p.max_regions),
      psns(Rng(p.engine.seed, 0, kPsnStream).Next()),
      engine(p.engine, p.port, &regions),
      worker(p.clock) {
  worker.Add(&engine);
}

absl::Status SetAddressing(const Addressing& a, DeviceParts* parts) {
  absl::StatusOr<net::RouteTable> routes = net::RouteTable::Parse(a.address, a.gateway, a.routes);
  if (!routes.ok()) return routes.status();
  parts->address = net::ParseAddress(a.address)->address;
  parts->routes = *std::move(routes);
  return absl::OkStatus();
}

std::unique_ptr<Device> MakeDevice(const DeviceParts& parts) {
  return std::make_unique<Device>(std::make_unique<Device::Impl>(parts));
}

Device::Device(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Device::~Device() { impl_->worker.Stop(); }

std::string Device::mac() const { return impl_->parts.mac.ToString(); }
std::string Device::address() const { return impl_->parts.address.ToString(); }
uint64_t Device::line_rate_bps() const {
  return static_cast<uint64_t>(impl_->parts.port->capabilities().line_rate.bps());
}
uint32_t Device::active_mtu() const { return impl_->engine.ActiveMtu(); }
size_t Device::Poll() { return impl_->worker.RunOnce(); }
size_t Device::queue_pairs() const { return impl_->engine.queue_pairs(); }

std::unique_ptr<ProtectionDomain> Device::AllocateProtectionDomain() {
  return std::unique_ptr<ProtectionDomain>(new ProtectionDomain(impl_->next_pd++));
}

absl::StatusOr<std::unique_ptr<MemoryRegion>> Device::Register(ProtectionDomain* pd, void* base,
                                                               size_t length, int access) {
  absl::StatusOr<memory::Keys> keys = impl_->regions.Register(
      pd->id_, base, Bytes(static_cast<int64_t>(length)), static_cast<memory::Access>(access));
  if (!keys.ok()) return keys.status();
  auto impl = std::make_unique<MemoryRegion::Impl>();
  *impl = {impl_.get(), *keys, pd->id_, static_cast<const uint8_t*>(base), length, true};
  const absl::Status mapped = impl_->parts.port->Map({impl->base, length});
  if (!mapped.ok()) {
    (void)impl_->regions.Deregister(keys->lkey);
    return mapped;
  }
  return std::unique_ptr<MemoryRegion>(new MemoryRegion(std::move(impl)));
}

MemoryRegion::MemoryRegion(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MemoryRegion::~MemoryRegion() {
  if (!impl_->registered) return;
  Device::Impl* d = impl_->device;
  // On the worker's thread, so that no poll is in the middle of using it.
  d->worker.Execute([this, d] {
    d->regions.windows().CloseRegion(impl_->keys.lkey);
    (void)d->regions.Deregister(impl_->keys.lkey);
  });
  (void)d->parts.port->Unmap({impl_->base, impl_->length});
}

uint32_t MemoryRegion::lkey() const { return impl_->keys.lkey; }
uint32_t MemoryRegion::rkey() const { return impl_->keys.rkey; }

absl::Status MemoryRegion::Deregister() {
  if (!impl_->registered)
    return absl::FailedPreconditionError("the region is deregistered already");
  Device::Impl* d = impl_->device;
  size_t naming = 0;
  absl::Status status;
  d->worker.Execute([&] {
    for (QueuePair::Impl* q : d->queue_pairs) {
      if (q->pd != impl_->pd) continue;
      naming += CountNaming(q->qp->send_queue(), impl_->base, impl_->length);
      naming += CountNaming(q->qp->held_receives(), impl_->base, impl_->length);
    }
    for (SharedReceiveQueue::Impl* s : d->shared_receives) {
      if (s->pd == impl_->pd) naming += CountNaming(s->shared.queue(), impl_->base, impl_->length);
    }
    if (naming == 0) status = d->regions.Deregister(impl_->keys.lkey);
  });
  if (naming > 0) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%d posted requests still name the region: poll their completions first", naming));
  }
  if (!status.ok()) return status;
  impl_->registered = false;
  return d->parts.port->Unmap({impl_->base, impl_->length});
}

absl::StatusOr<std::unique_ptr<MemoryWindow>> Device::AllocateMemoryWindow(ProtectionDomain* pd) {
  absl::StatusOr<uint32_t> key = absl::UnknownError("");
  impl_->worker.Execute([&] { key = impl_->regions.windows().Allocate(pd->id_); });
  if (!key.ok()) return key.status();
  auto impl = std::make_unique<MemoryWindow::Impl>();
  impl->device = impl_.get();
  impl->rkey.store(*key, std::memory_order_relaxed);
  return std::unique_ptr<MemoryWindow>(new MemoryWindow(std::move(impl)));
}

MemoryWindow::MemoryWindow(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MemoryWindow::~MemoryWindow() {
  Device::Impl* d = impl_->device;
  d->worker.Execute([this, d] { (void)d->regions.windows().Free(rkey()); });
}

uint32_t MemoryWindow::rkey() const { return impl_->rkey.load(std::memory_order_relaxed); }

absl::StatusOr<std::unique_ptr<CompletionQueue>> Device::CreateCompletionQueue(size_t capacity) {
  if (capacity == 0 || capacity > kMaxCompletions) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "completion queue of %d entries: must be 1 to %d", capacity, kMaxCompletions));
  }
  return std::unique_ptr<CompletionQueue>(
      new CompletionQueue(std::make_unique<CompletionQueue::Impl>(capacity)));
}

CompletionQueue::CompletionQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CompletionQueue::~CompletionQueue() = default;
size_t CompletionQueue::capacity() const { return impl_->ring.capacity(); }

size_t CompletionQueue::Poll(std::span<WorkCompletion> out) {
  auto& ring = impl_->ring;
  size_t n = 0;
  while (n < out.size()) {
    const transport::Completion* c = ring.Front();
    if (c == nullptr) break;
    // Field by field: a whole one would be put together on the stack and copied from there by loads
    // that are wider than the stores before them, which stalls.
    WorkCompletion& w = out[n++];
    w.wr_id = c->wr_id;
    w.qpn = c->qpn;
    w.byte_length = c->byte_length;
    w.imm = c->imm;
    w.status = static_cast<CompletionStatus>(c->status);
    w.opcode = static_cast<Opcode>(c->op);
    w.receive = c->receive;
    w.has_imm = c->has_imm;
    w.solicited = c->solicited;
    w.invalidated = c->invalidated;
    w.invalidated_rkey = c->invalidated ? c->imm : 0;
    w.has_grh = c->grh;
    w.source_qpn = c->source_qpn;
    w.source_mac = c->source_mac.bytes;
    ring.DropFront();
  }
  return n;
}

absl::StatusOr<std::unique_ptr<QueuePair>> Device::CreateQueuePair(
    ProtectionDomain* pd, const QueuePairOptions& options) {
  if (options.send_completions == nullptr || options.receive_completions == nullptr) {
    return absl::InvalidArgumentError("a queue pair needs a completion queue for each direction");
  }
  if (options.send_depth == 0 || options.send_depth > kMaxDepth || options.receive_depth == 0 ||
      options.receive_depth > kMaxDepth) {
    return absl::InvalidArgumentError(absl::StrFormat("queue depths must be 1 to %d", kMaxDepth));
  }
  if (options.max_segments == 0 || options.max_segments > kMaxSegments) {
    return absl::InvalidArgumentError(
        absl::StrFormat("segments per request must be 1 to %d", kMaxSegments));
  }
  if (options.max_inline > kMaxInline) {
    return absl::InvalidArgumentError(
        absl::StrFormat("inline data per request must be at most %d bytes", kMaxInline));
  }
  if (options.management && options.type != QueuePairType::kUd) {
    return absl::InvalidArgumentError("the queue pair for management is one of datagrams");
  }
  if (options.shared_receives != nullptr && options.shared_receives->impl_->device != impl_.get()) {
    return absl::InvalidArgumentError("the shared receive queue is another device's");
  }
  transport::QueuePairConfig config;
  config.pd = pd->id_;
  config.send_depth = options.send_depth;
  config.receive_depth = options.receive_depth;
  config.max_segments = options.max_segments;
  config.max_inline = options.max_inline;
  config.send_completions = &options.send_completions->impl_->ring;
  config.receive_completions = &options.receive_completions->impl_->ring;
  config.type = static_cast<transport::QpType>(options.type);
  config.management = options.management;
  if (options.shared_receives != nullptr) {
    config.shared_receives = &options.shared_receives->impl_->shared;
  }
  absl::StatusOr<transport::QueuePair*> qp = absl::UnknownError("");
  impl_->worker.Execute([&] { qp = impl_->engine.Create(config); });
  if (!qp.ok()) return qp.status();
  std::unique_ptr<QueuePair::Impl> impl(new (&impl_->blocks) QueuePair::Impl(
      impl_.get(), *qp, pd->id_, options.max_segments, !options.single_threaded));
  impl->initial_psn = impl_->psns.Encrypt(impl_->next_psn++ & Psn::kMask);
  impl->max_inline = options.max_inline;
  impl->shared = options.shared_receives != nullptr;
  impl->index = impl_->queue_pairs.size();
  impl_->queue_pairs.push_back(impl.get());
  return std::unique_ptr<QueuePair>(&impl.release()->handle);
}

}  // namespace sluice::verbs
