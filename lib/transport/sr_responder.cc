#include "transport/sr_responder.h"

#include <algorithm>
#include <cstring>

#include "base/checks.h"
#include "transport/atomic_operation.h"
#include "transport/peer_account.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

// As many PSNs as half of their circle cannot be told from a step back.
constexpr uint32_t kMostResponsePsns = uint32_t{1} << 23;

}  // namespace

SrVerdict SrResponder::Judge(const Context& ctx, const FetchRequest& r, uint8_t** address) const {
  const SrVerdict invalid{RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  const bool atomic = IsAtomic(r.op);
  if (Enabled(Check::kXtAtomicAlignment) && atomic &&
      (r.length != kAtomicBytes || !AtomicallyAligned(r.va))) {
    return invalid;
  }
  // Its header was judged: it is no longer than a message.
  if (Enabled(Check::kXtFetchLength) && r.length / config_.sender.base.mtu >= kMostResponsePsns) {
    return invalid;
  }
  // What the requester says to have must be something that was sent to it.
  const uint32_t done = static_cast<uint32_t>(sender_.done_works());
  const uint32_t sent = static_cast<uint32_t>(sender_.sent_works());
  const auto completed = static_cast<int32_t>(r.completed - done);
  if (Enabled(Check::kXtFetchCompleted) && completed > static_cast<int32_t>(sent - done)) {
    return invalid;
  }
  // With resources of 0 none is served.
  const uint32_t owed = executed() - done - static_cast<uint32_t>(std::max(completed, 0));
  if (Enabled(Check::kXtFetchResources) && owed >= config_.resources) return invalid;
  const memory::Resolution m = reads_->Memory(ctx, r.rkey, r.va, r.length,
                                              atomic ? memory::kRemoteAtomic : memory::kRemoteRead);
  if (Enabled(Check::kXtFetchMemory) && m.fault != memory::Fault::kNone) {
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError};
  }
  *address = m.address;
  return {};
}

SrVerdict SrResponder::Execute(Context& ctx, const FetchRequest& r) {
  uint8_t* address = nullptr;
  const SrVerdict verdict = Judge(ctx, r, &address);
  if (verdict.drop != RxDrop::kNone) return verdict;
  const uint32_t done = static_cast<uint32_t>(sender_.done_works());
  const auto completed = static_cast<int32_t>(r.completed - done);
  if (completed > 0) {
    sender_.OnWorksDelivered(ctx, sender_.done_works() + static_cast<uint32_t>(completed));
    KeepAccount();
  }
  if (PutOff(ctx, r) || !reads_->Borrow(ctx)) return {RxDrop::kNotReady, {}};
  sender_.SetFlow(reads_->flow());
  Enqueue(ctx, r, address);
  KeepAccount();
  return {};
}

// Never full: Judge saw to it that less is owed than there are resources.
void SrResponder::Enqueue(Context& ctx, const FetchRequest& r, uint8_t* address) {
  SendWork* work = queue_.Claim();
  work->wr_id = asked_;
  work->op = r.op;
  work->remote_address = r.va;
  work->rkey = r.rkey;
  work->length = r.length;
  work->segments = nullptr;
  work->segment_count = 0;
  work->signalled = work->solicited = work->fence = false;
  if (IsAtomic(r.op)) {
    const wire::AtomicEth eth{r.va, r.rkey, r.operands.swap_or_add, r.operands.compare};
    const wire::Opcode opcode =
        r.op == Op::kFetchAdd ? wire::Opcode::kRcFetchAdd : wire::Opcode::kRcCompareSwap;
    const uint64_t original = ExecuteAtomic(opcode, eth, address);
    std::memcpy(queue_.InlineRoom(work), &original, sizeof original);
    ctx.counters.Add(Count::kAtomicRequests);
  } else {
    asked_ += r.length;
    ctx.counters.Add(Count::kReadRequests);
  }
  queue_.Publish();
}

bool SrResponder::MayOwe(uint64_t bytes) const {
  const PeerAccount* account = reads_->account();
  return !Enabled(Check::kXtPeerReadBytes) || account == nullptr || account->MayOwe(bytes);
}

bool SrResponder::PutOff(Context& ctx, const FetchRequest& r) {
  if (IsAtomic(r.op) || MayOwe(r.length)) return false;
  // One that came out of order tries again with every poll.
  if (put_off_ != queue_.tail() + 1) ctx.counters.Add(Count::kPeerReadsPutOff);
  put_off_ = queue_.tail() + 1;
  return true;
}

void SrResponder::WakeSilent(Context& ctx) {
  owed_too_much_ = !MayOwe(Unanswered());
  if (owed_too_much_ || !sender_.Wake(ctx.now)) return;
  KeepAccount();
}

void SrResponder::KeepAccount() {
  PeerAccount* account = reads_->account();
  if (account == nullptr) return;
  const uint64_t owed = sender_.silent() ? 0 : Unanswered();
  if (owed == owed_) return;
  account->Settle(owed_);
  account->Owe(owed);
  owed_ = owed;
}

bool SrResponder::HasPacket() {
  if (!sender_.started() || sender_.Gate() != SendGate::kOpen) return false;
  return !gone_ || sender_.oldest() == *gone_ || sender_.Peek().sequence < *gone_;
}

SrResponder::Packet SrResponder::Next(Context& ctx, OutgoingPacket* out, Segment* run) {
  const SrSender::Upcoming next = sender_.Peek();
  const SendWork& work = queue_.At(next.position);
  memory::Resolution m;
  if (work.op == Op::kRead) {
    m = reads_->Memory(ctx, work.rkey, work.remote_address + next.begin, next.length,
                       memory::kRemoteRead);
    if (m.fault != memory::Fault::kNone) {
      gone_ = next.sequence;
      return next.sequence == sender_.oldest() ? Packet::kGone : Packet::kNone;
    }
  }
  sender_.Next(ctx, out);
  *run = {m.address, next.length};
  out->payload = next.length > 0 ? PayloadSpan{{run, 1}, 0, next.length} : PayloadSpan{};
  return Packet::kResponse;
}

void SrResponder::OnAcknowledge(Context& ctx, const SrAcknowledge& answer) {
  const wire::Aeth aeth{answer.ack.syndrome, answer.ack.msn};
  if (Enabled(Check::kXtResponseSyndrome) && !aeth.IsAck()) {
    ctx.drops.Add(RxDrop::kUnsupported);
    return;
  }
  if (Enabled(Check::kXtResponseAckOutstanding) && !sender_.started()) {
    ctx.counters.Add(Count::kGhostAcks);
    ctx.drops.Add(RxDrop::kPsn);
    return;
  }
  if (sender_.silent()) return;  // it was woken by this packet if it could be
  sender_.OnAcknowledge(ctx, answer);
  KeepAccount();
}

}  // namespace sluice::transport
