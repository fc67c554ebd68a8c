#include "memory/region_table.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/checks.h"
#include "memory/window_table.h"

namespace sluice::memory {
namespace {

constexpr uint8_t kAllRights = kLocalWrite | kRemoteWrite | kRemoteRead | kRemoteAtomic |
                               kMemoryWindowBind | kRemoteInvalidate;

absl::Status Check(uintptr_t base, Bytes length, Access access) {
  if (base == 0) return absl::InvalidArgumentError("memory region: the address is null");
  if (length <= Bytes(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory region: length ", length.count(), " is not positive"));
  }
  // The last byte may be the last of the address space.
  if (static_cast<uint64_t>(length.count()) - 1 > std::numeric_limits<uint64_t>::max() - base) {
    return absl::InvalidArgumentError("memory region: ends beyond the address space");
  }
  if ((access & ~kAllRights) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory region: unknown access right in ", static_cast<int>(access)));
  }
  if ((access & (kRemoteWrite | kRemoteAtomic)) != 0 && (access & kLocalWrite) == 0) {
    return absl::InvalidArgumentError(
        "memory region: remote write and remote atomic need local write as well");
  }
  return absl::OkStatus();
}

}  // namespace

RegionTable::RegionTable(uint64_t seed, size_t capacity)
    : capacity_(std::clamp<size_t>(capacity, 1, kMaxCapacity)),
      index_bits_(std::bit_width(capacity_ - 1)),
      permutation_(seed),
      slots_(std::make_unique<Slot[]>(capacity_)),
      free_(capacity_),
      free_count_(capacity_),
      windows_(std::make_unique<WindowTable>(seed, this)) {
  for (size_t i = 0; i < capacity_; ++i) free_[i] = static_cast<uint32_t>(i);
}

RegionTable::~RegionTable() = default;

absl::StatusOr<Keys> RegionTable::Register(uint32_t pd, void* base, Bytes length, Access access) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(base);
  if (absl::Status s = Check(address, length, access); !s.ok()) return s;
  const std::lock_guard lock(mutex_);
  if (free_count_ == 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("memory region: all ", capacity_, " entries are in use"));
  }
  const uint32_t index = free_[free_head_];
  free_head_ = (free_head_ + 1) % capacity_;
  --free_count_;
  Slot& slot = slots_[index];
  uint32_t key;
  do {  // 0 is what programs take for "no key"; the others are those of memory windows
    key = permutation_.Encrypt(slot.generation++ << index_bits_ | index);
  } while (key == 0 || windows_->Owns(key));
  const uint64_t times = (slot.state.load(std::memory_order_relaxed) >> 32) + 1;
  // Released one by one: a reader that still holds the old state and sees one of these stores also
  // sees, at its second look at the state, the 0 that Deregister stored before.
  slot.base.store(address, std::memory_order_release);
  slot.length.store(static_cast<uint64_t>(length.count()), std::memory_order_release);
  slot.pd.store(pd, std::memory_order_release);
  slot.access.store(access, std::memory_order_release);
  slot.registered = key;
  slot.state.store(times << 32 | key, std::memory_order_release);
  return Keys{key, key};
}

absl::Status RegionTable::Deregister(uint32_t key) {
  const uint32_t index = IndexOf(key);
  const std::lock_guard lock(mutex_);
  if (key == 0 || index >= capacity_ || slots_[index].registered != key) {
    return absl::NotFoundError(absl::StrCat("memory region: no region has key ", key));
  }
  Slot& slot = slots_[index];
  if (const uint32_t n = slot.windows.load(std::memory_order_relaxed); n != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "memory region: ", n, " memory windows are bound to it: invalidate them first"));
  }
  const uint64_t times = slot.state.load(std::memory_order_relaxed) >> 32;
  slot.state.store(times << 32, std::memory_order_release);
  slot.registered = 0;
  free_[(free_head_ + free_count_) % capacity_] = index;
  ++free_count_;
  return absl::OkStatus();
}

