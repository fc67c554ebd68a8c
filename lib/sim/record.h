// Record: a packet in virtual time; RecordPool: where records come from.
//
// A record lies in one pooled block: 64 bytes of bookkeeping, then room for the header bytes, or
// for the whole frame when payload is carried. It travels by pointer and is never copied.
#ifndef SLUICE_SIM_RECORD_H_
#define SLUICE_SIM_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "switch/switch_packet.h"

namespace sluice::sim {

// What the accounting of hops tells apart, by the opcode of the RoCEv2 packet.
enum class Traffic : uint8_t { kData, kAck, kCnp, kOther, kPfc };
inline constexpr size_t kTrafficKinds = 5;

// kOther for what is not UDP to port 4791 with a whole BTH. network_offset as
// switching::FindNetworkHeader gave it.
Traffic TrafficOf(std::span<const uint8_t> header, uint8_t network_offset);

struct alignas(64) Record : switching::SwitchPacket {
  Time arrival;                // at the far end of the link that it is on
  uint32_t elided_length = 0;  // bytes of the frame that are accounted for but not carried
  Traffic traffic = Traffic::kOther;
  bool lost = false;   // the link that it is on loses it
  bool pause = false;  // of a PFC frame: stop `priority`, or go on

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
};
static_assert(sizeof(Record) == 64);

// Grows by blocks up to a limit and never shrinks; the last record put back is the next one taken,
// so that few stay warm. One thread.
class RecordPool {
 public:
  // room: bytes behind each record.
  RecordPool(uint32_t room, size_t limit);
  RecordPool(const RecordPool&) = delete;
  RecordPool& operator=(const RecordPool&) = delete;

  // nullptr at the limit. Its bookkeeping is fresh, its bytes are not.
  Record* Take();
  // Beyond the limit if need be: for the few frames that the fabric itself sends.
  Record* TakeReserved();
  void Put(Record* record);

  // A record goes over into another pool of the same room, in use or free.
  void Leave(size_t count) {
    in_use_ -= count;
    allocated_ -= count;
  }
  void Join(size_t count) {
    in_use_ += count;
    allocated_ += count;
  }
  // Up to `count` free ones.
  void GiveTo(RecordPool& other, size_t count);

  size_t free() const { return allocated_ - in_use_; }
  uint32_t room() const { return room_; }
  size_t in_use() const { return in_use_; }
  size_t allocated() const { return allocated_; }

 private:
  struct Free {
    void operator()(uint8_t* block) const;
  };
  bool Grow(size_t limit);

  uint32_t room_;
  size_t limit_;
  size_t in_use_ = 0;
  size_t allocated_ = 0;
  switching::SwitchPacket* free_ = nullptr;
  std::vector<std::unique_ptr<uint8_t, Free>> blocks_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_RECORD_H_
