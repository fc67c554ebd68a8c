#include "bridge/frames.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace sluice::bridge {
namespace {

constexpr std::align_val_t kAlign{alignof(Frame)};
constexpr size_t kBlock = 256;

size_t Stride(uint32_t room) {
  return sizeof(Frame) + (room + alignof(Frame) - 1) / alignof(Frame) * alignof(Frame);
}

}  // namespace

void FramePool::Free::operator()(uint8_t* block) const { ::operator delete(block, kAlign); }

FramePool::FramePool(uint32_t room, size_t first) : room_(room) { Grow(std::max(first, kBlock)); }

void FramePool::Grow(size_t frames) {
  const size_t stride = Stride(room_);
  auto* const block = static_cast<uint8_t*>(::operator new(stride* frames, kAlign));
  blocks_.emplace_back(block);
  std::memset(block, 0, stride * frames);
  for (size_t i = frames; i-- > 0;) {
    Frame* const frame = ::new (static_cast<void*>(block + i * stride)) Frame;
    frame->next = free_;
    free_ = frame;
  }
}

Frame* FramePool::Take() {
  if (free_ == nullptr) Grow(kBlock);
  Frame* const frame = static_cast<Frame*>(free_);
  free_ = frame->next;
  ::new (static_cast<void*>(frame)) Frame;
  frame->header = frame->bytes();
  ++in_use_;
  return frame;
}

void FramePool::Put(Frame* frame) {
  frame->next = free_;
  free_ = frame;
  --in_use_;
}

}  // namespace sluice::bridge
