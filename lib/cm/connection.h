// Connection: what the manager keeps of one connection, and the states that it goes through (IBTA
// 1.4, 12.9.5 to 12.9.7 and figures 123 to 126). For the files of this folder.
#ifndef SLUICE_CM_CONNECTION_H_
#define SLUICE_CM_CONNECTION_H_

#include <array>
#include <cstdint>

#include "base/time.h"
#include "cm/types.h"
#include "wheel/wheel.h"

namespace sluice::cm {

enum class State : uint8_t {
  kIdle,  // no connection
  // The active side.
  kReqSent,
  kMraReqReceived,  // the peer asked for more time: "REP wait"
  kRepReceived,     // the application has not confirmed yet
  kMraRepSent,
  // The passive side.
  kReqReceived,  // the application has not decided yet
  kMraReqSent,
  kRepSent,
  kMraRepReceived,  // "RTU wait"
  // Both.
  kEstablished,
  kDreqSent,
  kTimeWait,
  // Datagram lookup.
  kSidrReqSent,
  kSidrReqReceived,
  kSidrAnswered,  // keeps its answer for duplicates
};
inline constexpr size_t kStates = 15;
const char* NameOf(State state);

// Whether a peer made us keep it and has not shown yet that it means it.
constexpr bool IsHalfOpen(State s) {
  return s == State::kReqReceived || s == State::kMraReqSent || s == State::kRepSent ||
         s == State::kMraRepReceived || s == State::kSidrReqReceived;
}

struct Connection {
  static constexpr uint32_t kNone = ~0u;

  struct Timer : wheel::Entry {
    Connection* connection = nullptr;
  };

  Timer timer;
  State state = State::kIdle;
  bool passive = false;
  bool rejected = false;  // last_mad is the REJ that answers further requests
  bool wants_failover = false;
  uint8_t events = 0;      // of it that nobody has taken yet
  uint8_t mras = 0;        // that the peer may still send
  uint8_t tries_left = 0;  // further sends of last_mad
  uint8_t max_retries = 0;
  uint16_t generation = 0;  // of the slot
  uint32_t slot = 0;
  Id id = 0;
  uint32_t remote_id = 0;  // communication ID or request ID of the peer
  bool remote_known = false;
  uint32_t local_qpn = 0;
  uint64_t service_id = 0;
  uint64_t transaction = 0;  // of the handshake
  Peer peer;
  Parameters parameters;
  Duration timeout;  // until last_mad is sent again
  std::array<uint8_t, wire::kMadBytes> last_mad{};

  // Chains of the table's indices, and the place in its list of half-open ones.
  uint32_t next_by_remote = kNone;
  uint32_t next_by_qpn = kNone;
  uint32_t half_open_at = kNone;
  bool in_remote = false;
  bool in_qpn = false;
};

}  // namespace sluice::cm

#endif  // SLUICE_CM_CONNECTION_H_
