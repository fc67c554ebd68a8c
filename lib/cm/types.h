// What the connection manager is told and tells: addresses, requests, parameters, events. Plain
// values; times that a peer names are time codes, 4.096 us * 2^code (IBTA 1.4, 12.7).
#ifndef SLUICE_CM_TYPES_H_
#define SLUICE_CM_TYPES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "wire/address.h"
#include "wire/cm_messages.h"

namespace sluice::cm {

// Where datagrams of a connection go. The manager tells peers apart by IP address and hands the MAC
// address back as it came.
struct Peer {
  wire::IpAddress ip;
  wire::MacAddress mac;
};

// Names a connection, a half-open one, or a datagram lookup; it is our communication ID on the
// wire, drawn so that a stranger cannot guess it. 0 names none.
using Id = uint32_t;

struct Config {
  wire::IpAddress ip;  // ours
  uint64_t guid = 0;   // ours, EUI-64
  uint64_t seed = 1;   // draws ids
  Time start;
  uint32_t max_connections = 1024;  // of all kinds; at most 65535
  uint32_t max_half_open = 512;     // that peers began and that are not established
  uint32_t max_half_open_per_peer = 16;
  uint32_t max_connections_per_peer = 512;  // that one peer began, but for TIME_WAIT
  uint8_t response_timeout = 18;            // time code: how soon an answer is missed; 1.07 s
  uint8_t max_retries = 15;
  uint8_t max_mtu = 5;            // MTU code: what our port can carry
  uint8_t target_ack_delay = 10;  // time code, told to peers: 4.2 ms
  // How long the application may think about a request or a reply.
  Duration decision = Duration::Seconds(60);
  // Peers cannot make us wait longer than this for one message, whatever code they send.
  Duration longest_wait = Duration::Seconds(10);
  uint32_t stateless_per_second = 1000;  // answers that need no state: most REJ, DREP, APR
};

// What a queue pair must know to talk to its peer: the outcome of the handshake.
struct Parameters {
  uint32_t peer_qpn = 0;
  uint32_t send_psn = 0;  // with which the peer wants us to begin
  uint8_t mtu = 0;        // MTU code, for both directions
  uint8_t ack_timeout = 0;
  uint8_t retry_count = 0;
  uint8_t rnr_retry = 0;
  uint8_t responder_resources = 0;  // READs and atomics that the peer may have under way to us
  uint8_t initiator_depth = 0;      // that we may have under way to the peer
  uint8_t target_ack_delay = 0;     // the peer's; only known to the active side
  uint8_t traffic_class = 0;
  uint8_t hop_limit = 64;
  uint32_t flow_label = 0;
  uint16_t pkey = 0xffff;
  wire::CmService service = wire::CmService::kRc;
};

struct ConnectRequest {
  Peer peer;
  uint64_t service_id = 0;
  uint16_t source_port = 0;  // told to the peer if the service is named by IP addresses
  uint32_t qpn = 0;
  uint32_t receive_psn = 0;  // with which the peer shall begin
  uint8_t mtu = 5;
  uint8_t ack_timeout = 14;
  uint8_t retry_count = 7;
  uint8_t rnr_retry = 7;
  uint8_t responder_resources = 0;
  uint8_t initiator_depth = 0;
  uint8_t traffic_class = 0;
  uint8_t hop_limit = 64;
  uint32_t flow_label = 0;
  uint16_t pkey = 0xffff;
  wire::CmService service = wire::CmService::kRc;
  std::span<const uint8_t> private_data;  // at most 56 bytes to a service named by IP, else 92
};

struct AcceptRequest {
  uint32_t qpn = 0;
  uint32_t receive_psn = 0;  // with which the peer shall begin
  uint8_t rnr_retry = 7;
  uint8_t responder_resources = 0;  // at most; the peer may have asked for less
  uint8_t initiator_depth = 0;
  bool srq = false;
  std::span<const uint8_t> private_data;  // at most 196 bytes
};

struct DatagramRequest {
  Peer peer;
  uint64_t service_id = 0;
  uint16_t source_port = 0;
  uint16_t pkey = 0xffff;
  std::span<const uint8_t> private_data;  // at most 180 bytes to a service named by IP, else 216
};

struct DatagramAnswer {
  wire::SidrStatus status = wire::SidrStatus::kValid;
  uint32_t qpn = 0;
  uint32_t qkey = 0;
  std::span<const uint8_t> private_data;  // at most 136 bytes
};

enum class EventKind : uint8_t {
  kRequest,          // a peer asks a listener for a connection: Accept or Reject it
  kReply,            // our request was accepted: Confirm or Reject it
  kEstablished,      // the peer has confirmed what we accepted
  kRejected,         // by the peer; see reason
  kUnreachable,      // no answer in time, or none of ours
  kDisconnected,     // by either side
  kDatagramRequest,  // a peer looks for a datagram service: AnswerDatagram
  kDatagramReply,    // what our lookup found; see datagram
};
const char* NameOf(EventKind kind);

struct Event {
  EventKind kind = EventKind::kRequest;
  Id id = 0;
  Peer peer;
  uint64_t service_id = 0;
  uint16_t peer_port = 0;  // of a request to a service named by IP addresses
  Parameters parameters;   // of a request and a reply
  wire::CmReason reason = wire::CmReason::kNone;
  uint8_t acceptable_mtu = 0;  // MTU code that a peer which rejected ours would take; 0: not said
  struct {
    wire::SidrStatus status = wire::SidrStatus::kValid;
    uint32_t qpn = 0;
    uint32_t qkey = 0;
  } datagram;
  // Private data has a fixed length in each message: what the sender left out is zero.
  std::array<uint8_t, 224> private_bytes{};
  uint8_t private_length = 0;

  std::span<const uint8_t> private_data() const { return {private_bytes.data(), private_length}; }
};

}  // namespace sluice::cm

#endif  // SLUICE_CM_TYPES_H_
