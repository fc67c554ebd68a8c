// The way out: which packet is next, and what it carries.
#include "transport/sr_sender.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "transport/local_operation.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

using wire::Opcode;

constexpr uint8_t kMostAttempts = 255;

// By Op: with the last packet, which alone has what follows the payload's place, and before it.
struct OpcodePair {
  Opcode last, other;
};
constexpr OpcodePair kXtOpcodes[] = {
    {Opcode::kXtSend, Opcode::kXtSend},
    {Opcode::kXtSendImm, Opcode::kXtSend},
    {Opcode::kXtWrite, Opcode::kXtWrite},
    {Opcode::kXtWriteImm, Opcode::kXtWrite},
    {Opcode::kXtRead, {}},
    {Opcode::kXtFetchAdd, {}},
    {Opcode::kXtCompareSwap, {}},
    {Opcode::kXtSendInvalidate, Opcode::kXtSend},
};
static_assert(std::size(kXtOpcodes) == static_cast<size_t>(Op::kLocalInvalidate));

bool Disjoint(uint64_t a, uint32_t a_length, uint64_t b, uint32_t b_length) {
  return a + a_length <= b || b + b_length <= a;
}

}  // namespace

void SrSender::Start(const SrSenderConfig& config, BlockPool<SendBlock>* pool) {
  config_ = config;
  // Responses must not wait for requests, which may wait for them at the other end.
  blocks_.Start(pool, config.window, config.fetches == nullptr);
  // One round of PSNs up, so that sequences before the first one exist.
  una_ = next_ = uint64_t{config.base.first_psn.value()} + Psn::kMask + 1;
  counted_ = acked_ = passed_ = current_ = started_ = queue_->head();
  retries_left_ = config.base.retry_count;
  rnr_left_ = config.base.rnr_retry;
}

uint64_t SrSender::FirstOf(const SendWork& work) const {
  // Unsigned, since a message may have up to 2^23 packets.
  const uint32_t back = (PsnOf(next_).value() - work.first_psn.value()) & Psn::kMask;
  return next_ - back;
}

