#include "transport/sr_receiver.h"

#include <algorithm>

#include "base/checks.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

constexpr uint32_t kMostMessage = uint32_t{1} << 31;
// Every so many acknowledgements the block covers another part of the window in turn, so that an
// acknowledgement that is lost takes nothing away for long.
constexpr uint32_t kSweepEvery = 4;

Op OpOf(wire::Opcode opcode) {
  switch (opcode) {
    case wire::Opcode::kXtSend:
      return Op::kSend;
    case wire::Opcode::kXtSendImm:
      return Op::kSendImm;
    case wire::Opcode::kXtWrite:
      return Op::kWrite;
    default:
      return Op::kWriteImm;
  }
}

constexpr uint64_t FullMask(uint64_t bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

}  // namespace

void SrReceiver::Start(const ResponderConfig& config, uint32_t window,
                       cc::ReceiverHalf* receiver_half, BlockPool<ReceiveBlock>* pool) {
  config_ = config;
  window_ = window;
  receiver_half_ = receiver_half;
  blocks_.Start(pool, window);
  expected_ = highest_ = uint64_t{config.expected_psn.value()} + Psn::kMask + 1;
}

bool SrReceiver::Received(uint64_t sequence) const {
  if (sequence < expected_) return true;
  const ReceiveBlock* block = blocks_.Find(sequence);
  return block != nullptr && (block->received & MaskOf(sequence)) != 0;
}

const ReceiveWork* SrReceiver::FindReceive(uint32_t number) const {
  const uint64_t head = queue_->head();
  const auto ahead = static_cast<int32_t>(number - static_cast<uint32_t>(head));
  if (ahead < 0 || head + static_cast<uint32_t>(ahead) >= queue_->tail()) return nullptr;
  return &queue_->At(head + static_cast<uint32_t>(ahead));
}

