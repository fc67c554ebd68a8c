// Manager: connection management of one end (IBTA 1.4, chapter 12) without I/O. Datagrams of queue
// pair 1 go in by OnMad, those to send come out by TakeMad, what the application must know by
// TakeEvent; time is an argument.
//
//   active    Connect -> kReply -> (the queue pair is made ready) Confirm -> established
//   passive   Listen -> kRequest -> (the queue pair is made ready) Accept -> kEstablished
//   either    Disconnect -> kDisconnected; Reject instead of Accept or Confirm
//   datagram  RequestDatagram -> kDatagramReply; Listen -> kDatagramRequest -> AnswerDatagram
//
// Lost and repeated datagrams are the manager's business: it sends again after the time that the
// handshake names, up to the number of retries, answers duplicates as their first was answered, and
// asks for more time (MRA) when the application thinks long. It keeps an ended connection for its
// time wait. A REQ for a queue pair of the peer that we hold a connection with is refused as stale,
// and the old connection is taken down (12.9.8.3.1). Alternate paths are refused (REP: failover not
// supported; LAP: APR).
//
// Peers are not trusted: what they can make us keep is bounded in all and per peer, answers that
// need no state are limited in rate, a datagram counts only from the address of its connection and
// with the ids that belong together, and a REQ must name the addresses that it came from and to.
//
// Deterministic. One thread. Memory grows to the limits of Config and no further.
#ifndef SLUICE_CM_MANAGER_H_
#define SLUICE_CM_MANAGER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/optional_time.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "cm/connection_table.h"
#include "cm/types.h"
#include "telemetry/counter.h"
#include "wheel/wheel.h"
#include "wire/cm_messages.h"

namespace sluice::cm {

enum class CmCount : uint8_t {
  kReceived,
  kSent,
  kSentAgain,
  kMalformed,    // not a datagram of this class; see wire::MadFault
  kDuplicate,    // answered as before
  kUnknownId,    // for no connection of ours
  kWrongPeer,    // for a connection with somebody else, or with ids that do not belong together
  kWrongState,   // legal, but not now
  kRefused,      // requests that were refused without asking the application
  kHalfOpen,     // of them, those beyond a limit
  kPeerFull,     // of them, those of a peer with as many connections as one may begin
  kStale,        // of them, those that named a queue pair which we knew
  kRateLimited,  // answers without state that were not given
  kQueueFull,    // datagrams that found no room
  kGaveUp,       // handshakes that ended for want of an answer
};
inline constexpr size_t kCmCounts = 15;
// snake_case: the key in statistics.
const char* NameOf(CmCount count);

struct MadOut {
  Peer to;
  std::array<uint8_t, wire::kMadBytes> bytes;
};

class Manager {
 public:
  explicit Manager(const Config& config);
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager();

  // A datagram from `from` to our address and queue pair 1: Q_Key and iCRC are checked already.
  void OnMad(Time now, const Peer& from, std::span<const uint8_t> mad);
  void OnTimers(Time now);
  OptionalTime NextDeadline() const { return wheel_.NextDeadline(); }

  // The oldest datagram to send; false when there is none.
  bool TakeMad(MadOut* out);
  bool HasMad() const { return mads_count_ > 0; }
  // The oldest event; false when there is none. Events that nobody takes keep their slots busy.
  bool TakeEvent(Event* out);

  // AlreadyExists when somebody listens there.
  absl::Status Listen(uint64_t service_id, bool datagram);
  // Requests that wait for a decision still do.
  void StopListening(uint64_t service_id);

  // These name what is wrong with their arguments, and change nothing then. ResourceExhausted: no
  // room for another connection. FailedPrecondition: the connection is not in such a state (any
  // more), NotFound: or is gone.
  absl::StatusOr<Id> Connect(Time now, const ConnectRequest& request);
  absl::Status Accept(Time now, Id id, const AcceptRequest& request);
  absl::Status Confirm(Time now, Id id, std::span<const uint8_t> private_data);
  absl::Status Reject(Time now, Id id, wire::CmReason reason,
                      std::span<const uint8_t> private_data);
  // Tells the peer of a request or reply that we need up to `service_timeout` (time code) more.
  absl::Status AskForTime(Time now, Id id, uint8_t service_timeout);
  // Ends it in any state: DREQ when both sides know of it, REJ when the peer waits for us.
  absl::Status Disconnect(Time now, Id id, std::span<const uint8_t> private_data);
  absl::StatusOr<Id> RequestDatagram(Time now, const DatagramRequest& request);
  absl::Status AnswerDatagram(Time now, Id id, const DatagramAnswer& answer);

