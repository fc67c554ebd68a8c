// The engine's way out under a WireModel, by the rules of ModelledNic.
#include "engine/engine.h"

namespace sluice::engine {

using transport::Context;
using transport::QueuePair;
using transport::SendFlow;

// What makes such a NIC look: a packet, a new request, its timer, and the end of what is on the
// line; not a timer of congestion control.
void Engine::NoteModelled(Time now, bool received) {
  const bool woken = port_->KeepsTimer() ? port_->TakeTimer() : modelled_->IsDue(now);
  if (woken) modelled_->ClearWake();
  if (woken) told_wake_.reset();
  stirred_ = woken || received;
  look_ = stirred_ || doorbells_.newest() != nullptr;
}

void Engine::TellPort() {
  if (!port_->KeepsTimer()) return;
  told_wake_ = modelled_->wake();
  port_->SetTimer(told_wake_);
}

size_t Engine::TransmitModelled(Context& ctx) {
  QueueModelledAnswers(ctx);
  if (look_ || line_asked_ || ready_.head != nullptr) {
    port::Packet* packet = NextFree();
    stirred_ |= line_asked_;  // if it is free, then from now on
    line_asked_ = packet == nullptr;
    if (packet != nullptr) WriteModelled(ctx, packet);
  }
  const size_t sent = SendPending();
  // The port refuses while that is on the line, and then has the engine polled when it is free.
  if (sent > 0) line_asked_ = NextFree() == nullptr;
  if (modelled_->wake() != told_wake_) TellPort();
  return sent;
}

void Engine::QueueModelledAnswers(Context& ctx) {
  while (answers_.head != nullptr) {
    QueuePair* qp = answers_.Take();
    const transport::Answer answer = qp->TakeAnswer(ctx);
    if (answer.acknowledge) qp->WriteAcknowledge(ctx, answer, modelled_->NewAnswer());
    if (answer.cnp) qp->WriteCnp(ctx, modelled_->NewAnswer());
    if (qp->HasAnswer()) answers_.Append(qp);
  }
}

// The line is free: an answer, or whose turn it is. READ responses and local operations, which that
// simulator does not know, come last.
void Engine::WriteModelled(Context& ctx, port::Packet* packet) {
  const port::Port::Pauses pauses = port_->pauses();
  if (!pauses.answers && modelled_->TakeAnswer(packet)) return Commit();
  if (pauses.data) line_asked_ = true;  // until it goes on, each poll looks
  SendFlow* flow = modelled_->Choose(ctx.now, !stirred_, pauses.data);
  if (flow == nullptr) {
    if (ready_.head != nullptr) WriteData(ctx);
    return;
  }
  QueuePair* qp = flow->owner;
  qp->WriteNext(ctx, packet);
  Commit();
  qp->EndBurst(ctx);
  ArmTimers(qp);
  if (qp->Unsettled()) unsettled_.Append(qp);
}

}  // namespace sluice::engine
