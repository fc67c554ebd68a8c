#include "wire/opcode.h"

#include <array>
#include <cstdint>

#include "wire/telemetry_shim.h"

namespace sluice::wire {
namespace {

// What a row of the table may say of an opcode.
enum Trait : uint32_t {
  kFirst = 1 << 0,
  kMiddle = 1 << 1,
  kLast = 1 << 2,
  kOnly = 1 << 3,
  kSend = 1 << 4,
  kWrite = 1 << 5,
  kRead = 1 << 6,
  kResponse = 1 << 7,
  kAck = 1 << 8,
  kAtomic = 1 << 9,
  kNotification = 1 << 10,
  kDeth = 1 << 11,
  kReth = 1 << 12,
  kAtomicEth = 1 << 13,
  kAeth = 1 << 14,
  kAtomicAckEth = 1 << 15,
  kIeth = 1 << 16,
  kImm = 1 << 17,
  // The headers of the extension lie above: ExtendedHeader, shifted.
};

constexpr uint32_t kXtShift = 18;
constexpr uint32_t Xt(uint32_t headers) { return headers << kXtShift; }
// Above the eight of them.
constexpr uint32_t kPayload = 1u << (kXtShift + 8);

struct Row {
  Opcode opcode;
  const char* name;
  uint32_t traits;
};

// IBTA 1.4, table 38, and annex A17.9.3.
constexpr Row kRows[] = {
    {Opcode::kRcSendFirst, "RC_SEND_FIRST", kSend | kFirst},
    {Opcode::kRcSendMiddle, "RC_SEND_MIDDLE", kSend | kMiddle},
    {Opcode::kRcSendLast, "RC_SEND_LAST", kSend | kLast},
    {Opcode::kRcSendLastImm, "RC_SEND_LAST_IMM", kSend | kLast | kImm},
    {Opcode::kRcSendOnly, "RC_SEND_ONLY", kSend | kOnly},
    {Opcode::kRcSendOnlyImm, "RC_SEND_ONLY_IMM", kSend | kOnly | kImm},
    {Opcode::kRcWriteFirst, "RC_WRITE_FIRST", kWrite | kFirst | kReth},
    {Opcode::kRcWriteMiddle, "RC_WRITE_MIDDLE", kWrite | kMiddle},
    {Opcode::kRcWriteLast, "RC_WRITE_LAST", kWrite | kLast},
    {Opcode::kRcWriteLastImm, "RC_WRITE_LAST_IMM", kWrite | kLast | kImm},
    {Opcode::kRcWriteOnly, "RC_WRITE_ONLY", kWrite | kOnly | kReth},
    {Opcode::kRcWriteOnlyImm, "RC_WRITE_ONLY_IMM", kWrite | kOnly | kReth | kImm},
    {Opcode::kRcReadRequest, "RC_READ_REQUEST", kRead | kOnly | kReth},
    {Opcode::kRcReadResponseFirst, "RC_READ_RESPONSE_FIRST", kResponse | kFirst | kAeth},
    {Opcode::kRcReadResponseMiddle, "RC_READ_RESPONSE_MIDDLE", kResponse | kMiddle},
    {Opcode::kRcReadResponseLast, "RC_READ_RESPONSE_LAST", kResponse | kLast | kAeth},
    {Opcode::kRcReadResponseOnly, "RC_READ_RESPONSE_ONLY", kResponse | kOnly | kAeth},
    {Opcode::kRcAcknowledge, "RC_ACKNOWLEDGE", kAck | kAeth},
    {Opcode::kRcAtomicAcknowledge, "RC_ATOMIC_ACKNOWLEDGE", kAck | kAeth | kAtomicAckEth},
    {Opcode::kRcCompareSwap, "RC_COMPARE_SWAP", kAtomic | kOnly | kAtomicEth},
    {Opcode::kRcFetchAdd, "RC_FETCH_ADD", kAtomic | kOnly | kAtomicEth},
    {Opcode::kRcSendLastInvalidate, "RC_SEND_LAST_INVALIDATE", kSend | kLast | kIeth},
    {Opcode::kRcSendOnlyInvalidate, "RC_SEND_ONLY_INVALIDATE", kSend | kOnly | kIeth},
    {Opcode::kUcSendFirst, "UC_SEND_FIRST", kSend | kFirst},
    {Opcode::kUcSendMiddle, "UC_SEND_MIDDLE", kSend | kMiddle},
    {Opcode::kUcSendLast, "UC_SEND_LAST", kSend | kLast},
    {Opcode::kUcSendLastImm, "UC_SEND_LAST_IMM", kSend | kLast | kImm},
    {Opcode::kUcSendOnly, "UC_SEND_ONLY", kSend | kOnly},
    {Opcode::kUcSendOnlyImm, "UC_SEND_ONLY_IMM", kSend | kOnly | kImm},
    {Opcode::kUcWriteFirst, "UC_WRITE_FIRST", kWrite | kFirst | kReth},
    {Opcode::kUcWriteMiddle, "UC_WRITE_MIDDLE", kWrite | kMiddle},
    {Opcode::kUcWriteLast, "UC_WRITE_LAST", kWrite | kLast},
    {Opcode::kUcWriteLastImm, "UC_WRITE_LAST_IMM", kWrite | kLast | kImm},
    {Opcode::kUcWriteOnly, "UC_WRITE_ONLY", kWrite | kOnly | kReth},
    {Opcode::kUcWriteOnlyImm, "UC_WRITE_ONLY_IMM", kWrite | kOnly | kReth | kImm},
    {Opcode::kUdSendOnly, "UD_SEND_ONLY", kSend | kOnly | kDeth},
    {Opcode::kUdSendOnlyImm, "UD_SEND_ONLY_IMM", kSend | kOnly | kDeth | kImm},
    {Opcode::kCnp, "CNP", kNotification},
    {Opcode::kXtSend, "XT_SEND", Xt(kXtData) | kPayload},
    {Opcode::kXtSendImm, "XT_SEND_IMM", Xt(kXtData) | kPayload | kImm},
    {Opcode::kXtWrite, "XT_WRITE", Xt(kXtData | kXtTarget) | kPayload},
    {Opcode::kXtWriteImm, "XT_WRITE_IMM", Xt(kXtData | kXtTarget) | kPayload | kImm},
    {Opcode::kXtSendInvalidate, "XT_SEND_INVALIDATE", Xt(kXtData | kXtKey) | kPayload},
    {Opcode::kXtRead, "XT_READ", Xt(kXtData | kXtTarget | kXtRequest)},
    {Opcode::kXtFetchAdd, "XT_FETCH_ADD", Xt(kXtData | kXtTarget | kXtRequest | kXtOperands)},
    {Opcode::kXtCompareSwap, "XT_COMPARE_SWAP", Xt(kXtData | kXtTarget | kXtRequest | kXtOperands)},
    {Opcode::kXtReadResponse, "XT_READ_RESPONSE", Xt(kXtData) | kPayload},
    {Opcode::kXtAtomicResponse, "XT_ATOMIC_RESPONSE", Xt(kXtData | kXtOriginal)},
    {Opcode::kXtAck, "XT_ACK", Xt(kXtAnswer)},
    {Opcode::kXtSack, "XT_SACK", Xt(kXtAnswer | kXtBlock)},
    {Opcode::kXtResponseAck, "XT_RESPONSE_ACK", Xt(kXtAnswer)},
    {Opcode::kXtResponseSack, "XT_RESPONSE_SACK", Xt(kXtAnswer | kXtBlock)},
    {Opcode::kXtTrimmed, "XT_TRIMMED", Xt(kXtAnswer)},
    {Opcode::kXtResponseTrimmed, "XT_RESPONSE_TRIMMED", Xt(kXtAnswer)},
};

// With a telemetry shim behind the headers.
struct ShimRow {
  Opcode plain;
  const char* name;
};
constexpr ShimRow kShimRows[] = {
    {Opcode::kXtSend, "XT_SEND_TELEMETRY"},   {Opcode::kXtSendImm, "XT_SEND_IMM_TELEMETRY"},
    {Opcode::kXtWrite, "XT_WRITE_TELEMETRY"}, {Opcode::kXtWriteImm, "XT_WRITE_IMM_TELEMETRY"},
    {Opcode::kXtAck, "XT_ACK_TELEMETRY"},     {Opcode::kXtSack, "XT_SACK_TELEMETRY"},
};

// By the upper three bits.
constexpr Service kServices[8] = {Service::kRc,           Service::kUc,          Service::kRd,
                                  Service::kUd,           Service::kCnp,         Service::kXrc,
                                  Service::kManufacturer, Service::kManufacturer};
constexpr const char* kUnknownNames[8] = {"RESERVED", "RESERVED", "RD",           "RESERVED",
                                          "RESERVED", "XRC",      "MANUFACTURER", "MANUFACTURER"};

constexpr OpcodeTraits Expand(const Row& row) {
  const auto is = [&row](uint32_t any) { return (row.traits & any) != 0; };
  const int extension =
      8 * is(kDeth) + 16 * is(kReth) + 28 * is(kAtomicEth) + 4 * is(kAeth) + 8 * is(kAtomicAckEth) +
      4 * is(kIeth) + 4 * is(kImm) + 16 * is(kNotification) + 24 * is(Xt(kXtData)) +
      12 * is(Xt(kXtTarget)) + 4 * is(Xt(kXtRequest)) + 16 * is(Xt(kXtOperands)) +
      8 * is(Xt(kXtOriginal)) + 40 * is(Xt(kXtAnswer)) + 36 * is(Xt(kXtBlock)) + 4 * is(Xt(kXtKey));
  return {.known = true,
          .service = kServices[static_cast<uint8_t>(row.opcode) >> 5],
          .first = is(kFirst),
          .middle = is(kMiddle),
          .last = is(kLast),
          .only = is(kOnly),
          .send = is(kSend),
          .write = is(kWrite),
          .read_request = is(kRead),
          .read_response = is(kResponse),
          .acknowledge = is(kAck),
          .atomic = is(kAtomic),
          .request = is(kSend | kWrite | kRead | kAtomic),
          .deth = is(kDeth),
          .reth = is(kReth),
          .atomic_eth = is(kAtomicEth),
          .aeth = is(kAeth),
          .atomic_ack_eth = is(kAtomicAckEth),
          .ieth = is(kIeth),
          .imm = is(kImm),
          .payload_allowed = is(kSend | kWrite | kResponse | kPayload),
          .extended = is(Xt(kXtData | kXtAnswer)),
          .extended_headers = static_cast<uint8_t>(row.traits >> kXtShift),
          .extension_bytes = static_cast<uint8_t>(extension),
          .name = row.name};
}

constexpr std::array<OpcodeTraits, 256> MakeTable() {
  std::array<OpcodeTraits, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    table[i].service = kServices[i >> 5];
    table[i].name = kUnknownNames[i >> 5];
  }
  for (const Row& row : kRows) table[static_cast<uint8_t>(row.opcode)] = Expand(row);
  for (const ShimRow& row : kShimRows) {
    OpcodeTraits& t = table[static_cast<uint8_t>(WithShim(row.plain))];
    t = table[static_cast<uint8_t>(row.plain)];
    t.extension_bytes = static_cast<uint8_t>(t.extension_bytes + TelemetryShim::kSize);
    t.name = row.name;
  }
  return table;
}

}  // namespace

constinit const std::array<OpcodeTraits, 256> kOpcodeTraits = MakeTable();

}  // namespace sluice::wire
