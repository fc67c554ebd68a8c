#include "engine/qp_table.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"

namespace sluice::engine {
namespace {

constexpr uint8_t kGenerations = 32;
constexpr uint64_t kQpnStream = 0x71706e;

}  // namespace

QpTable::QpTable(uint64_t seed, uint32_t capacity)
    : slots_(std::clamp<uint32_t>(capacity, 1, kMaxCapacity)) {
  Rng rng(seed, 0, kQpnStream);
  std::vector<uint32_t> order(slots_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  free_.assign(order.begin(), order.end());
  for (Slot& s : slots_) s.generation = static_cast<uint8_t>(rng.Below(kGenerations));
}

transport::QueuePair* QpTable::Create(const transport::QueuePairConfig& config) {
  if (config.management) {
    if (management_ != nullptr) return nullptr;
    management_ = std::make_unique<transport::QueuePair>(kManagementQpn, config);
    ++size_;
    return management_.get();
  }
  if (free_.empty()) return nullptr;
  const uint32_t slot = free_.front();
  free_.pop_front();
  Slot& s = slots_[slot];
  const uint32_t qpn = static_cast<uint32_t>(s.generation) << 16 | (slot + kFirstSlot);
  s.qp = std::make_unique<transport::QueuePair>(qpn, config);
  ++size_;
  return s.qp.get();
}

void QpTable::Destroy(transport::QueuePair* qp) {
  if (qp->qpn() == kManagementQpn) {
    management_.reset();
    --size_;
    return;
  }
  const uint32_t slot = (qp->qpn() & 0xffff) - kFirstSlot;
  Slot& s = slots_[slot];
  s.qp.reset();
  s.generation = static_cast<uint8_t>((s.generation + 1) % kGenerations);
  // The slot freed longest ago is used first, so that a QPN stays dead as long as possible.
  free_.push_back(slot);
  --size_;
}

}  // namespace sluice::engine
