// ResponsePool: the state of responders that serve READs and atomics, lent by an engine
// (docs/decisions/0006-borrowed-scoreboards.md). A queue pair borrows a block with the first such
// request and keeps it until it is destroyed: the block holds the results that a duplicate atomic
// is answered from, and the congestion state of its responses. A queue pair that never serves any
// costs nothing but its share of the pool.
//
// Set-up calls (Reserve) allocate; Borrow and GiveBack do not. One thread: the engine's.
#ifndef SLUICE_TRANSPORT_RESPONSE_POOL_H_
#define SLUICE_TRANSPORT_RESPONSE_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "transport/response_queue.h"
#include "transport/send_flow.h"

namespace sluice::transport {

struct ResponseBlock {
  // The second send flow of the queue pair: READ responses are data that leaves from here. Its
  // controller lies here too, as a block is lent while packets are handled.
  SendFlow flow;
  alignas(64) std::byte controller_room[cc::kMaxControllerSize];
  ResponseQueue queue;
  ReplayRecords replays;
  Time last_sent;
  // The burst under way.
  Bytes burst_bytes;
  uint32_t burst_packets = 0;
  ResponseBlock* next_free = nullptr;
};

class ResponsePool {
 public:
  // Never more than `most` blocks.
  explicit ResponsePool(uint32_t most) : most_(most) {}

  // Set-up: room for one queue pair more.
  void Reserve() {
    if (++wanted_ <= blocks_.size() || blocks_.size() >= most_) return;
    blocks_.push_back(std::make_unique<ResponseBlock>());
    Put(blocks_.back().get());
  }
  // Set-up: one that was reserved for is gone.
  void Release() { --wanted_; }

  // Null when all are lent.
  ResponseBlock* Borrow() {
    ResponseBlock* b = free_;
    if (b == nullptr) return nullptr;
    free_ = b->next_free;
    --free_count_;
    return b;
  }
  // The block's flow must be in no list and in no wheel.
  void GiveBack(ResponseBlock* block) {
    block->flow.Stop();
    block->flow.owner = nullptr;
    block->queue.Clear();
    block->queue.SetAccount(nullptr);
    block->replays.Clear();
    block->last_sent = Time();
    block->burst_bytes = Bytes(0);
    block->burst_packets = 0;
    Put(block);
  }

  uint32_t free_blocks() const { return free_count_; }
  size_t blocks() const { return blocks_.size(); }

 private:
  void Put(ResponseBlock* block) {
    block->next_free = free_;
    free_ = block;
    ++free_count_;
  }

  const uint32_t most_;
  uint32_t wanted_ = 0;
  uint32_t free_count_ = 0;
  ResponseBlock* free_ = nullptr;
  std::vector<std::unique_ptr<ResponseBlock>> blocks_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_RESPONSE_POOL_H_
