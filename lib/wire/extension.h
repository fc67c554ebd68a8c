// The packets of the negotiated extension, on opcodes 0xC0-0xD3: requests and responses that can
// each be taken alone, and acknowledgements that say which of them arrived. docs/wire-formats.md
// specifies every byte; a test holds its tables against this file.
//
// Every integer is big endian. Plain values: Read and Write touch kSize bytes. Reserved bits are
// kept, so that what was read is written again; a sender leaves them zero, a receiver ignores them.
#ifndef SLUICE_WIRE_EXTENSION_H_
#define SLUICE_WIRE_EXTENSION_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/psn.h"
#include "base/time.h"

namespace sluice::wire {

// A point of time on one end's clock, as it travels: units of 2^10 ps, modulo 2^32 (4.4 s). Only
// differences of two stamps of the same clock mean anything.
class Stamp {
 public:
  constexpr Stamp() = default;
  explicit constexpr Stamp(uint32_t v) : v_(v) {}
  static constexpr Stamp Of(Time t) { return Stamp(static_cast<uint32_t>(t.ps() >> kShift)); }
  constexpr uint32_t value() const { return v_; }
  // From o to this; right while they are less than 2.2 s apart.
  constexpr Duration operator-(Stamp o) const {
    return Duration::Picoseconds(static_cast<int64_t>(static_cast<int32_t>(v_ - o.v_)) *
                                 (int64_t{1} << kShift));
  }
  constexpr bool operator==(const Stamp&) const = default;

 private:
  static constexpr int kShift = 10;
  uint32_t v_ = 0;
};

// Behind the BTH of every packet that is acknowledged.
struct ExtendedData {
  static constexpr size_t kSize = 24;
  static constexpr uint32_t kBacklogUnit = 256;
  static constexpr uint32_t kMostBacklog = 0xffffff;
  // Of the queue pair, from 0, modulo 2^32; of a response its request's `receive`.
  uint32_t message = 0;
  uint32_t offset = 0;  // of the payload in the message; a multiple of the path MTU
  uint32_t length = 0;  // of the whole message, or what a READ asks for; at most 2^31
  // Messages before this one that take a receive; of a READ or an atomic, how many of those are
  // before it. Modulo 2^32.
  uint32_t receive = 0;
  Stamp sent;            // t1
  uint8_t attempt = 0;   // 0: sent for the first time; stays at 255
  uint32_t backlog = 0;  // 24 bits: what waits to be sent behind it, in kBacklogUnit bytes

  static ExtendedData Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const ExtendedData&) const = default;
};

// Behind ExtendedData in the packets of a WRITE, a READ and an atomic.
struct ExtendedTarget {
  static constexpr size_t kSize = 12;
  uint64_t va = 0;  // where the message begins; the payload goes to va + offset
  uint32_t rkey = 0;

  static ExtendedTarget Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const ExtendedTarget&) const = default;
};

// Behind ExtendedTarget in a READ and an atomic.
struct ExtendedRequest {
  static constexpr size_t kSize = 4;
  uint32_t completed = 0;  // READs and atomics whose responses have arrived in full, modulo 2^32

  static ExtendedRequest Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const ExtendedRequest&) const = default;
};

// Behind ExtendedRequest in an atomic.
struct ExtendedOperands {
  static constexpr size_t kSize = 16;
  uint64_t swap_or_add = 0;
  uint64_t compare = 0;

  static ExtendedOperands Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const ExtendedOperands&) const = default;
};

// Behind the BTH of XT_ACK and XT_SACK, whose PSN is the last one received in order.
struct ExtendedAck {
  static constexpr size_t kSize = 40;
  static constexpr uint16_t kEchoes = 0x8000;  // of flags: sent, arrived, psn and attempt are valid
  static constexpr uint16_t kShared = 0x4000;  // of flags: receives are shared and not counted

  uint8_t syndrome = 0;         // as in an AETH: ACK, RNR NAK or NAK
  uint32_t msn = 0;             // 24 bits: messages completed
  uint32_t receives = 0;        // receives ever posted, modulo 2^32
  Stamp sent;                   // t1 of the echoed packet, on the sender's clock
  Stamp arrived;                // t2: its arrival, on the receiver's clock
  Stamp departed;               // t3: departure of this packet, on the same clock
  uint32_t ce_packets = 0;      // intact data packets that arrived marked, modulo 2^32
  uint32_t ce_bytes = 0;        // their payload, modulo 2^32
  uint32_t duplicates = 0;      // data packets that had arrived before, modulo 2^32
  uint16_t active_senders = 0;  // at the receiver's port; 0: not counted
  uint16_t flags = 0;
  uint8_t attempt = 0;  // of the echoed packet
  Psn psn;              // of the echoed packet

  bool shares() const { return (flags & kShared) != 0; }
  bool echoes() const { return (flags & kEchoes) != 0; }
  static ExtendedAck Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const ExtendedAck&) const = default;
};

// Behind ExtendedAck in XT_SACK: which of 256 PSNs from `first` on have arrived.
struct SackBlock {
  static constexpr size_t kSize = 36;
  static constexpr uint32_t kPackets = 256;
  static constexpr size_t kWords = kPackets / 64;

  uint8_t reserved8 = 0;
  Psn first;
  std::array<uint64_t, kWords> words{};  // PSN first + i is bit i % 64 of word i / 64

  bool Has(uint32_t i) const { return (words[i / 64] >> (i % 64) & 1) != 0; }
  void Set(uint32_t i) { words[i / 64] |= uint64_t{1} << (i % 64); }
  static SackBlock Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const SackBlock&) const = default;
};

// The longest header of the extension in front of a payload: XT_WRITE_IMM.
inline constexpr size_t kMaxExtendedDataBytes = ExtendedData::kSize + ExtendedTarget::kSize + 4;

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_EXTENSION_H_
