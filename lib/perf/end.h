// End: the objects of one end of a run: domain, completion queue, memory, queue pairs.
#ifndef SLUICE_PERF_END_H_
#define SLUICE_PERF_END_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "perf/memory.h"
#include "perf/options.h"
#include "perf/pattern.h"
#include "verbs/verbs.h"

namespace sluice::perf {

// What the other end must know of one queue pair.
struct QpAddress {
  uint32_t qpn = 0;
  uint32_t psn = 0;
  uint64_t va = 0;  // of this queue pair's slots
  uint32_t rkey = 0;
};

// What the other end must know of this one.
struct EndAddress {
  std::string mac;
  std::string ip;
  std::vector<QpAddress> qps;
};

// a % n; most depths are powers of two, and a division costs as much as a post.
inline uint64_t Remainder(uint64_t a, uint32_t n) {
  return (n & (n - 1)) == 0 ? a & (n - 1) : a % n;
}

// A wr_id of a run: queue pair and message.
inline constexpr int kQpShift = 40;
inline constexpr uint64_t kMessageMask = (uint64_t{1} << kQpShift) - 1;
inline uint64_t WorkId(uint32_t qp, uint64_t message) {
  return uint64_t{qp} << kQpShift | (message & kMessageMask);
}
inline uint32_t QpOf(uint64_t wr_id) { return static_cast<uint32_t>(wr_id >> kQpShift); }

class End {
 public:
  // Options, pattern and device outlive the end.
  End(const Options& options, const Pattern& pattern, verbs::Device* device)
      : options_(options), pattern_(pattern), device_(device) {}

  // Makes everything but the connections. The target has 2 x depth slots per queue pair.
  absl::Status Open(bool target);
  EndAddress Address() const;
  // Polls the device until the router to a peer beyond the link is known.
  absl::Status Connect(const EndAddress& peer, bool extended);

  const Options& options() const { return options_; }
  const Pattern& pattern() const { return pattern_; }
  verbs::CompletionQueue& cq() { return *cq_; }
  verbs::QueuePair& qp(uint32_t i) { return *qps_[i]; }
  uint32_t slots() const { return 2 * options_.depth; }
  uint8_t* Slot(uint32_t qp, uint64_t message) const {
    return slots_->data() + (uint64_t{qp} * slots() + Remainder(message, slots())) * options_.size;
  }
  verbs::Segment SlotSegment(uint32_t qp, uint64_t message) const {
    return {Slot(qp, message), options_.size, slots_region_->lkey()};
  }
  verbs::Segment PatternSegment(uint32_t qp, uint64_t message) const {
    return {pattern_.Of(qp, message), options_.size, pattern_region_->lkey()};
  }
  // So many that it pays to fetch the memory of those to come ahead of their turn.
  bool many() const { return qps_.size() > 256; }
  // Fills every receive queue: slots for SENDs, nothing for the immediates of WRITEs.
  absl::Status PostAll();
  // Posts a receive of one slot, or of nothing (message 0).
  absl::Status PostSlot(uint32_t i, uint64_t message) {
    return PostSlot(qps_[i].get(), i, message);
  }
  absl::Status PostSlot(verbs::QueuePair* qp, uint32_t i, uint64_t message);
  absl::Status PostEmpty(uint32_t qp);

 private:
  absl::StatusOr<std::string> MacTowards(const EndAddress& peer);

  const Options& options_;
  const Pattern& pattern_;
  verbs::Device* device_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::unique_ptr<verbs::CompletionQueue> cq_;
  std::unique_ptr<AlignedMemory> slots_;
  std::unique_ptr<verbs::MemoryRegion> pattern_region_;
  std::unique_ptr<verbs::MemoryRegion> slots_region_;
  std::vector<std::unique_ptr<verbs::QueuePair>> qps_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_END_H_
