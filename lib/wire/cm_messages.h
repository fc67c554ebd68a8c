// The messages of connection management as values, field by field (IBTA 1.4, 12.6), and the private
// data that carries IP addresses (annex A11).
//
// DecodeCm checks the header and the length; after kNone every field has been read. Reserved bits
// are not kept: EncodeCm writes them as zero, all other bits come back as they were. Integers are
// in host order; codes are as in the specification: a time code t is 4.096 us * 2^t, an MTU code
// runs from 1 (256 bytes) to 5 (4096). Values wider than their field are cut. Any thread.
#ifndef SLUICE_WIRE_CM_MESSAGES_H_
#define SLUICE_WIRE_CM_MESSAGES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "wire/address.h"
#include "wire/mad.h"

namespace sluice::wire {

enum class CmAttribute : uint16_t {
  kReq = 0x10,
  kMra = 0x11,
  kRej = 0x12,
  kRep = 0x13,
  kRtu = 0x14,
  kDreq = 0x15,
  kDrep = 0x16,
  kSidrReq = 0x17,
  kSidrRep = 0x18,
  kLap = 0x19,
  kApr = 0x1a,
};
// "REQ", ...; "CM_UNKNOWN" for another number.
const char* NameOf(CmAttribute attribute);

// Which message a MRA or REJ speaks of.
enum class CmSubject : uint8_t { kReq = 0, kRep = 1, kOther = 2, kReserved = 3 };

// Why a REJ rejects (12.6.7.2); numbers that are not listed may arrive.
enum class CmReason : uint16_t {
  kNone = 0,
  kNoQp = 1,
  kNoEec = 2,
  kNoResources = 3,
  kTimeout = 4,
  kUnsupported = 5,
  kInvalidCommId = 6,
  kInvalidCommInstance = 7,
  kInvalidServiceId = 8,
  kInvalidTransportType = 9,
  kStaleConnection = 10,
  kNoRdc = 11,
  kPrimaryGid = 12,
  kPrimaryLid = 13,
  kPrimarySl = 14,
  kPrimaryTrafficClass = 15,
  kPrimaryHopLimit = 16,
  kPrimaryRate = 17,
  kAlternateGid = 18,
  kAlternateLid = 19,
  kAlternateSl = 20,
  kAlternateTrafficClass = 21,
  kAlternateHopLimit = 22,
  kAlternateRate = 23,
  kPortCmRedirect = 24,
  kPortRedirect = 25,
  kInvalidMtu = 26,
  kInsufficientResponderResources = 27,
  kConsumer = 28,
  kRnrRetry = 29,
  kDuplicateCommId = 30,
  kClassVersion = 31,
  kPrimaryFlowLabel = 32,
  kAlternateFlowLabel = 33,
};
// Lower case with underscores, e.g. "invalid_service_id"; "reason" for a number that is not listed.
const char* NameOf(CmReason reason);

// Transport service type of a REQ.
enum class CmService : uint8_t { kRc = 0, kUc = 1, kRd = 2, kExtended = 3 };

inline constexpr size_t kCmRejectInfoBytes = 72;

// A path as REQ and LAP describe it; RoCE has no LIDs, Linux writes 0xffff.
struct CmPath {
  uint16_t local_lid = 0;
  uint16_t remote_lid = 0;
  IpAddress local_gid;
  IpAddress remote_gid;
  uint32_t flow_label = 0;  // 20 bits
  uint8_t packet_rate = 0;  // 6 bits
  uint8_t traffic_class = 0;
  uint8_t hop_limit = 0;
  uint8_t service_level = 0;  // 4 bits
  bool subnet_local = false;
  uint8_t ack_timeout = 0;  // 5 bits, time code

