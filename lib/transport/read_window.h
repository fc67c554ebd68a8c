// ReadWindow: which READ and atomic requests of a requester are outstanding, and which PSNs each of
// them covers. There are at most as many as the initiator depth that was agreed with the peer
// (IBTA 1.4, 9.7.5.1.4 and the "responder resources" of 12.7.29), so a small array holds them all.
//
// Its two uses: no more requests than the depth, and a request that is sent again ends where the
// first one ended, because a responder looks a duplicate up by the range that it has seen.
// Plain data, no I/O; the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_READ_WINDOW_H_
#define SLUICE_TRANSPORT_READ_WINDOW_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/psn.h"

namespace sluice::transport {

class ReadWindow {
 public:
  // The largest depth in either direction.
  static constexpr uint8_t kMaxDepth = 16;

  // Forgets all; `depth` is cut to kMaxDepth. With depth 0 nothing may be sent.
  void Start(uint8_t depth) {
    SetDepth(depth);
    Clear();
  }
  void Clear() { head_ = count_ = 0; }
  // For requests that are still to come.
  void SetDepth(uint8_t depth) {
    depth_ = std::min(depth, kMaxDepth);
    if (depth_ > 0 && entries_ == nullptr) entries_ = std::make_unique<Entries>();
  }

  uint8_t depth() const { return depth_; }
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ >= depth_; }
  uint8_t count() const { return count_; }

  // A request that goes out for the first time and takes the PSNs first to last; not when full().
  void Add(Psn first, Psn last) {
    At(count_) = {first, last};
    ++count_;
  }
  // Everything before `una` is answered.
  void Advance(Psn una) {
    while (count_ > 0 && At(0).last < una) {
      head_ = static_cast<uint8_t>((head_ + 1) % kMaxDepth);
      --count_;
    }
  }

  // The first PSN, not before `una`, that only a response can acknowledge; not when empty().
  Psn FirstMissing(Psn una) const {
    const Psn first = At(0).first;
    return first < una ? una : first;
  }
  // Whether a request that began before `psn` is outstanding.
  bool AnyBefore(Psn psn) const { return count_ > 0 && At(0).first < psn; }
  // Whether `psn` belongs to an outstanding request; *last is then where that one ends.
  bool Find(Psn psn, Psn* last) const {
    for (uint8_t i = 0; i < count_; ++i) {
      const Entry& e = At(i);
      if (psn > e.last) continue;
      *last = e.last;
      return psn >= e.first;
    }
    return false;
  }

 private:
  struct Entry {
    Psn first, last;
  };
  using Entries = std::array<Entry, kMaxDepth>;
  Entry& At(uint32_t i) { return (*entries_)[(head_ + i) % kMaxDepth]; }
  const Entry& At(uint32_t i) const { return (*entries_)[(head_ + i) % kMaxDepth]; }
  // First, beside what the requester reads with every acknowledgement.
  uint8_t count_ = 0;
  uint8_t head_ = 0;
  uint8_t depth_ = 0;
  std::unique_ptr<Entries> entries_;  // made at set-up, only by those that may read
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_READ_WINDOW_H_