// What the packet is, and whether its header agrees with itself.
SrReceiver::Verdict SrReceiver::Describe(const wire::FrameView& view, ReceivedPacket* out) const {
  const wire::ExtendedData data = view.extended_data();
  const Verdict invalid{RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  if (data.length > kMostMessage || data.offset > data.length) return invalid;
  if (data.offset % config_.mtu != 0) return invalid;
  if (data.offset == data.length && data.length > 0) return invalid;
  if (view.payload_length != std::min(config_.mtu, data.length - data.offset)) return invalid;
  out->message = data.message;
  out->index = data.offset / config_.mtu;
  out->length = data.length;
  out->receive = data.receive;
  out->op = OpOf(view.opcode);
  out->last = data.offset + view.payload_length == data.length;
  out->solicited = view.solicited;
  if (view.traits->imm) {
    if (!out->last) return invalid;
    out->imm = view.imm();
  }
  return {};
}

SrReceiver::Verdict SrReceiver::Place(Context& ctx, const wire::FrameView& view,
                                      const port::Packet& packet, const ReceivedPacket& p) const {
  const ReceivedPayload payload(packet, view);
  const uint32_t offset = p.index * config_.mtu;
  const ReceiveWork* work = FindReceive(p.receive);
  const bool takes = IsSend(p.op) || HasImm(p.op);
  if (Enabled(Check::kXtReceiverReady) && takes && work == nullptr) return {RxDrop::kNotReady, {}};
  if (IsSend(p.op)) {
    if (Enabled(Check::kXtReceiveLength) && p.length > work->length) {
      return {RxDrop::kInvalidRequest, wire::NakCode::kRemoteOperationalError};
    }
    payload.CopyTo({work->segments, work->segment_count}, offset);
    return {};
  }
  if (Enabled(Check::kXtWriteEnabled) && (config_.access & memory::kRemoteWrite) == 0) {
    return {RxDrop::kInvalidRequest, {}};
  }
  const wire::ExtendedTarget target = view.extended_target();
  // The whole range as RC judges it with the first packet, and the part that is written now.
  const memory::Resolution whole = ctx.regions.Resolve(target.rkey, config_.pd, target.va,
                                                       Bytes(p.length), memory::kRemoteWrite);
  const memory::Resolution part =
      ctx.regions.Resolve(target.rkey, config_.pd, target.va + offset, Bytes(view.payload_length),
                          memory::kRemoteWrite);
  if ((Enabled(Check::kXtWriteRange) && whole.fault != memory::Fault::kNone) ||
      part.fault != memory::Fault::kNone) {
    return {RxDrop::kAccess, wire::NakCode::kRemoteAccessError};
  }
  const MutableSegment run{part.address, view.payload_length};
  if (view.payload_length > 0) payload.CopyTo({&run, 1}, 0);
  return {};
}

// Whether this is what follows in order.
bool SrReceiver::InTurn(const ReceivedPacket& p) const {
  if (p.message != message_ || p.index != index_) return false;
  if (index_ > 0 && (p.length != length_ || IsWrite(p.op) != write_)) return false;
  const bool takes = IsSend(p.op) || HasImm(p.op);
  return !takes || p.receive == static_cast<uint32_t>(queue_->head());
}

SrReceiver::Turn SrReceiver::Consume(Context& ctx, const ReceivedPacket& p) {
  if (!InTurn(p)) return Turn::kInvalid;
  const bool completes = p.last && TakesReceive(p.op);
  if (completes) {
    if (queue_->head() == queue_->tail()) return Turn::kInvalid;
    if (completions_->FreeSlots() == 0) return Turn::kStalled;
    Completion c;
    c.wr_id = queue_->At(queue_->head()).wr_id;
    c.qpn = qpn_;
    c.byte_length = p.length;
    c.op = p.op;
    c.receive = true;
    c.has_imm = HasImm(p.op);
    c.imm = p.imm;
    c.solicited = p.solicited;
    completions_->Push(c);
    queue_->Retire();
  }
  ++expected_;
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
  return Turn::kTaken;
}

// Nothing lies beyond expected_ any more.
void SrReceiver::ReturnBlocks() {
  highest_ = expected_;
  // Mostly the only one.
  blocks_.Return(expected_);
  blocks_.ReturnAll();
}

bool SrReceiver::Drain(Context& ctx) {
  const uint64_t from = expected_;
  bool valid = true;
  stalled_ = false;
  while (expected_ < highest_ && Received(expected_)) {
    const Turn turn = Consume(ctx, blocks_.Find(expected_)->packets[BitOf(expected_)]);
    if (turn == Turn::kStalled) {
      ctx.counters.Add(Count::kCompletionStalls);
      stalled_ = true;
    }
    valid = turn != Turn::kInvalid;
    if (turn != Turn::kTaken) break;
  }
  blocks_.Pass(from, expected_);
  if (expected_ >= highest_) ReturnBlocks();
  if (!valid) {
    ctx.drops.Add(RxDrop::kInvalidRequest);
    nak_pending_ = true;
    nak_syndrome_ = wire::Aeth::NakSyndrome(wire::NakCode::kInvalidRequest);
  }
  return valid;
}

// Takes an intact packet that was placed, in order or not.
bool SrReceiver::Accept(Context& ctx, uint64_t sequence, const ReceivedPacket& p) {
  if (sequence == expected_) {
    const uint64_t at = expected_;
    // The caller looked: it is in turn and there is room.
    Consume(ctx, p);
    blocks_.Pass(at, expected_);
    highest_ = std::max(highest_, expected_);
    if (highest_ > expected_) {
      ack_pending_ = true;
      return Drain(ctx);
    }
    ReturnBlocks();
    return true;
  }
  ReceiveBlock* block = blocks_.Find(sequence);
  block->received |= MaskOf(sequence);
  block->packets[BitOf(sequence)] = p;
  ctx.counters.Add(Count::kOutOfSequence);
  return true;
}

void SrReceiver::NoteArrival(uint64_t sequence, bool asked) {
  // A gap appears, or something falls into one.
  ack_pending_ |= asked || (sequence >= expected_ && sequence != highest_);
  if (sequence > expected_) {
    news_low_ = news_ ? std::min(news_low_, sequence) : sequence;
    news_high_ = news_ ? std::max(news_high_, sequence) : sequence;
    news_ = true;
  }
  if (sequence >= highest_) highest_ = sequence + 1;
}

void SrReceiver::NoteEcho(Context& ctx, Psn psn, const wire::ExtendedData& data) {
  // A refusal names the refused packet, whatever else arrives meanwhile.
  if (nak_pending_) return;
  if (pending_.echoes() && data.sent - pending_.sent < Duration::Zero()) return;
  pending_.flags |= wire::ExtendedAck::kEchoes;
  pending_.psn = psn;
  pending_.attempt = data.attempt;
  pending_.sent = data.sent;
  pending_.arrived = wire::Stamp::Of(ctx.now);
}

void SrReceiver::OnDuplicate(Context& ctx, uint64_t sequence, const wire::ExtendedData& data) {
  ctx.counters.Add(Count::kDuplicateRequests);
  ctx.drops.Add(RxDrop::kDuplicate);
  ++pending_.duplicates;
  if (!Enabled(Check::kXtDuplicateRate) || duplicate_rate_.Take(ctx.now)) {
    ack_pending_ = true;
  } else {
    ctx.counters.Add(Count::kDuplicatesWithheld);
  }
  NoteEcho(ctx, PsnOf(sequence), data);
  if (sequence != expected_) return;
  // It arrived before and waits for room in the completion queue: not ready, as if it came now.
  Refuse(ctx, sequence, data);
  nak_syndrome_ = wire::Aeth::RnrSyndrome(config_.min_rnr_timer);
}

void SrReceiver::Refuse(Context& ctx, uint64_t sequence, const wire::ExtendedData& data) {
  nak_pending_ = false;
  pending_.flags = 0;
  NoteEcho(ctx, PsnOf(sequence), data);
  nak_pending_ = true;
}

bool SrReceiver::Reject(Context& ctx, Verdict check, uint64_t sequence,
                        const wire::ExtendedData& data) {
  ctx.drops.Add(check.drop);
  // Errors are raised in order: until its turn it is as if lost, but the sender hears that it came,
  // and what else is missing.
  if (sequence != expected_) {
    NoteEcho(ctx, PsnOf(sequence), data);
    ack_pending_ = true;
    return true;
  }
  Refuse(ctx, sequence, data);
  if (check.drop == RxDrop::kNotReady || check.drop == RxDrop::kCompletionFull) {
    nak_syndrome_ = wire::Aeth::RnrSyndrome(config_.min_rnr_timer);
    return true;
  }
  if (check.nak == wire::NakCode::kRemoteOperationalError) failure_ = Status::kLocalLength;
  nak_syndrome_ = wire::Aeth::NakSyndrome(check.nak);
  return false;
}

// The expected packet must be what its turn asks for, and find room for its completion.
SrReceiver::Verdict SrReceiver::JudgeTurn(const ReceivedPacket& p) const {
  if (Enabled(Check::kXtTurn) && !InTurn(p)) {
    return {RxDrop::kInvalidRequest, wire::NakCode::kInvalidRequest};
  }
  if (Enabled(Check::kXtCompletionRoom) && p.last && TakesReceive(p.op) &&
      completions_->FreeSlots() == 0) {
    return {RxDrop::kCompletionFull, {}};
  }
  return {};
}

bool SrReceiver::OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
  const ReceivedPayload payload(packet, view);
  const bool check = Enabled(Check::kXtIcrc) && ctx.check_icrc &&
                     packet.rx.icrc == port::IcrcState::kUnknown;
  if (packet.rx.icrc == port::IcrcState::kBad || !payload.whole() ||
      (check && !payload.IcrcMatches())) {
    ctx.drops.Add(RxDrop::kIcrc);
    return true;
  }
  const uint64_t sequence = SequenceNear(expected_, view.psn);
  if (Enabled(Check::kXtWindow) && sequence >= expected_ + window_) {
    ctx.drops.Add(RxDrop::kOutOfSequence);
    return true;
  }
  // What lies further back was acknowledged before the sender could send what came since.
  if (Enabled(Check::kXtBehind) && sequence + window_ < expected_) {
    ctx.drops.Add(RxDrop::kPsnWindow);
    return true;
  }
  const wire::ExtendedData data = view.extended_data();
  const bool duplicate = Enabled(Check::kXtDuplicate) && Received(sequence);
  ack_pending_ |= TellReceiverHalf(ctx, view, packet, !duplicate);
  if (duplicate) {
    OnDuplicate(ctx, sequence, data);
    return true;
  }
  ReceivedPacket p;
  Verdict verdict = Describe(view, &p);
  if (!Enabled(Check::kXtHeader)) verdict = {};
  if (verdict.drop == RxDrop::kNone && sequence == expected_) verdict = JudgeTurn(p);
  if (verdict.drop == RxDrop::kNone && sequence != expected_ &&
      blocks_.Ensure(sequence) == nullptr && Enabled(Check::kXtBlocks)) {
    ctx.counters.Add(Count::kScoreboardPoolEmpty);
    ctx.drops.Add(RxDrop::kOutOfSequence);
    return true;
  }
  if (verdict.drop == RxDrop::kNone) verdict = Place(ctx, view, packet, p);
  if (verdict.drop != RxDrop::kNone) return Reject(ctx, verdict, sequence, data);
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  if (sequence == expected_ && nak_pending_) {
    nak_pending_ = false;
    pending_.flags = 0;
  }
  NoteEcho(ctx, view.psn, data);
  NoteArrival(sequence, view.ack_request);
  return Accept(ctx, sequence, p);
}

