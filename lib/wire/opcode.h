// Opcode and OpcodeTraits: what the opcode byte of a BTH means, from one constant table of 256.
//
// Known are all opcodes of reliable connection (RC), unreliable connection (UC) and unreliable
// datagram (UD) of IBTA 1.4, table 38, and the CNP of its annex A17. The opcodes of reliable
// datagram, the reserved ones and those of the manufacturer's range 0xC0-0xFF that the extension
// does not use are unknown; their traits say the service and nothing else. Constant data, any
// thread.
#ifndef SLUICE_WIRE_OPCODE_H_
#define SLUICE_WIRE_OPCODE_H_

#include <array>
#include <cstdint>

namespace sluice::wire {

enum class Opcode : uint8_t {
  kRcSendFirst = 0x00,
  kRcSendMiddle = 0x01,
  kRcSendLast = 0x02,
  kRcSendLastImm = 0x03,
  kRcSendOnly = 0x04,
  kRcSendOnlyImm = 0x05,
  kRcWriteFirst = 0x06,
  kRcWriteMiddle = 0x07,
  kRcWriteLast = 0x08,
  kRcWriteLastImm = 0x09,
  kRcWriteOnly = 0x0a,
  kRcWriteOnlyImm = 0x0b,
  kRcReadRequest = 0x0c,
  kRcReadResponseFirst = 0x0d,
  kRcReadResponseMiddle = 0x0e,
  kRcReadResponseLast = 0x0f,
  kRcReadResponseOnly = 0x10,
  kRcAcknowledge = 0x11,
  kRcAtomicAcknowledge = 0x12,
  kRcCompareSwap = 0x13,
  kRcFetchAdd = 0x14,
  kRcSendLastInvalidate = 0x16,
  kRcSendOnlyInvalidate = 0x17,

  kUcSendFirst = 0x20,
  kUcSendMiddle = 0x21,
  kUcSendLast = 0x22,
  kUcSendLastImm = 0x23,
  kUcSendOnly = 0x24,
  kUcSendOnlyImm = 0x25,
  kUcWriteFirst = 0x26,
  kUcWriteMiddle = 0x27,
  kUcWriteLast = 0x28,
  kUcWriteLastImm = 0x29,
  kUcWriteOnly = 0x2a,
  kUcWriteOnlyImm = 0x2b,

  kUdSendOnly = 0x64,
  kUdSendOnlyImm = 0x65,

  kCnp = 0x81,

  // Sluice's own extension (wire/extension.h, docs/wire-formats.md), only after both ends agreed.
  kXtSend = 0xc0,
  kXtSendImm = 0xc1,
  kXtWrite = 0xc2,
  kXtWriteImm = 0xc3,
  kXtSendInvalidate = 0xc4,
  kXtRead = 0xc5,
  kXtFetchAdd = 0xc6,
  kXtCompareSwap = 0xc7,
  kXtReadResponse = 0xc8,
  kXtAtomicResponse = 0xc9,
  kXtAck = 0xd0,
  kXtSack = 0xd1,
  kXtResponseAck = 0xd2,
  kXtResponseSack = 0xd3,
  kXtTrimmed = 0xd4,
  kXtResponseTrimmed = 0xd5,
  // Bit 5 more: the same with a telemetry shim (wire/telemetry_shim.h).
};

// The service that the upper bits of an opcode name (IBTA 1.4, table 38), known opcode or not.
enum class Service : uint8_t { kRc, kUc, kRd, kUd, kCnp, kXrc, kManufacturer, kReserved };

// Headers of the extension (wire/extension.h), a mask.
enum ExtendedHeader : uint8_t {
  kXtData = 1 << 0,
  kXtTarget = 1 << 1,
  kXtRequest = 1 << 2,
  kXtOperands = 1 << 3,
  kXtOriginal = 1 << 4,  // AtomicAckEth
  kXtAnswer = 1 << 5,
  kXtBlock = 1 << 6,
  kXtKey = 1 << 7,  // Ieth
};

struct alignas(32) OpcodeTraits {
  bool known = false;  // false: everything below but `service` and `name` is empty
  Service service = Service::kReserved;

  // Place of the packet in its message. READ requests and atomics are `only`; acknowledgements and
  // CNPs are no part of a message and have none of the four.
  bool first = false;
  bool middle = false;
  bool last = false;
  bool only = false;

  bool send = false;
  bool write = false;
  bool read_request = false;
  bool read_response = false;
  bool acknowledge = false;  // ACKNOWLEDGE and ATOMIC ACKNOWLEDGE
  bool atomic = false;       // COMPARE SWAP and FETCH ADD, not their acknowledgement
  bool request = false;      // goes to the responder half of a queue pair

  // Extension headers behind the BTH, in the order in which they can follow each other.
  bool deth = false;
  bool reth = false;
  bool atomic_eth = false;
  bool aeth = false;
  bool atomic_ack_eth = false;
  bool ieth = false;
  bool imm = false;  // always the last extension header

  bool payload_allowed = false;
  // Of the extension: none of the flags of place and purpose above is set, since its header says
  // both, and of the headers only `imm` can be.
  bool extended = false;
  uint8_t extended_headers = 0;  // mask of ExtendedHeader
  uint8_t extension_bytes = 0;   // all extension headers; of a CNP its 16 reserved bytes
  const char* name = "";         // upper case, e.g. "RC_SEND_ONLY"; "RESERVED" etc. when unknown

  constexpr bool starts() const { return first || only; }
  constexpr bool ends() const { return last || only; }
};
static_assert(sizeof(OpcodeTraits) == 32);

extern const std::array<OpcodeTraits, 256> kOpcodeTraits;

inline const OpcodeTraits& TraitsOf(uint8_t opcode) { return kOpcodeTraits[opcode]; }
inline const OpcodeTraits& TraitsOf(Opcode opcode) {
  return kOpcodeTraits[static_cast<uint8_t>(opcode)];
}
inline const char* NameOf(Opcode opcode) { return TraitsOf(opcode).name; }

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_OPCODE_H_
