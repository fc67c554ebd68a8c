// QpTable: queue pairs by their number. A QPN is a keyed permutation of
//
//   the slot         as many low bits as the capacity needs
//   its generation   the bits above (7 of them at 100,000 queue pairs)
//
// so that a frame for a destroyed queue pair does not reach its successor, and a peer that knows
// some numbers cannot count on to those of others. The key comes from the seed. When queue pairs
// move between workers, the home worker's hint takes the top bits of the generation.
// One thread; lookup is O(1), and that of the same number again and again costs one comparison.
#ifndef SLUICE_ENGINE_QP_TABLE_H_
#define SLUICE_ENGINE_QP_TABLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/block_pool.h"
#include "base/checks.h"
#include "base/key_permutation.h"
#include "transport/queue_pair.h"

namespace sluice::engine {

class QpTable {
 public:
  // Leaves seven bits of generation.
  static constexpr uint32_t kMaxCapacity = 1 << 17;
  static constexpr uint32_t kManagementQpn = 1;

  QpTable(uint64_t seed, uint32_t capacity);
  ~QpTable();
  QpTable(const QpTable&) = delete;
  QpTable& operator=(const QpTable&) = delete;

  // Null when full, or when there is a queue pair for management already.
  transport::QueuePair* Create(const transport::QueuePairConfig& config);
  void Destroy(transport::QueuePair* qp);

  transport::QueuePair* Find(uint32_t qpn) const {
    if (qpn != last_.qpn) last_ = {qpn, SlotOf(qpn)};
    if (qpn == kManagementQpn) [[unlikely]]
      return management_.get();
    if (last_.slot >= slots_.size()) return nullptr;
    transport::QueuePair* qp = slots_[last_.slot].qp;
    if (qp == nullptr || (Enabled(Check::kQpn) && qp->qpn() != qpn)) return nullptr;
    return qp;
  }

  // The same for a burst in two steps, whose memory accesses overlap then: the slot is fetched, and
  // later looked into. For queue pairs that somebody may be about to ask for, by any number; null
  // when there is none in the slot.
  uint32_t Prefetch(uint32_t qpn) const {
    const uint32_t slot = SlotOf(qpn);
    if (slot < slots_.size()) __builtin_prefetch(&slots_[slot]);
    return slot;
  }
  const transport::QueuePair* InSlot(uint32_t slot) const {
    return slot < slots_.size() ? slots_[slot].qp : nullptr;
  }
  // The number that is looked up next is probably `qpn`, for which Prefetch said `slot`.
  void Expect(uint32_t qpn, uint32_t slot) { last_ = {qpn, slot}; }

  // Where queue pairs lie, for what else they take at set-up; outlives them.
  BlockPool* blocks() {
    if (blocks_ == nullptr) blocks_ = std::make_unique<BlockPool>();
    return blocks_.get();
  }

  size_t size() const { return size_; }
  // QPN 1, then in slot order.
  template <typename Each>
  void ForEach(const Each& each) const {
    if (management_ != nullptr) each(management_.get());
    for (const Slot& s : slots_) {
      if (s.qp != nullptr) each(s.qp);
    }
  }

 private:
  struct Slot {
    transport::QueuePair* qp = nullptr;  // in blocks_
    uint32_t generation = 0;
    uint32_t block_bytes = 0;
  };
  // 0 and 1 are the management queue pairs, 0xffffff is multicast.
  static bool Reserved(uint32_t qpn) { return qpn <= 1 || qpn == 0xffffff; }
  uint32_t SlotOf(uint32_t qpn) const {
    return permutation_.Decrypt(qpn) & ((1u << slot_bits_) - 1);
  }

  const NumberPermutation permutation_;
  const int slot_bits_;
  // The slot of the number that was looked up last; where it lies does not change.
  struct Hint {
    uint32_t qpn = ~0u;
    uint32_t slot = ~0u;
  };
  mutable Hint last_;
  void Clear(Slot* slot);

  // Each holds a queue pair and the slots of its queues, or a controller. Made with the first one:
  // an idle engine is small.
  std::unique_ptr<BlockPool> blocks_;
  std::vector<Slot> slots_;
  std::unique_ptr<transport::QueuePair> management_;
  std::deque<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_QP_TABLE_H_
