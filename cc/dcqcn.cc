#include "cc/dcqcn.h"

#include <algorithm>
#include <cmath>

#include "cc/parts/algorithm.h"

namespace sluice::cc {
namespace {

// Loss counts at most once per this time, the pace of the paper's CNPs: one dropped burst is told
// in many events.
constexpr Duration kLossInterval = Duration::Microseconds(50);

// timed: alpha is brought up to date before the timer that cuts looks.
constexpr Duration kCutAfterAlpha = Duration::Nanoseconds(1);

// True if less than `interval` has passed since `base`. A negative span is a clock that wrapped.
bool Within(Time now, Time base, Duration interval) {
  const Duration passed = now - base;
  return passed >= Duration::Zero() && passed < interval;
}

int64_t PeriodsBetween(Time base, Time now, Duration period) {
  return std::max<int64_t>((now - base) / period, 0);
}

}  // namespace

Dcqcn::Dcqcn(const DcqcnParams& params, const FlowContext& context)
    : params_(&params),
      window_(params.window, context.base_rtt, context.line_rate),
      line_(static_cast<double>(context.line_rate.bps())),
      min_(std::min(static_cast<double>(params.min_rate.bps()), line_)),
      current_(line_),
      target_(line_),
      alpha_(params.g) {
  Publish(kStart);
}

void Dcqcn::OnFeedback(const Feedback& feedback) {
  if (params_->notice != DcqcnParams::Notice::kAck || feedback.ce_packets == 0) return;
  // N, which the receiver keeps where it sends CNPs.
  if (marked_ && Within(feedback.now, mark_base_, params_->cnp_interval)) return;
  marked_ = true;
  mark_base_ = feedback.now;
  Notified(feedback.now);
}

void Dcqcn::OnLoss(const Loss& loss) {
  if (params_->loss == DcqcnParams::CutOn::kIgnore || loss.undo) return;
  // RNR is the receiver's memory, corruption is a cable.
  if (loss.kind == LossKind::kRnr || loss.kind == LossKind::kCorruption) return;
  // A gap may be a cable's too, and switches mark before they drop.
  const bool sure = loss.kind == LossKind::kTimeout || loss.kind == LossKind::kTrim;
  if (!sure && params_->loss != DcqcnParams::CutOn::kAny) return;
  if (lost_ && Within(loss.now, loss_base_, kLossInterval)) return;
  lost_ = true;
  loss_base_ = loss.now;
  Notified(loss.now);
}

void Dcqcn::OnSent(const Sent& sent) {
  if (!recovering_ || !params_->byte_counter.has_value()) return;
  sent_ += sent.payload.count();
  const int64_t limit = params_->byte_counter->count();
  while (sent_ >= limit && recovering_) {
    sent_ -= limit;
    Increase();
    ++byte_steps_;
  }
}

void Dcqcn::OnDeadline(Time now) {
  for (;;) {
    // At one moment a step comes before a cut: its timer was armed first.
    const bool cut = cut_pending_ && (!recovering_ || cut_due_ < rate_due_);
    if (cut && cut_due_ <= now) {
      cut_pending_ = false;
      AdvanceAlpha(cut_due_);
      Cut(cut_due_);
    } else if (!cut && recovering_ && rate_due_ <= now) {
      rate_due_ += params_->rate_timer;
      Increase();
      ++timer_steps_;
    } else {
      break;
    }
  }
  Publish(static_cast<Cause>(control_.cause));
}

void Dcqcn::Notified(Time now) {
  const bool first = !notified_;
  notified_ = true;
  if (params_->law == DcqcnParams::Law::kAtCnp) {
    if (first) alpha_base_ = now;
    AdvanceAlpha(now);
    if (first || !Within(now, cut_base_, params_->decrease_interval)) {
      cut_base_ = now;
      Cut(now);
    }
    alpha_.Mark();  // equation 1: the cut takes alpha as it was before
    alpha_base_ = now;
    return;
  }
  if (first) {  // both timers start with the first CNP, which alpha = 1 already stands for
    alpha_base_ = now;
    cut_base_ = now + kCutAfterAlpha;
  } else {
    OnDeadline(now);  // what is due at this moment has not seen the CNP
    constexpr Duration kInstant = Duration::Picoseconds(1);
    AdvanceAlpha(params_->tie == DcqcnParams::Tie::kCnp ? now - kInstant : now);
    alpha_marked_ = true;
  }
  if (cut_pending_) return;
  const Duration period = params_->decrease_interval;
  cut_due_ = cut_base_ + period * (PeriodsBetween(cut_base_, now, period) + 1);
  cut_base_ = cut_due_;
  cut_pending_ = true;
  Publish(static_cast<Cause>(control_.cause));
}

// Brings alpha to `now`: its timer fired as often as it fits, the first time with the mark if any.
void Dcqcn::AdvanceAlpha(Time now) {
  int64_t periods = PeriodsBetween(alpha_base_, now, params_->alpha_timer);
  if (periods == 0) return;
  alpha_base_ += params_->alpha_timer * periods;
  if (alpha_marked_) {
    alpha_.Mark();
    alpha_marked_ = false;
    --periods;
  }
  alpha_.Decay(periods);
}

void Dcqcn::Cut(Time now) {
  // With the target kept, cuts that follow each other without a step between do not lower it.
  const bool untouched = recovering_ && timer_steps_ == 0;
  if (params_->target == DcqcnParams::Target::kRate || !untouched) target_ = current_;
  current_ = std::max(min_, std::floor(current_ * (1 - alpha_.value() / 2)));
  timer_steps_ = byte_steps_ = 0;
  sent_ = 0;
  recovering_ = true;
  rate_due_ = now + params_->rate_timer;
  Publish(kCut);
}

// One step of the climb, before its own counter moves.
void Dcqcn::Increase() {
  const uint32_t bytes = params_->byte_counter.has_value() ? byte_steps_ : timer_steps_;
  Cause cause = kAdditive;
  if (std::max(timer_steps_, bytes) < params_->fast_recovery) {
    cause = kFastRecovery;
  } else if (std::min(timer_steps_, bytes) > params_->fast_recovery) {
    cause = kHyper;
    target_ += static_cast<double>(params_->hai.bps());
  } else {
    target_ += static_cast<double>(params_->ai.bps());
  }
  target_ = std::min(target_, line_);
  current_ = std::floor(target_ / 2) + std::floor(current_ / 2);
  // Halving never closes the gap; a bit per second below the line is the line. The ns-3 model goes
  // on, to the same effect, but keeps that bit.
  if (current_ >= line_ - 1) {
    if (params_->law == DcqcnParams::Law::kAtCnp) current_ = line_;
    target_ = line_;
    recovering_ = false;
  }
  Publish(cause);
}

void Dcqcn::Publish(Cause cause) {
  control_.rate = Bandwidth::BitsPerSecond(static_cast<int64_t>(current_));
  control_.window = window_.Of(control_.rate);
  control_.cause = cause;
  control_.has_deadline = cut_pending_ || recovering_;
  if (cut_pending_ && recovering_) {
    control_.deadline = Earlier(cut_due_, rate_due_);
  } else {
    control_.deadline = cut_pending_ ? cut_due_ : rate_due_;
  }
}

void Dcqcn::Describe(FieldSink& sink) const {
  sink.Field("current_rate", "bit/s", current_);
  sink.Field("target_rate", "bit/s", target_);
  sink.Field("alpha", "1", alpha_.value());
  sink.Field("timer_steps", "1", timer_steps_);
  sink.Field("byte_steps", "1", byte_steps_);
}

void Dcqcn::Restore(const State& state) {
  current_ = std::clamp(static_cast<double>(state.rate.bps()), min_, line_);
  // Below the line without a CNP of our own, the next one restarts the climb.
  target_ = current_;
  Publish(kRestored);
}

ReceiverAction DcqcnNotifier::OnData(const DataEvent& event) {
  ReceiverAction action;
  if (silent_ || !event.ce || (sent_ && Within(event.now, last_, interval_))) return action;
  sent_ = true;
  last_ = event.now;
  action.cnp = true;
  return action;
}

DcqcnParams DcqcnParams::Of(Preset preset) {
  DcqcnParams p;
  if (preset == Preset::kPaper) return p;
  p.preset = preset;
  p.law = Law::kTimed;
  p.ai = Bandwidth::MegabitsPerSecond(20);
  p.hai = Bandwidth::MegabitsPerSecond(200);
  p.min_rate = Bandwidth::MegabitsPerSecond(1000);
  p.fast_recovery = 1;
  p.byte_counter.reset();
  p.alpha_timer = p.decrease_interval = Duration::Microseconds(50);
  p.target = Target::kKept;
  p.cnp_interval = Duration::Zero();
  p.loss = CutOn::kIgnore;
  if (preset == Preset::kNs3Cx4) {
    p.alpha_timer = Duration::Microseconds(1);
    p.decrease_interval = Duration::Microseconds(4);
    p.rate_timer = Duration::Microseconds(300);
  }
  return p;
}

absl::Status DcqcnParams::Validate() const {
  if (law == Law::kTimed && decrease_interval == Duration::Zero()) {
    return absl::InvalidArgumentError(
        "cc dcqcn: law=timed needs a decrease_interval above zero, for instance 50us");
  }
  if (hai < ai) {
    return absl::InvalidArgumentError(
        "cc dcqcn: hai is below ai; the hyper step is the larger one");
  }
  return absl::OkStatus();
}

namespace dcqcn {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"preset", "name", "paper", "paper|ns3-50us|ns3-cx4", "Zhu et al.; HPCC's ns-3 configuration",
     "what the other parameters default to"},
    {"law", "name", "at-cnp", "at-cnp|timed", "Zhu et al., section 3; ns-3",
     "a CNP cuts at once, or when a timer next looks"},
    {"g", "number", "0.00390625", "0.000001..1", "Zhu et al., section 5.2", "gain of alpha"},
    {"ai", "rate", "40Mbps", "1Mbps..1Tbps", "Zhu et al., section 5.2", "additive step"},
    {"hai", "rate", "400Mbps", "1Mbps..1Tbps", "10 ai, as in QCN (IEEE 802.1Qau)", "hyper step"},
    {"min_rate", "rate", "40Mbps", "1Mbps..1Tbps", "Sluice: one additive step", "never below"},
    {"fast_recovery", "number", "5", "0..1000", "Zhu et al., section 3.1",
     "F: steps of fast recovery before the target rises"},
    {"byte_counter", "size", "10MB", "1KB..1000GB|none", "Zhu et al., section 5.2",
     "B: payload per step of the climb"},
    {"rate_timer", "time", "55us", "1us..1s", "Zhu et al., section 5.2", "T: time per step"},
    {"alpha_timer", "time", "55us", "1us..1s", "Zhu et al., section 3.1",
     "K: without a CNP for so long, alpha decays"},
    {"decrease_interval", "time", "0ps", "0ps..1s", "ns-3: RATE_DECREASE_INTERVAL",
     "at-cnp: least time between cuts; timed: period of the timer that cuts"},
    {"target", "name", "rate", "rate|kept", "ns-3: CLAMP_TARGET_RATE 1|0",
     "a cut sets the target to the rate before it, or keeps it while no step came between"},
    {"cnp_interval", "time", "50us", "0ps..1s", "Zhu et al., section 3.1",
     "N: the receiver sends one CNP per so long; 0: per marked packet"},
    {"loss", "name", "timeout", "timeout|any|ignore", "Sluice: the paper has no law for it",
     "which loss counts as a CNP, one per 50 us; timeout: also trimmed packets"},
    {"notice", "name", "cnp", "cnp|ack", "ns-3: the CNP bit of an acknowledgement",
     "what tells the sender of a mark: a packet of its own, or the acknowledgement"},
    {"window", "name", "none", "none|rtt", "ns-3: HAS_WIN, VAR_WIN",
     "bound in flight to a base round trip of the rate"},
    {"tie", "name", "timer", "timer|cnp", "ns-3: what was planned first",
     "timed: comes first at the very moment when alpha's timer fires"},
};

Traits MakeTraits(bool by_acknowledgement) {
  Traits traits;
  traits.required.Add(by_acknowledgement ? Signal::kCeBytes : Signal::kCnp);
  traits.uses_rate = true;
  traits.lossless_only = true;
  traits.min_utilisation = 0.8;
  traits.min_jain = 0.8;
  traits.max_incast_queue_bdp = 0;
  // Four flows climb from 6 to 25 Gb/s by 40 Mb/s per 55 us: 26 ms.
  traits.recovery = Duration::Milliseconds(30);
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureDcqcn(const ParamList& params) {
  bool by_acknowledgement = false;
  for (const auto& [name, text] : params) by_acknowledgement |= name == "notice" && text == "ack";
  return Configure<DcqcnParams, Dcqcn, DcqcnNotifier>(
      Entry(), MakeTraits(by_acknowledgement), params, PresetOf<DcqcnParams>(Entry(), params));
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{
      "dcqcn", "rate control by congestion notification packets; needs ECN, meant for lossless",
      kSpecs, ConfigureDcqcn};
  return entry;
}

}  // namespace dcqcn
}  // namespace sluice::cc
