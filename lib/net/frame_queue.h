// FrameQueue: whole frames that wait to be sent, oldest first, in room that was taken once. A frame
// that finds no room is lost, like any other: who needs it asks again. One thread.
#ifndef SLUICE_NET_FRAME_QUEUE_H_
#define SLUICE_NET_FRAME_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::net {

inline constexpr size_t kMaxControlFrame = 1514;

class FrameQueue {
 public:
  explicit FrameQueue(size_t capacity) : frames_(capacity) {}

  // Room for the next frame, or nothing. It is in the queue once Commit says how long it is.
  std::span<uint8_t> Claim() {
    if (count_ == frames_.size()) return {};
    return frames_[(head_ + count_) % frames_.size()].bytes;
  }
  void Commit(size_t length) {
    frames_[(head_ + count_) % frames_.size()].length = length;
    ++count_;
  }

  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  // The oldest; not when empty.
  std::span<const uint8_t> Front() const {
    const Frame& f = frames_[head_];
    return {f.bytes.data(), f.length};
  }
  void Pop() {
    head_ = (head_ + 1) % frames_.size();
    --count_;
  }

 private:
  struct Frame {
    size_t length = 0;
    std::array<uint8_t, kMaxControlFrame> bytes;
  };
  std::vector<Frame> frames_;
  size_t head_ = 0;
  size_t count_ = 0;
};

}  // namespace sluice::net

#endif  // SLUICE_NET_FRAME_QUEUE_H_
