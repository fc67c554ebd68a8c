// The requester's way out: which packet is next, and what it carries.
#include <algorithm>

#include "transport/requester.h"
#include "wire/opcode.h"

namespace sluice::transport {
namespace {

using wire::Opcode;

struct OpcodeSet {
  Opcode only, first, middle, last;
};

// By Op; those of one packet have only that.
constexpr OpcodeSet kOpcodes[] = {
    {Opcode::kRcSendOnly, Opcode::kRcSendFirst, Opcode::kRcSendMiddle, Opcode::kRcSendLast},
    {Opcode::kRcSendOnlyImm, Opcode::kRcSendFirst, Opcode::kRcSendMiddle, Opcode::kRcSendLastImm},
    {Opcode::kRcWriteOnly, Opcode::kRcWriteFirst, Opcode::kRcWriteMiddle, Opcode::kRcWriteLast},
    {Opcode::kRcWriteOnlyImm, Opcode::kRcWriteFirst, Opcode::kRcWriteMiddle,
     Opcode::kRcWriteLastImm},
    {Opcode::kRcReadRequest, {}, {}, {}},
    {Opcode::kRcFetchAdd, {}, {}, {}},
    {Opcode::kRcCompareSwap, {}, {}, {}},
    {Opcode::kRcSendOnlyInvalidate, Opcode::kRcSendFirst, Opcode::kRcSendMiddle,
     Opcode::kRcSendLastInvalidate},
};

Opcode OpcodeOf(Op op, bool first, bool last) {
  const OpcodeSet& set = kOpcodes[static_cast<size_t>(op)];
  if (first) return last ? set.only : set.first;
  return last ? set.last : set.middle;
}

void WriteExtension(const SendWork& work, bool first, bool last, Extension* out) {
  out->length = 0;
  if (first && IsWrite(work.op)) {
    wire::Reth{work.remote_address, work.rkey, work.length}.Write(out->bytes);
    out->length += wire::Reth::kSize;
  }
  if (last && HasImm(work.op)) {
    wire::ImmDt{work.imm}.Write(out->bytes + out->length);
    out->length += wire::ImmDt::kSize;
  }
  if (last && work.op == Op::kSendInvalidate) {
    wire::Ieth{work.rkey}.Write(out->bytes + out->length);
    out->length += wire::Ieth::kSize;
  }
}

}  // namespace

void Requester::Start(const RequesterConfig& config, SendFlow* flow) {
  config_ = config;
  flow_ = flow;
  una_ = next_ = max_ = config.first_psn;
  rewound_to_ = config.first_psn - 1;  // never
  retries_left_ = config.retry_count;
  rnr_left_ = config.rnr_retry;
  reads_.Start(config.read_depth);
}

uint64_t Requester::OffsetOf(const SendWork& work, uint32_t packet) const {
  return work.stream_start + std::min<uint64_t>(work.length, uint64_t{packet} * config_.mtu);
}

void Requester::StartWork(SendWork* work) {
  work->first_psn = next_;
  work->packets = std::max<uint32_t>(1, (work->length + config_.mtu - 1) / config_.mtu);
  work->stream_start = stream_end_;
  work->ssn = (++ssn_).value();
  stream_end_ += work->length;
  ++started_;
}

bool Requester::LimitedByCredits(const SendWork& work) const {
  if (credits_unlimited_ || !TakesReceive(work.op)) return false;
  // A request that was not started yet gets the next SSN.
  const Psn ssn = current_ < started_ ? Psn(work.ssn) : ssn_ + 1;
  return ssn > credit_limit_;
}

SendGate Requester::GateOfWork() const {
  if (rnr_waiting_) return SendGate::kRnr;
  if (in_flight() >= flow_->window() || next_ - una_ >= kMaxOutstanding) return SendGate::kWindow;
  const SendWork& work = queue_->At(current_);
  // Without credit one packet at a time may still probe (IBTA 1.4, 9.7.7.2.5).
  if (LimitedByCredits(work) && outstanding()) return SendGate::kCredits;
  if (!IsPlain(work.op) || work.fence) [[unlikely]]
    return GateBehindReads(work);
  return SendGate::kOpen;
}

// How long packets may go unasked for, until the next one would be sent at its pace: a round trip,
// so that feedback does not age on a slow flow, and far less than the retransmission timer, which
// would take a slow pace for a loss.
Duration Requester::AckPatience() const {
  const Duration rtt = flow_->smoothed_rtt();
  const Duration quarter = config_.ack_timeout / 4;
  if (rtt <= Duration::Zero()) return quarter;
  return quarter > Duration::Zero() ? std::min(rtt, quarter) : rtt;
}

bool Requester::WantsAck(Time now, bool ends_message, const SendWork& work) const {
  if (ask_ack_) return true;
  if (ends_message && work.signalled) return true;
  const uint32_t every =
      std::min<uint32_t>(config_.ask_every, std::max<uint32_t>(1, flow_->window_packets() / 4));
  if (since_ack_request_ + 1u >= every) return true;
  if (in_flight() >= flow_->window()) return true;
  const Duration patience = AckPatience();
  const Duration unasked = now - flow_->asked() + flow_->PaceOf(Bytes(config_.mtu));
  if (patience > Duration::Zero() && unasked >= patience) return true;
  // What comes next waits for credit: only an answer can bring it.
  return HasWork() && LimitedByCredits(queue_->At(current_));
}

void Requester::Next(Context& ctx, OutgoingPacket* out) {
  SendWork& work = queue_->At(current_);
  const bool limited = LimitedByCredits(work);
  if (current_ == started_) StartWork(&work);

  const uint32_t index = packet_;
  const bool first = index == 0;
  const bool last = index + 1 == work.packets;
  const uint64_t begin = uint64_t{index} * config_.mtu;
  const uint32_t length =
      static_cast<uint32_t>(std::min<uint64_t>(config_.mtu, work.length - begin));

  out->bth = wire::Bth{};
  out->bth.mig_req = true;
  out->bth.psn = next_;
  out->retransmission = next_ < max_;
  if (WantsData(work.op)) [[unlikely]]
    return NextDataRequest(ctx, &work, out);
  out->payload = {{work.segments, work.segment_count}, static_cast<uint32_t>(begin), length};
  WriteExtension(work, first, last, &out->extension);
  out->bth.opcode = OpcodeOf(work.op, first, last);
  out->bth.solicited = last && work.solicited;

  BeginPacket(ctx);
  ++next_;
  next_offset_ += length;
  if (max_ < next_) max_ = next_;
  if (last) {
    ++current_;
    packet_ = 0;
  } else {
    ++packet_;
  }

  EndPacket(ctx, limited || WantsAck(ctx.now, last, work) || !HasWork(), length, out);
}

inline void Requester::Record(Context& ctx, uint32_t frame_bytes, bool app_limited) {
  if (!records_.borrowed()) {
    RecordBlock* block = ctx.records.Borrow();
    if (block != nullptr) {
      records_.Lend(block);
    } else {
      ctx.counters.Add(Count::kRecordPoolEmpty);
    }
  }
  if (since_ack_request_ != 0) {  // another packet came last
    frame_bytes =
        static_cast<uint32_t>(flow_->profile()->context.header_bytes.count()) + asked_bytes_;
  }
  records_.Add({ctx.now, ctx.departs, una_offset_, asked_, frame_bytes, app_limited});
}

void Requester::EndBurst(Context& ctx, uint32_t frame_bytes) {
  if (burst_packets_ == 0) return;
  const bool app_limited = !HasWork();
  // What was sent again cannot be timed: its answer may belong to the first transmission. Nor what
  // follows a READ or an atomic: the responder holds its acknowledgement back for the responses.
  Psn last;
  const bool at_once = reads_.empty() || reads_.Find(asked_, &last);
  if (burst_asks_ && !burst_resends_ && at_once) Record(ctx, frame_bytes, app_limited);
  flow_->OnSent({ctx.now, burst_bytes_, burst_packets_, in_flight(), app_limited});
  burst_packets_ = 0;
  burst_bytes_ = Bytes(0);
  burst_asks_ = burst_resends_ = false;
}

}  // namespace sluice::transport