  bool operator==(const CmPath&) const = default;
};

struct CmReq {
  static constexpr CmAttribute kAttribute = CmAttribute::kReq;
  uint32_t local_comm_id = 0;
  uint64_t service_id = 0;
  uint64_t local_ca_guid = 0;
  uint32_t local_qkey = 0;
  uint32_t local_qpn = 0;  // 24 bits
  uint8_t responder_resources = 0;
  uint32_t local_eecn = 0;  // 24 bits
  uint8_t initiator_depth = 0;
  uint32_t remote_eecn = 0;                 // 24 bits
  uint8_t remote_response_timeout = 0;      // time code: the receiver of the REQ answers in
  CmService service_type = CmService::kRc;  // 2 bits
  bool flow_control = false;
  uint32_t starting_psn = 0;           // 24 bits: with which the *receiver* of the REQ begins
  uint8_t local_response_timeout = 0;  // time code: the sender of the REQ answers in
  uint8_t retry_count = 0;             // 3 bits
  uint16_t pkey = 0;
  uint8_t mtu = 0;  // MTU code
  bool rdc_exists = false;
  uint8_t rnr_retry = 0;       // 3 bits
  uint8_t max_cm_retries = 0;  // 4 bits
  bool srq = false;
  uint8_t extended_type = 0;  // 3 bits
  CmPath primary;
  CmPath alternate;
  bool sap_supported = false;
  std::array<uint8_t, 92> private_data{};

  bool operator==(const CmReq&) const = default;
};

struct CmMra {
  static constexpr CmAttribute kAttribute = CmAttribute::kMra;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  CmSubject subject = CmSubject::kReq;
  uint8_t service_timeout = 0;  // time code
  std::array<uint8_t, 222> private_data{};

  bool operator==(const CmMra&) const = default;
};

struct CmRej {
  static constexpr CmAttribute kAttribute = CmAttribute::kRej;
  uint32_t local_comm_id = 0;  // 0: the sender made none
  uint32_t remote_comm_id = 0;
  CmSubject subject = CmSubject::kReq;
  uint8_t info_length = 0;  // 7 bits: valid bytes in `info`; may lie about it
  CmReason reason = CmReason::kNone;
  std::array<uint8_t, kCmRejectInfoBytes> info{};
  std::array<uint8_t, 148> private_data{};

  bool operator==(const CmRej&) const = default;
};

struct CmRep {
  static constexpr CmAttribute kAttribute = CmAttribute::kRep;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  uint32_t local_qkey = 0;
  uint32_t local_qpn = 0;     // 24 bits
  uint32_t local_eecn = 0;    // 24 bits
  uint32_t starting_psn = 0;  // 24 bits: with which the *receiver* of the REP begins
  uint8_t responder_resources = 0;
  uint8_t initiator_depth = 0;
  uint8_t target_ack_delay = 0;   // time code
  uint8_t failover_accepted = 0;  // 2 bits
  bool flow_control = false;
  uint8_t rnr_retry = 0;  // 3 bits
  bool srq = false;
  uint64_t local_ca_guid = 0;
  std::array<uint8_t, 196> private_data{};

  bool operator==(const CmRep&) const = default;
};

struct CmRtu {
  static constexpr CmAttribute kAttribute = CmAttribute::kRtu;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  std::array<uint8_t, 224> private_data{};

  bool operator==(const CmRtu&) const = default;
};

struct CmDreq {
  static constexpr CmAttribute kAttribute = CmAttribute::kDreq;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  uint32_t remote_qpn = 0;  // 24 bits
  std::array<uint8_t, 220> private_data{};

  bool operator==(const CmDreq&) const = default;
};

struct CmDrep {
  static constexpr CmAttribute kAttribute = CmAttribute::kDrep;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  std::array<uint8_t, 224> private_data{};

  bool operator==(const CmDrep&) const = default;
};

struct CmSidrReq {
  static constexpr CmAttribute kAttribute = CmAttribute::kSidrReq;
  uint32_t request_id = 0;
  uint16_t pkey = 0;
  uint64_t service_id = 0;
  std::array<uint8_t, 216> private_data{};

