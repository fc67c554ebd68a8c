#include "memory/window_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checks.h"

namespace sluice::memory {
namespace {

constexpr uint64_t kPurpose = 0x77696e646f77;
constexpr uint8_t kRemote = kRemoteWrite | kRemoteRead | kRemoteAtomic;
constexpr uint8_t kWindowRights = kRemote | kZeroBased;

}  // namespace

WindowTable::WindowTable(uint64_t seed, RegionTable* regions)
    : regions_(regions), numbers_(Mix64(seed ^ kPurpose)) {}

WindowTable::Slot* WindowTable::Of(uint32_t key) {
  const uint32_t index = IndexOf(key);
  if (index >= slots_.size() || key >> 8 == 0 || slots_[index].number != key >> 8) return nullptr;
  return &slots_[index];
}

bool WindowTable::Owns(uint32_t key) const {
  const uint32_t index = IndexOf(key);
  return index < slots_.size() && slots_[index].number == key >> 8;
}

uint32_t WindowTable::NumberFor(Slot* slot, uint32_t index) {
  uint32_t number;
  do {
    number =
        numbers_.Encrypt((slot->generation++ << kIndexBits | index) & NumberPermutation::kMask);
  } while (number == 0 || regions_->AnyKeyAbove(number));
  return number;
}

absl::StatusOr<uint32_t> WindowTable::Allocate(uint32_t pd) {
  if (free_.empty()) {
    if (slots_.size() == kMaxWindows) {
      return absl::ResourceExhaustedError(
          absl::StrCat("memory window: all ", kMaxWindows, " are in use"));
    }
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    regions_->Exclusively([this] { slots_.emplace_back(); });
  }
  const uint32_t index = free_.front();
  free_.pop_front();
  Slot& slot = slots_[index];
  regions_->Exclusively([&] { slot.number = NumberFor(&slot, index); });
  slot.pd = pd;
  return slot.number << 8;
}

absl::Status WindowTable::Free(uint32_t key) {
  Slot* slot = Of(key);
  if (slot == nullptr) {
    return absl::NotFoundError(absl::StrCat("memory window: no window has key ", key));
  }
  Close(slot);
  regions_->Exclusively([slot] { slot->number = 0; });
  free_.push_back(static_cast<uint32_t>(slot - slots_.data()));
  return absl::OkStatus();
}

bool WindowTable::Bind(const WindowUser& user, const WindowBinding& b) {
  Slot* slot = Of(b.key);
  if (slot == nullptr || slot->key != 0 || slot->pd != user.pd) return false;
  if (b.length == 0 || (b.access & ~kWindowRights) != 0) return false;
  uint8_t needed = kMemoryWindowBind;
  if ((b.access & (kRemoteWrite | kRemoteAtomic)) != 0) needed |= kLocalWrite;
  uint8_t* memory =
      regions_->Pin(b.region_key, user.pd, b.address, b.length, static_cast<Access>(needed));
  if (memory == nullptr) return false;
  slot->key = b.key;
  slot->qpn = user.qpn;
  slot->region_key = b.region_key;
  slot->base = (b.access & kZeroBased) != 0 ? 0 : b.address;
  slot->length = b.length;
  slot->memory = memory;
  slot->access = b.access & kRemote;
  ++bound_;
  return true;
}

void WindowTable::Close(Slot* slot) {
  if (slot->key == 0) return;
  regions_->Unpin(std::exchange(slot->region_key, 0));
  slot->key = 0;
  slot->memory = nullptr;
  slot->length = 0;
  slot->access = 0;
  --bound_;
}

bool WindowTable::Invalidate(uint32_t key, const WindowUser& user) {
  Slot* slot = Of(key);
  if (slot == nullptr || slot->key != key || slot->pd != user.pd || slot->qpn != user.qpn) {
    return false;
  }
  Close(slot);
  return true;
}

Resolution WindowTable::Resolve(uint32_t key, const WindowUser& user, uint64_t va, Bytes length,
                                Access access) const {
  const uint32_t index = IndexOf(key);
  if (index >= slots_.size() || key >> 8 == 0 || (access & kRemote) == 0) {
    return {nullptr, Fault::kKey};
  }
  const Slot& slot = slots_[index];
  if (slot.key != key) return {nullptr, Fault::kKey};
  if (Enabled(sluice::Check::kDomain) && slot.pd != user.pd) return {nullptr, Fault::kDomain};
  if (Enabled(sluice::Check::kWindowQueuePair) && slot.qpn != user.qpn) {
    return {nullptr, Fault::kQueuePair};
  }
  if (Enabled(sluice::Check::kRights) && (access & ~slot.access) != 0) {
    return {nullptr, Fault::kAccess};
  }
  // Differences, not sums, as in RegionTable.
  const uint64_t offset = va - slot.base;
  const uint64_t wanted = static_cast<uint64_t>(length.count());
  if (Enabled(sluice::Check::kBounds) && (offset > slot.length || wanted > slot.length - offset)) {
    return {nullptr, Fault::kBounds};
  }
  return {slot.memory + offset, Fault::kNone};
}

void WindowTable::CloseQueuePair(uint32_t qpn) {
  if (bound_ == 0) return;
  for (Slot& slot : slots_) {
    if (slot.key != 0 && slot.qpn == qpn) Close(&slot);
  }
}

void WindowTable::CloseRegion(uint32_t region_key) {
  if (bound_ == 0) return;
  for (Slot& slot : slots_) {
    if (slot.key != 0 && slot.region_key == region_key) Close(&slot);
  }
}

}  // namespace sluice::memory
