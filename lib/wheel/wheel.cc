#include "wheel/wheel.h"

#include <bit>

namespace sluice::wheel {

constexpr std::array<Wheel::Level, 65> Wheel::kLevelOf = Wheel::MakeLevels();

Wheel::Wheel(Time start) : position_(start.ps()), first_(&nil_) {
  nil_.child_ = nil_.next_ = nil_.prev_ = &nil_;
  trees_.fill(&nil_);
}

// Links two trees into one and returns its root, whose next_ and prev_ the caller sets. Without a
// branch: which of the two comes first is a coin toss.
Entry* Wheel::Meld(Entry* a, Entry* b) {
  const uintptr_t swap = (reinterpret_cast<uintptr_t>(a) ^ reinterpret_cast<uintptr_t>(b)) &
                         (uintptr_t{0} - uintptr_t{Before(b, a)});
  Entry* const root = reinterpret_cast<Entry*>(reinterpret_cast<uintptr_t>(a) ^ swap);
  Entry* const other = reinterpret_cast<Entry*>(reinterpret_cast<uintptr_t>(b) ^ swap);
  Entry* const child = root->child_;
  other->prev_ = root;
  other->next_ = child;
  child->prev_ = other;
  root->child_ = other;
  return root;
}

// Melds a list of trees, maybe empty, into one tree: in pairs from the left, then the pairs from
// the right, which is what makes the heap's costs logarithmic. Returns its root, or nil.
Entry* Wheel::MeldAll(Entry* list) {
  if (list->next_ == &nil_ || list == &nil_) return list;
  Entry* pairs = &nil_;
  while (list != &nil_) {
    Entry* a = list;
    Entry* const b = a->next_;
    list = b->next_;  // nil follows itself
    if (b != &nil_) a = Meld(a, b);
    a->next_ = pairs;
    pairs = a;
  }
  Entry* root = pairs;
  pairs = pairs->next_;
  while (pairs != &nil_) {
    Entry* const next = pairs->next_;
    root = Meld(root, pairs);
    pairs = next;
  }
  root->next_ = &nil_;
  root->prev_ = &nil_;
  return root;
}

// A late deadline stands at the position itself.
uint32_t Wheel::SlotOf(Time deadline) const {
  uint64_t t = deadline.ps();
  if (static_cast<int64_t>(t - position_) < 0) t = position_;
  const Level& level = kLevelOf[static_cast<size_t>(std::bit_width(t ^ position_))];
  return level.first_slot + (static_cast<uint32_t>(t >> level.shift) & level.mask);
}

// Puts an entry that is in no slot into its slot, as a tree of its own.
void Wheel::Place(Entry* entry) {
  const uint32_t slot = SlotOf(entry->deadline_);
  entry->slot_ = slot;
  entry->child_ = &nil_;
  Push(slot, entry);
  slots_used_[slot / 64] |= uint64_t{1} << (slot % 64);
  words_used_ |= uint64_t{1} << (slot / 64);
}

void Wheel::Push(uint32_t slot, Entry* tree) {
  Entry* const others = trees_[slot];
  tree->next_ = others;
  tree->prev_ = &nil_;
  others->prev_ = tree;
  trees_[slot] = tree;
}

// Takes an armed entry out of its slot; leaves first_ to the caller.
void Wheel::Remove(Entry* entry) {
  const uint32_t slot = entry->slot_;
  Entry* const prev = entry->prev_;
  Entry* const next = entry->next_;
  if (prev == &nil_) {
    trees_[slot] = next;
  } else {
    (prev->child_ == entry ? prev->child_ : prev->next_) = next;
  }
  next->prev_ = prev;
  Entry* const below = MeldAll(entry->child_);
  if (below != &nil_) Push(slot, below);
  if (trees_[slot] == &nil_) ClearSlot(slot);
  entry->slot_ = Entry::kNoSlot;
  --size_;
}

void Wheel::ClearSlot(uint32_t slot) {
  const uint64_t left = slots_used_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  words_used_ &= ~(uint64_t{left == 0} << (slot / 64));
}

// Moves the position on. No entry may lie before the new one. Then every level below the highest
// one that changes is empty, for what it held lay before; and at that level only the slot that the
// position enters must be dealt out to the levels below.
void Wheel::Advance(uint64_t position) {
  const uint64_t differing = (position ^ position_) >> kFarShift;
  position_ = position;
  if (differing == 0) return;
  const uint32_t level = static_cast<uint32_t>(std::bit_width(differing) - 1) / kFarBits;
  const uint32_t index =
      static_cast<uint32_t>(position >> (kFarShift + level * kFarBits)) % kFarSlots;
  if ((slots_used_[kNearSlots / 64 + level] >> index & 1) != 0) {
    Cascade(kNearSlots + level * kFarSlots + index);
  }
}

// Deals the entries of a slot out to where they belong as seen from the position. Walks the heap
// with a stack of sibling lists that is linked through prev_ of each list's first entry.
void Wheel::Cascade(uint32_t slot) {
  Entry* stack = trees_[slot];
  trees_[slot] = &nil_;
  ClearSlot(slot);
  while (stack != &nil_) {
    Entry* const entry = stack;
    Entry* const next = entry->next_;
    Entry* const child = entry->child_;
    next->prev_ = entry->prev_;
    stack = next != &nil_ ? next : entry->prev_;
    child->prev_ = stack;
    stack = child != &nil_ ? child : stack;
    Place(entry);
  }
}

// All of a level comes before all of the level above, and slots are in the order of time; only the
// last level is a circle, which starts at the position.
uint32_t Wheel::FirstSlot() const {
  const uint32_t word = static_cast<uint32_t>(std::countr_zero(words_used_));
  uint64_t used = slots_used_[word];
  if (word == kWords - 1) {
    const uint64_t ahead = used & ~uint64_t{0} << (position_ >> kLastShift);
    if (ahead != 0) used = ahead;
  }
  return word * 64 + static_cast<uint32_t>(std::countr_zero(used));
}

// Makes the earliest entry the root of its slot and returns it. With no near entry left, a slot of
// the first far level is dealt out before its time, which is cheaper than to order it as a heap:
// deadlines that are armed before the new position meanwhile are late ones, and come in order too.
Entry* Wheel::FindFirst() {
  if (words_used_ == 0) return &nil_;
  uint32_t slot = FirstSlot();
  if (slot >= kNearSlots && slot < kNearSlots + kFarSlots) {
    const uint64_t block = position_ >> (kFarShift + kFarBits) << kFarBits | (slot - kNearSlots);
    Advance(block << kFarShift);
    slot = FirstSlot();
  }
  return trees_[slot] = MeldAll(trees_[slot]);
}

void Wheel::Arm(Entry* entry, Time deadline) {
  if (entry->armed()) Cancel(entry);
  entry->deadline_ = deadline;
  Place(entry);
  ++size_;
  if (size_ == 1 || Before(entry, first_)) first_ = entry;
}

void Wheel::Cancel(Entry* entry) {
  if (!entry->armed()) return;
  Remove(entry);
  if (entry == first_) first_ = FindFirst();
}

// Takes due entries out of the near slots of one word of the bitmap, which stays in a register
// meanwhile. Returns the first entry that is not due; nil when it did not meet one.
Entry* Wheel::DrainWord(uint32_t word, Time now, std::span<Entry*> out, size_t* taken) {
  size_t n = *taken;
  uint64_t used = slots_used_[word];
  Entry* not_due = &nil_;
  while (used != 0 && n < out.size()) {
    const uint32_t slot = word * 64 + static_cast<uint32_t>(std::countr_zero(used));
    Entry* const entry = MeldAll(trees_[slot]);
    if (entry->deadline_ > now) {
      trees_[slot] = not_due = entry;
      break;
    }
    Entry* const below = MeldAll(entry->child_);
    below->prev_ = &nil_;
    trees_[slot] = below;
    used = below == &nil_ ? used & (used - 1) : used;
    entry->slot_ = Entry::kNoSlot;
    out[n++] = entry;
  }
  slots_used_[word] = used;
  words_used_ &= ~(uint64_t{used == 0} << word);
  size_ -= n - *taken;
  *taken = n;
  return not_due;
}

// Takes due entries out until `out` is full or none is due, and finds the new first one.
size_t Wheel::Drain(Time now, std::span<Entry*> out) {
  size_t n = 0;
  while (words_used_ != 0 && n < out.size()) {
    const uint32_t word = static_cast<uint32_t>(std::countr_zero(words_used_));
    if (word < kNearSlots / 64) {
      first_ = DrainWord(word, now, out, &n);
      if (first_ != &nil_) return n;
      continue;
    }
    first_ = FindFirst();
    if (first_->slot_ < kNearSlots) continue;
    if (first_->deadline_ > now) return n;
    if (first_->child_ != &nil_) {
      // A slot with company is dealt out, which sorts it more cheaply than its heap would.
      Advance(first_->deadline_.ps());
    } else {
      out[n++] = first_;
      Remove(first_);
    }
  }
  first_ = FindFirst();
  return n;
}

size_t Wheel::TakeDue(Time now, std::span<Entry*> out) {
  const size_t n = Drain(now, out);
  if (size_ == 0 || first_->deadline_ > now) MoveTo(now);
  return n;
}

}  // namespace sluice::wheel