// Of every intact packet, as in RC.
bool SrReceiver::TellReceiverHalf(Context& ctx, const wire::FrameView& view,
                                  const port::Packet& packet, bool accepted) {
  const bool ce = view.ce() || packet.rx.ce;
  if (ce) {
    ctx.counters.Add(Count::kCeReceived);
    ++pending_.ce_packets;
    pending_.ce_bytes += view.payload_length;
  }
  if (receiver_half_ == nullptr) return false;
  const cc::ReceiverAction action = receiver_half_->OnData(
      {ctx.now, Bytes(accepted ? view.payload_length : 0), Bytes(0), packet.rx.path, ce});
  cnp_pending_ |= action.cnp;
  return action.ack_now;
}

// Where the block of the next acknowledgement begins, given that something lies beyond expected_.
uint64_t SrReceiver::ChooseBlock() {
  constexpr uint64_t kPackets = wire::SackBlock::kPackets;
  if (highest_ - expected_ <= kPackets) {
    news_ = false;
    return expected_;
  }
  if (news_ && news_high_ < expected_) news_ = false;
  news_low_ = std::max(news_low_, expected_);
  if (news_ && acks_ % kSweepEvery != 0) {
    if (news_high_ - news_low_ < kPackets) {
      news_ = false;
      return std::max(expected_, news_high_ >= kPackets ? news_high_ - kPackets + 1 : 0);
    }
    // Two places at once: this one now, the other with another acknowledgement.
    const uint64_t first = news_low_;
    news_low_ = news_high_;
    ack_pending_ = true;
    return first;
  }
  if (sweep_ < expected_ || sweep_ >= highest_) sweep_ = expected_;
  const uint64_t first = sweep_;
  sweep_ += kPackets;
  if (news_) ack_pending_ = true;
  return first;
}

