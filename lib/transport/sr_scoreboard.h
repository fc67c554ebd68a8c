// Scoreboards of selective repeat: what a sender and a receiver know of each packet in the window.
//
// They lie in blocks of 64 PSNs that a queue pair borrows from its engine's pool while it needs
// them (docs/decisions/0006-borrowed-scoreboards.md): the sender for what is outstanding, the
// receiver for what arrived out of order. An empty pool shrinks the window and is counted.
//
// Packets are named by a sequence of 64 bits whose low 24 are the PSN, so that nothing here wraps.
// Owner: one engine. One thread; no allocation after set-up.
#ifndef SLUICE_TRANSPORT_SR_SCOREBOARD_H_
#define SLUICE_TRANSPORT_SR_SCOREBOARD_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/psn.h"
#include "base/time.h"
#include "transport/work.h"

namespace sluice::transport {

// Bounds of the window that two ends agree on; a power of two.
inline constexpr uint32_t kLeastTrackingWindow = 64;
inline constexpr uint32_t kMostTrackingWindow = 16384;

inline constexpr uint32_t kBlockPackets = 64;

// The sequence nearest to `near` that has this PSN.
constexpr uint64_t SequenceNear(uint64_t near, Psn psn) {
  return near + static_cast<uint64_t>(static_cast<int64_t>(psn - Psn(static_cast<uint32_t>(near))));
}
constexpr Psn PsnOf(uint64_t sequence) { return Psn(static_cast<uint32_t>(sequence)); }

// What a sender knows. Bit i of a mask is the packet i of the block.
struct SendBlock {
  uint64_t delivered = 0;
  uint64_t lost = 0;  // waits to be sent again; not in flight
  uint64_t resent = 0;
  uint64_t app_limited = 0;  // nothing more was waiting when it was sent
  uint64_t probed = 0;       // was sent again to ask, not for lost
  std::array<Time, kBlockPackets> sent;
  std::array<uint32_t, kBlockPackets> delivered_before;  // low bits of the bytes delivered then
  std::array<uint16_t, kBlockPackets> length;
  std::array<uint8_t, kBlockPackets> attempt;
  SendBlock* next_free = nullptr;

  void Clear() { delivered = lost = resent = app_limited = probed = 0; }
};

// What a data packet said that matters once its turn comes.
struct ReceivedPacket {
  uint32_t message = 0;
  uint32_t index = 0;    // of the packet in its message
  uint32_t length = 0;   // of the message
  uint32_t receive = 0;  // or the number of a READ or an atomic
  uint32_t imm = 0;      // or the key to be invalidated
  Op op = Op::kSend;     // with immediate on the last packet only
  bool last = false;
  bool solicited = false;
};

struct ReceiveBlock {
  uint64_t received = 0;
  std::array<ReceivedPacket, kBlockPackets> packets;
  ReceiveBlock* next_free = nullptr;

  void Clear() { received = 0; }
};

template <typename Block>
class BlockPool {
 public:
  // Set-up: makes the pool hold at least `blocks`.
  void Reserve(size_t blocks) {
    blocks_.reserve(blocks);
    while (blocks_.size() < blocks) {
      blocks_.push_back(std::make_unique<Block>());
      GiveBack(blocks_.back().get());
    }
  }
  // An empty block, or null when all are lent.
  Block* Borrow() {
    Block* block = free_;
    if (block == nullptr) return nullptr;
    free_ = block->next_free;
    --free_count_;
    block->Clear();
    return block;
  }
  void GiveBack(Block* block) {
    block->next_free = free_;
    free_ = block;
    ++free_count_;
  }
  size_t size() const { return blocks_.size(); }
  size_t free_blocks() const { return free_count_; }

 private:
  std::vector<std::unique_ptr<Block>> blocks_;
  Block* free_ = nullptr;
  size_t free_count_ = 0;
};

// The pools of one engine.
struct ScoreboardPools {
  BlockPool<SendBlock> send;
  BlockPool<ReceiveBlock> receive;
};

// The blocks of one direction of a queue pair, by sequence. Sequences in use span at most `window`.
template <typename Block>
class BlockWindow {
 public:
  // `reserve`: with a block of its own for when the pool is empty.
  void Start(BlockPool<Block>* pool, uint32_t window, bool reserve = false) {
    pool_ = pool;
    if (reserve) own_ = std::make_unique<Block>();
    spare_ = own_.get();
    // Twice, because a window that begins within a block touches one more.
    ring_.assign(size_t{2} * window / kBlockPackets, nullptr);
  }
  ~BlockWindow() { ReturnAll(); }
  BlockWindow() = default;
  BlockWindow(const BlockWindow&) = delete;
  BlockWindow& operator=(const BlockWindow&) = delete;

  // Null where none was borrowed.
  Block* Find(uint64_t sequence) const { return ring_[Slot(sequence)]; }
  // Borrows one if there is none; null when the pool is empty.
  Block* Ensure(uint64_t sequence) {
    Block*& block = ring_[Slot(sequence)];
    if (block != nullptr) return block;
    block = pool_->Borrow();
    if (block == nullptr && spare_ != nullptr) {
      block = std::exchange(spare_, nullptr);
      block->Clear();
    }
    if (block != nullptr) ++held_;
    return block;
  }
  void Return(uint64_t sequence) {
    Block*& block = ring_[Slot(sequence)];
    if (block == nullptr) return;
    if (block == own_.get()) {
      spare_ = block;
    } else {
      pool_->GiveBack(block);
    }
    block = nullptr;
    --held_;
  }
  // Gives back the blocks that lie wholly in [from, to).
  void Pass(uint64_t from, uint64_t to) {
    for (uint64_t b = from / kBlockPackets; b < to / kBlockPackets; ++b) Return(b * kBlockPackets);
  }
  void ReturnAll() {
    for (size_t slot = 0; held_ > 0; ++slot) Return(uint64_t{slot} * kBlockPackets);
  }

 private:
  size_t Slot(uint64_t sequence) const {
    return static_cast<size_t>(sequence / kBlockPackets) & (ring_.size() - 1);
  }
  BlockPool<Block>* pool_ = nullptr;
  std::unique_ptr<Block> own_;
  Block* spare_ = nullptr;  // own_ while it is not in use
  std::vector<Block*> ring_;
  size_t held_ = 0;
};

constexpr uint32_t BitOf(uint64_t sequence) { return static_cast<uint32_t>(sequence) & 63; }
constexpr uint64_t MaskOf(uint64_t sequence) { return uint64_t{1} << BitOf(sequence); }

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_SCOREBOARD_H_
