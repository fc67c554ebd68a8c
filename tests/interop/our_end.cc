#include "interop/our_end.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "interop/guest/pattern.h"
#include "verbs/assemble.h"

namespace sluice::interop {
namespace {

constexpr uint32_t kQkey = 0x11111111;
constexpr char kOurMac[] = "02:00:00:00:00:02";
constexpr char kGuestMac[] = "52:54:00:00:00:01";
constexpr const char* kOurAddress[] = {"198.51.100.2", "2001:db8:51::2"};
constexpr const char* kGuestAddress[] = {"198.51.100.1", "2001:db8:51::1"};

verbs::Opcode OpcodeOf(Op op) {
  switch (op) {
    case Op::kSend:
      return verbs::Opcode::kSend;
    case Op::kSendImm:
      return verbs::Opcode::kSendWithImm;
    case Op::kWrite:
      return verbs::Opcode::kRdmaWrite;
    case Op::kWriteImm:
      return verbs::Opcode::kRdmaWriteWithImm;
    case Op::kRead:
      return verbs::Opcode::kRdmaRead;
    case Op::kFetchAdd:
      return verbs::Opcode::kAtomicFetchAdd;
    case Op::kCompareSwap:
      break;
  }
  return verbs::Opcode::kAtomicCompareSwap;
}

// The number that libibverbs has for a status.
uint32_t NumberOf(verbs::CompletionStatus status) {
  switch (status) {
    case verbs::CompletionStatus::kRemoteInvalidRequestError:
      return 9;
    case verbs::CompletionStatus::kRemoteAccessError:
      return 10;
    case verbs::CompletionStatus::kRemoteOperationError:
      return 11;
    case verbs::CompletionStatus::kRetryExceeded:
      return 12;
    case verbs::CompletionStatus::kRnrRetryExceeded:
      return 13;
    default:
      return 0;
  }
}

absl::Status Wrong(const std::string& what) { return absl::DataLossError(what); }

}  // namespace

OurEnd::OurEnd(const CaseOptions& options, Wire* wire, Clock* clock)
    : options_(options),
      stride_(interop_stride(options.size)),
      queues_(options.queue_pairs),
      most_(options.count) {
  verbs::DeviceParts parts;
  parts.port = wire->device_port();
  parts.clock = clock;
  parts.mac = *wire::MacAddress::Parse(kOurMac);
  parts.address = *wire::IpAddress::Parse(kOurAddress[options.ipv6 ? 1 : 0]);
  parts.engine.seed = options.seed;
  parts.engine.start = clock->Now();
  // The processor is shared with the guest: a loop that was away lets its timers wait.
  parts.engine.stall = Duration::Milliseconds(5);
  device_ = verbs::MakeDevice(parts);
}

OurEnd::~OurEnd() {
  queues_.clear();
  region_.reset();
}

size_t OurEnd::MessageOf(uint32_t q, uint32_t m) const {
  return SlotOf(q, m) + interop_start(m, options_.atomic() ? 1 : 0);
}

void OurEnd::PrepareMemory() {
  std::memset(memory_, INTEROP_GUARD, bytes_);
  const bool source = options_.op == Op::kRead ? !options_.we_initiate : options_.we_initiate;
  for (uint32_t q = 0; q < options_.queue_pairs; ++q) {
    queues_[q].word = queues_[q].swapped = interop_initial(options_.seed, q);
    if (options_.atomic()) {
      if (!options_.we_initiate) std::memcpy(memory_ + MessageOf(q, 0), &queues_[q].word, 8);
      continue;
    }
    for (uint32_t m = 0; source && m < options_.count; ++m) {
      interop_fill(options_.seed, q, m, memory_ + MessageOf(q, m), options_.size);
    }
  }
}

absl::Status OurEnd::Create() {
  bytes_ = stride_ * options_.messages();
  words_.resize(bytes_ / 8 + 8);
  // On a cache line, so that every slot's start is one too.
  memory_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(words_.data()) + 63) / 64 * 64);
  bytes_ = std::min(bytes_, words_.size() * 8 - 64);
  pd_ = device_->AllocateProtectionDomain();
  auto cq = device_->CreateCompletionQueue(options_.queue_pairs *
                                           (size_t{options_.count} + options_.depth));
  if (!cq.ok()) return cq.status();
  cq_ = *std::move(cq);
  auto region = device_->Register(
      pd_.get(), memory_, bytes_,
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
  if (!region.ok()) return region.status();
  region_ = *std::move(region);
  for (Queue& queue : queues_) {
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = cq_.get();
    o.type = options_.reliable()   ? verbs::QueuePairType::kRc
             : options_.datagram() ? verbs::QueuePairType::kUd
                                   : verbs::QueuePairType::kUc;
    o.send_depth = options_.depth;
    o.receive_depth = options_.count;
    auto qp = device_->CreateQueuePair(pd_.get(), o);
    if (!qp.ok()) return qp.status();
    queue.qp = *std::move(qp);
  }
  PrepareMemory();
  return absl::OkStatus();
}

