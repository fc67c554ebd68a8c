// What the engine fetches into the cache before it needs it. Nothing is judged here, let alone
// believed.
#include "base/be.h"
#include "engine/engine.h"

namespace sluice::engine {
namespace {

using transport::QueuePair;

constexpr size_t kQpnInBth = 5;

// Where the BTH lies, if this is a frame of ours; a guess.
size_t BthOffset(std::span<const uint8_t> frame) {
  size_t l3 = wire::kEthernetBytes;
  if (frame.size() < l3 + wire::kVlanTagBytes) return frame.size();
  uint16_t type = LoadBe16(frame.data() + l3 - 2);
  if (type == wire::kEtherTypeVlan) {
    l3 += wire::kVlanTagBytes;
    type = LoadBe16(frame.data() + l3 - 2);
  }
  const size_t ip =
      type == wire::kEtherTypeIpv6 ? wire::Ipv6Header::kSize : wire::Ipv4Header::kSize;
  return l3 + ip + wire::UdpHeader::kSize;
}

// Whom a frame is for, and what it touches there; a guess.
struct Destined {
  bool known = false;
  uint32_t qpn = 0;
  QueuePair::Touch touch = QueuePair::Touch::kRequest;
};

Destined DestinedOf(std::span<const uint8_t> frame) {
  const size_t bth = BthOffset(frame);
  if (bth + wire::Bth::kSize > frame.size()) return {};
  const bool request = wire::TraitsOf(frame[bth]).request;
  return {true, LoadBe24(frame.data() + bth + kQpnInBth),
          request ? QueuePair::Touch::kRequest : QueuePair::Touch::kResponse};
}

template <typename T>
void Fetch(const T& object, size_t bytes = sizeof(T)) {
  const char* const begin = reinterpret_cast<const char*>(&object);
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(begin + at, 1);
}

}  // namespace

// Fetches what the burst needs of its queue pairs, step by step for all of them: each step reads
// where the next one's lines are.
void Engine::LookAhead(size_t n) {
  struct Ahead {
    uint32_t slot;
    QueuePair::Touch touch;
    const QueuePair* qp;
  };
  std::array<Ahead, port::kMaxBurst> burst;
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const Destined to = DestinedOf({in_[i].header, in_[i].header_length});
    if (!to.known) continue;
    burst[count++] = {table_.Prefetch(to.qpn), to.touch, nullptr};
  }
  size_t known = 0;
  for (size_t i = 0; i < count; ++i) {
    const QueuePair* qp = table_.InSlot(burst[i].slot);
    if (qp == nullptr) continue;
    burst[known++] = {0, burst[i].touch, qp};
    qp->PrefetchFor(burst[i].touch);
  }
  for (size_t i = 0; i < known; ++i) burst[i].qp->PrefetchHeads(burst[i].touch);
  for (size_t i = 0; i < known; ++i) {
    if (burst[i].touch == QueuePair::Touch::kRequest) burst[i].qp->PrefetchReceive();
  }
}

// First the engine's own lines, then those of the queue pair. What one packet needs, not a burst.
void Engine::Prefetch(std::span<const uint8_t> frame, int step) const {
  if (step == 0) {
    Fetch(*this, 64);
    Fetch(counters_, 64);
    Fetch(table_);
    Fetch(wheel_, 64);
    Fetch(ready_, 64);
    Fetch(in_[0]);
    Fetch(written_, 64);
    Fetch(out_[0]);
    Fetch(spare_[0]);
    Fetch(budget_, 64);
    return;
  }
  const Destined to = DestinedOf(frame);
  if (!to.known) return;
  const uint32_t slot = table_.Prefetch(to.qpn);
  if (step == 1) return;
  const QueuePair* qp = table_.InSlot(slot);
  if (qp == nullptr) return;
  if (step == 2) {
    qp->PrefetchFor(to.touch);
  } else {
    qp->PrefetchHeads(to.touch);
  }
}

}  // namespace sluice::engine
