// The receive path as one list of named checks, in the order in which a frame meets them: what a
// peer may send and what is refused (docs/hostile-peers.md). Each has a counter, a test that fails
// without it (tests/mutants.txt) and a seed of the fuzzer.
//
// Built with -Dmutants=true each check first asks a mask, so that scripts/mutants can take one away
// and see the tests turn red; any other build compiles the question away. Rooms write
//
//     if (Enabled(Check::kPkey) && !SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
//
// and nothing else in the product reads or writes the mask.
#ifndef SLUICE_BASE_CHECKS_H_
#define SLUICE_BASE_CHECKS_H_

#include <cstddef>
#include <cstdint>

namespace sluice {

enum class Check : uint8_t {
  // Frame (lib/wire).
  kRunt,
  kIpHeader,
  kFragment,
  kIpChecksum,
  kIpLength,
  kTransportVersion,
  kOpcode,
  kTransportLength,
  // Queue pair.
  kQpn,
  kPkey,
  kService,
  kState,
  kSourceAddress,
  kDestinationAddress,
  // Requests.
  kRequestIcrc,
  kPsnAhead,
  kPsnBehind,
  kPsnOrder,
  kOpcodeSequence,
  kPacketLength,
  kReceiverReady,
  kCompletionRoom,
  kReceiveLength,
  kWriteLength,
  // Memory.
  kKey,
  kDomain,
  kRights,
  kBounds,
  kStillRegistered,
  kWindowQueuePair,
  kAtomicAlignment,
  kDuplicateRange,
  // Answers.
  kResponseIcrc,
  kSyndrome,
  kAckOutstanding,
  kResponseOutstanding,
  kResponseFits,
  kNakCurrent,
  kNakOncePerRoundTrip,
  kRetryBudget,
  // Congestion notifications.
  kCnpOutstanding,
  kCnpRate,
  // What is answered, and how often.
  kNakRate,
  kDuplicateRate,
  kCount,
};
inline constexpr size_t kChecks = static_cast<size_t>(Check::kCount);
static_assert(kChecks <= 64, "a mask of the checks is one word");

struct CheckInfo {
  const char* name;     // as scripts/mutants takes it
  const char* counter;  // of Device::statistics, without the room
};

// By Check.
inline constexpr CheckInfo kCheckInfos[] = {
    {"runt", "drop_runt"},
    {"ip-header", "drop_ip_header"},
    {"fragment", "drop_fragment"},
    {"ip-checksum", "drop_ip_checksum"},
    {"ip-length", "drop_length"},
    {"transport-version", "drop_transport_version"},
    {"opcode", "drop_opcode"},
    {"transport-length", "drop_length, drop_payload, drop_pad"},
    {"qpn", "drop_unknown_qp"},
    {"pkey", "drop_pkey"},
    {"service", "drop_service, drop_unsupported_opcode"},
    {"state", "drop_qp_state"},
    {"source-address", "drop_source_address"},
    {"destination-address", "drop_destination_address"},
    {"request-icrc", "drop_icrc"},
    {"psn-ahead", "drop_psn_window"},
    {"psn-behind", "drop_psn_window"},
    {"psn-order", "drop_out_of_sequence, drop_duplicate"},
    {"opcode-sequence", "drop_invalid_request"},
    {"packet-length", "drop_invalid_request"},
    {"receiver-ready", "drop_receiver_not_ready"},
    {"completion-room", "drop_completion_queue_full"},
    {"receive-length", "drop_invalid_request"},
    {"write-length", "drop_invalid_request"},
    {"key", "drop_remote_access"},
    {"domain", "drop_remote_access"},
    {"rights", "drop_remote_access"},
    {"bounds", "drop_remote_access"},
    {"still-registered", "drop_remote_access"},
    {"window-queue-pair", "drop_remote_access"},
    {"atomic-alignment", "drop_invalid_request"},
    {"duplicate-range", "drop_duplicate"},
    {"response-icrc", "drop_icrc"},
    {"syndrome", "drop_unsupported_opcode"},
    {"ack-outstanding", "drop_psn"},
    {"response-outstanding", "drop_psn"},
    {"response-fits", "drop_bad_response"},
    {"nak-current", "packet_sequence_errors_total"},
    {"nak-once-per-round-trip", "rewinds_total"},
    {"retry-budget", "retries_exhausted_total"},
    {"cnp-outstanding", "rp_cnp_ignored_packets_received_total"},
    {"cnp-rate", "cnps_over_rate_total"},
    {"nak-rate", "naks_withheld_total"},
    {"duplicate-rate", "duplicates_withheld_total"},
};
static_assert(sizeof(kCheckInfos) / sizeof(kCheckInfos[0]) == kChecks);

#ifdef SLUICE_MUTANTS
// One bit per Check that is taken away; set once, before the first frame.
inline uint64_t disabled_checks = 0;
inline bool Enabled(Check c) { return (disabled_checks >> static_cast<unsigned>(c) & 1) == 0; }
#else
constexpr bool Enabled(Check) { return true; }
#endif

}  // namespace sluice

#endif  // SLUICE_BASE_CHECKS_H_