void SrReceiver::FillBlock(uint64_t first, wire::SackBlock* out) const {
  out->first = PsnOf(first);
  for (size_t w = 0; w < wire::SackBlock::kWords; ++w) {
    const uint64_t from = first + 64 * w;
    const uint32_t shift = BitOf(from);
    uint64_t bits = 0;
    if (from < highest_) {
      if (const ReceiveBlock* b = blocks_.Find(from)) bits = b->received >> shift;
      if (shift != 0 && from + 64 - shift < highest_) {
        const ReceiveBlock* b = blocks_.Find(from + 64 - shift);
        if (b != nullptr) bits |= b->received << (64 - shift);
      }
      bits &= FullMask(highest_ - from);
    }
    out->words[w] = bits;
  }
}

Answer SrReceiver::TakeAnswer(Context& ctx) {
  Answer a;
  a.cnp = cnp_pending_;
  a.acknowledge = ack_pending_ || nak_pending_;
  const bool nak = nak_pending_;
  ack_pending_ = nak_pending_ = cnp_pending_ = false;
  if (!a.acknowledge) return a;
  answer_.psn = PsnOf(expected_ - 1);
  answer_.ack = pending_;
  answer_.ack.syndrome = nak ? nak_syndrome_ : wire::Aeth::AckSyndrome(0);
  answer_.ack.msn = msn_;
  answer_.ack.receives = static_cast<uint32_t>(queue_->tail());
  answer_.ack.departed = wire::Stamp::Of(ctx.now);
  pending_.flags = 0;
  ++acks_;
  answer_.block.reset();
  if (highest_ > expected_) FillBlock(ChooseBlock(), &answer_.block.emplace());
  a.aeth.syndrome = answer_.ack.syndrome;
  if (nak) {
    ctx.counters.Add(a.aeth.IsRnr() ? Count::kRnrNaksSent : Count::kNaksSent);
  } else {
    ctx.counters.Add(Count::kAcksSent);
  }
  return a;
}

bool SrReceiver::Settle(Context& ctx) {
  if (!stalled_) return true;
  const uint64_t before = expected_;
  // What is invalid was refused when it came; what is left to find here is told by a later packet.
  const bool valid = Drain(ctx);
  if (expected_ != before) ack_pending_ = true;
  return valid && !stalled_;
}

bool SrReceiver::Flush(Context& ctx) {
  blocks_.ReturnAll();
  highest_ = expected_;
  stalled_ = false;
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
