#include "transport/read_responder.h"

#include <algorithm>

#include "base/checks.h"
#include "memory/window_table.h"
#include "transport/atomic_operation.h"
#include "transport/queue_pair.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

using wire::NakCode;
using wire::Opcode;

// IBTA 1.4, 9.7.2: the longest message.
constexpr uint32_t kMaxMessage = uint32_t{1} << 31;
constexpr uint32_t kHalfOfPsns = uint32_t{1} << 23;
// Congestion that responses meet is reported within a round trip; this is a generous one.
constexpr Duration kActiveFor = Duration::Milliseconds(1);
// Second flows come after all first ones among equal deadlines of the wheel.
constexpr uint64_t kSecondFlow = uint64_t{1} << 24;

Opcode ResponseOpcode(bool first, bool last) {
  if (first) return last ? Opcode::kRcReadResponseOnly : Opcode::kRcReadResponseFirst;
  return last ? Opcode::kRcReadResponseLast : Opcode::kRcReadResponseMiddle;
}

void WriteAeth(uint8_t syndrome, uint32_t msn, Extension* out) {
  wire::Aeth{syndrome, msn}.Write(out->bytes + out->length);
  out->length += wire::Aeth::kSize;
}

}  // namespace

PeerAccount* ReadResponder::account() const { return owner_->peer_account; }

bool ReadResponder::Borrow(Context& ctx) {
  if (block_ != nullptr) return true;
  block_ = ctx.responses->Borrow();
  if (block_ == nullptr) {
    ctx.counters.Add(Count::kResponsePoolEmpty);
    return false;
  }
  block_->queue.SetAccount(account());
  block_->flow.owner = owner_;
  block_->flow.responds = true;
  const SendFlow& first = owner_->flow();
  block_->flow.timer.order = first.timer.order | kSecondFlow;
  block_->flow.Start(first.profile(), owner_->qpn(), ctx.now, &ctx.counters,
                     block_->controller_room);
  return true;
}

uint32_t ReadResponder::PacketsOf(const wire::FrameView& view) const {
  if (!view.traits->read_request) return 1;
  const uint32_t length = view.reth().length;
  if (length > kMaxMessage) return 1;
  return std::max<uint32_t>(1, (length + mtu_ - 1) / mtu_);
}

RequestCheck ReadResponder::Full() const {
  // More than the peer was told it may have outstanding (IBTA 1.4, 9.7.4.1.5) is its mistake. But
  // copies of requests that it has long got answered may take the room as well: then this one is
  // left to its retransmission.
  if (block_->queue.AnyDuplicate()) return {RxDrop::kNotReady, {}};
  return {RxDrop::kInvalidRequest, NakCode::kInvalidRequest};
}

memory::Resolution ReadResponder::Memory(const Context& ctx, uint32_t rkey, uint64_t va,
                                         uint32_t length, memory::Access access) const {
  return memory::ResolveEither(ctx.regions, rkey, {owner_->pd(), owner_->qpn()}, va, Bytes(length),
                               access);
}

RequestCheck ReadResponder::CheckRead(const Context& ctx, const wire::Reth& reth) const {
  // As many PSNs as half of their circle cannot be told from a step back.
  const uint64_t packets = reth.length / mtu_;
  if (resources_ == 0 || reth.length > kMaxMessage || packets >= kHalfOfPsns) {
    return {RxDrop::kInvalidRequest, NakCode::kInvalidRequest};
  }
  const memory::Resolution whole =
      Memory(ctx, reth.rkey, reth.va, reth.length, memory::kRemoteRead);
  if (whole.fault != memory::Fault::kNone) return {RxDrop::kAccess, NakCode::kRemoteAccessError};
  return {};
}

ResponseJob ReadResponder::ReadJob(const wire::FrameView& view, uint32_t msn) const {
  const wire::Reth reth = view.reth();
  ResponseJob job;
  job.first = view.psn;
  job.packets = PacketsOf(view);
  job.va = reth.va;
  job.rkey = reth.rkey;
  job.length = reth.length;
  job.msn = msn;
  return job;
}

RequestCheck ReadResponder::AcceptRead(Context& ctx, const wire::FrameView& view, uint32_t msn) {
  const RequestCheck check = CheckRead(ctx, view.reth());
  if (check.drop != RxDrop::kNone) return check;
  if (Enabled(Check::kPeerReadBytes) && account() != nullptr &&
      !account()->MayOwe(view.reth().length)) {
    ctx.counters.Add(Count::kPeerReadsPutOff);
    return {RxDrop::kNotReady, {}};
  }
  if (!Borrow(ctx)) return {RxDrop::kNotReady, {}};
  if (!block_->queue.Append(ReadJob(view, msn), resources_)) return Full();
  ctx.counters.Add(Count::kReadRequests);
  return {};
}

