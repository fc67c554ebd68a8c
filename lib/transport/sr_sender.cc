// The way out: which packet is next, and what it carries.
#include "transport/sr_sender.h"

#include <algorithm>

#include "wire/opcode.h"

namespace sluice::transport {
namespace {

using wire::Opcode;

// A packet asks for an acknowledgement at least this often.
constexpr uint32_t kAskEvery = 16;
constexpr uint8_t kMostAttempts = 255;

Opcode OpcodeOf(Op op, bool last) {
  const bool imm = last && HasImm(op);
  if (IsWrite(op)) return imm ? Opcode::kXtWriteImm : Opcode::kXtWrite;
  return imm ? Opcode::kXtSendImm : Opcode::kXtSend;
}

}  // namespace

void SrSender::Start(const SrSenderConfig& config, SendFlow* flow, BlockPool<SendBlock>* pool) {
  config_ = config;
  flow_ = flow;
  blocks_.Start(pool, config.window);
  // One round of PSNs up, so that sequences before the first one exist.
  una_ = next_ = uint64_t{config.base.first_psn.value()} + Psn::kMask + 1;
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
  uint64_t low = acked_;
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
  work->ssn = next_receive_;
  if (TakesReceive(work->op)) ++next_receive_;
  if (IsWrite(work->op) && work->length > 0) {
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

bool SrSender::Overlaps(const SendWork& work, uint64_t* position) const {
  const uint64_t begin = work.remote_address;
  const uint64_t end = begin + work.length;
  for (uint64_t at = started_; at-- > acked_;) {
    const SendWork& other = queue_->At(at);
    if (!IsWrite(other.op) || other.length == 0) continue;
    if (other.remote_address < end && begin < other.remote_address + other.length) {
      *position = at;
      return true;
    }
  }
  return false;
}

// Whether the request, which is the next to be started, overlaps one that is not acknowledged.
bool SrSender::MustWait(const SendWork& work) {
  if (examined_ != current_) {
    examined_ = current_;
    waits_for_ = 0;
    if (acked_ == started_) hull_begin_ = hull_end_ = 0;
    const bool apart =
        work.remote_address >= hull_end_ || work.remote_address + work.length <= hull_begin_;
    uint64_t position = 0;
    if (IsWrite(work.op) && work.length > 0 && !apart && Overlaps(work, &position)) {
      waits_for_ = position + 1;
    }
  }
  return acked_ < waits_for_;
}

SendGate SrSender::Gate() {
  if (rnr_waiting_) return SendGate::kRnr;
  if (lost_ == 0 && !probe_oldest_) {
    if (!HasWork()) return SendGate::kNoWork;
    if (next_ - una_ >= config_.window) return SendGate::kWindow;
    const SendWork& work = queue_->At(current_);
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
  const uint32_t every = std::min(kAskEvery, std::max<uint32_t>(1, flow_->window_packets() / 4));
  if (since_ack_request_ + 1u >= every) return true;
  if (!HasWork() || in_flight() >= flow_->window() || next_ - una_ >= config_.window) return true;
  // As long as a round trip without feedback at most, whatever the pace.
  const Duration rtt = flow_->smoothed_rtt();
  const Duration unasked = now - flow_->asked() + flow_->PaceOf(Bytes(config_.base.mtu));
  if (rtt > Duration::Zero() && unasked >= rtt) return true;
  return LimitedByCredits(queue_->At(current_));
}

uint64_t SrSender::TakeLost() {
  for (uint64_t s = std::max(lost_from_, una_);; s = (s | 63) + 1) {
    SendBlock* block = blocks_.Find(s);
    const uint64_t mask = block->lost & (~uint64_t{0} << BitOf(s));
    if (mask == 0) continue;
    const uint64_t found = (s & ~uint64_t{63}) + static_cast<uint64_t>(__builtin_ctzll(mask));
    block->lost &= ~MaskOf(found);
    --lost_;
    lost_from_ = found + 1;
    return found;
  }
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

void SrSender::WriteHeaders(Context& ctx, const SendWork& work, uint64_t position,
                            uint64_t sequence, OutgoingPacket* out) {
  const bool last = out->payload.offset + out->payload.length == work.length;
  wire::ExtendedData data;
  data.message = static_cast<uint32_t>(position);
  data.offset = out->payload.offset;
  data.length = work.length;
  data.receive = work.ssn;
  data.sent = wire::Stamp::Of(ctx.now);
  Note(ctx, sequence, out->payload.length, out->retransmission, &data.attempt);
  uint8_t* at = out->extension.bytes;
  data.Write(at);
  at += wire::ExtendedData::kSize;
  if (IsWrite(work.op)) {
    wire::ExtendedTarget{work.remote_address, work.rkey}.Write(at);
    at += wire::ExtendedTarget::kSize;
  }
  if (last && HasImm(work.op)) {
    wire::ImmDt{work.imm}.Write(at);
    at += wire::ImmDt::kSize;
  }
  out->extension.length = static_cast<uint32_t>(at - out->extension.bytes);
  out->bth.opcode = OpcodeOf(work.op, last);
  out->bth.solicited = last && work.solicited;
}

void SrSender::Next(Context& ctx, OutgoingPacket* out) {
  const bool again = lost_ > 0 || probe_oldest_;
  const bool limited = !again && LimitedByCredits(queue_->At(current_));
  if (!again && current_ == started_) StartWork(&queue_->At(current_));
  uint64_t sequence = next_;
  uint64_t position = current_;
  if (again) {
    sequence = probe_oldest_ ? una_ : TakeLost();
    probe_oldest_ = false;
    position = FindWork(sequence);
  }
  const SendWork& work = queue_->At(position);
  const uint64_t index = again ? sequence - FirstOf(work) : packet_;
  const uint64_t begin = index * config_.base.mtu;
  const uint32_t length =
      static_cast<uint32_t>(std::min<uint64_t>(config_.base.mtu, work.length - begin));
  const bool last = index + 1 == work.packets;

  if (!outstanding()) {
    progress_ = ctx.now;
    flow_->SetAsked(ctx.now);
  }
  if (!again) {
    ++next_;
    packet_ = last ? 0 : packet_ + 1;
    if (last) ++current_;
  }
  last_event_ = ctx.now;
  out->bth = wire::Bth{};
  out->bth.psn = PsnOf(sequence);
  out->bth.mig_req = true;
  out->retransmission = again;
  out->payload = {{work.segments, work.segment_count}, static_cast<uint32_t>(begin), length};
  WriteHeaders(ctx, work, position, sequence, out);

  const bool ask = again || limited || WantsAck(ctx.now, last, work);
  out->bth.ack_request = ask;
  since_ack_request_ = ask ? 0 : static_cast<uint16_t>(since_ack_request_ + 1);
  if (ask) flow_->SetAsked(ctx.now);
  ++burst_packets_;
  burst_bytes_ += Bytes(length);
  ctx.counters.Add(Count::kDataPackets);
  if (again) ctx.counters.Add(Count::kRetransmissions);
}

void SrSender::EndBurst(Context& ctx, uint32_t frame_bytes) {
  if (burst_packets_ == 0) return;
  frame_bytes_ = frame_bytes;
  const bool app_limited = !HasWork() && lost_ == 0;
  flow_->OnSent({ctx.now, burst_bytes_, burst_packets_, in_flight(), app_limited});
  burst_packets_ = 0;
  burst_bytes_ = Bytes(0);
}

}  // namespace sluice::transport
