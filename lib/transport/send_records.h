// Send records: when the packets left that asked for an acknowledgement, so that it yields a
// round-trip time and a delivery rate.
//
// One record per transmit burst and flow, because all packets of a burst share one stamp: of the
// last packet in it that asks. Records live in blocks that a flow borrows from its
// engine's pool while it has data outstanding (docs/decisions/0006-borrowed-scoreboards.md), so an
// idle queue pair carries none. Without a block (the pool is empty) nothing is measured and the
// miss is counted; nothing else changes, since go-back-N needs no record to recover.
#ifndef SLUICE_TRANSPORT_SEND_RECORDS_H_
#define SLUICE_TRANSPORT_SEND_RECORDS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/psn.h"
#include "base/time.h"

namespace sluice::transport {

struct SendRecord {
  Time sent;               // the poll that sent it
  Time departed;           // transmit stamp of its burst
  uint64_t delivered = 0;  // stream offset that was acknowledged when it was sent
  Psn psn;
  uint32_t wire_length = 0;  // frame bytes of the packet
  bool app_limited = false;  // nothing more was waiting to be sent
};

struct RecordBlock {
  static constexpr uint32_t kRecords = 64;
  std::array<SendRecord, kRecords> records;
  RecordBlock* next_free = nullptr;
};

// The blocks of one engine. One thread.
class RecordPool {
 public:
  explicit RecordPool(uint32_t blocks);
  // Null when all blocks are lent.
  RecordBlock* Borrow();
  void GiveBack(RecordBlock* block);
  uint32_t free_blocks() const { return free_count_; }

 private:
  std::vector<std::unique_ptr<RecordBlock>> blocks_;
  RecordBlock* free_ = nullptr;
  uint32_t free_count_ = 0;
};

// The records of one flow, oldest first.
class SendRecords {
 public:
  bool borrowed() const { return block_ != nullptr; }
  void Lend(RecordBlock* block) {
    block_ = block;
    head_ = tail_ = 0;
  }
  // Returns the block to hand back to the pool (or null) and forgets all records.
  RecordBlock* Return() {
    RecordBlock* b = block_;
    block_ = nullptr;
    head_ = tail_ = 0;
    return b;
  }
  // Forgets all records: after a rewind nothing in flight can be timed (Karn's rule).
  void Clear() { head_ = tail_; }

  // Drops the record when there is no room: that packet is then not measured.
  void Add(const SendRecord& record) {
    if (block_ == nullptr || tail_ - head_ == RecordBlock::kRecords) return;
    block_->records[tail_++ % RecordBlock::kRecords] = record;
  }

  // Finds the record of exactly that packet and forgets it and all before it: a base peer that
  // names a later packet has let the earlier one wait. Null when that PSN was not recorded; older
  // records are forgotten all the same. The pointer is valid until the next Add.
  const SendRecord* Take(Psn acked) {
    const SendRecord* found = nullptr;
    while (head_ != tail_) {
      const SendRecord& r = block_->records[head_ % RecordBlock::kRecords];
      if (r.psn > acked) break;
      if (r.psn == acked) found = &r;
      ++head_;
    }
    return found;
  }

 private:
  RecordBlock* block_ = nullptr;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SEND_RECORDS_H_
