// The receive path as one list of named checks, in the order in which a frame meets them: what a
// peer may send and what is refused (docs/hostile-peers.md). Each has a counter, a test that fails
// without it (tests/mutants.txt) and a seed of the fuzzer.
//
// The names of the unreliable services begin with unacked-, uc- or ud-, those of the extension
// (docs/wire-formats.md) with xt-, those of the limits for each peer with peer-.
//
// Built with -Dmutants=true each check first asks a mask, so that scripts/mutants can take one away
// and see the tests turn red; any other build compiles the question away. Rooms write
//
//     if (Enabled(Check::kPkey) && !SamePartition(view.pkey, pkey_)) return RxDrop::kPkey;
//
// and nothing else in the product reads or writes the mask.
#ifndef SLUICE_BASE_CHECKS_H_
#define SLUICE_BASE_CHECKS_H_

#include <array>
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
  kStreamPatience,
  // Congestion notifications.
  kCnpOutstanding,
  kCnpRate,
  // What is answered, and how often.
  kNakRate,
  kRnrRate,
  kDuplicateRate,
  // Unreliable services: what is admitted, and notifications.
  kUnackedPkey,
  kUnackedService,
  kUnackedState,
  kUcSourceAddress,
  kUnackedDestinationAddress,
  kUnackedIcrc,
  kUnackedCnpRecent,
  kUnackedCnpRate,
  // Unreliable connections.
  kUcPsnOrder,
  kUcWriteEnabled,
  kUcOpcodeSequence,
  kUcPacketLength,
  kUcReceiverReady,
  kUcCompletionRoom,
  kUcReceiveLength,
  kUcWriteLength,
  kUcWriteRange,
  kUcStillRegistered,
  // Datagrams.
  kUdQkey,
  kUdPacketLength,
  kUdReceiverReady,
  kUdCompletionRoom,
  kUdReceiveLength,
  // The extension: data.
  kXtIcrc,
  kXtWindow,
  kXtBehind,
  kXtDuplicate,
  kXtDuplicateRate,
  kXtHeader,
  kXtTurn,
  kXtReceiverReady,
  kXtReceiveLength,
  kXtWriteEnabled,
  kXtWriteRange,
  kXtCompletionRoom,
  kXtBlocks,
  kXtRefusalRate,
  kXtRnrRate,
  // The extension: READs and atomics.
  kXtFetchAhead,
  kXtFetchEnabled,
  kXtAtomicAlignment,
  kXtFetchLength,
  kXtFetchCompleted,
  kXtFetchResources,
  kXtFetchMemory,
  kXtPeerReadBytes,
  // The extension: packets that a switch has cut.
  kXtTrimLength,
  kXtTrimWindow,
  kXtTrimRate,
  // The extension: acknowledgements.
  kXtSyndrome,
  kXtAckOutstanding,
  kXtBlockOutstanding,
  kXtEchoOutstanding,
  kXtNotReadyCurrent,
  kXtRetryBudget,
  kXtTrimOutstanding,
  kXtTrimCopy,
  // The extension: responses to what we asked for, and acknowledgements of what we answer.
  kXtResponseOutstanding,
  kXtResponseWindow,
  kXtResponseBehind,
  kXtResponseDuplicate,
  kXtResponseFits,
  kXtResponseSyndrome,
  kXtResponseAckOutstanding,
  // What one peer may hold, all its queue pairs together.
  kPeerQueuePairs,
  kPeerReadBytes,
  kPeerReplays,
  kPeerHandshakes,
  kPeerConnections,
  kCount,
};
inline constexpr size_t kChecks = static_cast<size_t>(Check::kCount);

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
    {"stream-patience", "local_ack_timeout_errors_total"},
    {"cnp-outstanding", "rp_cnp_ignored_packets_received_total"},
    {"cnp-rate", "cnps_over_rate_total"},
    {"nak-rate", "naks_withheld_total"},
    {"rnr-rate", "rnr_naks_withheld_total"},
    {"duplicate-rate", "duplicates_withheld_total"},
    {"unacked-pkey", "drop_pkey"},
    {"unacked-service", "drop_service"},
    {"unacked-state", "drop_qp_state"},
    {"uc-source-address", "drop_source_address"},
    {"unacked-destination-address", "drop_destination_address"},
    {"unacked-icrc", "drop_icrc"},
    {"unacked-cnp-recent", "rp_cnp_ignored_packets_received_total"},
    {"unacked-cnp-rate", "cnps_over_rate_total"},
    {"uc-psn-order", "drop_out_of_sequence, uc_sequence_gaps_total"},
    {"uc-write-enabled", "drop_invalid_request"},
    {"uc-opcode-sequence", "drop_invalid_request"},
    {"uc-packet-length", "drop_invalid_request"},
    {"uc-receiver-ready", "drop_receiver_not_ready"},
    {"uc-completion-room", "drop_completion_queue_full"},
    {"uc-receive-length", "drop_receive_too_short"},
    {"uc-write-length", "drop_invalid_request"},
    {"uc-write-range", "drop_remote_access"},
    {"uc-still-registered", "drop_remote_access"},
    {"ud-qkey", "drop_qkey"},
    {"ud-packet-length", "drop_invalid_request"},
    {"ud-receiver-ready", "drop_receiver_not_ready"},
    {"ud-completion-room", "drop_completion_queue_full"},
    {"ud-receive-length", "drop_receive_too_short"},
    {"xt-icrc", "drop_icrc"},
    {"xt-window", "drop_out_of_sequence"},
    {"xt-behind", "drop_psn_window"},
    {"xt-duplicate", "drop_duplicate"},
    {"xt-duplicate-rate", "duplicates_withheld_total"},
    {"xt-header", "drop_invalid_request"},
    {"xt-turn", "drop_invalid_request"},
    {"xt-receiver-ready", "drop_receiver_not_ready"},
    {"xt-receive-length", "drop_invalid_request"},
    {"xt-write-enabled", "drop_invalid_request"},
    {"xt-write-range", "drop_remote_access"},
    {"xt-completion-room", "drop_completion_queue_full"},
    {"xt-blocks", "scoreboard_pool_empty_total"},
    {"xt-refusal-rate", "duplicates_withheld_total"},
    {"xt-rnr-rate", "rnr_naks_withheld_total"},
    {"xt-fetch-ahead", "drop_invalid_request"},
    {"xt-fetch-enabled", "drop_invalid_request"},
    {"xt-atomic-alignment", "drop_invalid_request"},
    {"xt-fetch-length", "drop_invalid_request"},
    {"xt-fetch-completed", "drop_invalid_request"},
    {"xt-fetch-resources", "drop_invalid_request"},
    {"xt-fetch-memory", "drop_remote_access"},
    {"xt-peer-read-bytes", "peer_reads_put_off_total"},
    {"xt-trim-length", "drop_length"},
    {"xt-trim-window", "drop_trimmed"},
    {"xt-trim-rate", "trims_withheld_total"},
    {"xt-syndrome", "drop_unsupported_opcode"},
    {"xt-ack-outstanding", "drop_psn"},
    {"xt-block-outstanding", "ghost_echoes_total"},
    {"xt-echo-outstanding", "ghost_echoes_total"},
    {"xt-not-ready-current", "rnr_naks_received_total"},
    {"xt-retry-budget", "retries_exhausted_total"},
    {"xt-trim-outstanding", "ghost_echoes_total"},
    {"xt-trim-copy", "ghost_echoes_total"},
    {"xt-response-outstanding", "drop_psn"},
    {"xt-response-window", "drop_psn"},
    {"xt-response-behind", "drop_psn_window"},
    {"xt-response-duplicate", "drop_duplicate"},
    {"xt-response-fits", "drop_bad_response"},
    {"xt-response-syndrome", "drop_unsupported_opcode"},
    {"xt-response-ack-outstanding", "drop_psn"},
    {"peer-queue-pairs", "peer_queue_pairs_refused_total"},
    {"peer-read-bytes", "peer_reads_put_off_total"},
    {"peer-replays", "peer_replays_withheld_total"},
    {"peer-handshakes", "cm_half_open_limit"},
    {"peer-connections", "cm_peer_full"},
};
static_assert(sizeof(kCheckInfos) / sizeof(kCheckInfos[0]) == kChecks);

#ifdef SLUICE_MUTANTS
// The checks that are taken away; set once, before the first frame.
inline std::array<bool, kChecks> disabled_checks{};
inline bool Enabled(Check c) { return !disabled_checks[static_cast<size_t>(c)]; }
#else
constexpr bool Enabled(Check) { return true; }
#endif

}  // namespace sluice

#endif  // SLUICE_BASE_CHECKS_H_
