#include "engine/engine.h"

#include <algorithm>

#include "base/look_ahead.h"
#include "memory/window_table.h"

namespace sluice::engine {
namespace {

using transport::Context;
using transport::Count;
using transport::QueuePair;
using transport::RxDrop;
using transport::SendFlow;
using transport::SendGate;

// Flows that nobody touches for days would outlive the range in which Times compare.
constexpr Duration kSweepEvery = Duration::Seconds(3600);

EngineConfig Bounded(EngineConfig config) {
  config.burst = std::clamp<uint32_t>(config.burst, 1, port::kMaxBurst);
  config.ask_every = std::clamp<uint32_t>(config.ask_every, 1, 64);
  return config;
}

SendFlow* FlowOf(wheel::Entry* entry) { return static_cast<transport::FlowTimer*>(entry)->flow; }

}  // namespace

Engine::Engine(const EngineConfig& config, port::Port* port, memory::RegionTable* regions)
    : config_(Bounded(config)),
      port_(port),
      regions_(regions),
      framer_(port->capabilities(), config.icrc),
      records_(config.record_blocks),
      responses_(config.response_blocks),
      peers_(config.peers),
      table_(config.seed, config.max_queue_pairs),
      wheel_(config.start),
      last_poll_(config.start),
      hold_timers_until_(config.start),
      last_sweep_(config.start),
      ctx_{config.start, counters_, drops_,       feedback_, records_,
           *regions_,    framer_,   config_.icrc, false,     &responses_} {
  if (config_.model.on()) modelled_ = std::make_unique<ModelledNic>(config_.model.repace);
}

Engine::~Engine() {
  table_.ForEach([this](QueuePair* qp) {
    wheel_.Cancel(&qp->flow().timer);
    if (SendFlow* second = qp->response_flow(); second != nullptr) wheel_.Cancel(&second->timer);
  });
  port_->Release({out_.data(), written_});
  port_->Release({spare_.data(), spare_count_});
}

size_t Engine::Poll(Time now) {
  Context& ctx = ctx_;
  ctx.now = now;
  if (config_.stall > Duration::Zero() && now - last_poll_ > config_.stall) {
    hold_timers_until_ = now + config_.stall;
  }
  ctx.hold_timers = now < hold_timers_until_;
  waits_for_pace_ = false;
  ctx.arrived = ctx.departs = now;
  const size_t received = ReceiveBurst(ctx);
  if (modelled_ != nullptr) [[unlikely]]
    NoteModelled(now, received > 0);
  DrainDoorbells(ctx);
  RunTimers(ctx);
  const size_t sent = TransmitBurst(ctx);
  SettleCompletions(ctx);
  AccountPacing(now, sent > 0);
  if (now - last_sweep_ > kSweepEvery) NormaliseFlows(now);
  return received + sent;
}

size_t Engine::ReceiveBurst(Context& ctx) {
  const size_t n = port_->Receive({in_.data(), config_.burst});
  if (n == 0) return 0;
  if (stamps()) [[unlikely]]
    ctx.arrived = port_->ReceiveStamp(ctx.now);
  const bool ahead = ManyQueuePairs();
  const QueuePair* rung = ahead ? doorbells_.newest() : nullptr;
  uint64_t bytes = 0;
  for (size_t i = 0; i < n; ++i) {
    if (ahead) {
      FetchAhead(i, n);
      // Answers to what was sent a moment ago leave time to fetch what will be.
      if (rung != nullptr) {
        rung->PrefetchFor(QueuePair::Touch::kSend);
        rung = rung->next_doorbell;
      }
    }
    bytes += in_[i].frame_length;
    OnFrame(ctx, in_[i]);
  }
  EndRun();
  counters_.Add(Count::kRxPackets, n);
  counters_.Add(Count::kRxBytes, bytes + n * static_cast<uint64_t>(kEthernetOverhead.count()));
  port_->Release({in_.data(), n});
  feedback_.Flush(ctx.now, ctx.now - last_poll_, [this](SendFlow* flow) {
    if (modelled_ != nullptr && modelled_->OnFeedback(*flow, ctx_.now)) [[unlikely]]
      TellPort();
    AfterInput(flow->owner);
  });
  return n;
}

void Engine::OnFrame(Context& ctx, const port::Packet& packet) {
  wire::FrameView view;
  const wire::DropCause cause =
      wire::ParseFrame({packet.header, packet.header_length}, packet.frame_length, &view);
  QueuePair* qp = nullptr;
  if (cause == wire::DropCause::kNone) [[likely]]
    qp = table_.Find(view.dest_qpn);
  if (qp != run_) {
    EndRun();
    run_ = qp;
    run_requests_only_ = true;
  }
  if (qp != nullptr) [[likely]] {
    run_requests_only_ &= view.traits->request;
    qp->OnPacket(ctx, view, packet);
  } else if (cause != wire::DropCause::kNone) {
    OnRefused(ctx.now, cause, packet);
  } else {
    OnUnknownQp(ctx, view, packet);
  }
}

void Engine::EndRun() {
  if (run_ != nullptr) {
    if (run_requests_only_ && run_->plain()) {
      AfterRequests(run_);
    } else if (feedback_.touched_last() == &run_->flow()) {
      // Flush asks again, once the controller knows: only the order of answers is settled here.
      if (run_->HasAnswer()) answers_.Append(run_);
    } else {
      AfterInput(run_);
    }
  }
  run_ = nullptr;
}

// Requests change nothing about what a plain queue pair sends, or when.
void Engine::AfterRequests(QueuePair* qp) {
  if (qp->HasAnswer()) answers_.Append(qp);
  if (qp->state() == transport::QpState::kError) [[unlikely]]
    unsettled_.Append(qp);
}

// The flow may send, now or when its pace allows.
void Engine::MaySend(SendFlow* flow) {
  if (modelled_ != nullptr && !flow->responds) [[unlikely]]
    return modelled_->Add(flow, ctx_.now);
  if (flow->PaceAllows(ctx_.now)) return ready_.Append(flow);
  waits_for_pace_ = true;
  wheel_.ArmEarlier(&flow->timer, flow->next_send());
}

void Engine::AfterGate(QueuePair* qp, SendGate gate) {
  if (gate == SendGate::kOpen) return MaySend(&qp->flow());
  if (gate == SendGate::kLocal) [[unlikely]]
    ready_.Append(&qp->flow());
}

void Engine::AfterInput(QueuePair* qp) {
  if (!qp->plain()) [[unlikely]]
    return AfterOtherInput(qp);
  const QueuePair::Outlook outlook = qp->PlainOutlook();
  if (outlook.answers) answers_.Append(qp);
  if (outlook.unsettled) [[unlikely]]
    unsettled_.Append(qp);
  AfterGate(qp, outlook.gate);
  if (outlook.deadline) {
    wheel_.ArmEarlier(&qp->flow().timer, *outlook.deadline);
  } else if (ManyQueuePairs() && outlook.gate != SendGate::kOpen) {
    // A timer that outlives its reason costs next to nothing, unless the queue pair has to come
    // from memory for it; now it is at hand, and so are those that were armed beside it.
    if (qp->flow().timer.armed()) wheel_.Cancel(&qp->flow().timer);
  }
}

// The same in general.
void Engine::AfterOtherInput(QueuePair* qp) {
  if (qp->HasAnswer()) answers_.Append(qp);
  if (qp->Unsettled()) unsettled_.Append(qp);
  AfterGate(qp, qp->Gate());
  ArmTimers(qp);
  if (SendFlow* second = qp->response_flow(); second != nullptr) {
    if (qp->HasResponse()) MaySend(second);
    ArmResponses(qp, second);
  }
}

// In two stages (base/look_ahead.h).
template <typename Stage>
void Engine::FetchSender(Stage stage, const QueuePair* qp) {
  constexpr auto kSend = QueuePair::Touch::kSend;
  if constexpr (stage == 0) {
    qp->PrefetchFor(kSend);
  } else {
    qp->PrefetchHeads(kSend);
  }
}

void Engine::DrainDoorbells(Context&) {
  const auto each = [this](QueuePair* qp) { AfterInput(qp); };
  if (ManyQueuePairs()) {
    doorbells_.Drain<4, 2>([](auto stage, QueuePair* qp) { FetchSender(stage, qp); }, each);
  } else {
    doorbells_.Drain(each);
  }
}

void Engine::ArmTimers(QueuePair* qp) {
  const OptionalTime deadline = qp->TimerDeadline();
  if (deadline) wheel_.ArmEarlier(&qp->flow().timer, *deadline);
}

void Engine::ArmResponses(QueuePair* qp, SendFlow* second) {
  if (second->has_deadline() && Sends(qp->state())) {
    wheel_.ArmEarlier(&second->timer, second->deadline());
  }
}

void Engine::RunTimers(Context& ctx) {
  if (control_ != nullptr) control_->OnTimers(ctx.now);
  std::array<wheel::Entry*, port::kMaxBurst> due;
  size_t n;
  do {
    n = wheel_.Due(ctx.now, due);
    const bool ahead = ManyQueuePairs();
    for (size_t i = 0; i < n; ++i) {
      if (ahead) {
        LookAhead<4, 2>(
            i, n, [&due](auto stage, size_t j) { FetchSender(stage, FlowOf(due[j])->owner); });
      }
      SendFlow* flow = FlowOf(due[i]);
      flow->owner->OnTimers(ctx);
      AfterInput(flow->owner);
    }
  } while (n == due.size());
}

void Engine::SettleCompletions(Context& ctx) {
  // Each once: those that still find a full completion queue go to the end. A queue pair in error
  // stays for good, since a receive may be posted to it without a doorbell.
  QueuePair* last = unsettled_.tail;
  while (last != nullptr) {
    QueuePair* qp = unsettled_.Take();
    const bool done = qp == last;
    const bool settled = qp->Settle(ctx);
    if (!settled || qp->state() == transport::QpState::kError) unsettled_.Append(qp);
    if (qp->extended()) [[unlikely]]
      AfterExtendedSettle(ctx, qp);
    if (done) break;
  }
}

// READs and atomics that waited may have run: their responses, and feedback that came with them.
void Engine::AfterExtendedSettle(Context& ctx, QueuePair* qp) {
  AfterOtherInput(qp);
  if (feedback_.empty()) return;
  feedback_.Flush(ctx.now, ctx.now - last_poll_,
                  [this](SendFlow* flow) { AfterInput(flow->owner); });
}

void Engine::AccountPacing(Time now, bool sent) {
  if (waits_for_pace_ && !sent) {
    counters_.Add(Count::kPacingIdlePs, static_cast<uint64_t>((now - last_poll_).ps()));
  }
  last_poll_ = now;
}

void Engine::NormaliseFlows(Time now) {
  last_sweep_ = now;
  hold_timers_until_ = now;
  table_.ForEach([now](QueuePair* qp) {
    qp->flow().Normalise(now);
    if (SendFlow* second = qp->response_flow(); second != nullptr) second->Normalise(now);
  });
}

absl::StatusOr<QueuePair*> Engine::Create(const transport::QueuePairConfig& config) {
  QueuePair* qp = table_.Create(config);
  if (qp == nullptr) {
    if (config.management) return absl::AlreadyExistsError("QPN 1 is in use already");
    return absl::ResourceExhaustedError("all queue pairs of this engine are in use");
  }
  if (ManyQueuePairs() && ahead_ == nullptr)
    ahead_ = std::make_unique<decltype(ahead_)::element_type>();
  return qp;
}

void Engine::Fail(QueuePair* qp) {
  qp->Fail(ctx_);
  unsettled_.Append(qp);
}

void Engine::Destroy(QueuePair* qp) {
  Unlist(qp);
  qp->Fail(ctx_);
  regions_->windows().CloseQueuePair(qp->qpn());
  CloseAccount(qp);
  table_.Destroy(qp);
}

void Engine::Unlist(QueuePair* qp) {
  doorbells_.Drain([this](QueuePair* rung) { AfterInput(rung); });
  wheel_.Cancel(&qp->flow().timer);
  if (modelled_ != nullptr) modelled_->Remove(&qp->flow());
  ready_.Remove(&qp->flow());
  answers_.Remove(qp);
  unsettled_.Remove(qp);
  RemoveResponses(qp);
}

void Engine::RemoveResponses(QueuePair* qp) {
  if (qp->serves_reads()) responses_.Release();
  SendFlow* second = qp->response_flow();
  if (second == nullptr) return;
  wheel_.Cancel(&second->timer);
  ready_.Remove(second);
  responses_.GiveBack(qp->DetachResponses());
}

}  // namespace sluice::engine
