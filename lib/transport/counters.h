// What one engine counts of its queue pairs. Single writer: the core that polls the engine; any
// thread may read. Names follow the kernel's RDMA hw_counters where one exists, so that dashboards
// need only another prefix.
#ifndef SLUICE_TRANSPORT_COUNTERS_H_
#define SLUICE_TRANSPORT_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "telemetry/counter.h"

namespace sluice::transport {

enum class Count : uint8_t {
  kDataPackets,
  kRetransmissions,
  kAcksSent,
  kNaksSent,
  kRnrNaksSent,
  kCnpsSent,
  kTxPackets,
  kTxBytes,
  kRxPackets,
  kRxBytes,
  kAcksReceived,
  kNaksReceived,
  kRnrNaksReceived,
  kCnpsReceived,
  kCnpsIgnored,
  kDuplicateRequests,
  kOutOfSequence,
  kGhostAcks,
  kCeReceived,
  kTimeouts,
  kRewinds,
  kRetriesExhausted,
  kClampedRates,
  kClampedWindows,
  kRecordPoolEmpty,
  kPlacedBytes,
  kMessagesSent,
  kMessagesReceived,
  kCompletionStalls,
  kPacingIdlePs,
  kCnpsOverRate,
  kNaksWithheld,
  kDuplicatesWithheld,
  kReadRequests,
  kAtomicRequests,
  kImpliedNaks,
  kResponsePoolEmpty,
  kInvalidations,
  kUcSequenceGaps,
  kUcMessagesDropped,
  kCount,
};
inline constexpr size_t kCounts = static_cast<size_t>(Count::kCount);

inline constexpr std::array<telemetry::CounterInfo, kCounts> kCountInfos = {{
    {"data_packets_sent_total", "packets", "Data packets sent, first time or again",
     telemetry::Kind::kCounter},
    {"retransmitted_packets_total", "packets", "Data packets sent again",
     telemetry::Kind::kCounter},
    {"acks_sent_total", "packets", "Acknowledgements sent", telemetry::Kind::kCounter},
    {"naks_sent_total", "packets", "NAKs sent, without receiver-not-ready",
     telemetry::Kind::kCounter},
    {"rnr_naks_sent_total", "packets", "Receiver-not-ready NAKs sent", telemetry::Kind::kCounter},
    {"np_cnp_packets_sent_total", "packets", "Congestion notification packets sent",
     telemetry::Kind::kCounter},
    {"tx_packets_total", "packets", "Frames sent", telemetry::Kind::kCounter},
    {"tx_bytes_total", "bytes", "Frames sent, each with preamble, FCS and gap",
     telemetry::Kind::kCounter},
    {"rx_packets_total", "packets", "Frames received", telemetry::Kind::kCounter},
    {"rx_bytes_total", "bytes", "Frames received, each with preamble, FCS and gap",
     telemetry::Kind::kCounter},
    {"acks_received_total", "packets", "Acknowledgements accepted", telemetry::Kind::kCounter},
    {"packet_sequence_errors_total", "packets", "NAKs accepted, without receiver-not-ready",
     telemetry::Kind::kCounter},
    {"rnr_naks_received_total", "packets", "Receiver-not-ready NAKs accepted",
     telemetry::Kind::kCounter},
    {"rp_cnp_packets_handled_total", "packets", "Congestion notification packets handled",
     telemetry::Kind::kCounter},
    {"rp_cnp_ignored_packets_received_total", "packets",
     "Congestion notification packets for a flow with nothing in flight",
     telemetry::Kind::kCounter},
    {"duplicate_requests_packets_total", "packets", "Requests whose PSN was received before",
     telemetry::Kind::kCounter},
    {"out_of_sequence_packets_received_total", "packets", "Packets ahead of the expected PSN",
     telemetry::Kind::kCounter},
    {"ghost_acks_total", "packets", "Acknowledgements and responses to what is not outstanding",
     telemetry::Kind::kCounter},
    {"np_ecn_marked_roce_packets_received_total", "packets",
     "Data packets that arrived with Congestion Experienced", telemetry::Kind::kCounter},
    {"local_ack_timeout_errors_total", "events", "Retransmission timer expiries without progress",
     telemetry::Kind::kCounter},
    {"rewinds_total", "events", "Go-back-N restarts, whatever the cause",
     telemetry::Kind::kCounter},
    {"retries_exhausted_total", "events", "Queue pairs that failed for want of an answer",
     telemetry::Kind::kCounter},
    {"cc_clamped_rates_total", "events",
     "Controller answers that were zero, negative or above the line rate",
     telemetry::Kind::kCounter},
    {"cc_clamped_windows_total", "events", "Controller windows that were zero or negative",
     telemetry::Kind::kCounter},
    {"record_pool_empty_total", "events", "Bursts not timed because no record block was free",
     telemetry::Kind::kCounter},
    {"placed_bytes_total", "bytes", "Payload written to application memory",
     telemetry::Kind::kCounter},
    {"messages_sent_total", "messages", "Send requests completed with success",
     telemetry::Kind::kCounter},
    {"messages_received_total", "messages", "Messages received whole", telemetry::Kind::kCounter},
    {"completion_stalls_total", "events", "Completions held back by a full completion queue",
     telemetry::Kind::kCounter},
    {"pacing_idle_picoseconds_total", "picoseconds",
     "Time that flows with work waited for their pace", telemetry::Kind::kCounter},
    {"cnps_over_rate_total", "packets",
     "Congestion notification packets beyond what a receiver sends of one flow",
     telemetry::Kind::kCounter},
    {"naks_withheld_total", "packets", "Sequence NAKs not sent because of their rate",
     telemetry::Kind::kCounter},
    {"duplicates_withheld_total", "packets", "Duplicates not answered because of their rate",
     telemetry::Kind::kCounter},
    {"rx_read_requests_total", "requests", "READ requests accepted", telemetry::Kind::kCounter},
    {"rx_atomic_requests_total", "requests", "Atomic requests executed", telemetry::Kind::kCounter},
    {"implied_nak_seq_errors_total", "events",
     "READ or atomic responses found missing by a later answer", telemetry::Kind::kCounter},
    {"response_pool_empty_total", "events",
     "READ and atomic requests put off because no response block was free",
     telemetry::Kind::kCounter},
    {"invalidations_total", "events", "Keys that a peer or a work request invalidated",
     telemetry::Kind::kCounter},
    {"uc_sequence_gaps_total", "events",
     "Packets on unreliable connections whose PSN was not the expected one",
     telemetry::Kind::kCounter},
    {"uc_messages_dropped_total", "messages",
     "Messages on unreliable connections that were begun and given up, or refused",
     telemetry::Kind::kCounter},
}};

class Counters : public telemetry::CounterGroup<Count, kCounts> {
 public:
  Counters() : CounterGroup("transport", kCountInfos) {}
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_COUNTERS_H_
