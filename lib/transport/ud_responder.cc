#include "transport/ud_responder.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/checks.h"
#include "transport/payload.h"
#include "wire/ip_headers.h"

namespace sluice::transport {
namespace {

// Copies `length` bytes to the start of the runs, which have the room.
void ScatterFront(std::span<const MutableSegment> runs, const uint8_t* from, uint32_t length) {
  for (const MutableSegment& run : runs) {
    const uint32_t n = std::min(run.length, length);
    if (n > 0) std::memcpy(run.data, from, n);
    from += n;
    length -= n;
    if (length == 0) return;
  }
}

}  // namespace

RxDrop UdResponder::Check(const wire::FrameView& view) {
  using Named = sluice::Check;
  if (Enabled(Named::kUdQkey) && view.deth().qkey != qkey_) return RxDrop::kQkey;
  if (Enabled(Named::kUdPacketLength) && view.payload_length > mtu_) return RxDrop::kInvalidRequest;
  const bool ready = FindReceive(queue_, shared_);
  if (Enabled(Named::kUdReceiverReady) && !ready) return RxDrop::kNotReady;
  if (Enabled(Named::kUdCompletionRoom) && completions_->FreeSlots() == 0) {
    return RxDrop::kCompletionFull;
  }
  const ReceiveWork& work = queue_->At(queue_->head());
  const bool fits = kGrhBytes + view.payload_length <= work.length;
  return !Enabled(Named::kUdReceiveLength) || fits ? RxDrop::kNone : RxDrop::kTooLong;
}

void UdResponder::Place(const wire::FrameView& view, const port::Packet& packet) {
  const ReceiveWork& work = queue_->At(queue_->head());
  const std::span<const MutableSegment> runs(work.segments, work.segment_count);
  uint8_t grh[kGrhBytes] = {};
  if (view.ipv6) {
    std::memcpy(grh, view.l3, wire::Ipv6Header::kSize);
  } else {
    std::memcpy(grh + kGrhBytes - wire::Ipv4Header::kSize, view.l3, wire::Ipv4Header::kSize);
  }
  ScatterFront(runs, grh, kGrhBytes);
  if (view.payload_length > 0) ReceivedPayload(packet, view).CopyTo(runs, kGrhBytes);
}

void UdResponder::Finish(const wire::FrameView& view) {
  Completion c;
  c.wr_id = queue_->At(queue_->head()).wr_id;
  c.qpn = qpn_;
  c.byte_length = kGrhBytes + view.payload_length;
  c.op = view.traits->imm ? Op::kSendImm : Op::kSend;
  c.receive = true;
  c.has_imm = view.traits->imm;
  if (c.has_imm) c.imm = view.imm();
  c.solicited = view.solicited;
  c.grh = true;
  c.source_qpn = view.deth().source_qpn;
  c.source_mac = view.source_mac();
  completions_->Push(c);
  queue_->Retire();
}

bool UdResponder::OnDatagram(Context& ctx, const wire::FrameView& view,
                             const port::Packet& packet) {
  const RxDrop drop = Check(view);
  if (drop != RxDrop::kNone) {
    ctx.drops.Add(drop);
    return false;
  }
  Place(view, packet);
  ctx.counters.Add(Count::kPlacedBytes, view.payload_length);
  ctx.counters.Add(Count::kMessagesReceived);
  Finish(view);
  return true;
}

}  // namespace sluice::transport