RequestCheck ReadResponder::AcceptAtomic(Context& ctx, const wire::FrameView& view, uint32_t msn) {
  const wire::AtomicEth eth = view.atomic_eth();
  if (resources_ == 0 || (Enabled(Check::kAtomicAlignment) && !AtomicallyAligned(eth.va))) {
    return {RxDrop::kInvalidRequest, NakCode::kInvalidRequest};
  }
  const memory::Resolution m = Memory(ctx, eth.rkey, eth.va, kAtomicBytes, memory::kRemoteAtomic);
  if (m.fault != memory::Fault::kNone) return {RxDrop::kAccess, NakCode::kRemoteAccessError};
  if (!Borrow(ctx)) return {RxDrop::kNotReady, {}};
  if (block_->queue.count() >= resources_) return Full();
  ResponseJob job;
  job.first = view.psn;
  job.msn = msn;
  job.atomic = true;
  job.original = ExecuteAtomic(view.opcode, eth, m.address);
  block_->queue.Append(job, resources_);
  block_->replays.Add({view.psn, msn, job.original});
  ctx.counters.Add(Count::kAtomicRequests);
  return {};
}

RequestCheck ReadResponder::Accept(Context& ctx, const wire::FrameView& view, uint32_t msn) {
  return view.traits->atomic ? AcceptAtomic(ctx, view, msn) : AcceptRead(ctx, view, msn);
}

bool ReadResponder::AcceptDuplicate(Context& ctx, const wire::FrameView& view, Psn expected,
                                    uint32_t msn) {
  if (block_ == nullptr) return false;
  ResponseJob job;
  if (view.traits->atomic) {
    const ReplayRecords::Record* record = block_->replays.Find(view.psn);
    if (record == nullptr) return false;
    job.first = view.psn;
    job.atomic = true;
    job.msn = record->msn;
    job.original = record->original;
  } else {
    // A range that reaches beyond what was asked for is no duplicate.
    const uint32_t behind = (expected.value() - view.psn.value()) & Psn::kMask;
    if (Enabled(Check::kDuplicateRange) && PacketsOf(view) > behind) return false;
    if (CheckRead(ctx, view.reth()).drop != RxDrop::kNone) return false;
    job = ReadJob(view, msn);
  }
  if (account() != nullptr && !account()->MayReplay(ctx.now)) {
    ctx.counters.Add(Count::kPeerReplaysWithheld);
    return false;
  }
  job.duplicate = true;
  return block_->queue.Insert(job, resources_);
}

bool ReadResponder::Active(Time now) const {
  if (block_ == nullptr) return false;
  return !block_->queue.empty() || now - block_->last_sent < kActiveFor;
}

void ReadResponder::WriteAtomicAck(const ResponseJob& job, uint8_t credit_code,
                                   OutgoingPacket* out) const {
  out->bth.opcode = Opcode::kRcAtomicAcknowledge;
  WriteAeth(wire::Aeth::AckSyndrome(credit_code), job.msn, &out->extension);
  wire::AtomicAckEth{job.original}.Write(out->extension.bytes + out->extension.length);
  out->extension.length += wire::AtomicAckEth::kSize;
}

bool ReadResponder::WriteRead(Context& ctx, const ResponseJob& job, uint8_t credit_code,
                              OutgoingPacket* out, Segment* run) {
  const uint64_t begin = uint64_t{job.sent} * mtu_;
  const uint32_t length = static_cast<uint32_t>(std::min<uint64_t>(mtu_, job.length - begin));
  const memory::Resolution m = Memory(ctx, job.rkey, job.va + begin, length, memory::kRemoteRead);
  if (m.fault != memory::Fault::kNone) {
    out->bth.opcode = Opcode::kRcAcknowledge;
    WriteAeth(wire::Aeth::NakSyndrome(NakCode::kRemoteAccessError), job.msn, &out->extension);
    ctx.counters.Add(Count::kNaksSent);
    return false;
  }
  const bool first = job.sent == 0;
  const bool last = job.sent + 1 == job.packets;
  out->bth.opcode = ResponseOpcode(first, last);
  if (first || last) WriteAeth(wire::Aeth::AckSyndrome(credit_code), job.msn, &out->extension);
  *run = {m.address, length};
  out->payload = {{run, 1}, 0, length};
  block_->burst_bytes += Bytes(length);
  ctx.counters.Add(Count::kDataPackets);
  if (job.duplicate) ctx.counters.Add(Count::kRetransmissions);
  return true;
}

bool ReadResponder::Next(Context& ctx, uint8_t credit_code, OutgoingPacket* out, Segment* run) {
  ResponseJob& job = block_->queue.front();
  *out = OutgoingPacket{};
  out->bth.psn = job.next();
  out->bth.mig_req = true;
  out->retransmission = job.duplicate;
  if (job.atomic) {
    WriteAtomicAck(job, credit_code, out);
  } else if (!WriteRead(ctx, job, credit_code, out, run)) {
    return false;
  }
  ++block_->burst_packets;
  block_->last_sent = ctx.now;
  if (++job.sent == job.packets) block_->queue.Pop();
  return true;
}

void ReadResponder::EndBurst(Context& ctx) {
  if (block_ == nullptr || block_->burst_packets == 0) return;
  block_->flow.OnSent({ctx.now, block_->burst_bytes, block_->burst_packets, Bytes(0), !pending()});
  block_->burst_packets = 0;
  block_->burst_bytes = Bytes(0);
}

}  // namespace sluice::transport
