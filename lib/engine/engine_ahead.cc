// What the engine fetches into the cache before it needs it. Nothing is judged here, let alone
// believed.
#include "base/be.h"
#include "base/look_ahead.h"
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

// Before the i-th of n frames: what those after it need of their queue pairs, in steps of which
// each reads where the next one's lines are.
void Engine::FetchAhead(size_t i, size_t n) {
  LookAhead<port::kMaxBurst, 8, 4, 2>(i, n, [this](auto stage, size_t j) {
    Ahead& to = (*ahead_)[j];
    if constexpr (stage == 0) {
      const Destined d = DestinedOf({in_[j].header, in_[j].header_length});
      to = {d.qpn, d.known ? table_.Prefetch(d.qpn) : ~0u, d.touch, nullptr};
    } else if constexpr (stage == 1) {
      to.qp = table_.InSlot(to.slot);
      if (to.qp != nullptr) to.qp->PrefetchFor(to.touch);
    } else if constexpr (stage == 2) {
      if (to.qp != nullptr) to.qp->PrefetchHeads(to.touch);
    } else if (to.qp != nullptr && to.touch == QueuePair::Touch::kRequest) {
      to.qp->PrefetchReceive();
    }
  });
  // Found already, if it is that one's.
  const Ahead& next = (*ahead_)[i];
  if (next.slot != ~0u) table_.Expect(next.qpn, next.slot);
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
