// Wheel: a hierarchical timing wheel for pacing and timers, from slots of 131 ns to the whole range
// of Time. Knows no congestion control and no packet.
//
// The slots only sort roughly: an entry keeps its deadline in picoseconds, the entries of a slot
// are a heap, and everything that the wheel says or does goes by the exact deadline. So slots
// accumulate no error, and a coarse slot never rounds a far timer.
//
// Levels: 512 near slots of 2^17 ps, then far levels of 64 slots each; a slot of far level k spans
// 2^(26 + 6k) ps, so the levels end where Time wraps and no deadline lies beyond them. An entry
// lives at the level of the highest bit in which its deadline differs from the wheel's position,
// and moves down when the position enters its slot. Bitmaps skip empty slots: a jump over hours
// costs as much as one over a slot. About 8 KiB.
//
// A slot holds a list of heap-ordered trees. Arming adds a tree of one entry without a comparison;
// the list is melded into one tree when its slot is the first in time and the order matters.
//
// Owner: one engine (or simulated node). Threads: one. Never allocates, reads no clock, never calls
// back. Sources: Varghese and Lauck, SOSP 1987 (hierarchical wheels); Ahuja et al., JACM 1990
// (radix heap: the choice of level); Stasko and Vitter, CACM 1987 (lazy pairing heap: the slots).
#ifndef SLUICE_WHEEL_WHEEL_H_
#define SLUICE_WHEEL_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/optional_time.h"
#include "base/time.h"

namespace sluice::wheel {

// One deadline of one owner, embedded in it (a send flow, a timer). In at most one wheel at a time.
// An armed entry must neither move in memory nor be destroyed: Cancel it first.
class Entry {
 public:
  Entry() = default;
  // `order` decides among equal deadlines: the lower comes first. Give different entries different
  // orders (a flow id), or the order of those that tie in both is unspecified, though
  // the same in every run.
  explicit Entry(uint64_t tie) : order(tie) {}
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  bool armed() const { return slot_ != kNoSlot; }
  // The exact time last armed; stays readable after the entry has become due or was cancelled.
  Time deadline() const { return deadline_; }

  // Change it only while the entry is not armed.
  uint64_t order = 0;

 private:
  friend class Wheel;
  static constexpr uint32_t kNoSlot = ~0u;

  Time deadline_;
  Entry* next_ = nullptr;   // next sibling
  Entry* child_ = nullptr;  // first of the entries below this one in its slot's heap
  Entry* prev_ = nullptr;   // previous sibling, or the parent of a first child, or null for a root
  uint32_t slot_ = kNoSlot;
};

class Wheel {
 public:
  // `start` is the time before the first Due; any value.
  explicit Wheel(Time start);
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;

  // Inserts the entry, or moves it if it is armed. A deadline in the past is due at once, before
  // all later ones. It must lie within Duration::Max() (53 days) of the last Due's `now`.
  void Arm(Entry* entry, Time deadline);

  // Arms the entry if it is not armed or the new deadline is earlier; else does nothing. The owner
  // whose deadline moved away finds out when it comes due too early, and arms again: cheaper than
  // to move a retransmission timer with every ACK.
  void ArmEarlier(Entry* entry, Time deadline) {
    if (!entry->armed() || deadline < entry->deadline_) Arm(entry, deadline);
  }

  // Takes the entry out; no-op if it is not armed (so also for one that Due has just taken out).
  void Cancel(Entry* entry);

  // Takes out the entries whose deadline is <= now, in exact (deadline, order) order, at most
  // out.size(); returns how many. If it filled `out`, call again for more. Those taken out are
  // unknown to the wheel: they may be armed again, cancelled or destroyed while the batch is being
  // worked on, and so may any other entry. `now` may jump; one that runs backwards takes out only
  // what is due then.
  size_t Due(Time now, std::span<Entry*> out) {
    if (size_ != 0 && first_->deadline_ <= now) return TakeDue(now, out);
    MoveTo(now);
    return 0;
  }

