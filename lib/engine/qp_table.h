// QpTable: queue pairs by their number. A QPN is
//
//   bits 23-21  home worker, a hint (always 0 until queue pairs move between workers)
//   bits 20-16  generation of the slot
//   bits 15-0   slot
//
// so that a frame for a destroyed queue pair does not reach its successor. Slots are handed out in
// an order drawn from the seed, generations start at drawn values. One thread; lookup is O(1).
#ifndef SLUICE_ENGINE_QP_TABLE_H_
#define SLUICE_ENGINE_QP_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "transport/queue_pair.h"

namespace sluice::engine {

class QpTable {
 public:
  // QPNs 0 and 1 are the management queue pairs, 0xffffff is multicast.
  static constexpr uint32_t kFirstSlot = 2;
  static constexpr uint32_t kManagementQpn = 1;
  static constexpr uint32_t kMaxCapacity = 65000;

  QpTable(uint64_t seed, uint32_t capacity);

  // Null when full, or when there is a queue pair for management already.
  transport::QueuePair* Create(const transport::QueuePairConfig& config);
  void Destroy(transport::QueuePair* qp);

  transport::QueuePair* Find(uint32_t qpn) const {
    const uint32_t slot = (qpn & 0xffff) - kFirstSlot;
    if (slot >= slots_.size()) return qpn == kManagementQpn ? management_.get() : nullptr;
    transport::QueuePair* qp = slots_[slot].qp.get();
    return qp != nullptr && qp->qpn() == qpn ? qp : nullptr;
  }

  size_t size() const { return size_; }
  // QPN 1, then in slot order.
  template <typename Each>
  void ForEach(const Each& each) const {
    if (management_ != nullptr) each(management_.get());
    for (const Slot& s : slots_) {
      if (s.qp != nullptr) each(s.qp.get());
    }
  }

 private:
  struct Slot {
    std::unique_ptr<transport::QueuePair> qp;
    uint8_t generation = 0;
  };
  std::vector<Slot> slots_;
  std::unique_ptr<transport::QueuePair> management_;
  std::deque<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_QP_TABLE_H_
