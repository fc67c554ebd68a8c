// The engine's way out: answers first, then data, byte-fair among the flows that may send.
#include <algorithm>

#include "engine/engine.h"

namespace sluice::engine {
namespace {

using transport::Context;
using transport::Count;
using transport::QueuePair;
using transport::SendFlow;
using transport::SendGate;

// How long an engine without packets waits before it asks the port again.
constexpr Duration kStarvedRetry = Duration::Microseconds(1);

}  // namespace

OptionalTime Engine::NextDeadline() const {
  const OptionalTime timer = NextTimer();
  const bool waiting = ready_.head != nullptr || answers_.head != nullptr || ControlWaits();
  // With written frames the port is full: room in it is input, not time.
  if (!waiting || written_ > 0) return timer;
  const Time again = starved_ ? last_poll_ + kStarvedRetry : last_poll_;
  return timer ? Earlier(*timer, again) : again;
}

port::Packet* Engine::NextFree() {
  if (written_ == out_.size()) return nullptr;
  if (spare_count_ == 0) {
    spare_count_ = port_->Allocate({spare_.data(), config_.burst});
    if (spare_count_ == 0) {
      starved_ = true;
      return nullptr;
    }
  }
  out_[written_] = spare_[spare_count_ - 1];
  return &out_[written_];
}

size_t Engine::SendPending() {
  if (written_ == 0) return 0;
  const size_t n = port_->Transmit({out_.data(), written_});
  uint64_t bytes = 0;
  for (size_t i = 0; i < n; ++i) bytes += out_[i].frame_length;
  std::copy(out_.begin() + static_cast<ptrdiff_t>(n),
            out_.begin() + static_cast<ptrdiff_t>(written_), out_.begin());
  written_ -= n;
  counters_.Add(Count::kTxPackets, n);
  counters_.Add(Count::kTxBytes, bytes + n * static_cast<uint64_t>(kEthernetOverhead.count()));
  return n;
}

size_t Engine::TransmitBurst(Context& ctx) {
  starved_ = false;
  size_t sent = SendPending();
  if (written_ > 0) return sent;
  if (modelled_ != nullptr) [[unlikely]]
    return sent + TransmitModelled(ctx);
  if (stamps() && (answers_.head != nullptr || ready_.head != nullptr)) [[unlikely]]
    ctx.departs = Later(ctx.now, port_->TransmitStamp(ctx.now));
  WriteAnswers(ctx);
  if (control_ != nullptr) WriteControl();
  WriteData(ctx);
  sent += SendPending();
  return sent;
}

void Engine::WriteAnswers(Context& ctx) {
  while (answers_.head != nullptr) {
    // A queue pair may owe two packets: look for room before its flags are taken.
    port::Packet* first = NextFree();
    if (first == nullptr || written_ + 1 == out_.size()) return;
    QueuePair* qp = answers_.Take();
    const transport::Answer answer = qp->TakeAnswer(ctx);
    if (answer.acknowledge) {
      qp->WriteAcknowledge(ctx, answer, first);
      Commit();
      // Selective repeat may have more to say than one packet holds.
      if (qp->extended() && qp->HasAnswer()) [[unlikely]]
        answers_.Append(qp);
    }
    if (answer.cnp) {
      port::Packet* second = NextFree();
      if (second == nullptr) return;
      qp->WriteCnp(ctx, second);
      Commit();
    }
  }
}

void Engine::WriteData(Context& ctx) {
  budget_ = config_.burst;
  // While there is no packet to write to, nobody loses its turn.
  if (ready_.head == nullptr || (spare_count_ == 0 && NextFree() == nullptr)) return;
  if (times_bursts_) [[unlikely]]
    return WriteTimedData(ctx);
  // Ends: a flow either spends budget or leaves the list, unless there is no packet to write to.
  while (budget_ > 0 && ready_.head != nullptr && !OutOfPackets()) {
    ServeFlow(ctx, ready_.Take());
  }
}

// The same while the stamp of a burst has to be good for each of its packets: kTimedBurst at most.
void Engine::WriteTimedData(Context& ctx) {
  timed_left_ = kTimedBurst;
  while (timed_left_ >= longest_frame_ && budget_ > 0 && ready_.head != nullptr &&
         !OutOfPackets()) {
    // The last frame of a flow's turn begins below the quantum and may reach beyond it.
    quantum_ = std::min(kQuantum, timed_left_ - longest_frame_ + 1);
    ServeFlow(ctx, ready_.Take());
  }
}

void Engine::ServeFlow(Context& ctx, SendFlow* flow) {
  if (flow->responds) [[unlikely]] {
    ServeResponses(ctx, flow);
  } else {
    ServeRequests(ctx, flow);
  }
}

void Engine::ServeRequests(Context& ctx, SendFlow* flow) {
  QueuePair* qp = flow->owner;
  uint32_t bytes = 0;
  bool again = false;
  for (;;) {
    const SendGate gate = qp->Gate();
    if (gate != SendGate::kOpen) [[unlikely]] {
      if (gate != SendGate::kLocal) break;
      qp->RunLocal(ctx);
      if (qp->Unsettled()) unsettled_.Append(qp);
      continue;
    }
    if (!flow->PaceAllows(ctx.now)) {
      waits_for_pace_ = true;
      wheel_.ArmEarlier(&flow->timer, flow->next_send());
      break;
    }
    if (budget_ == 0 || (bytes >= quantum_ && (ready_.head != nullptr || times_bursts_))) {
      again = true;
      break;
    }
    port::Packet* packet = NextFree();
    if (packet == nullptr) {
      again = true;
      break;
    }
    qp->WriteNext(ctx, packet);
    bytes += packet->frame_length;
    Commit();
    --budget_;
  }
  if (bytes > 0) {
    timed_left_ -= bytes;
    qp->EndBurst(ctx);
    ArmTimers(qp);
    // Without acknowledgements what was sent is complete.
    if (qp->Unsettled()) [[unlikely]]
      unsettled_.Append(qp);
  }
  if (again) ready_.Append(flow);
}

// The second flow of a queue pair: READ and atomic responses, under the same rules.
void Engine::ServeResponses(Context& ctx, SendFlow* flow) {
  QueuePair* qp = flow->owner;
  uint32_t bytes = 0;
  bool again = false;
  while (qp->HasResponse()) {
    if (!flow->PaceAllows(ctx.now)) {
      waits_for_pace_ = true;
      wheel_.ArmEarlier(&flow->timer, flow->next_send());
      break;
    }
    port::Packet* packet = nullptr;
    const bool turn = bytes < quantum_ || (ready_.head == nullptr && !times_bursts_);
    if (budget_ > 0 && turn) packet = NextFree();
    if (packet == nullptr) {
      again = true;
      break;
    }
    qp->WriteResponse(ctx, packet);
    bytes += packet->frame_length;
    Commit();
    --budget_;
  }
  if (bytes > 0) {
    timed_left_ -= bytes;
    qp->EndResponses(ctx);
    ArmResponses(qp, flow);
    // With selective repeat they are acknowledged, and sent again.
    if (qp->extended()) ArmTimers(qp);
    // Acknowledgements waited for these, and completions if the queue pair failed.
    if (qp->HasAnswer()) answers_.Append(qp);
    if (qp->Unsettled()) unsettled_.Append(qp);
  }
  if (again) ready_.Append(flow);
}

}  // namespace sluice::engine