  // The exact deadline of the earliest entry, never its slot's edge; nullopt if none is armed.
  // O(1). May change with every other call.
  OptionalTime NextDeadline() const {
    if (size_ == 0) return std::nullopt;
    return first_->deadline_;
  }

  // Armed entries.
  size_t size() const { return size_; }

 private:
  static constexpr int kSlotShift = 17;
  static constexpr int kNearBits = 9;
  static constexpr int kFarBits = 6;
  static constexpr uint32_t kNearSlots = 1u << kNearBits;
  static constexpr uint32_t kFarSlots = 1u << kFarBits;
  static constexpr int kFarShift = kSlotShift + kNearBits;  // of the first far level
  static constexpr uint32_t kFarLevels = (64 - kFarShift + kFarBits - 1) / kFarBits;
  static constexpr int kLastShift = kFarShift + (kFarLevels - 1) * kFarBits;
  static constexpr uint32_t kAllSlots = kNearSlots + kFarLevels * kFarSlots;
  static constexpr uint32_t kWords = kAllSlots / 64;
  static_assert(kFarSlots == 64, "a far level is one word of slots_used_");

  // Where the slots of a level lie, by the number of bits in which a deadline and the position
  // differ: a table, because a branch would be a coin toss.
  struct Level {
    uint16_t first_slot = 0;
    uint16_t mask = 0;
    uint32_t shift = 0;
  };
  static constexpr std::array<Level, 65> MakeLevels() {
    std::array<Level, 65> levels{};
    for (int width = 0; width <= 64; ++width) {
      Level& level = levels[static_cast<size_t>(width)];
      if (width <= kFarShift) {
        level = {0, kNearSlots - 1, kSlotShift};
      } else {
        const int k = (width - 1 - kFarShift) / kFarBits;
        level = {static_cast<uint16_t>(kNearSlots + static_cast<uint32_t>(k) * kFarSlots),
                 kFarSlots - 1, static_cast<uint32_t>(kFarShift + k * kFarBits)};
      }
    }
    return levels;
  }
  static const std::array<Level, 65> kLevelOf;

  static bool Before(const Entry* a, const Entry* b) {
    const int64_t d = (a->deadline_ - b->deadline_).ps();
    return (d < 0) | ((d == 0) & (a->order < b->order));
  }
  static Entry* Meld(Entry* a, Entry* b);
  Entry* MeldAll(Entry* list);
  uint32_t SlotOf(Time deadline) const;
  void Place(Entry* entry);
  void Remove(Entry* entry);
  void ClearSlot(uint32_t slot);
  void Push(uint32_t slot, Entry* tree);
  void Advance(uint64_t position);
  // Moves the position on to `now`, unless that lies before it.
  void MoveTo(Time now) {
    if (now <= Time::FromPs(position_)) return;
    if ((now.ps() ^ position_) >> kFarShift == 0) [[likely]] {
      position_ = now.ps();
    } else {
      Advance(now.ps());
    }
  }
  size_t TakeDue(Time now, std::span<Entry*> out);
  void Cascade(uint32_t slot);
  uint32_t FirstSlot() const;
  Entry* FindFirst();
  Entry* DrainWord(uint32_t word, Time now, std::span<Entry*> out, size_t* taken);
  size_t Drain(Time now, std::span<Entry*> out);

  // No armed entry but a late one lies before the position, and late ones lie in the position's
  // near slot. At each far level the position's own slot is empty. At most one near window ahead of
  // the last `now`.
  uint64_t position_;
  Entry* first_;  // the earliest, or nil_
  size_t size_ = 0;
  // Stands for "none" in slots and links, so that links can be written without asking.
  Entry nil_;
  uint64_t words_used_ = 0;                    // bit w: slots_used_[w] is not zero
  std::array<uint64_t, kWords> slots_used_{};  // bit i of word w: slot 64 w + i has an entry
  std::array<Entry*, kAllSlots> trees_{};
};

}  // namespace sluice::wheel

#endif  // SLUICE_WHEEL_WHEEL_H_
