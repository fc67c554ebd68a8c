// The public interface of Sluice: protection domains, memory regions, completion queues and queue
// pairs, in the manner of the verbs of IBTA 1.4, chapter 11. Every application uses this header and
// nothing below it.
//
// A Device is one port with the engine that serves it. It comes from sluice/open.h. Objects are
// made by their device, owned by the caller, and must be destroyed before it; a queue pair before
// its completion queues and its protection domain.
//
// Threads: set-up calls come from one thread. After that each queue pair may be posted to from one
// thread at a time per direction (from any, if QueuePairOptions::single_threaded is false), and
// each completion queue polled from one thread. The engine runs inside Device::Poll, on the thread
// that calls it, which may be another one.
#ifndef SLUICE_VERBS_VERBS_H_
#define SLUICE_VERBS_VERBS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#if defined(__GNUC__)
#define SLUICE_PUBLIC __attribute__((visibility("default")))
#else
#define SLUICE_PUBLIC
#endif

namespace sluice::verbs {

// Rights of a memory region; the values are those of libibverbs, which has no equal of the last.
// Local read is always granted, remote write and atomic need local write.
enum Access : uint8_t {
  kLocalWrite = 1,
  kRemoteWrite = 2,
  kRemoteRead = 4,
  kRemoteAtomic = 8,
  kMemoryWindowBind = 16,  // memory windows may be bound to the region
  kZeroBased = 32,         // of a window: the peer counts addresses from its start
  kRemoteInvalidate = 64,  // a peer's SEND with invalidate may name the region's key
};

enum class Opcode : uint8_t {
  kSend,
  kSendWithImm,
  kRdmaWrite,
  kRdmaWriteWithImm,
  // From `remote_address` under `rkey` into the segments, which need local write. The memory holds
  // the data when it has completed, and anything before. Several READs and atomics are outstanding
  // at a time (ConnectOptions::max_rd_atomic), further ones wait.
  kRdmaRead,
  // On 8 bytes at `remote_address`, a multiple of 8, exactly once whatever is lost: adds `add`, or
  // puts `swap` there if `compare` is there. The value before it comes into the segments, 8 bytes
  // in all with local write. Integers are in the order of each host. Atomic towards the threads of
  // the peer as well, if they use std::atomic or its like.
  kAtomicFetchAdd,
  kAtomicCompareSwap,
  // A SEND whose arrival makes the key `rkey` of the peer unknown there; the region must have been
  // registered with kRemoteInvalidate, else both queue pairs fail.
  kSendWithInvalidate,
  // No packet: makes our own key `rkey` unknown, once everything posted before has completed. The
  // MemoryRegion still has to be destroyed. An unknown key fails the queue pair.
  kLocalInvalidate,
  // No packet: opens a free window (SendRequest::bind) under the new key `rkey`, once everything
  // posted before has completed. RC and UC. A binding that the rules of MemoryWindow forbid fails
  // the queue pair (kMemoryWindowBindError).
  kBindMemoryWindow,
};

// Services (IBTA 1.4, 3.2.2): reliable connection; unreliable connection (SEND and WRITE, nothing
// is acknowledged, a message with a packet missing is lost); unreliable datagram (SEND of one
// packet to and from anybody).
enum class QueuePairType : uint8_t { kRc, kUc, kUd };

// IBTA 1.4, 10.3.1.
enum class QueuePairState : uint8_t {
  kReset,
  kInit,
  kReadyToReceive,
  kReadyToSend,
  kSendDrain,  // SQD: what was begun is finished, nothing else begins
  kSendError,  // SQE (UC, UD): a send failed, sends complete flushed, receiving goes on
  kError,
};
SLUICE_PUBLIC const char* NameOf(QueuePairState state);

// One run of local memory, inside the region that `lkey` names.
struct Segment {
  void* address = nullptr;
  uint32_t length = 0;
  uint32_t lkey = 0;
};

class AddressHandle;
class MemoryRegion;
class MemoryWindow;

// What kBindMemoryWindow binds; copied by the post.
struct BindRequest {
  MemoryWindow* window = nullptr;  // its rkey() becomes SendRequest::rkey
  const MemoryRegion* region = nullptr;
  void* address = nullptr;  // inside the region
  uint64_t length = 0;      // at least 1
  int access = 0;           // of kRemoteWrite, kRemoteRead, kRemoteAtomic and kZeroBased
};

struct SendRequest {
  uint64_t wr_id = 0;
  // Copied by the post; the memory itself is read (READ, atomics: written) until completion.
  std::span<const Segment> segments;
  Opcode opcode = Opcode::kSend;
  bool signalled = true;  // false: no completion on success
  bool solicited = false;
  uint32_t imm = 0;
  uint64_t remote_address = 0;  // RDMA WRITE, RDMA READ, atomics
  uint32_t rkey = 0;            // likewise, and the key to invalidate
  // Waits until all READs and atomics that were posted before have completed (IBTA 1.4, 10.8.3.3).
  bool fence = false;
  // SEND and WRITE of at most QueuePairOptions::max_inline bytes: the data itself is copied by the
  // post, so that the memory is free at once; lkeys are not looked at.
  bool inlined = false;
  uint64_t compare = 0;  // atomics
  uint64_t swap = 0;
  uint64_t add = 0;
  // Datagrams only: to whom. The handle is copied by the post. Bit 31 of the Q_Key set: the queue
  // pair's own is sent in its place.
  const AddressHandle* address_handle = nullptr;
  uint32_t remote_qpn = 0;
  uint32_t remote_qkey = 0;
  const BindRequest* bind = nullptr;  // kBindMemoryWindow
};

// Of a datagram the first 40 bytes are the header area: the IPv6 header, or 20 zero bytes and the
// IPv4 header; the memory must have room for them.
struct ReceiveRequest {
  uint64_t wr_id = 0;
  std::span<const Segment> segments;
};

enum class CompletionStatus : uint8_t {
  kSuccess,
  kLocalLengthError,
  kLocalQpOperationError,
  kFlushed,
  kRemoteInvalidRequestError,
  kRemoteAccessError,
  kRemoteOperationError,
  kRetryExceeded,
  kRnrRetryExceeded,
  kMemoryWindowBindError,
  // As kRetryExceeded, and a router reported that packets of this size do not fit the path. A
  // connection made anew by verbs/cm.h takes the smaller MTU. Base RC only.
  kPathMtuExceeded,
};
SLUICE_PUBLIC const char* NameOf(CompletionStatus status);

struct WorkCompletion {
  uint64_t wr_id = 0;
  uint32_t qpn = 0;
  uint32_t byte_length = 0;
  uint32_t imm = 0;  // host order
  CompletionStatus status = CompletionStatus::kSuccess;
  Opcode opcode = Opcode::kSend;
  bool receive = false;
  bool has_imm = false;
  bool solicited = false;
  bool invalidated = false;       // a SEND with invalidate arrived
  uint32_t invalidated_rkey = 0;  // our key that it made unknown
  // Of a datagram that was received: byte_length counts the header area (has_grh).
  bool has_grh = false;
  uint32_t source_qpn = 0;
  std::array<uint8_t, 6> source_mac = {};
};

enum class PostResult : uint8_t {
  kOk,
  kQueueFull,  // poll completions, then post again
  kBadKey,     // a segment lies outside its region, or lacks the right
  kTooLong,    // more than 2^31 bytes in all
  kTooManySegments,
  kNotConnected,
  kInvalidRequest,  // fields that contradict the opcode, or an opcode without the depth for it
};
SLUICE_PUBLIC const char* NameOf(PostResult result);

class Device;
class ProtectionDomain;

class SLUICE_PUBLIC MemoryRegion {
 public:
  ~MemoryRegion();
  uint32_t lkey() const;
  uint32_t rkey() const;
  // Forgets the region. FailedPrecondition while posted requests still name it: poll their
  // completions first; or while memory windows are bound to it: invalidate or destroy them. The
  // destructor forgets it whatever is posted, and closes such windows.
  absl::Status Deregister();