  bool operator==(const CmSidrReq&) const = default;
};

enum class SidrStatus : uint8_t {
  kValid = 0,
  kServiceNotSupported = 1,
  kRejected = 2,
  kNoQp = 3,
  kRedirect = 4,
  kVersionNotSupported = 5,
};

struct CmSidrRep {
  static constexpr CmAttribute kAttribute = CmAttribute::kSidrRep;
  uint32_t request_id = 0;
  SidrStatus status = SidrStatus::kValid;  // 8 bits, any value may arrive
  uint8_t info_length = 0;
  uint32_t qpn = 0;  // 24 bits
  uint64_t service_id = 0;
  uint32_t qkey = 0;
  std::array<uint8_t, kCmRejectInfoBytes> info{};
  std::array<uint8_t, 136> private_data{};

  bool operator==(const CmSidrRep&) const = default;
};

struct CmLap {
  static constexpr CmAttribute kAttribute = CmAttribute::kLap;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  uint32_t remote_qpn = 0;              // 24 bits
  uint8_t remote_response_timeout = 0;  // time code
  CmPath alternate;
  std::array<uint8_t, 168> private_data{};

  bool operator==(const CmLap&) const = default;
};

// Answers of an APR that we give (12.8.2).
inline constexpr uint8_t kAprInvalidCommId = 1;
inline constexpr uint8_t kAprUnsupported = 2;

struct CmApr {
  static constexpr CmAttribute kAttribute = CmAttribute::kApr;
  uint32_t local_comm_id = 0;
  uint32_t remote_comm_id = 0;
  uint8_t info_length = 0;
  uint8_t status = 0;
  std::array<uint8_t, kCmRejectInfoBytes> info{};
  std::array<uint8_t, 148> private_data{};

  bool operator==(const CmApr&) const = default;
};

using CmMessage = std::variant<CmReq, CmMra, CmRej, CmRep, CmRtu, CmDreq, CmDrep, CmSidrReq,
                               CmSidrRep, CmLap, CmApr>;

struct CmMad {
  MadHeader header;  // its attribute id is that of the message when EncodeCm writes it
  CmMessage message;

  CmAttribute attribute() const {
    return std::visit([](const auto& m) { return m.kAttribute; }, message);
  }
  bool operator==(const CmMad&) const = default;
};

// Why a datagram is no message of connection management, in the order of the checks.
enum class MadFault : uint8_t {
  kNone,
  kLength,     // not 256 bytes
  kVersion,    // base version other than 1
  kClass,      // not communication management
  kCmVersion,  // class version other than 2
  kMethod,     // not Send
  kAttribute,  // a message that 12.6 does not know
};
inline constexpr size_t kMadFaults = 7;
const char* NameOf(MadFault fault);

MadFault DecodeCm(std::span<const uint8_t> mad, CmMad* out);
std::array<uint8_t, kMadBytes> EncodeCm(const CmMad& mad);

// The first bytes of the private data of a REQ or SIDR_REQ to a service that IP addresses name
// (annex A11). Such a service ID is 0x0000000001 | IP protocol | port.
struct IpCmHeader {
  static constexpr size_t kSize = 36;
  uint8_t ip_version = 4;  // 4 or 6
  uint16_t source_port = 0;
  IpAddress source;
  IpAddress destination;

  // nullopt unless it is version 0.0, the reserved bits are zero, and the addresses are of the
  // family that it names. `p`: kSize bytes.
  static std::optional<IpCmHeader> Read(const uint8_t* p);
  void Write(uint8_t* p) const;
  bool operator==(const IpCmHeader&) const = default;
};

constexpr uint64_t IpServiceId(uint8_t protocol, uint16_t port) {
  return uint64_t{0x01} << 24 | static_cast<uint64_t>(protocol) << 16 | port;
}
constexpr bool IsIpServiceId(uint64_t id) { return id >> 24 == 1; }
inline constexpr uint8_t kServiceTcp = 0x06;  // RC connections, as rdma_cm's port space TCP
inline constexpr uint8_t kServiceUdp = 0x11;  // SIDR

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_CM_MESSAGES_H_