bool RegionTable::Invalidate(uint32_t key, uint32_t pd, Access access) {
  const uint32_t index = IndexOf(key);
  if (index >= capacity_ || key == 0) return false;
  Slot& slot = slots_[index];
  uint64_t state = slot.state.load(std::memory_order_acquire);
  if (static_cast<uint32_t>(state) != key) return false;
  const uint32_t owner = slot.pd.load(std::memory_order_acquire);
  const uint8_t rights = slot.access.load(std::memory_order_acquire);
  if (owner != pd || (access & ~rights) != 0) return false;
  if (slot.windows.load(std::memory_order_relaxed) != 0) return false;
  // Fails if the registration went, or was invalidated, in between.
  return slot.state.compare_exchange_strong(state, state >> 32 << 32, std::memory_order_acq_rel);
}

uint8_t* RegionTable::Pin(uint32_t key, uint32_t pd, uint64_t va, uint64_t length, Access access) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (length == 0 || length > kMost) return nullptr;
  const Resolution r = Resolve(key, pd, va, Bytes(static_cast<int64_t>(length)), access);
  if (r.fault != Fault::kNone) return nullptr;
  slots_[IndexOf(key)].windows.fetch_add(1, std::memory_order_relaxed);
  return r.address;
}

void RegionTable::Unpin(uint32_t key) {
  slots_[IndexOf(key)].windows.fetch_sub(1, std::memory_order_relaxed);
}

bool RegionTable::AnyKeyAbove(uint32_t number) const {
  for (uint32_t low = 0; low < 256; ++low) {
    const uint32_t key = number << 8 | low;
    const uint32_t index = IndexOf(key);
    if (index < capacity_ && slots_[index].registered == key) return true;
  }
  return false;
}

size_t RegionTable::size() const {
  const std::lock_guard lock(mutex_);
  return capacity_ - free_count_;
}

Resolution RegionTable::Resolve(uint32_t key, uint32_t pd, uint64_t va, Bytes length,
                                Access access) const {
  return ResolveAt(IndexOf(key), key, pd, va, length, access);
}

Resolution RegionTable::ResolveAt(uint32_t index, uint32_t key, uint32_t pd, uint64_t va,
                                  Bytes length, Access access) const {
  if (length == Bytes(0)) return {nullptr, Fault::kNone};
  if (index >= capacity_) return {nullptr, Fault::kKey};
  const Slot& slot = slots_[index];
  const uint64_t state = slot.state.load(std::memory_order_acquire);
  if (Enabled(sluice::Check::kKey) && (static_cast<uint32_t>(state) != key || key == 0)) {
    return {nullptr, Fault::kKey};
  }
  const uint64_t base = slot.base.load(std::memory_order_acquire);
  const uint64_t size = slot.length.load(std::memory_order_acquire);
  const uint32_t owner = slot.pd.load(std::memory_order_acquire);
  const uint8_t rights = slot.access.load(std::memory_order_acquire);
  // The slot may have been given to another registration in between: then this one is gone.
  if (slot.state.load(std::memory_order_relaxed) != state) return {nullptr, Fault::kKey};

  if (Enabled(sluice::Check::kDomain) && owner != pd) return {nullptr, Fault::kDomain};
  if (Enabled(sluice::Check::kRights) && (access & ~rights) != 0) {
    return {nullptr, Fault::kAccess};
  }
  // Differences, not sums: va + length may wrap. A negative length is a huge one here.
  const uint64_t offset = va - base;
  const uint64_t wanted = static_cast<uint64_t>(length.count());
  if (Enabled(sluice::Check::kBounds) && (offset > size || wanted > size - offset)) {
    return {nullptr, Fault::kBounds};
  }
  return {reinterpret_cast<uint8_t*>(va), Fault::kNone};
}

}  // namespace sluice::memory
