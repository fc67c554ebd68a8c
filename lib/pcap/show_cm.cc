#include "pcap/show_cm.h"

#include <cstdint>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::pcap {
namespace {

uint32_t MtuBytes(uint8_t code) { return code >= 1 && code <= 5 ? 128u << code : 0; }

// Collects (key, value) of a message, in order, for the line and for the JSON.
class Fields {
 public:
  void Hex(std::string_view key, uint64_t v) {
    json[std::string(key)] = v;
    Say(key, absl::StrFormat("0x%x", v));
  }
  void Number(std::string_view key, uint64_t v) {
    json[std::string(key)] = v;
    Say(key, absl::StrCat(v));
  }
  void Name(std::string_view key, std::string_view v) {
    json[std::string(key)] = std::string(v);
    Say(key, std::string(v));
  }

  std::string text;
  cli::Json json;

 private:
  void Say(std::string_view key, const std::string& v) {
    text += absl::StrFormat(" %s=%s", std::string(key), v);
  }
};

std::string Reason(wire::CmReason reason) {
  return absl::StrFormat("%d(%s)", static_cast<int>(reason), wire::NameOf(reason));
}

const char* Subject(wire::CmSubject subject) {
  constexpr const char* kNames[] = {"REQ", "REP", "other", "reserved"};
  return kNames[static_cast<size_t>(subject) & 3];
}

void Add(const wire::CmReq& m, Fields* f) {
  f->Hex("local_comm_id", m.local_comm_id);
  f->Hex("service_id", m.service_id);
  f->Number("qpn", m.local_qpn);
  f->Number("start_psn", m.starting_psn);
  f->Number("mtu", MtuBytes(m.mtu));
  f->Number("responder_resources", m.responder_resources);
  f->Number("initiator_depth", m.initiator_depth);
  f->Number("retry", m.retry_count);
  f->Number("rnr_retry", m.rnr_retry);
  f->Number("ack_timeout", m.primary.ack_timeout);
  f->Number("cm_timeout", m.remote_response_timeout);
  f->Number("cm_retries", m.max_cm_retries);
  f->Name("local_gid", m.primary.local_gid.ToString());
  f->Name("remote_gid", m.primary.remote_gid.ToString());
  if (!wire::IsIpServiceId(m.service_id)) return;
  if (const auto ip = wire::IpCmHeader::Read(m.private_data.data())) {
    f->Number("source_port", ip->source_port);
  }
}

void Add(const wire::CmRep& m, Fields* f) {
  f->Hex("local_comm_id", m.local_comm_id);
  f->Hex("remote_comm_id", m.remote_comm_id);
  f->Number("qpn", m.local_qpn);
  f->Number("start_psn", m.starting_psn);
  f->Number("responder_resources", m.responder_resources);
  f->Number("initiator_depth", m.initiator_depth);
  f->Number("rnr_retry", m.rnr_retry);
}

void Add(const wire::CmSidrReq& m, Fields* f) {
  f->Hex("request_id", m.request_id);
  f->Hex("service_id", m.service_id);
}

void Add(const wire::CmSidrRep& m, Fields* f) {
  f->Hex("request_id", m.request_id);
  f->Number("status", static_cast<uint64_t>(m.status));
  f->Number("qpn", m.qpn);
  f->Hex("qkey", m.qkey);
}

template <typename M>
void Add(const M& m, Fields* f) {
  f->Hex("local_comm_id", m.local_comm_id);
  f->Hex("remote_comm_id", m.remote_comm_id);
  if constexpr (requires { m.subject; }) f->Name("of", Subject(m.subject));
  if constexpr (requires { m.reason; }) f->Name("reason", Reason(m.reason));
  if constexpr (requires { m.service_timeout; }) f->Number("service_timeout", m.service_timeout);
  if constexpr (requires { m.remote_qpn; }) f->Number("remote_qpn", m.remote_qpn);
  if constexpr (requires { m.status; }) f->Number("status", m.status);
}

Fields FieldsOf(const wire::CmMad& mad) {
  Fields f;
  std::visit([&f](const auto& m) { Add(m, &f); }, mad.message);
  f.Hex("tid", mad.header.transaction_id);
  return f;
}

}  // namespace

std::optional<wire::CmMad> CmOf(const wire::DecodedFrame& frame) {
  if (frame.bth.dest_qpn != wire::kGsiQpn || !frame.deth || !frame.decoded()) return std::nullopt;
  wire::CmMad mad;
  if (wire::DecodeCm(frame.payload, &mad) != wire::MadFault::kNone) return std::nullopt;
  return mad;
}

std::string CmText(const wire::CmMad& mad) {
  return wire::NameOf(mad.attribute()) + FieldsOf(mad).text;
}

cli::Json CmJson(const wire::CmMad& mad) {
  cli::Json j;
  j["message"] = wire::NameOf(mad.attribute());
  j.update(FieldsOf(mad).json);
  return j;
}

}  // namespace sluice::pcap