std::string OurEnd::Description() const {
  std::string qpns;
  for (const Queue& queue : queues_) {
    absl::StrAppend(&qpns, qpns.empty() ? "" : ",", queue.qp->qpn());
  }
  const std::string gid =
      absl::StrCat(options_.ipv6 ? "" : "::ffff:", kOurAddress[options_.ipv6 ? 1 : 0]);
  return absl::StrCat("gid=", gid, " va=", reinterpret_cast<uintptr_t>(memory_),
                      " rkey=", region_->rkey(), " qpn=", qpns, " psn=", options_.psn);
}

absl::Status OurEnd::Connect(const PeerEnd& peer) {
  peer_ = peer;
  if (options_.datagram()) {
    verbs::AddressOptions a;
    a.peer_mac = kGuestMac;
    a.peer_address = kGuestAddress[options_.ipv6 ? 1 : 0];
    auto handle = device_->CreateAddressHandle(a);
    if (!handle.ok()) return handle.status();
    guest_ = *std::move(handle);
  }
  for (uint32_t q = 0; q < options_.queue_pairs; ++q) {
    verbs::ConnectOptions o;
    o.peer_qpn = peer.qpns[q];
    o.peer_mac = kGuestMac;
    o.peer_address = kGuestAddress[options_.ipv6 ? 1 : 0];
    o.send_psn = (options_.psn + q) & Psn::kMask;
    o.receive_psn = (peer.psn + q) & Psn::kMask;
    o.mtu = options_.mtu;
    o.timeout = options_.our_timeout;
    o.algorithm = options_.algorithm;
    o.qkey = kQkey;
    o.max_rd_atomic = options_.rd_atomic;
    o.retry_count = options_.retry;
    o.rnr_retry = options_.rnr_retry;
    if (absl::Status s = queues_[q].qp->Connect(o); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status OurEnd::PostReceives() {
  const uint32_t head = options_.datagram() ? INTEROP_GRH : 0;
  for (uint32_t m = 0; m < options_.count; ++m) {
    for (uint32_t q = 0; q < options_.queue_pairs; ++q) {
      verbs::Segment segment = {memory_ + MessageOf(q, m) - head,
                                options_.size + head - (options_.short_receive ? 1 : 0),
                                region_->lkey()};
      verbs::ReceiveRequest r;
      r.wr_id = m;
      if (options_.op != Op::kWriteImm) r.segments = {&segment, 1};
      const verbs::PostResult posted = queues_[q].qp->PostReceive(r);
      if (posted != verbs::PostResult::kOk) {
        return absl::InternalError(absl::StrCat("PostReceive: ", verbs::NameOf(posted)));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OurEnd::PostRequest(uint32_t q, uint32_t m) {
  verbs::Segment segment = {memory_ + MessageOf(q, m), options_.size, region_->lkey()};
  verbs::SendRequest r;
  r.wr_id = m;
  r.opcode = OpcodeOf(options_.op);
  if (options_.size != 0) r.segments = {&segment, 1};
  r.imm = INTEROP_IMM + m;
  r.remote_address = peer_.va + MessageOf(q, m);
  r.address_handle = guest_.get();
  r.remote_qpn = peer_.qpns[q];
  r.remote_qkey = kQkey;
  r.rkey = options_.bad_rkey ? ~peer_.rkey : peer_.rkey;
  if (options_.atomic()) {
    const uint64_t operand = interop_operand(options_.seed, q, m);
    // All of them at the one word of this queue pair.
    r.remote_address = peer_.va + MessageOf(q, 0);
    r.add = r.swap = operand;
    r.compare = interop_compare(m, queues_[q].swapped);
    queues_[q].swapped = interop_next(options_.seed, q, m, 1, queues_[q].swapped);
  }
  const verbs::PostResult posted = queues_[q].qp->PostSend(r);
  if (posted == verbs::PostResult::kOk) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("PostSend: ", verbs::NameOf(posted)));
}

absl::Status OurEnd::PostRequests() {
  for (uint32_t q = 0; q < options_.queue_pairs; ++q) {
    Queue& queue = queues_[q];
    while (queue.posted < most_ && queue.posted - queue.completed < options_.depth) {
      if (absl::Status s = PostRequest(q, queue.posted); !s.ok()) return s;
      ++queue.posted;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> OurEnd::Poll() {
  const size_t handled = device_->Poll();
  std::array<verbs::WorkCompletion, 32> done;
  bool any = false;
  for (size_t n; (n = cq_->Poll(done)) > 0;) {
    any = true;
    for (size_t i = 0; i < n; ++i) {
      if (absl::Status s = Take(done[i]); !s.ok()) return s;
    }
  }
  if (any && options_.we_initiate && options_.expect == 0) {
    if (absl::Status s = PostRequests(); !s.ok()) return s;
  }
  return handled;
}

absl::Status OurEnd::Take(const verbs::WorkCompletion& c) {
  uint32_t q = 0;
  while (q < queues_.size() && queues_[q].qp->qpn() != c.qpn) ++q;
  if (q == queues_.size()) return Wrong(absl::StrCat("a completion of QP ", c.qpn));
  if (options_.expect != 0) return TakeFailure(c);
  if (c.status != verbs::CompletionStatus::kSuccess) {
    return Wrong(
        absl::StrFormat("our completion %d of QP %d: %s", c.wr_id, q, verbs::NameOf(c.status)));
  }
  const uint32_t m = queues_[q].completed++;
  if (c.wr_id != m) {
    return Wrong(
        absl::StrFormat("our completion %d of QP %d out of order, expected %d", c.wr_id, q, m));
  }
  ++finished_;
  return options_.we_initiate ? CheckRequest(q, m) : CheckReceive(q, m, c);
}

// Whatever becomes of the target's receives: the initiator's completion and the memory are judged.
absl::Status OurEnd::TakeFailure(const verbs::WorkCompletion& c) {
  if (!options_.we_initiate || failed_as_expected_) return absl::OkStatus();
  failed_as_expected_ = NumberOf(c.status) == options_.expect;
  if (failed_as_expected_) return absl::OkStatus();
  return Wrong(absl::StrFormat("our completion %d: %s, expected status %d", c.wr_id,
                               verbs::NameOf(c.status), options_.expect));
}

absl::Status OurEnd::Compare(uint32_t q, uint32_t message, size_t at) const {
  const size_t errors = interop_errors(options_.seed, q, message, memory_ + at, options_.size);
  if (errors == 0) return absl::OkStatus();
  return Wrong(absl::StrFormat("message %d of QP %d: %d wrong bytes here", message, q, errors));
}

absl::Status OurEnd::CheckReceive(uint32_t q, uint32_t m, const verbs::WorkCompletion& c) const {
  uint32_t sent = m;
  if (c.has_imm != options_.with_imm()) {
    return Wrong(absl::StrFormat("message %d: immediate expected %d", m, options_.with_imm()));
  }
  if (c.has_imm) {
    if (options_.lossy && c.imm - INTEROP_IMM < options_.count) sent = c.imm - INTEROP_IMM;
    if (c.imm != INTEROP_IMM + sent) {
      return Wrong(absl::StrFormat("message %d: immediate %#x", m, c.imm));
    }
  }
  const uint32_t head = options_.datagram() ? INTEROP_GRH : 0;
  if (c.byte_length != options_.size + head) {
    return Wrong(absl::StrFormat("message %d: %d bytes", m, c.byte_length));
  }
  if (options_.datagram() && (!c.has_grh || c.source_qpn != peer_.qpns[q])) {
    return Wrong(absl::StrFormat("datagram %d: from QP %d", m, c.source_qpn));
  }
  // A WRITE lies where its sender said, a SEND in the receive that it took.
  return Compare(q, sent, MessageOf(q, options_.op == Op::kWriteImm ? sent : m));
}

absl::Status OurEnd::CheckRequest(uint32_t q, uint32_t m) {
  if (options_.op == Op::kRead) return Compare(q, m, MessageOf(q, m));
  if (!options_.atomic()) return absl::OkStatus();
  Queue& queue = queues_[q];
  uint64_t original = 0;
  std::memcpy(&original, memory_ + MessageOf(q, m), 8);
  if (original != queue.word) {
    return Wrong(absl::StrFormat("atomic %d: original %#x, expected %#x", m, original, queue.word));
  }
  queue.word =
      interop_next(options_.seed, q, m, options_.op == Op::kCompareSwap ? 1 : 0, queue.word);
  return absl::OkStatus();
}

absl::Status OurEnd::Verify() const {
  for (uint32_t q = 0; q < options_.queue_pairs; ++q) {
    for (uint32_t m = 0; m < options_.count; ++m) {
      const uint8_t* slot = memory_ + SlotOf(q, m);
      const uint8_t* body = memory_ + MessageOf(q, m);
      const bool word = options_.we_initiate || m == 0;
      const bool refused = options_.expect != 0 && !options_.we_initiate &&
                           (options_.op == Op::kWrite || options_.op == Op::kWriteImm);
      size_t size = options_.atomic() ? (word ? 8 : 0) : options_.size;
      if (refused) size = 0;  // nothing may have been written
      const size_t head = options_.datagram() && !options_.we_initiate ? INTEROP_GRH : 0;
      const size_t errors = interop_guard_errors(slot, body - head) +
                            interop_guard_errors(body + size, slot + stride_);
      if (errors != 0) {
        return Wrong(absl::StrFormat("%d bytes beside message %d of QP %d", errors, m, q));
      }
      if (options_.op == Op::kWrite && !options_.we_initiate && !options_.lossy && !refused) {
        if (absl::Status s = Compare(q, m, MessageOf(q, m)); !s.ok()) return s;
      }
    }
    if (!options_.atomic() || options_.we_initiate) continue;
    const int swap = options_.op == Op::kCompareSwap ? 1 : 0;
    uint64_t want = interop_initial(options_.seed, q), got = 0;
    for (uint32_t m = 0; options_.expect == 0 && m < options_.count; ++m) {
      want = interop_next(options_.seed, q, m, swap, want);
    }
    std::memcpy(&got, memory_ + MessageOf(q, 0), 8);
    if (got != want) {
      return Wrong(absl::StrFormat("the word of QP %d is %#x, expected %#x", q, got, want));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::interop