 private:
  friend class Device;
  struct Impl;
  explicit MemoryRegion(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A key that opens a part of a region to the peer of one queue pair, for as long as it is wanted:
// a memory window of type 2B (IBTA 1.4, 10.6.7.2), as ibv_alloc_mw(IBV_MW_TYPE_2) gives. It is free
// until a request of kBindMemoryWindow opens it, and again after kLocalInvalidate on the same queue
// pair, a SEND with invalidate from its peer, or the end of that queue pair; only a free one can be
// bound. Region, window and queue pair are of one protection domain, the region was registered with
// kMemoryWindowBind, and with kLocalWrite if the window is to be written; it need not grant a
// remote right itself. The destructor closes the window.
class SLUICE_PUBLIC MemoryWindow {
 public:
  struct Impl;
  ~MemoryWindow();
  // The key of the last binding that was posted; its low byte is the application's to choose. Use
  // NextKey(rkey()) for the next one, so that the old key is stale.
  uint32_t rkey() const;

  // For the rooms of Sluice itself.
  Impl& impl() { return *impl_; }

 private:
  friend class Device;
  explicit MemoryWindow(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The same window's next key, as ibv_inc_rkey: the low byte counts on.
constexpr uint32_t NextKey(uint32_t rkey) { return (rkey & ~0xffu) | ((rkey + 1) & 0xffu); }

class SLUICE_PUBLIC CompletionQueue {
 public:
  ~CompletionQueue();
  // Takes up to out.size() completions, in the order in which they happened per queue pair.
  size_t Poll(std::span<WorkCompletion> out);
  size_t capacity() const;

 private:
  friend class Device;
  struct Impl;
  explicit CompletionQueue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// How to reach the receiver of datagrams.
struct AddressOptions {
  std::string peer_mac;      // "02:00:00:00:00:01"
  std::string peer_address;  // IPv4 or IPv6
  uint8_t dscp = 26;
  uint8_t hop_limit = 64;
  uint32_t flow_label = 0;  // IPv6
};

// An address vector; any queue pair of the device may send by it, from any thread.
class SLUICE_PUBLIC AddressHandle {
 public:
  ~AddressHandle();

 private:
  friend class Device;
  friend class QueuePair;
  struct Impl;
  explicit AddressHandle(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Receives for several queue pairs of a device, taken in the order in which they were posted, each
// at the first packet of a message (IBTA 1.4, 10.2.9). When a queue pair fails, the receive that
// was taken for it completes flushed, the others stay. Must be destroyed after its queue pairs.
class SLUICE_PUBLIC SharedReceiveQueue {
 public:
  struct Impl;
  ~SharedReceiveQueue();
  // From one thread at a time. A receive that is posted wakes nobody: peers ask again.
  PostResult PostReceive(const ReceiveRequest& request);
  // An event as soon as fewer than `limit` receives are left, also if it is so now; then the limit
  // has to be armed anew. 0 disarms. Any thread.
  void ArmLimit(uint32_t limit);
  // Whether the event came since the last call.
  bool PollLimitEvent();

 private:
  friend class Device;
  explicit SharedReceiveQueue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct SharedReceiveQueueOptions {
  uint32_t depth = 64;
  uint32_t max_segments = 1;  // per request, at most 16
};

struct QueuePairOptions {
  CompletionQueue* send_completions = nullptr;
  CompletionQueue* receive_completions = nullptr;
  uint32_t send_depth = 64;
  uint32_t receive_depth = 64;
  uint32_t max_segments = 1;    // per request, at most 16
  uint32_t max_inline = 0;      // bytes of data copied by a post, at most 256
  bool single_threaded = true;  // the application posts from one thread
  QueuePairType type = QueuePairType::kRc;
  // Receives come from there; receive_depth then means nothing.
  SharedReceiveQueue* shared_receives = nullptr;
  // UD: the queue pair with the number 1, where connection managers meet; one per device.
  bool management = false;
};

// How a queue pair repeats what the network lost. kBase is RoCEv2 as everybody speaks it:
// go-back-N. kExtended is selective repeat on opcodes of our own (docs/wire-formats.md): for peers
// that said that they do the same, with the same tracking window. kAuto: what the handshake of
// verbs/cm.h agrees on; without one, kBase.
enum class Reliability : uint8_t { kBase, kExtended, kAuto };

// How to reach the peer, and how to treat what is lost. Codes as in the specification. Of a
// datagram queue pair only send_psn, mtu (its longest message, at most the port's), pkey, qkey and
// algorithm mean something.
struct ConnectOptions {
  uint32_t peer_qpn = 0;
  std::string peer_mac;      // "02:00:00:00:00:01"
  std::string peer_address;  // IPv4 or IPv6
  uint32_t send_psn = 0;     // our first; see QueuePair::initial_psn
  uint32_t receive_psn = 0;  // the peer's first
  uint32_t mtu = 4096;       // payload bytes per packet: 256, 512, 1024, 2048 or 4096
  bool any_mtu = false;      // any multiple of 4 from 256 to 4096 (the laboratory)
  uint8_t timeout = 14;      // 4.096 us * 2^timeout; 0: never
  uint8_t retry_count = 7;
  uint8_t rnr_retry = 7;       // 7: without end
  uint8_t min_rnr_timer = 12;  // 0.64 ms
  uint16_t pkey = 0xffff;
  uint8_t dscp = 26;  // of data and ACKs
  uint8_t cnp_dscp = 48;
  uint32_t flow_label = 0;
  // READs and atomics that we may have outstanding at a time, at most what the peer declares as its
  // responder resources; and how many we serve of the peer's. 0 to 16; 0: none.
  uint8_t max_rd_atomic = 16;
  uint8_t responder_resources = 16;
  // Extended needs a peer that agreed to it and to the same tracking window.
  Reliability reliability = Reliability::kAuto;
  // Packets that may be outstanding on an extended queue pair, the same at both ends: a power of
  // two from 64 to 16384; four times what a round trip holds, for loss to cost nothing.
  uint32_t tracking_window = 16384;
  // Of an extended queue pair: each packet has room for the reports of switches, of which the peer
  // tells (docs/wire-formats.md). Both ends must say so. Only where switches write them.
  bool telemetry = false;
  // Of an extended queue pair: WRITEs to overlapping ranges need not wait for each other; where two
  // overlap, any of the bytes may be of either once both have completed, unless the second was
  // posted after the first had completed. Everything else keeps its order. Both ends must say so.
  bool relaxed_ordering = false;
  // "name" or "name:key=value,...". Empty: dcqcn, and fixed for datagrams, whose senders nobody
  // tells of congestion. Without acknowledgements only its rate counts.
  std::string algorithm;
  uint64_t base_rtt_ns = 0;  // 0: the algorithm learns it
  uint32_t qkey = 0;         // UD: of datagrams that are taken; bit 31 is for privileged programs
  uint8_t hop_limit = 64;
  int access = kRemoteWrite | kRemoteRead | kRemoteAtomic;  // what the peer may do
};

// The way to the peer, as a step of Modify takes it; the fields are those of ConnectOptions.
struct PathAttributes {
  std::string peer_mac;
  std::string peer_address;
  uint8_t dscp = 26;
  uint8_t cnp_dscp = 48;
  uint8_t hop_limit = 64;
  uint32_t flow_label = 0;
};

// What a step of Modify may bring. IBTA 1.4, 11.2.5.2 says which step needs and takes which; the
// algorithm (with base_rtt_ns) may come with the step to RTR.
struct QueuePairAttributes {
  using Path = PathAttributes;
  std::optional<uint16_t> pkey;
  std::optional<uint32_t> qkey;
  std::optional<int> access;
  std::optional<Path> path;
  std::optional<uint32_t> mtu;
  std::optional<uint32_t> peer_qpn;
  std::optional<uint32_t> receive_psn;
  std::optional<uint8_t> min_rnr_timer;
  std::optional<uint8_t> responder_resources;
  std::optional<uint8_t> timeout;
  std::optional<uint8_t> retry_count;
  std::optional<uint8_t> rnr_retry;
  std::optional<uint32_t> send_psn;
  std::optional<uint8_t> max_rd_atomic;
  std::optional<std::string> algorithm;
  uint64_t base_rtt_ns = 0;
};

class SLUICE_PUBLIC QueuePair {
 public:
  QueuePair(const QueuePair&) = delete;
  uint32_t qpn() const;
  uint32_t initial_psn() const;  // drawn for this queue pair; tell it the peer

  // From RESET or INIT to RTS at once. Errors name the value and the cure.
  absl::Status Connect(const ConnectOptions& options);
  // One step of the specification's own way. FailedPrecondition: no such step; InvalidArgument
  // names the attribute that is missing, too many or wrong; nothing changes on an error. To RESET:
  // everything posted is forgotten without completions, and the queue pair may be connected anew.
  // A set-up call: nothing may be posted meanwhile.
  absl::Status Modify(QueuePairState to, const QueuePairAttributes& attributes);
  QueuePairState state() const;
  QueuePairType type() const;
  bool send_queue_drained() const;  // in SQD: everything that was begun is finished
  bool in_error() const;
  bool extended() const;  // is connected, and uses selective repeat

  // Copies the request; nothing is changed unless kOk. Doorbell tells the engine of everything
  // posted since the last one; PostSend rings it by itself unless `more` follows.
  PostResult PostSend(const SendRequest& request, bool more = false);
  void Doorbell();
  PostResult PostReceive(const ReceiveRequest& request);
  // Hints that it will be posted to; change nothing; the thread that posts. Steps 0, 1, ..., each
  // of which reads what the one before fetched, best half a microsecond apart: so the memory of
  // thousands comes while others are posted to.
  static constexpr int kPrefetchSteps = 3;
  void PrefetchSend(int step) const;
  void PrefetchReceive(int step) const;

  void Fail();  // to the error state: everything posted completes flushed

  // Ends it: what is posted completes flushed, as far as the completion queues have room.
  static void operator delete(QueuePair* qp, std::destroying_delete_t);

  struct Impl;
  Impl& impl() { return *impl_; }  // for the rooms of Sluice itself

 private:
  friend class Device;
  explicit QueuePair(Impl* impl) : impl_(impl) {}
  Impl* const impl_;  // of which it is a part
};

class SLUICE_PUBLIC ProtectionDomain {
  friend class Device;
  explicit ProtectionDomain(uint32_t id) : id_(id) {}
  const uint32_t id_;
};

struct Statistics {
  // (name, value) of every counter of the engine, drops as "drop_<cause>".
  std::vector<std::pair<std::string, uint64_t>> counters;
  uint64_t Value(std::string_view name) const;
};

class SLUICE_PUBLIC Device {
 public:
  struct Impl;
  explicit Device(std::unique_ptr<Impl> impl);
  ~Device();

  std::string mac() const;
  std::string address() const;
  uint64_t line_rate_bps() const;
  uint32_t active_mtu() const;  // payload bytes: largest size of 256 to 4096 that the port takes

  std::unique_ptr<ProtectionDomain> AllocateProtectionDomain();
  absl::StatusOr<std::unique_ptr<MemoryRegion>> Register(ProtectionDomain* pd, void* base,
                                                         size_t length, int access);
  // ResourceExhausted: 16,384 are in use.
  absl::StatusOr<std::unique_ptr<MemoryWindow>> AllocateMemoryWindow(ProtectionDomain* pd);
  absl::StatusOr<std::unique_ptr<CompletionQueue>> CreateCompletionQueue(size_t capacity);
  absl::StatusOr<std::unique_ptr<SharedReceiveQueue>> CreateSharedReceiveQueue(
      ProtectionDomain* pd, const SharedReceiveQueueOptions& options);
  absl::StatusOr<std::unique_ptr<AddressHandle>> CreateAddressHandle(const AddressOptions& options);
  // Back to the sender of a datagram: `grh` are the first 40 bytes of the receive's memory.
  absl::StatusOr<std::unique_ptr<AddressHandle>> CreateAddressHandle(
      const WorkCompletion& completion, const void* grh);
  absl::StatusOr<std::unique_ptr<QueuePair>> CreateQueuePair(ProtectionDomain* pd,
                                                             const QueuePairOptions& options);

  // One iteration of the engine on the caller's thread; returns how many packets it handled. From
  // one thread at a time, and not beside set-up calls.
  size_t Poll();

  Statistics statistics() const;  // since the device was opened; any thread
  size_t queue_pairs() const;

  // For the rooms of Sluice itself; not part of the installed interface.
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_VERBS_H_