  // kIdle for ids that name nothing (any more).
  State state(Id id);
  size_t connections() const { return table_.size(); }
  size_t half_open() const { return table_.half_open(); }
  uint64_t count(CmCount c) const { return counters_[static_cast<size_t>(c)].value(); }

 private:
  struct Input {
    Time now;
    const Peer& from;
    const wire::MadHeader& header;
  };
  struct Listener {
    uint64_t service_id;
    bool datagram;
  };

  void On(const Input& in, const wire::CmReq& m);
  void On(const Input& in, const wire::CmMra& m);
  void On(const Input& in, const wire::CmRej& m);
  void On(const Input& in, const wire::CmRep& m);
  void On(const Input& in, const wire::CmRtu& m);
  void On(const Input& in, const wire::CmDreq& m);
  void On(const Input& in, const wire::CmDrep& m);
  void On(const Input& in, const wire::CmSidrReq& m);
  void On(const Input& in, const wire::CmSidrRep& m);
  void On(const Input& in, const wire::CmLap& m);
  void On(const Input& in, const wire::CmApr& m);

  void OnDuplicateReq(const Input& in, Connection* c, const wire::CmReq& m);
  // What a REQ asks that we do not grant, if anything.
  struct Refusal {
    wire::CmReason reason = wire::CmReason::kNone;
    std::span<const uint8_t> info;
  };
  Refusal Judge(const Input& in, const wire::CmReq& m);
  void Refuse(const Input& in, const wire::CmReq& m, const Refusal& refusal);
  void OnTimer(Time now, Connection* c);
  void GiveUp(Time now, Connection* c);

  // The connection that a message with both ids is about; counts why there is none.
  template <typename Message>
  Connection* Match(const Input& in, const Message& m);
  Connection* Make(const Peer& peer);
  void Release(Connection* c);
  void EnterTimeWait(Time now, Connection* c);
  void SetState(Connection* c, State s) { table_.SetState(c, s); }
  void Arm(Connection* c, Time deadline) { wheel_.Arm(&c->timer, deadline); }
  Duration Wait(uint8_t code) const;

  // Sends and keeps it for repetition.
  template <typename Message>
  void SendKept(Time now, Connection* c, uint64_t transaction, const Message& m);
  template <typename Message>
  void Send(const Peer& to, uint64_t transaction, const Message& m);
  template <typename Message>
  void SendStateless(const Input& in, const Message& m);
  void SendAgain(Connection* c);
  void SendReject(Connection* c, wire::CmReason reason, std::span<const uint8_t> info,
                  std::span<const uint8_t> private_data, bool keep);
  void SendMra(Connection* c, uint8_t service_timeout);
  void SendDrep(const Input& in, const wire::CmDreq& m);
  void StartDisconnect(Time now, Connection* c, std::span<const uint8_t> private_data);
  void Queue(const Peer& to, const std::array<uint8_t, wire::kMadBytes>& mad);

  Event* Emit(EventKind kind, Connection* c);
  template <size_t N>
  static void SetPrivate(Event* e, const std::array<uint8_t, N>& bytes, size_t skip = 0);
  void SetIpHeader(uint8_t* private_data, const Peer& peer, uint16_t source_port) const;
  // nullopt: the header is missing or lies about where it came from and went to.
  std::optional<wire::IpCmHeader> CheckIpHeader(const Peer& from, const uint8_t* data) const;
  const Listener* FindListener(uint64_t service_id, bool datagram) const;
  uint64_t TransactionOf(Id id) const { return transaction_base_ | id; }
  void Add(CmCount c) { counters_[static_cast<size_t>(c)].Add(); }

  const Config config_;
  const uint64_t transaction_base_;
  ConnectionTable table_;
  wheel::Wheel wheel_;
  std::vector<Listener> listeners_;
  TokenBucket stateless_;
  std::vector<MadOut> mads_;  // a ring
  size_t mads_head_ = 0;
  size_t mads_count_ = 0;
  std::deque<Event> events_;
  std::array<telemetry::Counter, kCmCounts> counters_;
};

}  // namespace sluice::cm

#endif  // SLUICE_CM_MANAGER_H_
