// Connections by address: two ends that know nothing of each other but IP addresses and a port find
// the MAC address (ARP, neighbour discovery), agree on queue pairs, PSNs, MTU and retries (RDMA-CM
// of IBTA 1.4, chapter 12 and annex A11, as Linux' rdma_cm speaks it), and have reliable queue
// pairs that are ready to send.
//
//   // The server:
//   auto listener = *Listener::Create(device, 7174);
//   std::unique_ptr<Connection> c;
//   while ((c = listener->Poll()) == nullptr) device->Poll();
//   qp->PostReceive(...);                       // before Accept: the peer may send at once
//   CHECK_OK(c->Accept(qp, {}));                // c->private_data(): what the client sent
//   while (c->Poll() == CmState::kAccepting) device->Poll();
//
//   // The client:
//   auto c = *Connection::Connect(device, qp, "198.51.100.2", 7174, {});
//   while (c->Poll() == CmState::kResolving || c->state() == CmState::kConnecting) device->Poll();
//   if (c->state() != CmState::kEstablished) return c->error();   // rejected, unreachable
//   qp->PostSend(...);                          // c->private_data(): what the server sent
//
//   // Either:
//   c->Disconnect();                            // or the peer does: kDisconnected
//   while (c->Poll() == CmState::kDisconnecting) device->Poll();
//
// A device that takes part in this answers for its address (ARP, neighbour discovery, ping) from
// the first object made here on; Answer does it without one.
//
// Threads: those of set-up calls (verbs.h): one. Nothing here blocks but for the engine's current
// iteration. Objects are destroyed before their device, a Connection before its queue pair.
#ifndef SLUICE_VERBS_CM_H_
#define SLUICE_VERBS_CM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "verbs/verbs.h"

namespace sluice::verbs {

// From now on the device answers for its address. FailedPrecondition: its port carries no payload
// (a laboratory that elides it).
SLUICE_PUBLIC absl::Status Answer(Device* device);

// The MAC address of a neighbour.
class SLUICE_PUBLIC Resolver {
 public:
  enum class State : uint8_t { kAsking, kResolved, kFailed };

  // InvalidArgument: no address, or not of the device's family.
  static absl::StatusOr<std::unique_ptr<Resolver>> Start(Device* device, std::string_view address);
  ~Resolver();
  // Nobody answered three questions a second apart: kFailed. Ask again by another Start.
  State Poll();
  std::string mac() const;  // "02:00:00:00:00:01" when resolved

 private:
  struct Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class CmState : uint8_t {
  kResolving,      // asks for the peer's MAC address
  kConnecting,     // has sent a request
  kRequested,      // is a peer's request: Accept or Reject it
  kAccepting,      // has accepted, the peer has not confirmed
  kEstablished,    // the queue pair is ready; on the accepting side the peer's is, too
  kDisconnecting,  // has told the peer that it ends
  kDisconnected,   // by either side; the queue pair is in error, everything posted flushes
  kRejected,       // by the peer, or by us; see error() and private_data()
  kUnreachable,    // nobody answered
};
SLUICE_PUBLIC const char* NameOf(CmState state);

struct CmOptions {
  // How our queue pair is to be connected. QPNs, PSNs, addresses, RNR retry count and, on the
  // accepting side, MTU and retry count come from the handshake; the MTU is at most what the port
  // carries, what the peer accepts, and what a router on the way has reported to fit (ICMP). Two
  // ends of Sluice also try the path before they are established; if less passes, the acceptor sees
  // a rejected connection and a new request (docs/decisions/0022-path-mtu.md).
  ConnectOptions connect;
  // READs and atomics that we serve at a time, and that we may have outstanding; what is agreed is
  // the lesser of what one offers and the other wants.
  uint8_t responder_resources = 16;
  uint8_t initiator_depth = 16;
  // Told to the peer: at most 56 bytes by Connect, 196 by Accept. Of either the last 16 bytes are
  // where two ends of Sluice agree on the extension (docs/wire-formats.md): with
  // connect.reliability kAuto, the default, they use it if both can and base RC otherwise, as they
  // do when private data takes that room. kBase: nothing of ours is sent; kExtended: nothing else
  // will do. The window is the lesser of the two ends'.
  std::span<const uint8_t> private_data;
};

class SLUICE_PUBLIC Connection {
 public:
  // Begins to connect `qp`, which is in reset. The peer listens on `port` (rdma_cm's port space
  // TCP). Errors name what is wrong with the arguments.
  static absl::StatusOr<std::unique_ptr<Connection>> Connect(Device* device, QueuePair* qp,
                                                             std::string_view address,
                                                             uint16_t port,
                                                             const CmOptions& options);
  // Ends the connection as Disconnect does, without waiting for the peer; rejects a request.
  ~Connection();

  // Takes what has happened and returns the state. Call it, and Device::Poll, until the state is
  // the one that you wait for; and now and then after that, to hear of the end.
  CmState Poll();
  CmState state() const;
  // Why it is rejected, unreachable, or why the queue pair could not be connected; else Ok.
  absl::Status error() const;

  std::string peer_address() const;
  uint16_t peer_port() const;  // of a request: the client's
  // What the peer sent with its last message: request, acceptance or rejection. The handshake has
  // fixed lengths (56, 196 or 148 bytes): what the peer left out is zero.
  std::span<const uint8_t> private_data() const;
  uint32_t mtu() const;   // agreed, bytes; 0 before
  bool extended() const;  // agreed on selective repeat
  // Agreed: what a queue pair may use (initiator_depth) and has to serve.
  uint8_t initiator_depth() const;
  uint8_t responder_resources() const;

  // A request only. Accept brings `qp`, which is in reset, to ready-to-send. When it fails, the
  // request still waits.
  absl::Status Accept(QueuePair* qp, const CmOptions& options);
  absl::Status Reject(std::span<const uint8_t> private_data = {});  // at most 148 bytes
  // Brings the queue pair to error and tells the peer. FailedPrecondition when it has ended.
  absl::Status Disconnect();

  struct Impl;

 private:
  friend class Listener;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Requests of peers. At most 16 of one peer, and 512 in all, wait for a decision; further ones are
// rejected. One that waits for a minute is given up.
class SLUICE_PUBLIC Listener {
 public:
  // AlreadyExists: somebody listens on this port of the device.
  static absl::StatusOr<std::unique_ptr<Listener>> Create(Device* device, uint16_t port);
  ~Listener();
  // The next request, or null. It must be accepted or rejected; destroying it rejects it.
  std::unique_ptr<Connection> Poll();

  struct Impl;

 private:
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_CM_H_
