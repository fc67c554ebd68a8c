#include "transport/sr_receiver.h"

#include <algorithm>

#include "base/checks.h"
#include "memory/window_table.h"
#include "transport/local_operation.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

constexpr uint32_t kMostMessage = uint32_t{1} << 31;

Op OpOf(wire::Opcode opcode) {
  switch (opcode) {
    case wire::Opcode::kXtSend:
      return Op::kSend;
    case wire::Opcode::kXtSendImm:
      return Op::kSendImm;
    case wire::Opcode::kXtWrite:
      return Op::kWrite;
    case wire::Opcode::kXtWriteImm:
      return Op::kWriteImm;
    case wire::Opcode::kXtSendInvalidate:
      return Op::kSendInvalidate;
    case wire::Opcode::kXtRead:
      return Op::kRead;
    case wire::Opcode::kXtFetchAdd:
      return Op::kFetchAdd;
    default:
      return Op::kCompareSwap;
  }
}

}  // namespace

SrReceiver::SrReceiver(ReceiveQueue* queue, SharedReceiveQueue* shared, CompletionRing* completions,
                       SrResponder* responder, uint32_t qpn)
    : queue_(queue), shared_(shared), completions_(completions), responder_(responder), qpn_(qpn) {
  if (shared_ == nullptr) return;
  bound_ = std::make_unique<ReceiveQueue>(kMostBound, shared_->max_segments());
  queue_ = bound_.get();
}

void SrReceiver::Start(const ResponderConfig& config, uint32_t window,
                       cc::ReceiverHalf* receiver_half, BlockPool<ReceiveBlock>* pool) {
  config_ = config;
  first_receive_ = static_cast<uint32_t>(queue_->head());
  in_.Start(config.expected_psn, window, receiver_half, pool);
}

const ReceiveWork* SrReceiver::FindReceive(uint64_t sequence, const ReceivedPacket& p) {
  const uint64_t head = queue_->head();
  const uint32_t ahead = p.receive - NextReceive();
  // Every message before it has a packet at least, and takes a receive at most: so nobody can bind
  // more than what is to come can take.
  const uint32_t messages = p.message - message_;
  if (messages > sequence - in_.expected() || ahead > messages) return nullptr;
  while (head + ahead >= queue_->tail()) {
    if (shared_ == nullptr || !shared_->Bind(queue_)) return nullptr;
  }
  return &queue_->At(head + ahead);
}

// What the packet is, and whether its header agrees with itself.
SrVerdict SrReceiver::Describe(const wire::FrameView& view, const wire::ExtendedData& data,
                               ReceivedPacket* out) const {
  const SrVerdict invalid{RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  if (data.length > kMostMessage || data.offset > data.length) return invalid;
  out->message = data.message;
  out->length = data.length;
  out->receive = data.receive;
  out->op = OpOf(wire::WithoutShim(view.opcode));
  out->solicited = view.solicited;
  if (WantsData(out->op)) {
    out->last = true;
    return data.offset == 0 ? SrVerdict{} : invalid;
  }
  if (data.offset % config_.mtu != 0) return invalid;
  if (data.offset == data.length && data.length > 0) return invalid;
  if (view.payload_length != std::min(config_.mtu, data.length - data.offset)) return invalid;
  out->index = data.offset / config_.mtu;
  out->last = data.offset + view.payload_length == data.length;
  if (HasImm(out->op)) out->imm = view.imm();
  if (out->op == Op::kSendInvalidate) out->imm = view.extended_key().rkey;
  const bool only_last = HasImm(out->op) || out->op == Op::kSendInvalidate;
  return only_last && !out->last ? invalid : SrVerdict{};
}

SrVerdict SrReceiver::PlaceWrite(Context& ctx, const wire::FrameView& view,
                                 const port::Packet& packet, const ReceivedPacket& p) const {
  if (Enabled(Check::kXtWriteEnabled) && (config_.access & memory::kRemoteWrite) == 0) {
    return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  }
  const uint32_t offset = p.index * config_.mtu;
  const wire::ExtendedTarget target = view.extended_target();
  // The whole range as RC judges it with the first packet, and the part that is written now.
  const memory::WindowUser user{config_.pd, qpn_};
  const memory::Resolution whole = memory::ResolveEither(ctx.regions, target.rkey, user, target.va,
                                                         Bytes(p.length), memory::kRemoteWrite);
  const memory::Resolution part =
      memory::ResolveEither(ctx.regions, target.rkey, user, target.va + offset,
                            Bytes(view.payload_length), memory::kRemoteWrite);
  if ((Enabled(Check::kXtWriteRange) && whole.fault != memory::Fault::kNone) ||
      part.fault != memory::Fault::kNone) {
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError};
  }
  const MutableSegment run{part.address, view.payload_length};
  if (view.payload_length > 0) ReceivedPayload(packet, view).CopyTo({&run, 1}, 0);
  return {};
}

