#include "perf/end.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "verbs/assemble.h"
#include "verbs/cm.h"
#include "wire/address.h"

namespace sluice::perf {

absl::Status End::Open(bool target) {
  pd_ = device_->AllocateProtectionDomain();
  verbs::QueuePairOptions q;
  q.send_depth = std::max<uint32_t>(options_.depth, 8);
  q.receive_depth = std::max<uint32_t>(slots(), 8);
  // No larger than what can be posted: a ring goes round through all of its memory.
  auto cq = device_->CreateCompletionQueue(size_t{q.send_depth + q.receive_depth} * options_.qps);
  if (!cq.ok()) return cq.status();
  cq_ = std::move(*cq);
  auto pattern = device_->Register(pd_.get(), pattern_.data(), pattern_.length(),
                                   options_.fetch == Fetch::kRead ? verbs::kRemoteRead : 0);
  if (!pattern.ok()) return pattern.status();
  pattern_region_ = std::move(*pattern);
  // The initiator receives too, in a ping-pong and when it fetches.
  const bool receives = target || options_.test == Test::kLatency || options_.fetch != Fetch::kNone;
  slots_ = std::make_unique<AlignedMemory>(receives ? size_t{options_.size} * slots() * options_.qps
                                                    : 64);
  auto slots_region = device_->Register(
      pd_.get(), slots_->data(), slots_->length(),
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
  if (!slots_region.ok()) return slots_region.status();
  slots_region_ = std::move(*slots_region);

  q.send_completions = q.receive_completions = cq_.get();
  for (uint32_t i = 0; i < options_.qps; ++i) {
    auto qp = device_->CreateQueuePair(pd_.get(), q);
    if (!qp.ok()) return qp.status();
    qps_.push_back(std::move(*qp));
  }
  return absl::OkStatus();
}

absl::Status End::PostAll() {
  for (uint32_t i = 0; i < options_.qps; ++i) {
    for (uint64_t m = 0; m < slots(); ++m) {
      absl::Status s = options_.write ? PostEmpty(i) : PostSlot(i, m);
      if (!s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

EndAddress End::Address() const {
  EndAddress a;
  a.mac = device_->mac();
  a.ip = device_->address();
  for (uint32_t i = 0; i < options_.qps; ++i) {
    // A READ fetches from the pattern itself, of which every message is another part.
    const bool read = options_.fetch == Fetch::kRead;
    const uint8_t* base = read ? pattern_.data() : Slot(i, 0);
    const uint32_t rkey = read ? pattern_region_->rkey() : slots_region_->rkey();
    a.qps.push_back(
        {qps_[i]->qpn(), qps_[i]->initial_psn(), reinterpret_cast<uintptr_t>(base), rkey});
  }
  return a;
}

// The peer's own, or that of the router to it.
absl::StatusOr<std::string> End::MacTowards(const EndAddress& peer) {
  const absl::StatusOr<wire::IpAddress> ip = wire::IpAddress::Parse(peer.ip);
  if (!ip.ok()) return ip.status();
  const auto hop = device_->impl().parts.routes.NextHop(*ip);
  if (hop && *hop == *ip) return peer.mac;
  auto resolver = verbs::Resolver::Start(device_, peer.ip);
  if (!resolver.ok()) return resolver.status();
  while ((*resolver)->Poll() == verbs::Resolver::State::kAsking) device_->Poll();
  if ((*resolver)->Poll() == verbs::Resolver::State::kResolved) return (*resolver)->mac();
  return absl::UnavailableError(
      hop ? absl::StrCat("--gateway ", hop->ToString(), " does not answer on this link")
          : absl::StrCat("no route to ", peer.ip, ": name a router with --gateway"));
}

absl::Status End::Connect(const EndAddress& peer, bool extended) {
  if (peer.qps.size() != qps_.size()) {
    return absl::InvalidArgumentError("the two ends do not have the same number of queue pairs");
  }
  const absl::StatusOr<std::string> mac = MacTowards(peer);
  if (!mac.ok()) return mac.status();
  for (uint32_t i = 0; i < options_.qps; ++i) {
    verbs::ConnectOptions c = BaseConnectOptions(options_, extended);
    c.peer_mac = *mac;
    c.peer_address = peer.ip;
    c.peer_qpn = peer.qps[i].qpn;
    c.send_psn = qps_[i]->initial_psn();
    c.receive_psn = peer.qps[i].psn;
    if (absl::Status s = qps_[i]->Connect(c); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status End::PostSlot(verbs::QueuePair* qp, uint32_t i, uint64_t message) {
  const verbs::Segment segment = SlotSegment(i, message);
  const verbs::PostResult r = qp->PostReceive({WorkId(i, message), {&segment, 1}});
  if (r == verbs::PostResult::kOk) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("post receive: ", verbs::NameOf(r)));
}

absl::Status End::PostEmpty(uint32_t qp) {
  const verbs::PostResult r = qps_[qp]->PostReceive({WorkId(qp, 0), {}});
  if (r == verbs::PostResult::kOk) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("post receive: ", verbs::NameOf(r)));
}

}  // namespace sluice::perf
