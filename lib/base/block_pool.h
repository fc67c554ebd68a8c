// BlockPool: memory for very many objects of few sizes, close together and on huge pages.
//
// A hundred thousand queue pairs on small pages cost a page walk with nearly every line that they
// touch. Here blocks of one size are cut from arenas of 2 MiB that ask the kernel for one huge page
// each (madvise, MADV_HUGEPAGE). Where there are no huge pages an arena is 2 MiB of small ones.
//
// The first megabyte comes from the heap, so that what has a few blocks neither maps nor pays for
// an arena; blocks larger than kLargest come from there always. An arena without a block in use is
// given back to the system, but for one of each size.
//
// Set-up only: allocates, and makes system calls. One thread. Blocks that are still in use when the
// pool ends are the owner's mistake; those in arenas vanish with it.
#ifndef SLUICE_BASE_BLOCK_POOL_H_
#define SLUICE_BASE_BLOCK_POOL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

// Whoever looks for uses after the end gets everything from the heap.
#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_SANITIZED 1
#elif defined(__has_feature)
#define SLUICE_SANITIZED __has_feature(address_sanitizer)
#else
#define SLUICE_SANITIZED 0
#endif

namespace sluice {

class BlockPool {
 public:
  static constexpr size_t kLine = 64;
  static constexpr size_t kArena = size_t{2} << 20;
  static constexpr size_t kLargest = kArena / 4;
  static constexpr size_t kFromHeap = size_t{1} << (SLUICE_SANITIZED ? 62 : 20);

  // `from_heap`: bytes that the heap gives before the first arena.
  explicit BlockPool(size_t from_heap = kFromHeap);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // `size` bytes, not zeroed, on a cache line; never null. Ends the program as operator new does
  // when there is no memory.
  void* Allocate(size_t size);
  // With the size that was asked for.
  void Free(void* block, size_t size);

  size_t arenas() const { return arenas_.size(); }
  size_t heap_bytes() const { return heap_bytes_; }
  // What a block of that size takes: an odd number of lines, so that the same line of different
  // blocks falls into different sets of a cache.
  static constexpr size_t Rounded(size_t size) {
    const size_t lines = (size + kLine - 1) / kLine;
    return (lines | 1) * kLine;
  }

 private:
  struct Arena;
  struct Unmap {
    void operator()(Arena* arena) const;
  };
  using Arenas = std::map<uintptr_t, std::unique_ptr<Arena, Unmap>>;

  Arena* WithRoom(size_t size);
  void* FromHeap(size_t size);
  void Release(Arena* arena);

  size_t left_from_heap_;
  size_t heap_bytes_ = 0;
  Arenas arenas_;                                // by the address of their memory
  std::map<size_t, std::vector<Arena*>> rooms_;  // by the size of their blocks: those not full
};

}  // namespace sluice

#undef SLUICE_SANITIZED

#endif  // SLUICE_BASE_BLOCK_POOL_H_