// Keeps a READ or an atomic until its turn.
SrVerdict SrReceiver::Remember(const wire::FrameView& view, const ReceivedPacket& p) {
  if (Enabled(Check::kXtFetchAhead) && p.receive - responder_->executed() >= requests_.size()) {
    return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  }
  const wire::ExtendedTarget target = view.extended_target();
  FetchRequest& r = requests_[p.receive % requests_.size()];
  r = {p.op, p.length, target.rkey, view.extended_request().completed, target.va, {}};
  if (IsAtomic(p.op)) r.operands = view.extended_operands();
  return {};
}

SrVerdict SrReceiver::Place(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                            uint64_t sequence, const ReceivedPacket& p) {
  if (WantsData(p.op)) return Remember(view, p);
  const ReceiveWork* work = nullptr;
  if (TakesReceive(p.op)) {
    work = FindReceive(sequence, p);
    if (Enabled(Check::kXtReceiverReady) && work == nullptr) return {RxDrop::kNotReady, {}};
  }
  if (IsWrite(p.op)) return PlaceWrite(ctx, view, packet, p);
  if (Enabled(Check::kXtReceiveLength) && p.length > work->length) {
    return {RxDrop::kInvalidRequest, wire::NakCode::kRemoteOperationalError, Status::kLocalLength};
  }
  ReceivedPayload(packet, view)
      .CopyTo({work->segments, work->segment_count}, p.index * config_.mtu);
  return {};
}

// Whether this is what follows in order.
bool SrReceiver::InTurn(const ReceivedPacket& p) const {
  if (p.message != message_ || p.index != index_) return false;
  if (index_ > 0 && (p.length != length_ || IsWrite(p.op) != write_)) return false;
  if (WantsData(p.op)) return index_ == 0 && p.receive == responder_->executed();
  return !TakesReceive(p.op) || p.receive == NextReceive();
}

// The expected packet must be what its turn asks for, and find room for its completion.
SrVerdict SrReceiver::JudgeTurn(const ReceivedPacket& p) const {
  if (Enabled(Check::kXtTurn) && !InTurn(p)) {
    return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  }
  if (Enabled(Check::kXtCompletionRoom) && p.last && TakesReceive(p.op) &&
      completions_->FreeSlots() == 0) {
    return {RxDrop::kCompletionFull, {}};
  }
  return {};
}

// What is done once, in its turn.
SrVerdict SrReceiver::Perform(Context& ctx, const ReceivedPacket& p) {
  if (WantsData(p.op)) {
    const uint8_t right = IsAtomic(p.op) ? memory::kRemoteAtomic : memory::kRemoteRead;
    if (Enabled(Check::kXtFetchEnabled) && (config_.access & right) == 0) {
      return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
    }
    return responder_->Execute(ctx, requests_[p.receive % requests_.size()]);
  }
  if (p.op != Op::kSendInvalidate) return {};
  if (!RemoteInvalidate(ctx, p.imm, {config_.pd, qpn_})) {
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError, Status::kLocalQpOperation};
  }
  return {};
}

void SrReceiver::Consume(Context& ctx, const ReceivedPacket& p) {
  if (p.last && TakesReceive(p.op)) {
    Completion c;
    c.wr_id = queue_->At(queue_->head()).wr_id;
    c.qpn = qpn_;
    c.byte_length = p.length;
    c.op = p.op;
    c.receive = true;
    c.has_imm = HasImm(p.op);
    c.invalidated = p.op == Op::kSendInvalidate;
    c.imm = p.imm;
    c.solicited = p.solicited;
    completions_->Push(c);
    queue_->Retire();
  }
  in_.Advance();
  if (p.last) {
    ++message_;
    index_ = 0;
    msn_ = (msn_ + 1) & Psn::kMask;
    ctx.counters.Add(Count::kMessagesReceived);
  } else {
    ++index_;
    length_ = p.length;
    write_ = IsWrite(p.op);
  }
}

bool SrReceiver::Drain(Context& ctx) {
  const uint64_t from = in_.expected();
  SrVerdict verdict;
  stall_ = Stall::kNone;
  while (in_.NextHasArrived()) {
    const ReceivedPacket& p = in_.At(in_.expected());
    verdict = JudgeTurn(p);
    if (verdict.drop == RxDrop::kNone) verdict = Perform(ctx, p);
    if (verdict.drop != RxDrop::kNone) break;
    Consume(ctx, p);
  }
  in_.Passed(from);
  if (verdict.drop == RxDrop::kNone) return true;
  if (!Fatal(verdict)) {
    ctx.counters.Add(Count::kCompletionStalls);
    stall_ = Stall::kRoom;
    return true;
  }
  // Errors are raised in order, behind the responses that are owed.
  if (responder_->owes()) {
    stall_ = Stall::kOwed;
    return true;
  }
  ctx.drops.Add(verdict.drop);
  failure_ = verdict.receive;
  in_.Refuse(wire::Aeth::NakSyndrome(verdict.nak));
  return false;
}

