// RegionTable: the memory that an application has registered, and the one function that turns a
// (key, protection domain, address, length, access) into a pointer. Every access that a peer or a
// work request asks for goes through Resolve; there is no other way to the bytes.
//
// Source: IBTA 1.4 vol. 1, 10.6 (memory management) and 9.7.4 (responder's checks).
#ifndef SLUICE_MEMORY_REGION_TABLE_H_
#define SLUICE_MEMORY_REGION_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>  // check: allow thread: set-up calls only, never a poll core
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/key_permutation.h"
#include "base/units.h"

namespace sluice::memory {

// Rights of a region, and what an access needs. Local read is always granted and is the empty set.
// The values are those of libibverbs.
enum Access : uint8_t {
  kLocalRead = 0,
  kLocalWrite = 1,
  kRemoteWrite = 2,
  kRemoteRead = 4,
  kRemoteAtomic = 8,
  kMemoryWindowBind = 16,  // windows may be bound to the region
  kZeroBased = 32,         // of a window: a peer counts addresses from its start
  kRemoteInvalidate = 64,  // a peer may make the key unknown; libibverbs has it for windows only
};
constexpr Access operator|(Access a, Access b) {
  return static_cast<Access>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}

// The first check that failed, in this order.
enum class Fault : uint8_t {
  kNone,
  kKey,        // no such region now
  kDomain,     // the region belongs to another protection domain
  kQueuePair,  // the window was bound by another queue pair
  kAccess,     // a right is missing
  kBounds,     // not wholly inside the region
};

struct Resolution {
  uint8_t* address = nullptr;  // null with any fault, and for an access of length zero
  Fault fault = Fault::kNone;
};

// Both are the same number today; callers must not rely on it.
struct Keys {
  uint32_t lkey = 0;
  uint32_t rkey = 0;
};

class WindowTable;

class RegionTable {
 public:
  static constexpr size_t kMaxCapacity = size_t{1} << 19;

  // A table for `capacity` regions at a time (1 to kMaxCapacity, else clamped); 64 bytes each, all
  // allocated here. The seed decides the keys: give a run its own seed for determinism, a server an
  // unguessable one.
  RegionTable(uint64_t seed, size_t capacity);
  ~RegionTable();
  RegionTable(const RegionTable&) = delete;
  RegionTable& operator=(const RegionTable&) = delete;

  // Makes [base, base + length) known under a fresh key, valid for `pd`. A virtual address is the
  // pointer's value. InvalidArgument: null, length <= 0, an end beyond the address space, an
  // unknown right, remote write or atomic without local write (IBTA 10.6); ResourceExhausted:
  // full. Does not touch the memory, does not own it. Any thread; takes a lock that Resolve does
  // not. A key is never 0 and does not come back within 4,096 registrations of its slot; slots are
  // reused in the order in which they became free.
  absl::StatusOr<Keys> Register(uint32_t pd, void* base, Bytes length, Access access);

  // Makes the key unknown; NotFound if it is, FailedPrecondition while memory windows are bound to
  // the region (IBTA 1.4, 10.6.7.2.7). Any thread. A Resolve that runs at the same time on
  // another core may still succeed: the change is visible to a core at its next poll. The caller
  // (verbs) makes sure that nothing posted names the region, and frees the memory only after every
  // worker has begun a new poll.
  absl::Status Deregister(uint32_t key);

  // Makes the key unknown to Resolve if it belongs to `pd`, its region grants `access` and no
  // memory window is bound to it; false: nothing changed. The registration itself stays until
  // Deregister, which still takes the key. Any thread, no lock, no allocation: a SEND with
  // invalidate or a work request asks for it.
  bool Invalidate(uint32_t key, uint32_t pd, Access access);

  // Where `length` bytes at `va` lie, if `pd` may do `access` to all of them under `key`. Any
  // thread, no lock, no loop, safe against Register and Deregister on another thread: it judges by
  // one registration or finds none. All arguments may come from a peer. Length zero: succeeds with
  // a null address whatever the other arguments are, the key included (IBTA 9.7.4.1.5, C9-88: the
  // R_Key of a zero-length RDMA request is not validated). A negative length is kBounds.
  Resolution Resolve(uint32_t key, uint32_t pd, uint64_t va, Bytes length, Access access) const;

  // The same for a caller that names the same key again and again: the hint remembers where the
  // last key's slot lies and spares the permutation. One thread per hint; a stale one costs time
  // only.
  struct Hint {
    uint32_t key = 0;
    uint32_t index = 0;
  };
  Resolution Resolve(uint32_t key, uint32_t pd, uint64_t va, Bytes length, Access access,
                     Hint* hint) const {
    if (hint->key != key) *hint = {key, IndexOf(key)};
    return ResolveAt(hint->index, key, pd, va, length, access);
  }

  // Memory windows over these regions; asked where Resolve finds no key. See there for its thread.
  WindowTable& windows() { return *windows_; }
  const WindowTable& windows() const { return *windows_; }
  // For the windows. Where [va, va + length) lies, if `pd` may do `access` to it under `key`, and
  // one window more on the region; or null.
  uint8_t* Pin(uint32_t key, uint32_t pd, uint64_t va, uint64_t length, Access access);
  void Unpin(uint32_t key);
  // Whether a region has a key with these upper 24 bits; within Exclusively.
  bool AnyKeyAbove(uint32_t number) const;
  // Runs `work` while nobody registers.
  template <typename Work>
  void Exclusively(const Work& work) {
    const std::lock_guard lock(mutex_);
    work();
  }

  // Regions registered now. Any thread.
  size_t size() const;
  size_t capacity() const { return capacity_; }

 private:
  Resolution ResolveAt(uint32_t index, uint32_t key, uint32_t pd, uint64_t va, Bytes length,
                       Access access) const;
  // One line each: the poll cores read it, registration writes it.
  struct alignas(64) Slot {
    // Low half: the key, or 0 while the slot is free; high half: how often it was registered.
    std::atomic<uint64_t> state{0};
    std::atomic<uint64_t> base{0};
    std::atomic<uint64_t> length{0};
    std::atomic<uint32_t> pd{0};
    std::atomic<uint8_t> access{0};
    uint32_t generation = 0;           // of the next key; under the lock
    uint32_t registered = 0;           // the key as it was registered, 0: free; under the lock
    std::atomic<uint32_t> windows{0};  // bound to it
  };

  uint32_t IndexOf(uint32_t key) const {
    return permutation_.Decrypt(key) & ((1u << index_bits_) - 1);
  }

  const size_t capacity_;
  const int index_bits_;
  const KeyPermutation permutation_;
  const std::unique_ptr<Slot[]> slots_;
  // Guards free_*, Slot::generation and all writes to slots.
  mutable std::mutex mutex_;    // check: allow thread: set-up calls only, never a poll core
  std::vector<uint32_t> free_;  // a ring of slot numbers, oldest first
  size_t free_head_ = 0;
  size_t free_count_;
  const std::unique_ptr<WindowTable> windows_;
};

}  // namespace sluice::memory

#endif  // SLUICE_MEMORY_REGION_TABLE_H_
