// Address handles and shared receive queues.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "verbs/internal.h"
#include "wire/ip_headers.h"

namespace sluice::verbs {
namespace {

constexpr size_t kGrhBytes = 40;
constexpr uint32_t kMaxShared = 1u << 16;
constexpr uint32_t kMaxSharedSegments = 16;

}  // namespace

AddressHandle::AddressHandle(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AddressHandle::~AddressHandle() = default;

absl::StatusOr<std::unique_ptr<AddressHandle>> Device::CreateAddressHandle(
    const AddressOptions& o) {
  if (o.dscp > 63) return absl::InvalidArgumentError("DSCP runs from 0 to 63");
  absl::StatusOr<wire::PathHeader> path = PathTo(*impl_, o.peer_mac, o.peer_address);
  if (!path.ok()) return path.status();
  if (path->source_ip.is_v4() != path->destination_ip.is_v4()) {
    return absl::InvalidArgumentError("the two addresses are not of one family");
  }
  path->dscp = o.dscp;
  path->hop_limit = o.hop_limit;
  path->flow_label = o.flow_label & 0xfffff;
  auto impl = std::make_unique<AddressHandle::Impl>();
  impl->path = wire::HeaderTemplate(*path);
  return std::unique_ptr<AddressHandle>(new AddressHandle(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<AddressHandle>> Device::CreateAddressHandle(
    const WorkCompletion& completion, const void* grh) {
  if (!completion.receive || !completion.has_grh) {
    return absl::InvalidArgumentError("no completion of a received datagram");
  }
  uint8_t area[kGrhBytes];
  std::memcpy(area, grh, sizeof(area));
  wire::MacAddress mac;
  mac.bytes = completion.source_mac;
  AddressOptions o;
  o.peer_mac = mac.ToString();
  if (area[0] >> 4 == 6) {
    const wire::Ipv6Header ip = wire::Ipv6Header::Read(area);
    o.peer_address = ip.source.ToString();
    o.dscp = ip.dscp;
    o.flow_label = ip.flow_label;
  } else {
    const wire::Ipv4Header ip = wire::Ipv4Header::Read(area + kGrhBytes - wire::Ipv4Header::kSize);
    o.peer_address = ip.source.ToString();
    o.dscp = ip.dscp;
  }
  return CreateAddressHandle(o);
}

absl::StatusOr<std::unique_ptr<SharedReceiveQueue>> Device::CreateSharedReceiveQueue(
    ProtectionDomain* pd, const SharedReceiveQueueOptions& options) {
  if (options.depth == 0 || options.depth > kMaxShared) {
    return absl::InvalidArgumentError(absl::StrFormat("queue depths must be 1 to %d", kMaxShared));
  }
  if (options.max_segments == 0 || options.max_segments > kMaxSharedSegments) {
    return absl::InvalidArgumentError(
        absl::StrFormat("segments per request must be 1 to %d", kMaxSharedSegments));
  }
  auto impl = std::make_unique<SharedReceiveQueue::Impl>(impl_.get(), pd->id_, options.depth,
                                                         options.max_segments);
  impl_->shared_receives.push_back(impl.get());
  return std::unique_ptr<SharedReceiveQueue>(new SharedReceiveQueue(std::move(impl)));
}

SharedReceiveQueue::SharedReceiveQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SharedReceiveQueue::~SharedReceiveQueue() {
  std::erase(impl_->device->shared_receives, impl_.get());
}

PostResult SharedReceiveQueue::PostReceive(const ReceiveRequest& r) {
  Impl& s = *impl_;
  if (r.segments.size() > s.shared.max_segments()) return PostResult::kTooManySegments;
  transport::ReceiveQueue& queue = s.shared.queue();
  transport::ReceiveWork* work = queue.Claim();
  if (work == nullptr) return PostResult::kQueueFull;
  const PostResult filled = ResolveSegments(*s.device, s.pd, r.segments, memory::kLocalWrite,
                                            &s.hint, work, queue.Room(work));
  if (filled != PostResult::kOk) return filled;
  work->wr_id = r.wr_id;
  queue.Publish();
  return PostResult::kOk;
}

void SharedReceiveQueue::ArmLimit(uint32_t limit) { impl_->shared.Arm(limit); }
bool SharedReceiveQueue::PollLimitEvent() { return impl_->shared.TakeLimitEvent(); }

}  // namespace sluice::verbs