// Takes an intact packet that was placed, in order or not.
bool SrReceiver::Accept(Context& ctx, uint64_t sequence, const ReceivedPacket& p) {
  if (sequence != in_.expected()) {
    in_.Keep(ctx, sequence, p);
    return true;
  }
  // The caller looked: it is in turn and there is room.
  Consume(ctx, p);
  in_.Passed(sequence);
  return !in_.NextHasArrived() || Drain(ctx);
}

bool SrReceiver::Reject(Context& ctx, SrVerdict check, uint64_t sequence,
                        const wire::ExtendedData& data) {
  ctx.drops.Add(check.drop);
  // Errors are raised in order: until its turn it is as if lost, but the sender hears that it came,
  // and what else is missing.
  if (sequence != in_.expected() || (Fatal(check) && responder_->owes())) {
    in_.NoteEcho(ctx, sequence, data);
    in_.AskAtRate(ctx, Check::kXtRefusalRate);
    return true;
  }
  if (!Fatal(check)) {
    in_.RefuseNotReady(ctx, sequence, data, config_.min_rnr_timer);
    return true;
  }
  failure_ = check.receive;
  in_.Refuse(ctx, sequence, data, wire::Aeth::NakSyndrome(check.nak));
  return false;
}

bool SrReceiver::OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  if (!SrArrivals::Intact(ctx, view, packet)) return true;
  const uint64_t sequence = in_.SequenceOf(view.psn);
  if (Enabled(Check::kXtWindow) && !in_.InWindow(sequence)) {
    ctx.drops.Add(RxDrop::kOutOfSequence);
    return true;
  }
  if (Enabled(Check::kXtBehind) && in_.FarBehind(sequence)) {
    ctx.drops.Add(RxDrop::kPsnWindow);
    return true;
  }
  const wire::ExtendedData data = view.extended_data();
  const bool duplicate = Enabled(Check::kXtDuplicate) && in_.Received(sequence);
  if (in_.TellReceiverHalf(ctx, view, packet, data, !duplicate)) in_.Ask();
  if (duplicate) {
    in_.OnDuplicate(ctx, sequence, data);
    // It arrived before and waits for room: not ready, as if it came now.
    if (sequence == in_.expected() && stall_ == Stall::kRoom) {
      in_.RefuseNotReady(ctx, sequence, data, config_.min_rnr_timer);
    }
    return true;
  }
  ReceivedPacket p;
  const bool turn = sequence == in_.expected();
  SrVerdict verdict = Describe(view, data, &p);
  if (!Enabled(Check::kXtHeader)) verdict = {};
  if (verdict.drop == RxDrop::kNone && turn) verdict = JudgeTurn(p);
  if (verdict.drop == RxDrop::kNone && !in_.MakeRoom(ctx, sequence)) return true;
  if (verdict.drop == RxDrop::kNone) verdict = Place(ctx, view, packet, sequence, p);
  if (verdict.drop == RxDrop::kNone && turn) verdict = Perform(ctx, p);
  if (verdict.drop != RxDrop::kNone) return Reject(ctx, verdict, sequence, data);
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  in_.Note(ctx, view, sequence, data);
  return Accept(ctx, sequence, p);
}

Answer SrReceiver::TakeAnswer(Context& ctx) {
  // The receives of a shared queue cannot be promised to one peer.
  const uint16_t flags = shared_ != nullptr ? wire::ExtendedAck::kShared : uint16_t{0};
  return in_.TakeAnswer(ctx, msn_, static_cast<uint32_t>(queue_->tail()) - first_receive_, flags);
}

bool SrReceiver::Settle(Context& ctx) {
  if (stall_ == Stall::kNone) return true;
  const uint64_t before = in_.expected();
  // What is invalid was refused when it came; what is left to find here is told by a later packet.
  const bool valid = Drain(ctx);
  if (in_.expected() != before) in_.Ask();
  return valid && stall_ == Stall::kNone;
}

bool SrReceiver::Flush(Context& ctx) {
  in_.Clear();
  stall_ = Stall::kNone;
  while (queue_->head() != queue_->tail()) {
    Completion c;
    c.wr_id = queue_->At(queue_->head()).wr_id;
    c.qpn = qpn_;
    c.status = failure_;
    c.receive = true;
    if (!completions_->Push(c)) {
      ctx.counters.Add(Count::kCompletionStalls);
      return false;
    }
    failure_ = Status::kFlushed;
    queue_->Retire();
  }
  return true;
}

}  // namespace sluice::transport