uint64_t SrSender::FindWork(uint64_t sequence) const {
  // The last started request that begins at or before it.
  uint64_t low = passed_;
  uint64_t high = started_;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    if (FirstOf(queue_->At(middle)) <= sequence) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

void SrSender::StartWork(SendWork* work) {
  work->first_psn = PsnOf(next_);
  work->packets = std::max<uint32_t>(1, (work->length + config_.base.mtu - 1) / config_.base.mtu);
  work->stream_start = next_message_++;
  work->ssn = next_receive_;
  if (TakesReceive(work->op)) ++next_receive_;
  if (config_.fetches != nullptr && WantsData(work->op)) {
    work->packets = 1;
    work->ssn = config_.fetches->begun();
    config_.fetches->Begin(work);
  }
  if ((IsWrite(work->op) || WantsData(work->op)) && work->length > 0) {
    const uint64_t end = work->remote_address + work->length;
    if (hull_begin_ == hull_end_) {
      hull_begin_ = work->remote_address;
      hull_end_ = end;
    } else {
      hull_begin_ = std::min(hull_begin_, work->remote_address);
      hull_end_ = std::max(hull_end_, end);
    }
  }
  ++started_;
}

bool SrSender::LimitedByCredits(const SendWork& work) const {
  if (!credits_known_ || !TakesReceive(work.op)) return false;
  const uint32_t receive = current_ < started_ ? work.ssn : next_receive_;
  return static_cast<int32_t>(receive - credit_limit_) >= 0;
}

// Whether a request may not start before an earlier one on the same range is done: placement does
// not keep the order of WRITEs, unless nobody asks for it, and what a READ fetches leaves after its
// turn.
bool SrSender::Conflicts(Op earlier, Op later) const {
  if (IsWrite(later)) return WantsData(earlier) || (IsWrite(earlier) && !config_.relaxed);
  return IsAtomic(later) && earlier == Op::kRead;
}

bool SrSender::Overlaps(const SendWork& work, uint64_t* position) const {
  for (uint64_t at = started_; at-- > acked_;) {
    const SendWork& other = queue_->At(at);
    if (!Conflicts(other.op, work.op) || other.length == 0) continue;
    if (IsWrite(other.op) ? at < passed_ : config_.fetches->Answered(other.ssn)) continue;
    if (!Disjoint(other.remote_address, other.length, work.remote_address, work.length)) {
      *position = at;
      return true;
    }
  }
  return false;
}

// Whether the request, which is the next to be started, overlaps one that must be done before it.
bool SrSender::MustWait(const SendWork& work) {
  if (examined_ != current_) {
    examined_ = current_;
    waits_for_ = 0;
    if (acked_ == started_) hull_begin_ = hull_end_ = 0;
    const bool apart =
        work.remote_address >= hull_end_ || work.remote_address + work.length <= hull_begin_;
    const bool ordered =
        IsAtomic(work.op) || (IsWrite(work.op) && (!config_.relaxed || Fetching()));
    uint64_t position = 0;
    if (config_.fetches != nullptr && ordered && work.length > 0 && !apart &&
        Overlaps(work, &position)) {
      waits_for_ = position + 1;
      waits_for_data_ = WantsData(queue_->At(position).op);
    }
  }
  return (waits_for_data_ ? acked_ : passed_) < waits_for_;
}

SendGate SrSender::GateBehindFetches(const SendWork& work) const {
  const SrFetches& fetches = *config_.fetches;
  if (IsLocal(work.op)) {
    return outstanding() || fetches.pending() ? SendGate::kReads : SendGate::kLocal;
  }
  // Within a request that has begun the fence has opened already.
  if (work.fence && packet_ == 0 && fetches.pending()) return SendGate::kReads;
  return WantsData(work.op) && fetches.full() ? SendGate::kReads : SendGate::kOpen;
}

SendGate SrSender::Gate() {
  if (rnr_waiting_) return SendGate::kRnr;
  if (silent_) return SendGate::kNoWork;
  if (lost_ == 0 && !probe_oldest_) {
    if (!HasWork()) return SendGate::kNoWork;
    if (next_ - una_ >= config_.window) return SendGate::kWindow;
    const SendWork& work = queue_->At(current_);
    if ((!IsPlain(work.op) || work.fence) && config_.fetches != nullptr) {
      const SendGate gate = GateBehindFetches(work);
      if (gate != SendGate::kOpen) return gate;
    }
    if (outstanding() && LimitedByCredits(work)) return SendGate::kCredits;
    if (current_ == started_ && MustWait(work)) return SendGate::kWindow;
    if (blocks_.Ensure(next_) == nullptr) {
      pool_empty_ = true;
      return SendGate::kWindow;
    }
    pool_empty_ = false;
  }
  return in_flight() >= flow_->window() ? SendGate::kWindow : SendGate::kOpen;
}

bool SrSender::WantsAck(Time now, bool ends_message, const SendWork& work) const {
  if ((ends_message && work.signalled) || config_.modelled) return true;
  const uint32_t every = std::min<uint32_t>(config_.base.ask_every,
                                            std::max<uint32_t>(1, flow_->window_packets() / 4));
  if (since_ack_request_ + 1u >= every) return true;
  if (!HasWork() || in_flight() >= flow_->window() || next_ - una_ >= config_.window) return true;
  // As long as a round trip without feedback at most, whatever the pace.
  const Duration rtt = flow_->smoothed_rtt();
  const Duration unasked = now - flow_->asked() + flow_->PaceOf(Bytes(config_.base.mtu));
  if (rtt > Duration::Zero() && unasked >= rtt) return true;
  return LimitedByCredits(queue_->At(current_));
}

uint64_t SrSender::FindLost() const {
  for (uint64_t s = std::max(lost_from_, una_);; s = (s | 63) + 1) {
    const SendBlock* block = blocks_.Find(s);
    const uint64_t mask = block->lost & (~uint64_t{0} << BitOf(s));
    if (mask == 0) continue;
    return (s & ~uint64_t{63}) + static_cast<uint64_t>(__builtin_ctzll(mask));
  }
}

void SrSender::TakeLost(uint64_t sequence) {
  blocks_.Find(sequence)->lost &= ~MaskOf(sequence);
  --lost_;
  lost_from_ = sequence + 1;
}

// Writes the packet down in its block.
void SrSender::Note(Context& ctx, uint64_t sequence, uint32_t length, bool again,
                    uint8_t* attempt) {
  SendBlock* block = blocks_.Ensure(sequence);
  const uint32_t bit = BitOf(sequence);
  const uint64_t mask = MaskOf(sequence);
  if (again) {
    block->resent |= mask;
    if (block->attempt[bit] < kMostAttempts) ++block->attempt[bit];
  } else {
    block->attempt[bit] = 0;
    block->length[bit] = static_cast<uint16_t>(length);
  }
  if ((block->delivered & mask) == 0) in_flight_ += length;
  block->sent[bit] = ctx.now;
  block->delivered_before[bit] = static_cast<uint32_t>(delivered_);
  if (HasWork() || lost_ > 0) {
    block->app_limited &= ~mask;
  } else {
    block->app_limited |= mask;
  }
  *attempt = block->attempt[bit];
}

// What was posted and is not sent yet, as it travels.
uint32_t SrSender::Backlog() {
  for (const uint64_t tail = queue_->tail(); counted_ != tail; ++counted_) {
    backlog_ += PayloadOf(queue_->At(counted_));
  }
  constexpr uint64_t kUnit = wire::ExtendedData::kBacklogUnit;
  return static_cast<uint32_t>(
      std::min<uint64_t>((backlog_ + kUnit - 1) / kUnit, wire::ExtendedData::kMostBacklog));
}

void SrSender::WriteHeaders(Context& ctx, const SendWork& work, const Upcoming& next,
                            OutgoingPacket* out) {
  const bool last = uint64_t{next.begin} + next.length == PayloadOf(work);
  wire::ExtendedData data;
  data.message = static_cast<uint32_t>(work.stream_start);
  data.offset = next.begin;
  data.length = work.length;
  data.receive = work.ssn;
  data.sent = wire::Stamp::Of(ctx.departs);
  data.backlog = Backlog();
  Note(ctx, next.sequence, next.length, next.again, &data.attempt);
  uint8_t* at = out->extension.bytes;
  data.Write(at);
  at += wire::ExtendedData::kSize;
  if (config_.fetches == nullptr) {
    out->bth.opcode = work.op == Op::kRead ? Opcode::kXtReadResponse : Opcode::kXtAtomicResponse;
    if (work.op != Op::kRead) {
      uint64_t original = 0;
      std::memcpy(&original, queue_->InlineRoom(&work), sizeof original);
      wire::AtomicAckEth{original}.Write(at);
      at += wire::AtomicAckEth::kSize;
    }
  } else {
    at = WriteRequest(work, last, at);
    out->bth.opcode = last ? kXtOpcodes[static_cast<size_t>(work.op)].last
                           : kXtOpcodes[static_cast<size_t>(work.op)].other;
    out->bth.solicited = last && work.solicited;
  }
  out->extension.length = static_cast<uint32_t>(at - out->extension.bytes);
}

// What follows the common header of a request.
uint8_t* SrSender::WriteRequest(const SendWork& work, bool last, uint8_t* at) const {
  const auto put = [&at](const auto& header) {
    header.Write(at);
    at += std::remove_reference_t<decltype(header)>::kSize;
  };
  const bool fetches = WantsData(work.op);
  if (IsWrite(work.op) || fetches) put(wire::ExtendedTarget{work.remote_address, work.rkey});
  if (fetches) put(wire::ExtendedRequest{config_.fetches->completed()});
  if (IsAtomic(work.op)) {
    AtomicOperands operands;
    std::memcpy(&operands, queue_->InlineRoom(&work), sizeof operands);
    put(wire::ExtendedOperands{operands.swap_or_add, operands.compare});
  }
  if (last && HasImm(work.op)) put(wire::ImmDt{work.imm});
  if (last && work.op == Op::kSendInvalidate) put(wire::Ieth{work.rkey});
  return at;
}

SrSender::Upcoming SrSender::Peek() const {
  Upcoming u;
  u.again = lost_ > 0 || probe_oldest_;
  u.sequence = next_;
  u.position = current_;
  uint64_t index = packet_;
  if (u.again) {
    u.sequence = probe_oldest_ ? una_ : FindLost();
    u.position = FindWork(u.sequence);
    index = u.sequence - FirstOf(queue_->At(u.position));
  }
  const uint64_t begin = index * config_.base.mtu;
  u.begin = static_cast<uint32_t>(begin);
  u.length = static_cast<uint32_t>(
      std::min<uint64_t>(config_.base.mtu, PayloadOf(queue_->At(u.position)) - begin));
  return u;
}

void SrSender::Next(Context& ctx, OutgoingPacket* out) {
  const Upcoming next = Peek();
  const bool limited = !next.again && LimitedByCredits(queue_->At(current_));
  if (!next.again && current_ == started_) StartWork(&queue_->At(current_));
  const SendWork& work = queue_->At(next.position);
  const bool last = uint64_t{next.begin} + next.length == PayloadOf(work);

  if (!outstanding()) {
    progress_ = ctx.now;
    flow_->SetAsked(ctx.now);
  }
  if (!next.again) {
    Backlog();
    backlog_ -= next.length;
    ++next_;
    packet_ = last ? 0 : packet_ + 1;
    if (last) ++current_;
  } else {
    if (!probe_oldest_) TakeLost(next.sequence);
    probe_oldest_ = false;
  }
  last_event_ = ctx.now;
  out->bth = wire::Bth{};
  out->bth.psn = PsnOf(next.sequence);
  out->bth.mig_req = true;
  out->retransmission = next.again;
  out->payload = {{work.segments, work.segment_count}, next.begin, next.length};
  WriteHeaders(ctx, work, next, out);

  const bool ask = next.again || limited || WantsAck(ctx.now, last, work);
  out->bth.ack_request = ask;
  since_ack_request_ = ask ? 0 : static_cast<uint16_t>(since_ack_request_ + 1);
  if (ask) flow_->SetAsked(ctx.now);
  ++burst_packets_;
  burst_bytes_ += Bytes(next.length);
  last_length_ = next.length;
  ctx.counters.Add(Count::kDataPackets);
  if (next.again) ctx.counters.Add(Count::kRetransmissions);
}

bool SrSender::RunLocal(Context& ctx) {
  SendWork& work = queue_->At(current_);
  const Status status =
      RunLocalOperation(ctx, work, queue_->InlineRoom(&work), {config_.base.pd, qpn_});
  if (status != Status::kSuccess) return Fail(status);
  // It takes no PSN and is no message; all before it is done.
  work.first_psn = PsnOf(next_);
  work.packets = 0;
  ++current_;
  acked_ = passed_ = started_ = current_;
  Retire(ctx);
  return true;
}

void SrSender::EndBurst(Context& ctx, uint32_t frame_bytes) {
  if (burst_packets_ == 0) return;
  frame_bytes_ = frame_bytes;
  frame_payload_ = last_length_;
  const bool app_limited = !HasWork() && lost_ == 0;
  flow_->OnSent({ctx.now, burst_bytes_, burst_packets_, in_flight(), app_limited});
  burst_packets_ = 0;
  burst_bytes_ = Bytes(0);
}

}  // namespace sluice::transport
