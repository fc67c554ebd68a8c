#include "engine/qp_table.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>

#include "base/rng.h"

namespace sluice::engine {
namespace {

constexpr uint64_t kQpnStream = 0x71706e;

uint32_t Bounded(uint32_t capacity) {
  return std::clamp<uint32_t>(capacity, 1, QpTable::kMaxCapacity);
}

}  // namespace

QpTable::QpTable(uint64_t seed, uint32_t capacity)
    : permutation_(Rng(seed, 0, kQpnStream).Next()),
      slot_bits_(std::bit_width(Bounded(capacity) - 1)),
      slots_(Bounded(capacity)) {
  for (uint32_t i = 0; i < slots_.size(); ++i) free_.push_back(i);
}

QpTable::~QpTable() {
  for (Slot& s : slots_) Clear(&s);
}

void QpTable::Clear(Slot* slot) {
  if (slot->qp == nullptr) return;
  std::destroy_at(slot->qp);
  blocks_->Free(slot->qp, slot->block_bytes);
  slot->qp = nullptr;
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
  uint32_t qpn;
  do {
    qpn = permutation_.Encrypt((s.generation++ << slot_bits_ | slot) & permutation_.kMask);
  } while (Reserved(qpn));
  const size_t room = transport::QueuePair::RoomFor(config);
  s.block_bytes = static_cast<uint32_t>(sizeof(transport::QueuePair) + room);
  std::byte* const block = static_cast<std::byte*>(blocks()->Allocate(s.block_bytes));
  s.qp = ::new (block) transport::QueuePair(qpn, config, block + sizeof(transport::QueuePair));
  ++size_;
  return s.qp;
}

void QpTable::Destroy(transport::QueuePair* qp) {
  if (qp->qpn() == kManagementQpn) {
    management_.reset();
    --size_;
    return;
  }
  const uint32_t slot = SlotOf(qp->qpn());
  Clear(&slots_[slot]);
  // The slot freed longest ago is used first, so that a QPN stays dead as long as possible.
  free_.push_back(slot);
  --size_;
}

}  // namespace sluice::engine
