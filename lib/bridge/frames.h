// Frames: the packet memory of a bridge. A frame is the switch's record and, behind it, bytes of
// its own: what comes in is copied once, so that a mark or a report never touches the sender's
// memory.
#ifndef SLUICE_BRIDGE_FRAMES_H_
#define SLUICE_BRIDGE_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "switch/switch_packet.h"

namespace sluice::bridge {

struct alignas(64) Frame : switching::SwitchPacket {
  Time arrival;  // at the far end of the line that it is on

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
};

// Grows by blocks and never shrinks. One thread.
class FramePool {
 public:
  // `room`: bytes of the longest frame. `first`: frames that are there from the beginning, touched,
  // so that no run waits for the kernel to find memory.
  FramePool(uint32_t room, size_t first);
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  Frame* Take();
  void Put(Frame* frame);

  uint32_t room() const { return room_; }
  size_t in_use() const { return in_use_; }

 private:
  struct Free {
    void operator()(uint8_t* block) const;
  };
  void Grow(size_t frames);

  const uint32_t room_;
  switching::SwitchPacket* free_ = nullptr;
  size_t in_use_ = 0;
  std::vector<std::unique_ptr<uint8_t, Free>> blocks_;
};

// Frames one behind the other, by SwitchPacket::next.
class FrameList {
 public:
  bool empty() const { return first_ == nullptr; }
  Frame* front() const { return first_; }
  size_t size() const { return size_; }
  void Append(Frame* frame) {
    frame->next = nullptr;
    if (first_ == nullptr) {
      first_ = frame;
    } else {
      last_->next = frame;
    }
    last_ = frame;
    ++size_;
  }
  Frame* Take() {
    Frame* const frame = first_;
    first_ = static_cast<Frame*>(frame->next);
    --size_;
    return frame;
  }

 private:
  Frame* first_ = nullptr;
  Frame* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_FRAMES_H_
