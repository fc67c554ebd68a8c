#include "base/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace sluice {

// Its description lies apart from its memory, every line of which belongs to the blocks.
struct BlockPool::Arena {
  std::byte* memory = nullptr;
  size_t block = 0;      // bytes of one
  size_t used = 0;       // blocks in use
  size_t fresh = 0;      // bytes from here on were never lent
  void* free = nullptr;  // blocks given back; each begins with a pointer to the next
  bool full() const { return free == nullptr && fresh + block > kArena; }
};

void BlockPool::Unmap::operator()(Arena* arena) const {
  munmap(arena->memory, kArena);
  delete arena;
}

namespace {

// 2 MiB that begin at a multiple of it, or null.
std::byte* MapArena() {
  constexpr size_t kSize = BlockPool::kArena;
  void* const map =
      mmap(nullptr, 2 * kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(map);
  const size_t before = (kSize - begin % kSize) % kSize;
  std::byte* const arena = static_cast<std::byte*>(map) + before;
  if (before > 0) munmap(map, before);
  munmap(arena + kSize, kSize - before);
  // A refusal costs speed and nothing else.
  static_cast<void>(madvise(arena, kSize, MADV_HUGEPAGE));
  return arena;
}

constexpr std::align_val_t kOnALine{BlockPool::kLine};

}  // namespace

BlockPool::BlockPool(size_t from_heap) : left_from_heap_(from_heap) {}

BlockPool::~BlockPool() = default;

void* BlockPool::FromHeap(size_t size) {
  heap_bytes_ += size;
  return ::operator new(size, kOnALine);
}

BlockPool::Arena* BlockPool::WithRoom(size_t size) {
  std::vector<Arena*>& rooms = rooms_[size];
  if (!rooms.empty()) return rooms.back();
  std::byte* const memory = MapArena();
  if (memory == nullptr) return nullptr;
  std::unique_ptr<Arena, Unmap> arena(new Arena);
  arena->memory = memory;
  arena->block = size;
  rooms.push_back(arena.get());
  return (arenas_[reinterpret_cast<uintptr_t>(memory)] = std::move(arena)).get();
}

void* BlockPool::Allocate(size_t wanted) {
  const size_t size = Rounded(wanted);
  if (size > kLargest) return FromHeap(size);
  if (size <= left_from_heap_) {
    left_from_heap_ -= size;
    return FromHeap(size);
  }
  Arena* const arena = WithRoom(size);
  if (arena == nullptr) return FromHeap(size);
  void* block = arena->free;
  if (block != nullptr) {
    arena->free = *static_cast<void**>(block);
  } else {
    block = arena->memory + arena->fresh;
    arena->fresh += size;
  }
  ++arena->used;
  if (arena->full()) rooms_[size].pop_back();
  return block;
}

void BlockPool::Free(void* block, size_t wanted) {
  const size_t size = Rounded(wanted);
  const uintptr_t address = reinterpret_cast<uintptr_t>(block);
  const auto found = arenas_.find(address - address % kArena);
  if (found == arenas_.end()) {
    heap_bytes_ -= size;
    if (size <= kLargest) left_from_heap_ += size;
    ::operator delete(block, kOnALine);
    return;
  }
  Arena* const arena = found->second.get();
  if (arena->full()) rooms_[size].push_back(arena);
  *static_cast<void**>(block) = arena->free;
  arena->free = block;
  if (--arena->used == 0) Release(arena);
}

void BlockPool::Release(Arena* arena) {
  std::vector<Arena*>& rooms = rooms_[arena->block];
  if (rooms.size() == 1) return;
  rooms.erase(std::find(rooms.begin(), rooms.end(), arena));
  arenas_.erase(reinterpret_cast<uintptr_t>(arena->memory));
}

}  // namespace sluice
