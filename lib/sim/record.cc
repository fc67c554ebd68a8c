#include "sim/record.h"

#include <algorithm>
#include <new>

#include "switch/headers.h"
#include "wire/opcode.h"
#include "wire/telemetry_shim.h"

namespace sluice::sim {
namespace {

constexpr size_t kRecordsPerBlock = 256;
constexpr std::align_val_t kAlignment{alignof(Record)};

}  // namespace

Traffic TrafficOf(std::span<const uint8_t> header, uint8_t network_offset) {
  const size_t bth = switching::BthOffset(header, network_offset);
  if (bth == 0) return Traffic::kOther;
  const auto opcode = static_cast<wire::Opcode>(header[bth]);
  switch (wire::WithoutShim(opcode)) {
    case wire::Opcode::kRcAcknowledge:
    case wire::Opcode::kRcAtomicAcknowledge:
    case wire::Opcode::kXtAck:
    case wire::Opcode::kXtSack:
    case wire::Opcode::kXtResponseAck:
    case wire::Opcode::kXtResponseSack:
    case wire::Opcode::kXtTrimmed:
    case wire::Opcode::kXtResponseTrimmed:
      return Traffic::kAck;
    case wire::Opcode::kCnp:
      return Traffic::kCnp;
    default:
      return Traffic::kData;
  }
}

RecordPool::RecordPool(uint32_t room, size_t limit) : room_((room + 63) / 64 * 64), limit_(limit) {}

void RecordPool::Free::operator()(uint8_t* block) const { operator delete(block, kAlignment); }

bool RecordPool::Grow(size_t limit) {
  if (allocated_ >= limit) return false;
  const size_t count = std::min(kRecordsPerBlock, limit - allocated_);
  const size_t stride = sizeof(Record) + room_;
  auto* block = static_cast<uint8_t*>(operator new(count* stride, kAlignment));
  blocks_.emplace_back(block);
  for (size_t i = count; i-- > 0;) {
    auto* record = new (block + i * stride) Record;
    record->next = free_;
    free_ = record;
  }
  allocated_ += count;
  return true;
}

Record* RecordPool::Take() {
  if (free_ == nullptr && !Grow(limit_)) return nullptr;
  auto* record = static_cast<Record*>(free_);
  free_ = record->next;
  ++in_use_;
  *record = Record();
  record->header = record->bytes();
  return record;
}

Record* RecordPool::TakeReserved() {
  if (free_ == nullptr) Grow(allocated_ + kRecordsPerBlock);
  return Take();
}

void RecordPool::GiveTo(RecordPool& other, size_t count) {
  for (; count > 0 && free_ != nullptr; --count) {
    switching::SwitchPacket* const record = free_;
    free_ = record->next;
    record->next = other.free_;
    other.free_ = record;
    --allocated_;
    ++other.allocated_;
  }
}

void RecordPool::Put(Record* record) {
  record->next = free_;
  free_ = record;
  --in_use_;
}

}  // namespace sluice::sim
