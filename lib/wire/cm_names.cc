// What the numbers of connection management are called.
#include <cstddef>
#include <iterator>

#include "wire/cm_messages.h"

namespace sluice::wire {

const char* NameOf(CmAttribute attribute) {
  constexpr const char* kNames[] = {"REQ",  "MRA",      "REJ",      "REP", "RTU", "DREQ",
                                    "DREP", "SIDR_REQ", "SIDR_REP", "LAP", "APR"};
  const size_t i = static_cast<size_t>(attribute) - static_cast<size_t>(CmAttribute::kReq);
  return i < std::size(kNames) ? kNames[i] : "CM_UNKNOWN";
}

const char* NameOf(CmReason reason) {
  constexpr const char* kNames[] = {
      "none",
      "no_qp",
      "no_eec",
      "no_resources",
      "timeout",
      "unsupported_request",
      "invalid_comm_id",
      "invalid_comm_instance",
      "invalid_service_id",
      "invalid_transport_type",
      "stale_connection",
      "no_rdc",
      "primary_gid",
      "primary_lid",
      "primary_service_level",
      "primary_traffic_class",
      "primary_hop_limit",
      "primary_packet_rate",
      "alternate_gid",
      "alternate_lid",
      "alternate_service_level",
      "alternate_traffic_class",
      "alternate_hop_limit",
      "alternate_packet_rate",
      "port_and_cm_redirect",
      "port_redirect",
      "invalid_path_mtu",
      "insufficient_responder_resources",
      "consumer_reject",
      "rnr_retry_count",
      "duplicate_comm_id",
      "unsupported_class_version",
      "primary_flow_label",
      "alternate_flow_label",
  };
  const size_t i = static_cast<size_t>(reason);
  return i < std::size(kNames) ? kNames[i] : "reason";
}

const char* NameOf(MadFault fault) {
  constexpr const char* kNames[kMadFaults] = {
      "none", "mad_length", "mad_version", "mad_class", "cm_version", "mad_method", "cm_attribute"};
  const size_t i = static_cast<size_t>(fault);
  return i < kMadFaults ? kNames[i] : "unknown";
}

}  // namespace sluice::wire
