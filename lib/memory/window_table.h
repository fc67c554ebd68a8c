// WindowTable: memory windows of type 2B, keys that open a part of a region to the peer of one
// queue pair, for as long as it is wanted. Made by a set-up call, opened and closed by work
// requests.
//
//   FREE    allocated; the key opens nothing
//   BOUND   its key opens [base, base + length) to the queue pair that bound it
//
// Of a window's key the upper 24 bits are ours, a keyed permutation of (slot, generation); the low
// byte is the consumer's and changes with each binding, so that an old key is stale. The two
// tables never have a key in common: RegionTable passes over the keys of windows, and a window is
// given no number under which a region has a key.
//
// Source: IBTA 1.4 vol. 1, 10.6.7.2 (memory windows of type 2) and 10.6.7.2.3 (type 2B: queue pair
// and protection domain are checked at each access); the same rules as Linux' soft-RoCE has.
//
// Off the hot path: it is asked when RegionTable has not found a key. One thread: the core that
// polls the engine; set-up calls run between two polls of it.
#ifndef SLUICE_MEMORY_WINDOW_TABLE_H_
#define SLUICE_MEMORY_WINDOW_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/key_permutation.h"
#include "memory/region_table.h"

namespace sluice::memory {

// Who wants something of a window.
struct WindowUser {
  uint32_t pd = 0;
  uint32_t qpn = 0;
};

// What a work request binds a window to.
struct WindowBinding {
  uint32_t key = 0;         // the new one, with the window's own upper 24 bits
  uint32_t region_key = 0;  // lkey of the region
  uint64_t address = 0;     // where it begins in the region
  uint64_t length = 0;
  uint8_t access = 0;  // kRemoteRead, kRemoteWrite, kRemoteAtomic, kZeroBased
};

class WindowTable {
 public:
  static constexpr size_t kMaxWindows = size_t{1} << 14;

  // Windows over the regions of `regions`, which owns this.
  WindowTable(uint64_t seed, RegionTable* regions);
  WindowTable(const WindowTable&) = delete;
  WindowTable& operator=(const WindowTable&) = delete;

  // A free window of `pd`; its key, with a low byte of 0. ResourceExhausted: kMaxWindows are in
  // use. Allocates.
  absl::StatusOr<uint32_t> Allocate(uint32_t pd);
  // Closes and forgets the window that has the upper 24 bits of `key`; NotFound.
  absl::Status Free(uint32_t key);

  // Opens a free window (IBTA 1.4, 10.6.7.2.2). False and no change: no such window or one that is
  // bound (o10-37.2.30); user and region of another domain (C10-72); no such region, or one that
  // was not registered with kMemoryWindowBind (C10-73); a right to write over a region without
  // local write (C10-74); not wholly inside the region (C10-75); length 0 (o10-37.2.40); a right
  // that windows do not have. The region need not grant a remote right itself.
  bool Bind(const WindowUser& user, const WindowBinding& binding);

  // Closes the window that is bound under `key`, for a work request or a SEND with invalidate of
  // its queue pair; false: it is no window bound by this one.
  bool Invalidate(uint32_t key, const WindowUser& user);

  // As RegionTable::Resolve; `access` is remote, anything else finds no key: a window's key is no
  // lkey. A length of zero is RegionTable's.
  Resolution Resolve(uint32_t key, const WindowUser& user, uint64_t va, Bytes length,
                     Access access) const;

  // Closes all windows of a queue pair that goes, or of a region that goes in spite of them.
  void CloseQueuePair(uint32_t qpn);
  void CloseRegion(uint32_t region_key);

  // Whether the upper 24 bits of `key` are a window's; RegionTable's lock is held.
  bool Owns(uint32_t key) const;
  size_t size() const { return slots_.size() - free_.size(); }
  size_t bound() const { return bound_; }

 private:
  struct Slot {
    uint32_t number = 0;  // 24 bits, not 0; 0: nobody's
    uint32_t key = 0;     // 0: free
    uint32_t pd = 0;
    uint32_t qpn = 0;
    uint32_t region_key = 0;
    uint32_t generation = 0;
    uint64_t base = 0;  // address as the peer names it
    uint64_t length = 0;
    uint8_t* memory = nullptr;  // what lies there
    uint8_t access = 0;
  };
  static constexpr int kIndexBits = 14;

  uint32_t IndexOf(uint32_t key) const {
    return numbers_.Decrypt(key >> 8) & ((1u << kIndexBits) - 1);
  }
  // The slot whose number `key` has, or null.
  Slot* Of(uint32_t key);
  void Close(Slot* slot);
  uint32_t NumberFor(Slot* slot, uint32_t index);

  RegionTable* const regions_;
  const NumberPermutation numbers_;
  std::vector<Slot> slots_;
  std::deque<uint32_t> free_;  // slots without a window, oldest first
  size_t bound_ = 0;
};

// What lies at `va` under the key of a region or, where no region has it, of a window.
inline Resolution ResolveEither(const RegionTable& regions, uint32_t key, const WindowUser& user,
                                uint64_t va, Bytes length, Access access) {
  const Resolution m = regions.Resolve(key, user.pd, va, length, access);
  if (m.fault != Fault::kKey) [[likely]]
    return m;
  return regions.windows().Resolve(key, user, va, length, access);
}

}  // namespace sluice::memory

#endif  // SLUICE_MEMORY_WINDOW_TABLE_H_
