#include "transport/send_records.h"

namespace sluice::transport {

RecordPool::RecordPool(uint32_t blocks) {
  blocks_.reserve(blocks);
  for (uint32_t i = 0; i < blocks; ++i) {
    blocks_.push_back(std::make_unique<RecordBlock>());
    GiveBack(blocks_.back().get());
  }
}

RecordBlock* RecordPool::Borrow() {
  RecordBlock* b = free_;
  if (b != nullptr) {
    free_ = b->next_free;
    --free_count_;
  }
  return b;
}

void RecordPool::GiveBack(RecordBlock* block) {
  if (block == nullptr) return;
  block->next_free = free_;
  free_ = block;
  ++free_count_;
}

}  // namespace sluice::transport
